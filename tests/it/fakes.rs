//! What answers the guests in the tests: scripted, and with nothing behind it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use fapo_core::Untrusted;
use fapo_core::call::{
    ArtifactError, ArtifactInfo, Choice, Completion, Delivery, FinishReason, Found,
    GenerateRequest, Passage, ProviderError, RetrievalError, SearchRequest, ToolError, ToolRequest,
    ToolResult, Usage,
};
use fapo_core::limits::Limits;
use fapo_core::message::{ContentPart, ToolDefinition};
use fapo_sandbox::imports::{Answer, ArtifactStore, Provider, Retriever, Tools};
use fapo_sandbox::sandbox::{Sandbox, Setup};
use fapo_sandbox::{CallSite, Imports};

use crate::attacks::{INDEX, INPUT, TOOL};

/// Returns a sandbox that keeps no compiled code.
pub(crate) fn sandbox() -> Sandbox {
    let setup = Setup {
        compiler: PathBuf::from(env!("CARGO_BIN_EXE_fapo-host")),
        store: None,
        stack_bytes_max: Limits::default().stack_bytes_max,
        threads: 2,
    };
    Sandbox::new(setup).expect("this machine can run guests")
}

/// Returns imports that answer.
pub(crate) fn imports() -> Imports {
    let fake = Arc::new(Fake::default());
    Imports {
        provider: Some(fake.clone()),
        retriever: Some(fake.clone()),
        artifacts: Some(fake.clone()),
        tools: Some(fake),
        trace: None,
    }
}

/// Answers every import.
#[derive(Default)]
pub(crate) struct Fake {
    /// By case and name.
    blobs: Mutex<BTreeMap<(String, String), Vec<u8>>>,
}

fn now<T: Send + 'static>(answer: T) -> Answer<T> {
    Box::pin(std::future::ready(answer))
}

/// Returns a completion of one text.
pub(crate) fn completion(text: String) -> Completion {
    Completion {
        model: "fake".into(),
        choices: vec![Choice {
            text: text.into(),
            tool_calls: vec![],
            finish_reason: FinishReason::Stop,
            opaque: vec![],
        }],
        usage: Usage::default(),
    }
}

/// Answers `ok`; or `hang`s, or `answer N`s with so many bytes, if the message
/// says so.
impl Provider for Fake {
    fn generate(&self, _: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        if let Some(model) = request
            .model
            .as_ref()
            .filter(|model| model.as_str() != "judge")
        {
            return now(Err(ProviderError::UnknownModel(model.clone())).into());
        }
        let text: String = request
            .messages
            .iter()
            .flat_map(|message| message.texts())
            .collect();
        let says = |text| now(Ok(completion(text)).into());
        match text.split_once(' ') {
            Some(("answer", bytes)) => match bytes.parse() {
                Ok(bytes) => says("x".repeat(bytes)),
                Err(_) => says("ok".into()),
            },
            _ if text == "hang" => Box::pin(std::future::pending()),
            _ => says("ok".into()),
        }
    }
}

impl Retriever for Fake {
    fn search(&self, _: CallSite, request: Arc<SearchRequest>) -> Answer<Found> {
        if request.index.as_str() != INDEX {
            return now(Err(RetrievalError::UnknownIndex(request.index.clone())).into());
        }
        let passage = Passage {
            id: "1".into(),
            title: "A title".into(),
            text: "A text.".into(),
            score: 1.0,
            rank: 1,
            metadata: "{}".into(),
        };
        now(Ok(vec![passage]).into())
    }
}

impl Tools for Fake {
    fn list(&self, _: CallSite) -> Answer<Result<Vec<ToolDefinition>, ToolError>> {
        now(Ok(vec![ToolDefinition {
            name: TOOL.into(),
            description: "Says it again.".into(),
            parameters: "{}".into(),
        }]))
    }

    fn call(
        &self,
        _: CallSite,
        request: Arc<ToolRequest>,
    ) -> Answer<Result<ToolResult, ToolError>> {
        if request.name.as_str() != TOOL {
            return now(Err(ToolError::UnknownTool(request.name.clone())));
        }
        let content = vec![ContentPart::Text(request.arguments.clone())];
        now(Ok(ToolResult {
            content,
            is_error: false,
        }))
    }
}

impl Fake {
    fn key(site: &CallSite, name: &str) -> (String, String) {
        (site.case.as_str().into(), name.into())
    }
}

impl ArtifactStore for Fake {
    fn read(&self, site: CallSite, name: String) -> Answer<Result<Vec<u8>, ArtifactError>> {
        if name == INPUT {
            return now(Ok(b"an input".to_vec()));
        }
        let found = self
            .blobs
            .lock()
            .unwrap()
            .get(&Self::key(&site, &name))
            .cloned();
        now(found.ok_or_else(|| ArtifactError::NotFound(Untrusted::from(name))))
    }

    fn write(
        &self,
        site: CallSite,
        name: String,
        data: Vec<u8>,
    ) -> Answer<Result<(), ArtifactError>> {
        if name == INPUT {
            return now(Err(ArtifactError::ReadOnly(name.into())));
        }
        self.blobs
            .lock()
            .unwrap()
            .insert(Self::key(&site, &name), data);
        now(Ok(()))
    }

    fn list(&self, site: CallSite) -> Answer<Result<Vec<ArtifactInfo>, ArtifactError>> {
        let blobs = self.blobs.lock().unwrap();
        let own = blobs
            .iter()
            .filter(|((case, _), _)| case == site.case.as_str())
            .map(|((_, name), data)| ArtifactInfo {
                name: name.clone(),
                size: data.len() as u64,
                read_only: false,
            });
        let input = ArtifactInfo {
            name: INPUT.into(),
            size: 8,
            read_only: true,
        };
        now(Ok(own.chain([input]).collect()))
    }
}
