//! The rows that a run leaves behind, one per case, with FAPO's field names.
//!
//! `results.jsonl` holds nothing that a clock says, so that the same answers
//! give the same bytes; times stand in `timings.jsonl`, calls in `calls.jsonl`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Untrusted;
use crate::case::{Case, CaseId};
use crate::outcome::{Failure, Outcome};
use crate::score::Score;
use crate::trace::{Call, CaseTrace, Span};

/// One line of `results.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRow {
    /// The case.
    pub case_id: CaseId,
    /// Its type.
    pub task_type: Untrusted,
    /// The answer; empty when the chain gave none.
    pub output_text: Untrusted,
    /// 0 to 100; none when nothing scored it.
    pub composite_score: Option<f64>,
    /// Named parts of the score.
    pub score_breakdown: Map<String, Value>,
    /// Points earned, of those possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<(f64, f64)>,
    /// What the scorer found wrong.
    #[serde(default, skip_serializing_if = "Untrusted::is_empty")]
    pub feedback: Untrusted,
    /// The last output of each step.
    pub step_outputs: Map<String, Value>,
    /// What chain and scorer noted, and failures in words.
    pub diagnostics: Vec<Diagnostic>,
    /// How the chain failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How the scorer failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorer_failure: Option<Failure>,
    /// A failure of the world touched the case: it is not a wrong answer, and
    /// leaves the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub world_failure: Option<Diagnostic>,
}

/// A named fact about one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Its name.
    pub name: Untrusted,
    /// What it says.
    pub text: Untrusted,
}

/// What a guest's work came to: what it returned, or how it failed.
pub type Ran<T> = Result<T, Failure>;

impl ResultRow {
    /// Puts together what chain and scorer left of a case.
    ///
    /// A case that is `graded` has a score: a chain or a scorer that fails gives
    /// no points, so that failing never pays. One that the world touched, under
    /// the chain or under the scorer's judge, has none.
    pub fn new(
        case: &Case,
        ran: (&Ran<Outcome>, &CaseTrace),
        scored: Option<(&Ran<Score>, &CaseTrace)>,
        graded: bool,
    ) -> Self {
        let (ran, trace) = ran;
        let traces = std::iter::once(trace).chain(scored.map(|(_, trace)| trace));
        let world_failure = traces
            .flat_map(CaseTrace::world_failures)
            .next()
            .map(|(step, why)| Diagnostic {
                name: step.clone(),
                text: why.clone(),
            });
        let score = scored.and_then(|(scored, _)| scored.as_ref().ok());
        let scorer_failure = scored.and_then(|(scored, _)| scored.as_ref().err());
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        if let Ok(outcome) = ran {
            diagnostics.extend(outcome.diagnostics.iter().map(|(name, text)| Diagnostic {
                name: name.clone(),
                text: text.clone(),
            }));
        }
        if let Some(score) = score {
            diagnostics.extend(score.diagnostics.iter().map(|text| Diagnostic {
                name: "scorer".into(),
                text: text.clone(),
            }));
        }
        Self {
            case_id: case.id.clone(),
            task_type: case.task_type.clone(),
            output_text: ran
                .as_ref()
                .map(|outcome| outcome.output_text.clone())
                .unwrap_or_default(),
            composite_score: (graded && world_failure.is_none())
                .then(|| score.map_or(0.0, |score| score.composite)),
            score_breakdown: score
                .map(|score| {
                    score
                        .breakdown
                        .iter()
                        .map(|(name, value)| (name.as_str().to_owned(), Value::from(*value)))
                        .collect()
                })
                .unwrap_or_default(),
            points: score.and_then(|score| score.points),
            feedback: score
                .map(|score| score.feedback.clone())
                .unwrap_or_default(),
            step_outputs: trace
                .step_outputs()
                .into_iter()
                .map(|(step, output)| (step.as_str().to_owned(), output.as_str().into()))
                .collect(),
            diagnostics,
            failure: ran.as_ref().err().cloned(),
            scorer_failure: scorer_failure.cloned(),
            world_failure,
        }
    }
}

/// One line of `calls.jsonl`.
#[derive(Clone, Debug, Serialize)]
pub struct CallRow<'a> {
    /// The case.
    pub case_id: &'a CaseId,
    /// Whether the chain or the scorer asked.
    pub role: crate::manifest::Role,
    /// The call's place among those of its case and role.
    pub seq: usize,
    /// The step that asked.
    pub step: &'a Untrusted,
    /// Its visit.
    pub visit: u32,
    /// What was asked and answered.
    #[serde(flatten)]
    pub body: &'a crate::trace::CallBody,
}

impl<'a> CallRow<'a> {
    /// Returns the rows of one guest's calls.
    pub fn of(
        case: &'a Case,
        role: crate::manifest::Role,
        calls: &'a [Call],
    ) -> impl Iterator<Item = Self> {
        calls.iter().enumerate().map(move |(seq, call)| Self {
            case_id: &case.id,
            role,
            seq,
            step: &call.step,
            visit: call.visit,
            body: &call.body,
        })
    }
}

/// One line of `timings.jsonl`: all that a clock says of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimingRow {
    /// The case.
    pub case_id: CaseId,
    /// From the start of the chain to the end of the scorer.
    pub wall_us: u64,
    /// CPU of the chain.
    pub chain_cpu_us: u64,
    /// CPU of the scorer.
    pub scorer_cpu_us: u64,
    /// Peak of the chain's memory.
    pub chain_memory_bytes: u64,
    /// Each visit: step, visit, when.
    pub step_timings: Vec<(Untrusted, u32, Span)>,
    /// Each call of the chain, in order.
    pub call_timings: Vec<Span>,
}
