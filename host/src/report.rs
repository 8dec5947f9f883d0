//! All that people see: data on stdout, progress and errors on stderr.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use fapo_core::artifact::ResultRow;
use fapo_core::score::Mean;
use fapo_core::untrusted::{tame_json, tame_lines};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::evaluate::{Status, Summary};
use crate::exit::CommandError;

/// Writes a line of data.
///
/// A reader that has seen enough and closed the pipe is no error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Writes a record of data, on one line.
pub(crate) fn json(record: &impl Serialize) {
    let json = serde_json::to_string(record).expect("records of plain data can be written");
    line(&tame_json(&json));
}

/// Tells people something that is not data.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes an error: what happened, why, and what to do next.
pub(crate) fn error(error: &CommandError) {
    let mut chain = error.chain().into_iter();
    let mut text = format!("error: {}", chain.next().unwrap_or_default());
    for cause in chain {
        text.push_str("\n  caused by: ");
        text.push_str(&cause.replace('\n', "\n    "));
    }
    if let Some(hint) = error.hint_text() {
        text.push_str("\n\nhint: ");
        text.push_str(hint);
    }
    note(&tame_lines(&text));
}

/// A bar on the terminal; nothing where there is none.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn of_cases(n_cases: usize) -> Self {
        let target = if io::stderr().is_terminal() {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(n_cases as u64), target);
        let style = "{bar:24} {pos}/{len} cases  {per_sec}  {msg}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is a constant"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(crate) fn case_done(&self, mean: &Mean, failed: u64) {
        if !self.0.is_hidden() {
            let score = mean
                .interval()
                .map_or(String::new(), |i| format!("score {:.1}", i.mean));
            let failures = if failed == 0 {
                String::new()
            } else {
                format!(", {failed} failed")
            };
            self.0.set_message(format!("{score}{failures}"));
        }
        self.0.inc(1);
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// Writes a run as a short table.
pub(crate) fn summary(summary: &Summary) {
    let mut table = Table::new(["case", "score", "output"]);
    for row in &summary.cases {
        table.row([row.case_id.to_string(), score(row), what_came_out(row)]);
    }
    table.print();
    if summary.n_cases > summary.cases.len() as u64 {
        line(&format!(
            "… and {} more",
            summary.n_cases - summary.cases.len() as u64
        ));
    }
    let mut facts = vec![format!(
        "{} {}",
        summary.n_cases,
        plural(summary.n_cases, "case")
    )];
    if let Some(score) = summary.score {
        facts.push(format!(
            "score {:.1} (95 % between {:.1} and {:.1})",
            score.mean, score.low, score.high
        ));
    }
    if summary.failures.guest > 0 {
        let kinds: Vec<_> = summary
            .failures
            .kinds
            .iter()
            .map(|(kind, n)| format!("{n} {kind}"))
            .collect();
        facts.push(format!(
            "{} failed ({})",
            summary.failures.guest,
            kinds.join(", ")
        ));
    }
    if summary.failures.world > 0 {
        facts.push(format!(
            "{} not scored, since the world failed them",
            summary.failures.world
        ));
    }
    facts.push(format!(
        "{} {}",
        summary.calls.total,
        plural(summary.calls.total, "call")
    ));
    facts.push(format!("{:.2} s", summary.wall_s));
    if summary.status == Status::Interrupted {
        facts.push("interrupted".into());
    }
    line("");
    line(&facts.join(" · "));
    line(&format!("results in {}", summary.run_dir));
}

fn score(row: &ResultRow) -> String {
    row.composite_score
        .map_or("–".into(), |score| format!("{score:.1}"))
}

fn what_came_out(row: &ResultRow) -> String {
    const WIDTH: usize = 72;
    if let Some(world) = &row.world_failure {
        return format!("world: {}", world.text.cut(WIDTH));
    }
    for (who, failure) in [("", &row.failure), ("scorer: ", &row.scorer_failure)] {
        if let Some(failure) = failure {
            let step = failure
                .step
                .as_ref()
                .map_or(String::new(), |step| format!(" in `{}`", step.cut(32)));
            return format!(
                "{who}{}{step}: {}",
                failure.kind.name(),
                failure.message.cut(WIDTH)
            );
        }
    }
    row.output_text.cut(WIDTH)
}

pub(crate) fn plural(n: u64, one: &str) -> String {
    if n == 1 {
        one.into()
    } else {
        format!("{one}s")
    }
}

/// Columns as wide as what stands in them.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(head: [&str; N]) -> Self {
        Self {
            rows: vec![head.map(str::to_owned)],
        }
    }

    pub(crate) fn row(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        let width = |column: usize| {
            self.rows
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        for row in &self.rows {
            let cells: Vec<_> = row
                .iter()
                .zip(widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            line(cells.join("  ").trim_end());
        }
    }
}
