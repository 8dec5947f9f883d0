//! What models, tools and chains say to one another.

use serde::{Deserialize, Serialize};

use crate::Untrusted;

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// Instructions.
    System,
    /// The asking side.
    User,
    /// The model.
    Assistant,
    /// The answer of a tool.
    Tool,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Speaker,
    /// What is said.
    pub content: Vec<ContentPart>,
    /// What an assistant asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// What a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<Untrusted>,
}

impl Message {
    /// Returns all text of the message, part after part.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.content.iter().filter_map(|part| match part {
            ContentPart::Text(text) => Some(text.as_str()),
            ContentPart::Media { .. } | ContentPart::Opaque(_) => None,
        })
    }
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentPart {
    /// Text.
    Text(Untrusted),
    /// An image, a sound, a document.
    Media {
        /// As in `image/png`.
        media_type: Untrusted,
        /// Its bytes.
        data: Vec<u8>,
    },
    /// What only its provider understands.
    Opaque(OpaquePart),
}

/// A part that goes back to its provider unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpaquePart {
    /// Who made it.
    pub provider: Untrusted,
    /// JSON, as the provider wrote it.
    pub data: Untrusted,
}

/// A tool call that a model asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToolCall {
    /// Ties the answer to the call.
    pub id: Untrusted,
    /// The tool.
    pub name: Untrusted,
    /// JSON, as the model wrote it.
    pub arguments: Untrusted,
}

/// A tool that a model may call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Its name.
    pub name: Untrusted,
    /// What it does.
    pub description: Untrusted,
    /// JSON Schema of its arguments.
    pub parameters: Untrusted,
}
