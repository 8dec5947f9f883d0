//! What stands behind a tenant's imports, as traits.
//!
//! Requests and answers are owned records of `fapo-core`, so an implementation
//! may live in this process or at the other end of a pipe. A missing
//! implementation, or a missing grant, answers `denied`.

use std::pin::Pin;
use std::sync::Arc;

use fapo_core::Untrusted;
use fapo_core::call::{
    ArtifactError, ArtifactInfo, Delivery, Found, GenerateRequest, SearchRequest, ToolError,
    ToolRequest, ToolResult,
};
use fapo_core::case::CaseId;
use fapo_core::manifest::Role;
use fapo_core::message::ToolDefinition;
use serde::{Deserialize, Serialize};

mod artifacts;
mod log;
mod provider;
mod retrieval;
mod tools;
mod trace;

/// An answer under way. It owns all that it needs, since it is driven beside the
/// guest that asked, maybe by another task. Its first poll, in which a cache or a
/// script may answer at once, is charged to the guest. It must not block.
pub type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where a call comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSite {
    /// The chain or the scorer.
    pub role: Role,
    /// The case.
    pub case: CaseId,
    /// Which run of the case this is; 1 for the first.
    pub repeat: u32,
    /// The step that asks.
    pub step: Untrusted,
    /// Its visit; zero when it has not begun.
    pub visit: u32,
    /// How often this case and role asked a model the very same before: who
    /// asks one thing five times wants five answers.
    pub sample: u32,
    /// The call's place among those of its case and role.
    pub seq: u32,
}

/// Answers model calls.
pub trait Provider: Send + Sync {
    /// Fills in what a request leaves to the run, before it is recorded and sent.
    fn complete(&self, _role: Role, _request: &mut GenerateRequest) {}

    /// Answers one call.
    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery>;
}

/// Searches.
///
/// An index in this process may answer in the first poll, and so on the guest's
/// own thread: a search is work that the guest asked for, so it is charged to
/// the guest's CPU time, and no guest searches beyond that.
pub trait Retriever: Send + Sync {
    /// Returns the best passages, best first.
    fn search(&self, site: CallSite, request: Arc<SearchRequest>) -> Answer<Found>;
}

/// Keeps named blobs: the run's inputs, and each case's own.
///
/// Names are checked and quotas are held before a call arrives here.
pub trait ArtifactStore: Send + Sync {
    /// Returns a whole blob.
    fn read(&self, site: CallSite, name: String) -> Answer<Result<Vec<u8>, ArtifactError>>;
    /// Writes a whole blob into the case's own space.
    fn write(
        &self,
        site: CallSite,
        name: String,
        data: Vec<u8>,
    ) -> Answer<Result<(), ArtifactError>>;
    /// Returns what the case can read, in the order of names.
    fn list(&self, site: CallSite) -> Answer<Result<Vec<ArtifactInfo>, ArtifactError>>;
}

/// Calls tools.
pub trait Tools: Send + Sync {
    /// Returns the granted tools.
    fn list(&self, site: CallSite) -> Answer<Result<Vec<ToolDefinition>, ToolError>>;
    /// Calls one.
    fn call(
        &self,
        site: CallSite,
        request: Arc<ToolRequest>,
    ) -> Answer<Result<ToolResult, ToolError>>;
}

/// Decides what becomes of a step that begins.
pub trait Trace: Send + Sync {
    /// Returns whether the step runs.
    fn begin(&self, site: CallSite) -> Answer<Directive>;
}

/// What becomes of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Directive {
    /// It runs.
    Run,
    /// This takes the place of its output.
    Use(Untrusted),
}

/// What one tenant's guests can reach.
#[derive(Clone, Default)]
pub struct Imports {
    /// Model calls.
    pub provider: Option<Arc<dyn Provider>>,
    /// Search.
    pub retriever: Option<Arc<dyn Retriever>>,
    /// Blobs.
    pub artifacts: Option<Arc<dyn ArtifactStore>>,
    /// Tools.
    pub tools: Option<Arc<dyn Tools>>,
    /// Replays; without it every step runs.
    pub trace: Option<Arc<dyn Trace>>,
}
