//! One case as people read it: its visits in order, each with its calls, and
//! what the scorer said. All text in it is tame, so that it acts on neither a
//! terminal nor a page, and no text is longer than asked for.

use fapo_core::Untrusted;
use fapo_core::artifact::{CallRow, Diagnostic, ResultRow, TimingRow};
use fapo_core::manifest::Role;
use fapo_core::outcome::Failure;
use fapo_core::trace::Span;
use fapo_core::untrusted::tame_lines;
use serde::Serialize;

use super::call::CallView;
use super::gather::is_failed;

/// A row of a run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CaseView {
    pub(crate) case_id: String,
    pub(crate) repeat: u32,
    pub(crate) task_type: String,
    pub(crate) group: String,
    pub(crate) score: Option<f64>,
    pub(crate) breakdown: Vec<(String, String)>,
    pub(crate) points: Option<(f64, f64)>,
    pub(crate) output: String,
    pub(crate) feedback: String,
    /// Names and texts.
    pub(crate) diagnostics: Vec<(String, String)>,
    pub(crate) failures: Vec<FailureView>,
    /// Whether it failed or lost points.
    pub(crate) failed: bool,
    pub(crate) wall_us: u64,
    pub(crate) queue_us: u64,
    pub(crate) chain_cpu_us: u64,
    pub(crate) scorer_cpu_us: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) visits: Vec<VisitView>,
    /// Calls of the scorer.
    pub(crate) judge: Vec<CallView>,
    /// Calls that found no room.
    pub(crate) n_calls_left_out: u64,
}

/// A failure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FailureView {
    /// `chain`, `scorer` or `world`.
    pub(crate) whose: &'static str,
    pub(crate) kind: String,
    pub(crate) step: String,
    pub(crate) limit: String,
    pub(crate) message: String,
    pub(crate) last_lines: Vec<String>,
    pub(crate) backtrace: Vec<String>,
}

/// A visit of a step.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct VisitView {
    pub(crate) step: String,
    /// Zero where the chain never said that the step began.
    pub(crate) visit: u32,
    pub(crate) span: Option<Span>,
    pub(crate) output: Option<String>,
    pub(crate) failure: String,
    pub(crate) replaced: bool,
    pub(crate) calls: Vec<CallView>,
}

/// Returns text of several lines, tame and no longer than asked for.
pub(crate) fn text(text: &str, bytes_max: usize) -> String {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let shown = text[..end].replace("\r\n", "\n").replace('\t', "    ");
    let mut shown = tame_lines(&shown);
    if end < text.len() {
        let note = format!("\n… (cut here; the text has {} bytes)", text.len());
        shown.push_str(&note);
    }
    shown
}

/// Returns a name on one line.
pub(crate) fn name(name: &Untrusted) -> String {
    name.cut(200)
}

impl CaseView {
    /// Returns a row without its calls.
    pub(crate) fn new(row: &ResultRow, timing: &TimingRow, bytes_max: usize) -> Self {
        let cut = |untrusted: &Untrusted| text(untrusted.as_str(), bytes_max);
        let whose = [("chain", &row.failure), ("scorer", &row.scorer_failure)];
        let guests = whose
            .iter()
            .filter_map(|(whose, failure)| Some(FailureView::new(whose, failure.as_ref()?)));
        let world = row.world_failure.as_ref().map(FailureView::of_world);
        // Both were written in the order in which visits began.
        let spans = timing.step_timings.iter().map(|(.., span)| Some(*span));
        let visits = row
            .visits()
            .into_iter()
            .zip(spans.chain(std::iter::repeat(None)));
        let visit = |(visit, span): (fapo_core::trace::Visit, Option<Span>)| VisitView {
            step: name(&visit.step),
            visit: visit.visit,
            span: span.filter(|span| span.ended_us >= span.began_us),
            output: visit.output.as_ref().map(cut),
            failure: visit.failure.as_ref().map(cut).unwrap_or_default(),
            replaced: visit.replaced,
            calls: Vec::new(),
        };
        let part = |(key, value): (&String, &serde_json::Value)| {
            let value = value.as_f64().map_or_else(String::new, short);
            (name(&key.as_str().into()), value)
        };
        let diagnostic = |d: &Diagnostic| (name(&d.name), cut(&d.text));
        Self {
            case_id: row.case_id.to_string(),
            repeat: row.repeat,
            task_type: name(&row.task_type),
            group: row.group.as_ref().map(name).unwrap_or_default(),
            score: row.composite_score,
            breakdown: row.score_breakdown.iter().map(part).collect(),
            points: row.points,
            output: cut(&row.output_text),
            feedback: cut(&row.feedback),
            diagnostics: row.diagnostics.iter().map(diagnostic).collect(),
            failures: guests.chain(world).collect(),
            failed: is_failed(row),
            wall_us: timing.wall_us,
            queue_us: timing.queue_us,
            chain_cpu_us: timing.chain_cpu_us,
            scorer_cpu_us: timing.scorer_cpu_us,
            memory_bytes: timing.chain_memory_bytes,
            visits: visits.map(visit).collect(),
            judge: Vec::new(),
            n_calls_left_out: 0,
        }
    }

    /// Adds a call to the visit that made it. Returns about how long it is.
    pub(crate) fn add_call(
        &mut self,
        row: &CallRow,
        timing: &TimingRow,
        bytes_max: usize,
    ) -> usize {
        let spans = match row.role {
            Role::Chain => &timing.call_timings,
            Role::Scorer => &timing.judge_timings,
        };
        let call = CallView::new(row, spans.get(row.seq).copied(), bytes_max);
        let bytes = bytes(&call);
        if row.role == Role::Scorer {
            self.judge.push(call);
            return bytes;
        }
        let step = name(&row.step);
        let mut visits = self.visits.iter_mut();
        match visits.find(|visit| visit.step == step && visit.visit == row.visit) {
            Some(visit) => visit.calls.push(call),
            None => self.visits.push(VisitView {
                step,
                visit: row.visit,
                span: None,
                output: None,
                failure: String::new(),
                replaced: false,
                calls: vec![call],
            }),
        }
        bytes
    }

    /// Returns about how long the row is.
    pub(crate) fn bytes(&self) -> usize {
        bytes(self)
    }
}

fn bytes(view: &impl Serialize) -> usize {
    serde_json::to_string(view).map_or(0, |json| json.len())
}

/// Returns a number with no more digits than it needs.
fn short(n: f64) -> String {
    let shown = format!("{n:.3}");
    shown.trim_end_matches('0').trim_end_matches('.').into()
}

impl FailureView {
    fn new(whose: &'static str, failure: &Failure) -> Self {
        let lines = |lines: &[Untrusted]| lines.iter().map(Untrusted::to_string).collect();
        let limit = failure.limit.as_ref().map(|limit| {
            let key = Untrusted::from(limit.key.as_str());
            format!("{key} = {}", limit.value)
        });
        Self {
            whose,
            kind: failure.kind.name().into(),
            step: failure.step.as_ref().map(name).unwrap_or_default(),
            limit: limit.unwrap_or_default(),
            message: failure.message.to_string(),
            last_lines: lines(&failure.last_lines),
            backtrace: lines(&failure.backtrace),
        }
    }

    fn of_world(world: &Diagnostic) -> Self {
        Self {
            whose: "world",
            kind: "not scored".into(),
            step: name(&world.name),
            limit: String::new(),
            message: world.text.to_string(),
            last_lines: Vec::new(),
            backtrace: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters_and_says_how_long_it_is() {
        let shown = text(&"ü".repeat(100), 21);
        assert_eq!(shown.lines().next(), Some("ü".repeat(10).as_str()));
        assert!(shown.ends_with("the text has 200 bytes)"), "{shown}");
    }

    #[test]
    fn a_text_keeps_its_lines_and_indents_and_nothing_that_acts() {
        assert_eq!(
            text("a\r\n\tb\u{1b}[2J\u{202e}", 100),
            "a\n    b\\u{1b}[2J\\u{202e}"
        );
    }
}
