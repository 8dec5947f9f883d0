//! What several modules' tests need.

use crate::message::{ContentPart, Message, Speaker};

pub(super) fn said(role: Speaker, text: &str) -> Message {
    Message {
        role,
        content: vec![ContentPart::Text(text.into())],
        tool_calls: vec![],
        tool_call_id: None,
    }
}

pub(super) fn messages(system: &str, user: &str) -> Vec<Message> {
    vec![said(Speaker::System, system), said(Speaker::User, user)]
}
