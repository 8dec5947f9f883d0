//! What goes over the wire: requests and answers in the formats of providers.
//!
//! A format turns our request into a body and a provider's reply into our
//! answer, and does nothing else: keys, connections, retries and budgets are
//! others' work. All of a reply is untrusted, and so is what a guest puts into
//! a request: a field goes over the wire only because its format's file names it.

mod blocks;
pub(crate) mod chat;
pub(crate) mod converse;
mod media;
pub(crate) mod messages;
mod parameters;
mod prompt;
pub(crate) mod refused;
pub(crate) mod reply;
pub(crate) mod responses;
mod schema;
pub(crate) mod template;
pub(crate) mod tgi;

use bytes::Bytes;
use fapo_core::call::{Completion, GenerateRequest, ProviderError, Served, ToolChoice};
use fapo_core::message::{ContentPart, Message};
use fapo_core::model::{Model, Parameter};
use fapo_core::{Untrusted, json};
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};

/// A request in a provider's format.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    /// What is put after the provider's base URL, as `/chat/completions`. It is
    /// percent-encoded as it has to be sent.
    pub(crate) path: String,
    /// Headers of the format; keys are not among them.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Map<String, Value>,
    /// The messages, where they are no part of `body`: they are nearly all of a
    /// request, and need not be values before.
    pub(crate) begun: Option<Begun>,
    /// Parameters that were given, and that the model or the format does not take.
    pub(crate) left_out: Vec<Parameter>,
}

/// A body that is written as far as its first field goes, which is the messages.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Begun(Vec<u8>);

impl Begun {
    const NAME: &'static str = "messages";

    /// About how many bytes the other fields take.
    const REST_BYTES: usize = 256;

    fn new(messages: &impl Serialize) -> Self {
        json::scratch(|written| {
            written.extend_from_slice(b"{\"messages\":");
            json::append(written, messages);
            let mut body = Vec::with_capacity(written.len() + Self::REST_BYTES);
            body.extend_from_slice(written);
            Self(body)
        })
    }

    /// Writes the other fields, and returns the whole body.
    fn end(self, rest: &Map<String, Value>) -> Vec<u8> {
        let Self(mut body) = self;
        json::scratch(|written| {
            json::append(written, rest);
            // In the place of the brace that opens the rest.
            if !rest.is_empty() {
                body.push(b',');
            }
            body.extend_from_slice(&written[1..]);
        });
        body
    }
}

/// What a server replied.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// Returns what the server says of asking again, where it says it.
    pub(crate) fn should_retry(&self) -> Option<bool> {
        let word = self.headers.get("x-should-retry")?;
        word.to_str().ok()?.parse().ok()
    }
}

/// An answer, read. Where the format does not say which model it was, the
/// completion's `model` is empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) completion: Completion,
    pub(crate) served: Served,
}

/// Why a reply is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The server says so.
    Refused(Refused),
    /// It is not what the format promises: cut JSON, a page of a proxy.
    Malformed(String),
}

/// What a server says of a request that it does not answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    /// The provider's word for it, as `rate_limit_exceeded`; the most telling
    /// of the body's `code` and `type`, and of the header that takes their place.
    pub(crate) code: Option<String>,
    pub(crate) message: String,
    /// The status of the model behind it, where the server only passes it on.
    pub(crate) original_status: Option<u16>,
}

/// A provider's format.
pub(crate) trait Wire: Send + Sync {
    /// Tells whether one request can ask for several choices. Where it cannot,
    /// the caller sends as many requests.
    fn takes_choices(&self) -> bool;

    /// Tells whether servers that speak the format say when an answer was cut
    /// by its length.
    fn tells_cuts(&self) -> bool {
        true
    }

    /// Writes a request. What the format cannot say is an error; a parameter
    /// that it has no word for is left out, and told.
    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError>;

    /// Reads a reply.
    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer>;
}

impl Written {
    /// Returns a request without headers of its own.
    fn new(path: impl Into<String>, body: Map<String, Value>, left_out: Vec<Parameter>) -> Self {
        Self {
            path: path.into(),
            headers: Vec::new(),
            body,
            begun: None,
            left_out,
        }
    }

    /// Returns the body as it is sent, with fields that every request has.
    pub(crate) fn json(self, fields: &Map<String, Value>) -> Vec<u8> {
        let mut body = self.body;
        body.extend(fields.clone());
        match self.begun {
            Some(begun) if !body.contains_key(Begun::NAME) => begun.end(&body),
            _ => json::bytes(&body),
        }
    }
}

/// Returns the error of a request that cannot be sent as it is.
fn invalid(why: impl Into<String>) -> ProviderError {
    ProviderError::InvalidRequest(why.into().into())
}

/// Refuses a request whose model must call a tool, and has none.
fn want_no_call(choice: &ToolChoice) -> Result<(), ProviderError> {
    match choice {
        ToolChoice::Auto | ToolChoice::None => Ok(()),
        ToolChoice::Required | ToolChoice::Tool(_) => {
            Err(invalid("the model must call a tool, and there is none"))
        }
    }
}

/// Returns which call a tool's message answers.
fn call_answered(message: &Message) -> Result<&Untrusted, ProviderError> {
    let id = message.tool_call_id.as_ref();
    id.ok_or_else(|| invalid("a tool's message does not say which call it answers"))
}

/// Returns the text of instructions, which are nothing but text.
fn system_text(message: &Message) -> Result<String, ProviderError> {
    let is_media = |part: &ContentPart| matches!(part, ContentPart::Media { .. });
    match message.content.iter().any(is_media) {
        true => Err(invalid(
            "a message of the system has a part that is not text",
        )),
        false => Ok(message.texts().collect()),
    }
}

/// Puts a model's name into a path, as one segment of it.
fn path_of(path: &str, model: &str) -> String {
    path.replace("{model}", &segment(model))
}

/// Returns a text as one segment of a path: an id of a model may hold slashes
/// and colons, and those would name another place.
fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    // A client takes `..` for the folder above.
    match encoded.as_str() {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => encoded,
    }
}

#[cfg(test)]
mod tests;
