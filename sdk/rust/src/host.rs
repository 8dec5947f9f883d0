//! What a chain or a scorer may ask of its host: every import of the
//! contract, behind one trait, so that the same code runs on the real imports
//! and on a [`FakeHost`](crate::fake::FakeHost).

use crate::bindings::artifacts::{ArtifactError, ArtifactInfo};
use crate::bindings::log::Level;
use crate::bindings::tools::{ToolError, ToolRequest, ToolResult};
use crate::bindings::trace::{Directive, TraceError};
use crate::bindings::types::*;

/// The host, as steps and scorers reach it. It has the methods of [`Imports`].
///
/// On wasm it is a type with these methods and not a trait object, since that
/// would keep every import in the component. So a component imports what its
/// code can call, and whoever reads its imports knows what it cannot do.
#[cfg(not(target_arch = "wasm32"))]
pub type Host = dyn Imports;

/// The host that runs this component.
#[cfg(target_arch = "wasm32")]
#[derive(Clone, Copy, Debug)]
pub struct Host;

/// The imports of the contract. `wit/` says what each one checks.
#[cfg(not(target_arch = "wasm32"))]
pub trait Imports {
    /// Asks a model once.
    fn generate(&self, request: &GenerateRequest) -> Result<Completion, ProviderError>;

    /// Asks many times at once; the answers come in the requests' order.
    fn generate_many(&self, requests: &[GenerateRequest])
    -> Vec<Result<Completion, ProviderError>>;

    /// Returns the best passages of an index, best first.
    fn search(&self, request: &SearchRequest) -> Result<Vec<Passage>, RetrievalError>;

    /// Searches many times at once; the answers come in the requests' order.
    fn search_many(&self, requests: &[SearchRequest]) -> Vec<Result<Vec<Passage>, RetrievalError>>;

    /// Says that a step begins, and hears whether to run it.
    fn begin(&self, step: &str) -> Result<Directive, TraceError>;

    /// Says that a step is over, and what came out of it.
    fn end(&self, step: &str, output: &str) -> Result<(), TraceError>;

    /// Says that a step is over without an output, and why.
    fn fail(&self, step: &str, reason: &str) -> Result<(), TraceError>;

    /// Keeps a line for the people who read reports.
    fn log(&self, level: Level, text: &str);

    /// Returns a whole blob.
    fn read_artifact(&self, step: &str, name: &str) -> Result<Vec<u8>, ArtifactError>;

    /// Writes a whole blob, or writes it anew.
    fn write_artifact(&self, step: &str, name: &str, data: &[u8]) -> Result<(), ArtifactError>;

    /// Returns the blobs that can be read.
    fn list_artifacts(&self, step: &str) -> Result<Vec<ArtifactInfo>, ArtifactError>;

    /// Returns the granted tools.
    fn list_tools(&self, step: &str) -> Result<Vec<ToolDefinition>, ToolError>;

    /// Calls one tool.
    fn call_tool(&self, request: &ToolRequest) -> Result<ToolResult, ToolError>;

    /// Calls many tools at once; the answers come in the requests' order.
    fn call_tools(&self, requests: &[ToolRequest]) -> Vec<Result<ToolResult, ToolError>>;
}

#[cfg(target_arch = "wasm32")]
#[expect(missing_docs, reason = "`Imports` documents them")]
impl Host {
    pub fn generate(&self, request: &GenerateRequest) -> Result<Completion, ProviderError> {
        crate::bindings::provider::generate(request)
    }

    pub fn generate_many(
        &self,
        requests: &[GenerateRequest],
    ) -> Vec<Result<Completion, ProviderError>> {
        crate::bindings::provider::generate_many(requests)
    }

    pub fn search(&self, request: &SearchRequest) -> Result<Vec<Passage>, RetrievalError> {
        crate::bindings::retrieval::search(request)
    }

    pub fn search_many(
        &self,
        requests: &[SearchRequest],
    ) -> Vec<Result<Vec<Passage>, RetrievalError>> {
        crate::bindings::retrieval::search_many(requests)
    }

    pub fn begin(&self, step: &str) -> Result<Directive, TraceError> {
        crate::bindings::trace::begin(step)
    }

    pub fn end(&self, step: &str, output: &str) -> Result<(), TraceError> {
        crate::bindings::trace::end(step, output)
    }

    pub fn fail(&self, step: &str, reason: &str) -> Result<(), TraceError> {
        crate::bindings::trace::fail(step, reason)
    }

    pub fn log(&self, level: Level, text: &str) {
        crate::bindings::log::write(level, text);
    }

    pub fn read_artifact(&self, step: &str, name: &str) -> Result<Vec<u8>, ArtifactError> {
        crate::bindings::artifacts::read(step, name)
    }

    pub fn write_artifact(&self, step: &str, name: &str, data: &[u8]) -> Result<(), ArtifactError> {
        crate::bindings::artifacts::write(step, name, data)
    }

    pub fn list_artifacts(&self, step: &str) -> Result<Vec<ArtifactInfo>, ArtifactError> {
        crate::bindings::artifacts::list(step)
    }

    pub fn list_tools(&self, step: &str) -> Result<Vec<ToolDefinition>, ToolError> {
        crate::bindings::tools::list(step)
    }

    pub fn call_tool(&self, request: &ToolRequest) -> Result<ToolResult, ToolError> {
        crate::bindings::tools::call(request)
    }

    pub fn call_tools(&self, requests: &[ToolRequest]) -> Vec<Result<ToolResult, ToolError>> {
        crate::bindings::tools::call_many(requests)
    }
}
