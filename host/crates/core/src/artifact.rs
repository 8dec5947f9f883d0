//! The rows that a run leaves behind, one per case, with FAPO's field names.
//!
//! `results.jsonl` holds nothing that a clock says, so that the same answers
//! give the same bytes; times stand in `timings.jsonl`, calls in `calls.jsonl`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Untrusted;
use crate::call::{Completion, GenerateRequest, Usage};
use crate::case::{Case, CaseId};
use crate::manifest::Role;
use crate::outcome::{Failure, Outcome};
use crate::score::Score;
use crate::trace::{Call, CallBody, CaseTrace, Span, Visit};

/// One line of `results.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ResultRow {
    /// The case.
    pub case_id: CaseId,
    /// Which run of the case this is; 1 for the first.
    pub repeat: u32,
    /// Its type.
    pub task_type: Untrusted,
    /// What it shares with cases that depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Untrusted>,
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
    /// Each visit of a step, in the order in which they began.
    #[serde(default)]
    pub visits: Vec<VisitRow>,
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

/// One visit of a step, as `results.jsonl` keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitRow {
    /// The step.
    pub step: Untrusted,
    /// 1 for the first visit in the case.
    pub visit: u32,
    /// What came out of it, where it is not the step's last output, which
    /// stands in `step_outputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Untrusted>,
    /// Whether its output is the one that stands there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// Why nothing came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Untrusted>,
    /// Whether a replay put the output in the step's place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaced: bool,
}

/// A named fact about one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Its name.
    pub name: Untrusted,
    /// What it says.
    pub text: Untrusted,
}

/// The names under which the host and the scorer note facts; all others are
/// the chain's.
const BY_HOST: &str = "host";
const BY_SCORER: &str = "scorer";

impl Diagnostic {
    /// Tells whether it was noted by the chain.
    pub fn is_of_chain(&self) -> bool {
        ![BY_HOST, BY_SCORER].contains(&self.name.as_str())
    }
}

/// What a guest's work came to: what it returned, or how it failed.
pub type Ran<T> = Result<T, Failure>;

impl ResultRow {
    /// Puts together what chain and scorer left of a case.
    ///
    /// A case that is `graded` has a score, and one that nothing could score has
    /// no points: failing never pays. One that the world touched, under the chain
    /// or under the scorer's judge, has none.
    ///
    /// The visits are taken out of the chain's trace: their outputs are long.
    pub fn new(
        case: &Case,
        repeat: u32,
        ran: (&Ran<Outcome>, &mut CaseTrace),
        scored: Option<(&Ran<Score>, &CaseTrace)>,
        graded: bool,
    ) -> Self {
        let (ran, trace) = ran;
        let traces = std::iter::once(&*trace).chain(scored.map(|(_, trace)| trace));
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
        if ran
            .as_ref()
            .is_ok_and(|outcome| outcome.output_text.is_empty())
        {
            diagnostics.push(Diagnostic {
                name: BY_HOST.into(),
                text: "the chain returned no output".into(),
            });
        }
        if let Some(score) = score {
            diagnostics.extend(score.diagnostics.iter().map(|text| Diagnostic {
                name: BY_SCORER.into(),
                text: text.clone(),
            }));
        }
        let (step_outputs, visits) = VisitRow::of(std::mem::take(&mut trace.visits));
        Self {
            case_id: case.id.clone(),
            repeat,
            task_type: case.task_type.clone(),
            group: case.group(),
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
            step_outputs,
            visits,
            diagnostics,
            failure: ran.as_ref().err().cloned(),
            scorer_failure: scorer_failure.cloned(),
            world_failure,
        }
    }
}

impl VisitRow {
    /// Returns the last output of each step, in the order of first outputs, and
    /// the visits.
    fn of(visits: Vec<Visit>) -> (Map<String, Value>, Vec<Self>) {
        let mut outputs = Map::with_capacity(visits.len());
        for visit in visits.iter().filter(|visit| visit.output.is_some()) {
            outputs.insert(visit.step.as_str().to_owned(), Value::Null);
        }
        // Backwards, so that the last output of a step is the first one met.
        let mut rows = Vec::with_capacity(visits.len());
        for mut visit in visits.into_iter().rev() {
            let mut last = false;
            if let Some(output) = &mut visit.output
                && let Some(slot @ Value::Null) = outputs.get_mut(visit.step.as_str())
            {
                *slot = std::mem::take(output).into_string().into();
                last = true;
            }
            rows.push(Self {
                step: visit.step,
                visit: visit.visit,
                output: visit.output.filter(|_| !last),
                last,
                failure: visit.failure,
                replaced: visit.replaced,
            });
        }
        rows.reverse();
        (outputs, rows)
    }
}

impl ResultRow {
    /// Returns the visits whole again, without their times.
    pub fn visits(&self) -> Vec<Visit> {
        let output = |row: &VisitRow| match (&row.output, row.last) {
            (None, true) => self
                .step_outputs
                .get(row.step.as_str())
                .and_then(Value::as_str)
                .map(Untrusted::from),
            (output, _) => output.clone(),
        };
        let visit = |row: &VisitRow| Visit {
            step: row.step.clone(),
            visit: row.visit,
            output: output(row),
            failure: row.failure.clone(),
            replaced: row.replaced,
            span: Span::default(),
        };
        self.visits.iter().map(visit).collect()
    }

    /// Tells how many points of 100 the case lost; none where it has no score.
    pub fn lost(&self) -> Option<f64> {
        self.composite_score.map(|score| 100.0 - score)
    }
}

/// One line of `calls.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallRow {
    /// The case.
    pub case_id: CaseId,
    /// Which run of the case this is.
    pub repeat: u32,
    /// Whether the chain or the scorer asked.
    pub role: Role,
    /// The call's place among those of its case, repeat and role.
    pub seq: usize,
    /// The step that asked.
    pub step: Untrusted,
    /// Its visit.
    pub visit: u32,
    /// What was asked and answered.
    #[serde(flatten)]
    pub body: CallBody,
    /// What a model call took; none is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl CallRow {
    /// Returns the rows of one guest's calls.
    pub fn of(
        case: &CaseId,
        repeat: u32,
        role: Role,
        calls: Vec<Call>,
    ) -> impl Iterator<Item = Self> {
        calls.into_iter().enumerate().map(move |(seq, call)| Self {
            case_id: case.clone(),
            repeat,
            role,
            seq,
            step: call.step,
            visit: call.visit,
            usage: match &call.body {
                CallBody::Generate { answer, .. } => answer.as_ref().map(|answer| answer.usage),
                _ => None,
            },
            body: call.body,
        })
    }

    /// Forgets what was asked and answered, which is nearly all of a call and
    /// nothing that is counted.
    pub fn forget_texts(&mut self) {
        match &mut self.body {
            CallBody::Generate {
                request, answer, ..
            } => {
                *request = Arc::new(GenerateRequest {
                    model: request.model.clone(),
                    ..GenerateRequest::default()
                });
                if let Some(answer) = answer {
                    *answer = Arc::new(Completion {
                        model: answer.model.clone(),
                        choices: Vec::new(),
                        usage: answer.usage,
                    });
                }
            }
            CallBody::Search { answer, .. } => *answer = None,
            CallBody::Tool { .. } | CallBody::Artifact { .. } => {}
        }
    }

    /// Returns the call as a trace has it, without its time.
    pub fn into_call(self) -> Call {
        Call {
            step: self.step,
            visit: self.visit,
            body: self.body,
            span: Span::default(),
        }
    }
}

/// One line of `timings.jsonl`: all that a clock says of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimingRow {
    /// The case.
    pub case_id: CaseId,
    /// Which run of the case this is.
    pub repeat: u32,
    /// Waiting for a place to run.
    pub queue_us: u64,
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
    /// Each call of the scorer's judge, in order.
    pub judge_timings: Vec<Span>,
}

/// Returns the time in which at least one of some calls was under way.
///
/// ```
/// use fapo_core::artifact::waited_us;
/// use fapo_core::trace::Span;
///
/// let span = |began_us, ended_us| Span { began_us, ended_us };
/// assert_eq!(waited_us(&[span(0, 10), span(5, 12), span(20, 21)]), 13);
/// ```
pub fn waited_us(spans: &[Span]) -> u64 {
    // Calls are noted in the order in which they begin.
    let mut waited = 0;
    let mut until = 0;
    for span in spans {
        let began = span.began_us.max(until);
        if span.ended_us > began {
            waited += span.ended_us - began;
            until = span.ended_us;
        }
    }
    waited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_ran_twice_shows_its_last_output_in_its_first_place() {
        let visits = [("a", 1, "1"), ("b", 1, "2"), ("a", 2, "3")];
        let visits = visits.map(|(step, visit, output)| Visit {
            step: step.into(),
            visit,
            output: Some(output.into()),
            failure: None,
            replaced: false,
            span: Span::default(),
        });
        let (outputs, rows) = VisitRow::of(visits.into());
        let outputs: Vec<_> = outputs
            .iter()
            .map(|(s, o)| (s.as_str(), o.as_str().unwrap()))
            .collect();
        assert_eq!(outputs, [("a", "3"), ("b", "2")]);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.output.as_ref().map(Untrusted::as_str), row.last))
            .collect();
        assert_eq!(rows, [(Some("1"), false), (None, true), (None, true)]);
    }
}
