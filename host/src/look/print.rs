//! A case as a trace on a terminal.

use std::fmt::Write as _;

use fapo_core::trace::Span;

use super::call::CallView;
use super::case::{CaseView, FailureView, VisitView};

/// Writes a case: what came out, then its visits with their calls, then what
/// the scorer said. With a step named, its visits alone.
pub(crate) fn case(case: &CaseView, step: Option<&str>) -> String {
    let mut page = Page::default();
    page.head(case);
    for failure in &case.failures {
        page.failure(failure);
    }
    let asked = |visit: &&VisitView| step.is_none_or(|step| visit.step == step);
    for (at, visit) in case.visits.iter().enumerate().filter(|(_, v)| asked(v)) {
        page.visit(at + 1, visit);
    }
    if step.is_none() {
        page.verdict(case);
    }
    if case.n_calls_left_out > 0 {
        let n = case.n_calls_left_out;
        page.line(
            0,
            &format!("{n} more calls are not shown: they are too long together"),
        );
    }
    page.text
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, indent: usize, line: &str) {
        let _ = writeln!(self.text, "{:indent$}{}", "", line.trim_end());
    }

    /// Writes a text behind a bar, so that none of it is taken for ours.
    fn quoted(&mut self, indent: usize, what: &str, text: &str) {
        self.line(indent, what);
        for line in text.lines() {
            self.line(indent + 2, &format!("│ {line}"));
        }
    }

    fn head(&mut self, case: &CaseView) {
        let mut facts = vec![format!("case {}", case.case_id)];
        if case.repeat > 1 {
            facts.push(format!("repeat {}", case.repeat));
        }
        facts.push(match case.score {
            Some(score) => format!("score {score:.1}"),
            None => "not scored".into(),
        });
        for (what, of) in [("", &case.task_type), ("group ", &case.group)] {
            if !of.is_empty() {
                facts.push(format!("{what}{of}"));
            }
        }
        facts.push(took(case.wall_us));
        self.line(0, &facts.join(" · "));
        self.quoted(0, "output", &case.output);
    }

    fn failure(&mut self, failure: &FailureView) {
        let mut facts = vec![format!("{} failed: {}", failure.whose, failure.kind)];
        if !failure.step.is_empty() {
            facts.push(format!("in {}", failure.step));
        }
        if !failure.limit.is_empty() {
            facts.push(format!("limit {}", failure.limit));
        }
        self.line(0, "");
        self.line(0, &facts.join(" · "));
        self.line(2, &failure.message);
        for (what, lines) in [
            ("last lines", &failure.last_lines),
            ("backtrace", &failure.backtrace),
        ] {
            if !lines.is_empty() {
                self.quoted(2, what, &lines.join("\n"));
            }
        }
    }

    fn visit(&mut self, number: usize, visit: &VisitView) {
        let mut facts = vec![format!("{number}. {}", visit.step)];
        if visit.visit > 1 {
            facts.push(format!("visit {}", visit.visit));
        }
        if visit.visit == 0 {
            facts.push("calls before the step began".into());
        }
        facts.extend(visit.span.map(took_in));
        if visit.replaced {
            facts.push("replaced by a replay".into());
        }
        self.line(0, "");
        self.line(0, &facts.join(" · "));
        visit.calls.iter().for_each(|call| self.call(call));
        match &visit.output {
            Some(output) => self.quoted(3, "output", output),
            None if !visit.failure.is_empty() => self.quoted(3, "failed", &visit.failure),
            None => self.line(3, "no output"),
        }
    }

    fn call(&mut self, call: &CallView) {
        let mut facts = vec![call.title.clone()];
        facts.extend(call.span.map(took_in));
        facts.extend(call.facts.iter().map(|(what, of)| format!("{what} {of}")));
        self.line(3, &facts.join(" · "));
        for (what, text) in &call.parts {
            self.quoted(5, what, text);
        }
        if !call.error.is_empty() {
            self.line(5, &format!("error: {}", call.error));
        }
    }

    fn verdict(&mut self, case: &CaseView) {
        self.line(0, "");
        let mut facts = vec![match case.score {
            Some(score) => format!("verdict: {score:.1}"),
            None => "verdict: none".into(),
        }];
        facts.extend(case.breakdown.iter().map(|(what, n)| format!("{what} {n}")));
        if let Some((earned, possible)) = case.points {
            facts.push(format!("{earned} of {possible} points"));
        }
        self.line(0, &facts.join(" · "));
        if !case.feedback.is_empty() {
            self.quoted(3, "feedback", &case.feedback);
        }
        for (what, text) in &case.diagnostics {
            self.quoted(3, what, text);
        }
        if !case.judge.is_empty() {
            self.line(0, "");
            self.line(0, "calls of the scorer");
            case.judge.iter().for_each(|call| self.call(call));
        }
    }
}

fn took_in(span: Span) -> String {
    took(span.ended_us - span.began_us)
}

/// Returns a duration as people say it.
pub(crate) fn took(us: u64) -> String {
    match us {
        0..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        _ => format!("{:.2} s", us as f64 / 1e6),
    }
}
