//! The course of a case as the host saw it: visits of steps, calls, log lines.
//!
//! It is written while the case runs and outlives the guest, so a chain that
//! dies in its third step still shows what the first two did.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Untrusted;
use crate::call::{
    ArtifactError, Completion, GenerateRequest, Passage, ProviderError, Receipt, RetrievalError,
    SearchRequest, Spending, ToolError, ToolRequest, ToolResult,
};

/// All that the host saw of one guest in one case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseTrace {
    /// Visits in the order in which they began.
    pub visits: Vec<Visit>,
    /// Calls in the order in which they were made.
    pub calls: Vec<Call>,
    /// Log lines, the oldest first.
    pub log: Vec<LogLine>,
    /// Log lines that found no room.
    pub log_lines_dropped: u64,
    /// What the guest wrote to standard output and error.
    pub stdio: Untrusted,
    /// Bytes of it that found no room.
    pub stdio_bytes_dropped: u64,
}

impl CaseTrace {
    /// Returns the step that was open when the case ended, the innermost first.
    pub fn open_step(&self) -> Option<&Untrusted> {
        self.visits
            .iter()
            .rev()
            .find(|visit| visit.is_open())
            .map(|visit| &visit.step)
    }

    /// Returns the last step that failed.
    pub fn failed_step(&self) -> Option<&Untrusted> {
        self.visits
            .iter()
            .rev()
            .find(|visit| visit.failure.is_some())
            .map(|visit| &visit.step)
    }

    /// Returns the failures of the world that touched this case for good: what
    /// the guest made of them cannot be told from a wrong answer.
    ///
    /// One that the guest outlived by asking the same again is forgiven.
    pub fn world_failures(&self) -> impl Iterator<Item = (&Untrusted, &Untrusted)> {
        self.calls.iter().enumerate().filter_map(|(at, call)| {
            let why = call.body.world_failure()?;
            let mended = || {
                self.calls[at + 1..]
                    .iter()
                    .any(|later| later.body.answers_the_same(&call.body))
            };
            (!mended()).then_some((&call.step, why))
        })
    }
}

impl CallBody {
    /// Returns why the world could not answer, where it is the world that could not.
    ///
    /// A denial is the world's, too: what the host itself denies never becomes a call.
    fn world_failure(&self) -> Option<&Untrusted> {
        match self {
            // What a case may spend is the chain's to mind; no other budget is.
            Self::Generate {
                error: Some(ProviderError::BudgetSpent(why)),
                receipt,
                ..
            } => receipt
                .refused_by
                .is_some_and(|budget| budget != Spending::Case)
                .then_some(why),
            Self::Generate {
                error: Some(ProviderError::Unavailable(why) | ProviderError::Denied(why)),
                ..
            }
            | Self::Search {
                error: Some(RetrievalError::Unavailable(why) | RetrievalError::Denied(why)),
                ..
            }
            | Self::Tool {
                error: Some(ToolError::Unavailable(why) | ToolError::Denied(why)),
                ..
            }
            | Self::Artifact {
                error: Some(ArtifactError::Unavailable(why) | ArtifactError::Denied(why)),
                ..
            } => Some(why),
            _ => None,
        }
    }

    /// Tells whether another call asks a model what this one asked already. What
    /// came to an error is asked again, not once more.
    pub fn is_asked_again_by(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Generate {
                    request,
                    error: None,
                    ..
                },
                Self::Generate { request: asked, .. },
            ) => request == asked,
            _ => false,
        }
    }

    /// Tells whether this call has an answer to what another one asked.
    fn answers_the_same(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Generate {
                    request,
                    answer: Some(_),
                    ..
                },
                Self::Generate { request: asked, .. },
            ) => request == asked,
            (
                Self::Search {
                    request,
                    answer: Some(_),
                    ..
                },
                Self::Search { request: asked, .. },
            ) => request == asked,
            (
                Self::Tool {
                    request,
                    answer: Some(_),
                    ..
                },
                Self::Tool { request: asked, .. },
            ) => request == asked,
            (
                Self::Artifact {
                    operation,
                    name,
                    error: None,
                    ..
                },
                Self::Artifact {
                    operation: asked,
                    name: of,
                    ..
                },
            ) => operation == asked && name == of,
            _ => false,
        }
    }
}

/// One visit of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The step.
    pub step: Untrusted,
    /// 1 for the first visit in the case.
    pub visit: u32,
    /// What came out of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Untrusted>,
    /// Why nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Untrusted>,
    /// Whether a replay put the output in the step's place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
    /// When it began and ended.
    pub span: Span,
}

impl Visit {
    /// Tells whether the visit has neither ended nor failed.
    pub fn is_open(&self) -> bool {
        self.output.is_none() && self.failure.is_none()
    }
}

/// Microseconds since the case began. No decision reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// When it began.
    pub began_us: u64,
    /// When it ended; zero while it has not.
    pub ended_us: u64,
}

/// One call of an import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The step that asked.
    pub step: Untrusted,
    /// Its visit; zero when the step had not begun.
    pub visit: u32,
    /// What was asked and answered.
    pub body: CallBody,
    /// When it began and ended.
    pub span: Span,
}

/// What was asked, and the answer or the error that came back: neither when
/// the case ended first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the variants are the imports, and their fields what each takes and gives"
)]
pub enum CallBody {
    Generate {
        request: Arc<GenerateRequest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Arc<Completion>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ProviderError>,
        #[serde(flatten)]
        receipt: Receipt,
    },
    Search {
        request: Arc<SearchRequest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Arc<Vec<Passage>>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<RetrievalError>,
        /// How often a server was asked for it.
        #[serde(default, skip_serializing_if = "is_zero")]
        requests: u32,
    },
    Tool {
        request: Arc<ToolRequest>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<Arc<ToolResult>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ToolError>,
    },
    /// The blob itself stays in the store.
    Artifact {
        operation: ArtifactOperation,
        name: Untrusted,
        bytes: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<ArtifactError>,
    },
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What was done with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the functions of `wit/artifacts.wit`")]
pub enum ArtifactOperation {
    Read,
    Write,
    List,
}

/// A line that a guest wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// What it says.
    pub text: Untrusted,
}

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the usual four")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(step: &str, visit: u32, output: Option<&str>) -> Visit {
        Visit {
            step: step.into(),
            visit,
            output: output.map(Untrusted::from),
            failure: None,
            replaced: false,
            span: Span::default(),
        }
    }

    #[test]
    fn the_same_question_is_asked_again_unless_it_came_to_an_error() {
        let asks = |seed, error: Option<&str>| CallBody::Generate {
            request: Arc::new(GenerateRequest {
                params: crate::call::GenerateParams {
                    seed: Some(seed),
                    ..Default::default()
                },
                ..GenerateRequest::default()
            }),
            answer: None,
            error: error.map(|why| ProviderError::Other(why.into())),
            receipt: Receipt::default(),
        };
        let asked = asks(1, None);
        assert!(asked.is_asked_again_by(&asks(1, None)), "even under way");
        assert!(!asked.is_asked_again_by(&asks(2, None)));
        assert!(!asks(1, Some("down")).is_asked_again_by(&asks(1, None)));
    }

    #[test]
    fn the_open_step_is_the_one_that_began_last() {
        let trace = CaseTrace {
            visits: vec![
                visit("a", 1, None),
                visit("b", 1, None),
                visit("c", 1, Some("x")),
            ],
            ..CaseTrace::default()
        };
        assert_eq!(trace.open_step().map(Untrusted::as_str), Some("b"));
    }
}
