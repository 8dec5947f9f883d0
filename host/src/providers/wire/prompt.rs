//! Messages as one text, for servers that complete a text and know no turns.

use fapo_core::call::{GenerateRequest, ProviderError};
use fapo_core::message::{ContentPart, Message, Speaker};

use super::invalid;

/// Joins messages to one text.
///
/// A lone message is its text as it stands, so a chain that knows the turn
/// markers of its model can write them itself. Several get a simple form: each
/// begins with `System:`, `User:` or `Assistant:`, a blank line is between
/// them, and the last line is `Assistant:` for the model to go on from.
pub(super) fn join<'a>(
    messages: impl IntoIterator<Item = &'a Message>,
) -> Result<String, ProviderError> {
    let messages: Vec<_> = messages.into_iter().collect();
    if let [one] = messages[..] {
        return text(one);
    }
    let mut all = String::new();
    for message in messages {
        let speaker = match message.role {
            Speaker::System => "System",
            Speaker::User => "User",
            Speaker::Assistant => "Assistant",
            Speaker::Tool => return Err(no_tools()),
        };
        all.push_str(&format!("{speaker}: {}\n\n", text(message)?));
    }
    all.push_str("Assistant:");
    Ok(all)
}

/// Returns the text of a message that is nothing but text.
pub(super) fn text(message: &Message) -> Result<String, ProviderError> {
    if !message.tool_calls.is_empty() || message.role == Speaker::Tool {
        return Err(no_tools());
    }
    let mut all = String::new();
    for part in &message.content {
        match part {
            ContentPart::Text(text) => all.push_str(text.as_str()),
            ContentPart::Media { .. } => {
                return Err(invalid("this provider takes nothing but text"));
            }
            // Another provider made it; this one cannot have.
            ContentPart::Opaque(_) => {}
        }
    }
    Ok(all)
}

/// Refuses what a server that completes a text cannot be asked.
pub(super) fn want_text_alone(request: &GenerateRequest) -> Result<(), ProviderError> {
    if request.messages.is_empty() {
        return Err(invalid("there is no message"));
    }
    if !request.tools.is_empty() {
        return Err(no_tools());
    }
    if request.response_schema.is_some() {
        return Err(invalid("this provider takes no response schema"));
    }
    Ok(())
}

fn no_tools() -> ProviderError {
    invalid("this provider knows no tools")
}
