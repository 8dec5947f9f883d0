//! Constructors and readers for the generated types, so that a chain says
//! `Message::user("…")` where the contract has a record of four fields.

use serde_json::Value;

use crate::bindings::artifacts::ArtifactError;
use crate::bindings::chain::{ChainError, StepFailure};
use crate::bindings::tools::ToolError;
use crate::bindings::trace::TraceError;
use crate::bindings::types::*;

impl Message {
    /// Returns a message of one text part.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self {
            role,
            content: vec![ContentPart::Text(text.into())],
            tool_calls: Vec::new(),
            tool_call_id: None,
        }
    }

    /// Returns a system message.
    pub fn system(text: impl Into<String>) -> Self {
        Self::new(Role::System, text)
    }

    /// Returns a user's message.
    ///
    /// ```
    /// use fapo_sdk::Message;
    ///
    /// assert_eq!(Message::user("Who wrote Dracula?").text(), "Who wrote Dracula?");
    /// ```
    pub fn user(text: impl Into<String>) -> Self {
        Self::new(Role::User, text)
    }

    /// Returns an assistant's message.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self::new(Role::Assistant, text)
    }

    /// Returns a tool's answer to the call of that id.
    pub fn tool(call_id: impl Into<String>, content: Vec<ContentPart>) -> Self {
        Self {
            role: Role::Tool,
            content,
            tool_calls: Vec::new(),
            tool_call_id: Some(call_id.into()),
        }
    }

    /// Returns the text parts, joined.
    pub fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|part| match part {
            ContentPart::Text(text) => Some(text.as_str()),
            ContentPart::Media(_) | ContentPart::Opaque(_) => None,
        });
        texts.collect()
    }
}

impl Default for GenerateParams {
    /// Leaves everything to the run's settings and the provider.
    fn default() -> Self {
        Self {
            temperature: None,
            top_p: None,
            max_tokens: None,
            seed: None,
            stop: Vec::new(),
            reasoning_effort: None,
            choices: None,
        }
    }
}

impl GenerateRequest {
    /// Returns a request of a step to the run's first model, without tools.
    pub fn new(step: impl Into<String>, messages: Vec<Message>) -> Self {
        Self {
            step: step.into(),
            model: None,
            messages,
            params: GenerateParams::default(),
            response_schema: None,
            tools: Vec::new(),
            tool_choice: ToolChoice::Auto,
        }
    }
}

impl Choice {
    /// Returns this choice as a message of the next request, with all that
    /// its provider wants to see again.
    pub fn to_message(&self) -> Message {
        let mut content: Vec<_> = self
            .opaque
            .iter()
            .cloned()
            .map(ContentPart::Opaque)
            .collect();
        if !self.text.is_empty() {
            content.push(ContentPart::Text(self.text.clone()));
        }
        Message {
            role: Role::Assistant,
            content,
            tool_calls: self.tool_calls.clone(),
            tool_call_id: None,
        }
    }
}

impl From<&str> for Completion {
    /// Returns a completion of one choice that came to its natural end: what
    /// tests have a model say.
    fn from(text: &str) -> Self {
        Self {
            model: "fake".into(),
            choices: vec![Choice {
                text: text.into(),
                tool_calls: Vec::new(),
                finish_reason: FinishReason::Stop,
                opaque: Vec::new(),
            }],
            usage: Usage {
                input_tokens: None,
                cached_input_tokens: None,
                output_tokens: None,
                reasoning_tokens: None,
            },
        }
    }
}

impl Completion {
    /// Returns the text of the first choice.
    pub fn text(&self) -> &str {
        self.choices.first().map_or("", |choice| &choice.text)
    }

    /// Replaces the reason for which the first choice ended, for tests.
    pub fn finished(mut self, reason: FinishReason) -> Self {
        self.choices[0].finish_reason = reason;
        self
    }

    /// Adds a tool call to the first choice, for tests.
    pub fn calling(mut self, id: &str, name: &str, arguments: &Value) -> Self {
        self.choices[0].finish_reason = FinishReason::ToolCalls;
        self.choices[0].tool_calls.push(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.to_string(),
        });
        self
    }
}

impl TestCase {
    /// Returns a case without a task type or template fields.
    ///
    /// ```
    /// use fapo_sdk::{TestCase, json};
    ///
    /// let case = TestCase::new("tower", &json!({"question": "Where is it?"}));
    /// assert_eq!(case.context, r#"{"question":"Where is it?"}"#);
    /// ```
    pub fn new(id: impl Into<String>, context: &Value) -> Self {
        Self {
            case_id: id.into(),
            task_type: String::new(),
            context: context.to_string(),
            template_fields: Vec::new(),
        }
    }

    /// Adds a template field.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.template_fields.push(TemplateField {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// Returns the row that a scorer sees: this case with its expected value.
    pub fn expecting(self, expected: &Value) -> ScoredCase {
        ScoredCase {
            case: self,
            expected: expected.to_string(),
            metadata: "{}".into(),
        }
    }
}

impl Passage {
    /// Returns a passage without a score, a rank or metadata.
    pub fn new(id: &str, title: &str, text: &str) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            text: text.into(),
            score: 0.0,
            rank: 0,
            metadata: "{}".into(),
        }
    }
}

impl ChainError {
    /// Returns the error in a sentence, as `trace.fail` wants it.
    pub fn reason(&self) -> String {
        match self {
            Self::BadCase(text) | Self::BadSettings(text) | Self::Other(text) => text.clone(),
            Self::StepFailed(failure) => failure.reason.clone(),
            Self::Provider(error) => error.reason(),
            Self::Retrieval(error) => error.reason(),
        }
    }

    /// Returns the error of a step that could not do its work.
    pub fn step(step: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::StepFailed(StepFailure {
            step: step.into(),
            reason: reason.into(),
        })
    }
}

impl From<ProviderError> for ChainError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

impl From<RetrievalError> for ChainError {
    fn from(error: RetrievalError) -> Self {
        Self::Retrieval(error)
    }
}

/// Gives an error `reason`, which names the case as the contract spells it.
/// The generated `Display` prints Rust's spelling, quotes and all.
macro_rules! reasons {
    ($error:ident: $($case:ident $name:literal),* $(,)?) => {
        impl $error {
            /// Returns the error in a sentence: its case, and what the host said.
            pub fn reason(&self) -> String {
                let (name, text) = match self {
                    $(Self::$case(text) => ($name, text),)*
                    Self::Other(text) => return text.clone(),
                };
                format!("{name}: {text}")
            }
        }
    };
}

reasons!(ProviderError:
    Denied "denied",
    UnknownStep "unknown-step",
    UnknownModel "unknown-model",
    InvalidRequest "invalid-request",
    ContextTooLong "context-too-long",
    ContentFiltered "content-filtered",
    BudgetSpent "budget-spent",
    Unavailable "unavailable",
);
reasons!(RetrievalError:
    Denied "denied",
    UnknownStep "unknown-step",
    UnknownIndex "unknown-index",
    InvalidRequest "invalid-request",
    Unavailable "unavailable",
);
reasons!(ToolError:
    Denied "denied",
    UnknownStep "unknown-step",
    UnknownTool "unknown-tool",
    InvalidRequest "invalid-request",
    Unavailable "unavailable",
);
reasons!(TraceError:
    Denied "denied",
    UnknownStep "unknown-step",
    AlreadyOpen "already-open",
    NotOpen "not-open",
);
reasons!(ArtifactError:
    Denied "denied",
    UnknownStep "unknown-step",
    NotFound "not-found",
    InvalidName "invalid-name",
    ReadOnly "read-only",
    Unavailable "unavailable",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_goes_back_with_its_opaque_parts_before_its_text() {
        let mut choice = Completion::from("text").choices.remove(0);
        choice.opaque.push(OpaquePart {
            provider: "p".into(),
            data: "{}".into(),
        });
        let message = choice.to_message();
        assert!(matches!(message.content[0], ContentPart::Opaque(_)));
        assert_eq!(message.text(), "text");
    }

    #[test]
    fn a_reason_names_the_case_as_the_contract_does() {
        let error = ProviderError::BudgetSpent("no calls left".into());
        assert_eq!(error.reason(), "budget-spent: no calls left");
        assert_eq!(
            ChainError::from(error).reason(),
            "budget-spent: no calls left"
        );
    }
}
