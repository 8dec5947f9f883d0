//! What goes over the wire: requests and answers in the formats of providers.
//!
//! A format turns our request into a body and a provider's reply into our
//! answer, and does nothing else: keys, connections, retries and budgets are
//! others' work. All of a reply is untrusted.

use bytes::Bytes;
use fapo_core::call::{Completion, GenerateRequest, ProviderError, Served};
use fapo_core::model::{Model, Parameter};
use reqwest::header::HeaderMap;

/// A request in a provider's format.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Written {
    /// What is put after the provider's base URL, as `/chat/completions`. It is
    /// percent-encoded as it has to be sent.
    pub(crate) path: String,
    /// Headers of the format; keys are not among them.
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: serde_json::Map<String, serde_json::Value>,
    /// Parameters that the model does not take.
    pub(crate) left_out: Vec<Parameter>,
}

/// What a server replied.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer, read.
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
    /// Writes a request. What the format cannot say is an error.
    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError>;

    /// Reads a reply.
    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer>;
}
