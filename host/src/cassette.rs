//! Recordings of a run's model calls and of what search servers found for it,
//! so that it can be run again with no network. Searches in a corpus of the
//! tenant's own find the same by themselves, and are not recorded.
//!
//! A cassette is a file of JSON lines: a header, then each call with its
//! request and what was delivered, errors included. In a replay a call is found
//! by its place in the run, and must ask what was asked then: the first that
//! does not is the run's error, since nobody knows what would have come back.
//!
//! What a provider fills in where a request leaves something open is recorded
//! beside the calls, so a replay fills in the same and needs no other provider.
//! A provider may fill in the model and the parameters; what else it changes
//! shows as a divergence.

mod difference;
mod record;
mod replay;
mod searches;

use std::sync::Arc;

use fapo_core::Untrusted;
use fapo_core::call::{Delivery, Found, GenerateParams, GenerateRequest, SearchRequest};
use fapo_core::case::CaseId;
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use serde::{Deserialize, Serialize};

pub(crate) use record::{Recorder, recorded};
pub(crate) use replay::{Replay, replayed};
pub(crate) use searches::{recorded_searches, replayed_searches};

/// The version of the lines.
const FORMAT: u32 = 1;

/// The longest line.
///
/// A recording may come from anywhere, and a line is read whole; a request and
/// an answer of the greatest length fit.
const LINE_BYTES_MAX: usize = 256 << 20;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line<C, S> {
    /// The first one.
    Header(Header),
    /// What a provider filled in.
    Filled(Box<Filled>),
    /// A call.
    Call(C),
    /// A search that a server answered.
    Search(S),
}

/// What a recording is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Header {
    format: u32,
    /// The version of the program that wrote it.
    host: String,
    /// The run's name.
    run: Untrusted,
}

/// What a request left open, and what it was made to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Filled {
    role: Role,
    asked: Open,
    sent: Open,
}

/// What a provider may fill in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<Untrusted>,
    params: GenerateParams,
}

impl Open {
    fn of(request: &GenerateRequest) -> Self {
        Self {
            model: request.model.clone(),
            params: request.params.clone(),
        }
    }
}

/// A call, and what was delivered.
#[derive(Debug, Serialize, Deserialize)]
struct Call {
    case_id: CaseId,
    repeat: u32,
    role: Role,
    seq: u32,
    step: Untrusted,
    request: Arc<GenerateRequest>,
    delivery: Delivery,
}

/// A search, and what a server found.
#[derive(Debug, Serialize, Deserialize)]
struct Search {
    case_id: CaseId,
    repeat: u32,
    role: Role,
    seq: u32,
    step: Untrusted,
    request: Arc<SearchRequest>,
    found: Found,
}

/// A call's place in its run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
struct Place {
    case_id: CaseId,
    repeat: u32,
    role: Role,
    seq: u32,
}

impl Place {
    fn of(site: &CallSite) -> Self {
        Self {
            case_id: site.case.clone(),
            repeat: site.repeat,
            role: site.role,
            seq: site.seq,
        }
    }
}

#[cfg(test)]
mod tests;
