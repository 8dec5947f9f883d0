//! All that people see: data on stdout, progress and errors on stderr.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use fapo_core::artifact::ResultRow;
use fapo_core::run::{Calls, Failures, Status, Summary, Tokens};
use fapo_core::stats::mean::Interval;
use fapo_core::untrusted::{tame_json, tame_lines};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::clock;
use crate::exit::{CommandError, CommandResult};
use crate::prepare::Forecast;
use crate::run_dir::{self, RunDir};
use crate::tally::Tally;

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

/// How often the terminal is told what the rows come to.
const SAY_EVERY: Duration = Duration::from_millis(100);

/// Where a run is, on the terminal and in `progress.json`.
pub(crate) struct Progress {
    bar: ProgressBar,
    began: Instant,
    /// Rows in all, and rows that an earlier process had done.
    rows: Cell<(u64, u64)>,
    /// When the bar last said what the rows come to.
    said: Cell<Instant>,
}

/// `progress.json`: how far a run is.
#[derive(Serialize)]
pub(crate) struct State<'a> {
    status: &'a str,
    n_rows: u64,
    n_done: u64,
    in_flight: usize,
    rows_per_s: f64,
    eta_s: Option<f64>,
    score: Option<Interval>,
    failures: &'a Failures,
    calls: Calls,
    tokens: Tokens,
    cost_usd: Option<f64>,
    elapsed_s: f64,
    at: String,
}

impl<'a> State<'a> {
    /// Returns the state of a run that has ended.
    pub(crate) fn ended(summary: &'a Summary) -> Self {
        Self {
            status: summary.status.name(),
            n_rows: summary.n_rows,
            n_done: summary.n_rows,
            in_flight: 0,
            rows_per_s: summary.n_rows as f64 / summary.wall_s.max(1e-9),
            eta_s: Some(0.0),
            score: summary.score,
            failures: &summary.failures,
            calls: summary.calls,
            tokens: summary.tokens,
            cost_usd: summary.cost_usd,
            elapsed_s: summary.wall_s,
            at: clock::now(),
        }
    }
}

impl Progress {
    /// Returns a bar on the terminal; nothing is shown where there is none.
    pub(crate) fn new(shown: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, target(shown));
        let style = "{bar:20} {pos}/{len}  {per_sec}  {msg}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is a constant"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            began: Instant::now(),
            rows: Cell::default(),
            said: Cell::new(Instant::now()),
        }
    }

    /// Says how many rows there are, and how many of them are done.
    pub(crate) fn begin(&self, n_rows: u64, tally: &Tally) {
        self.rows.set((n_rows, tally.n_rows));
        self.bar.set_length(n_rows);
        self.bar.set_position(tally.n_rows);
        self.bar.reset_eta();
    }

    pub(crate) fn row_done(&self, tally: &Tally, in_flight: usize) {
        // An interval costs more the more clusters there are, and nobody reads faster.
        if !self.bar.is_hidden() && self.said.get().elapsed() >= SAY_EVERY {
            self.said.set(Instant::now());
            let score = tally.score.interval().map_or(String::new(), |i| {
                format!("score {:.1} ({:.1} to {:.1})  ", i.mean, i.low, i.high)
            });
            let failed = tally.failures.guest + tally.failures.world;
            let failed = match failed {
                0 => String::new(),
                n => format!("  {n} failed"),
            };
            let usd = match tally.paid_usd() {
                Some(usd) => format!("${usd:.2}"),
                None => "$?".into(),
            };
            let tokens = tally.tokens.input + tally.tokens.output;
            self.bar.set_message(format!(
                "{score}{in_flight} in flight  {} tokens {usd}{failed}",
                short(tokens)
            ));
        }
        self.bar.inc(1);
    }

    /// Writes how far the run is.
    pub(crate) fn tell(&self, dir: &RunDir, tally: &Tally, in_flight: usize) -> CommandResult<()> {
        let (n_rows, before) = self.rows.get();
        let elapsed_s = self.began.elapsed().as_secs_f64();
        let rows_per_s = (tally.n_rows - before) as f64 / elapsed_s.max(1e-9);
        let left = n_rows.saturating_sub(tally.n_rows) as f64;
        dir.put(
            run_dir::PROGRESS,
            &State {
                status: "running",
                n_rows,
                n_done: tally.n_rows,
                in_flight,
                rows_per_s,
                eta_s: (rows_per_s > 0.0).then(|| left / rows_per_s),
                score: tally.score.interval(),
                failures: &tally.failures,
                calls: tally.calls,
                tokens: tally.tokens,
                cost_usd: tally.paid_usd(),
                elapsed_s,
                at: clock::now(),
            },
        )
    }

    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Says on the terminal what is being done, until it is dropped.
pub(crate) struct Doing(ProgressBar);

impl Doing {
    pub(crate) fn what(what: String) -> Self {
        let bar = ProgressBar::with_draw_target(None, target(true));
        let style = "{spinner} {msg} {elapsed}";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is a constant"));
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Says what is being done now.
    pub(crate) fn now(&self, what: String) {
        self.0.set_message(what);
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Returns the terminal, where there is one and something is to be shown.
fn target(shown: bool) -> ProgressDrawTarget {
    if shown && io::stderr().is_terminal() {
        ProgressDrawTarget::stderr_with_hz(10)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// Returns a number as people say it: 12, 3.4k, 5.6M.
fn short(n: u64) -> String {
    match n {
        0..1_000 => n.to_string(),
        1_000..1_000_000 => format!("{:.1}k", n as f64 / 1e3),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

/// Returns the CPU time of this process and of those it waited for.
pub(crate) fn cpu_s() -> f64 {
    use rustix::time::{ClockId, clock_gettime};
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Writes a run as a short table.
pub(crate) fn summary(summary: &Summary) {
    if !summary.cases.is_empty() {
        let mut table = Table::new(["case", "score", "output"]);
        for row in &summary.cases {
            table.row([row.case_id.to_string(), score(row), what_came_out(row)]);
        }
        table.print();
        let more = summary.n_rows.saturating_sub(summary.cases.len() as u64);
        if more > 0 {
            line(&format!("… and {more} more"));
        }
    }
    let mut facts = vec![counted(summary.n_cases, "case")];
    if summary.n_rows > summary.n_cases {
        facts.push(counted(summary.n_rows, "row"));
    }
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
    facts.push(counted(summary.calls.total, "call"));
    if summary.calls.cached > 0 {
        facts.push(format!("{} from the cache", summary.calls.cached));
    }
    facts.push(match summary.cost_usd {
        Some(usd) => dollars(usd),
        None => "cost unknown".into(),
    });
    facts.push(format!("{:.2} s", summary.wall_s));
    if summary.simulated {
        facts.push("simulated".into());
    }
    if summary.status != Status::Complete {
        facts.push(summary.status.name().into());
    }
    line("");
    line(&facts.join(" · "));
    if let Some(before @ 1..) = summary.test_reads_before {
        line(&format!(
            "this test set was read {} before",
            counted(before, "time")
        ));
    }
    if !summary.failures.calls.is_empty() {
        let told = |(kind, n): (&String, &u64)| format!("{n} {kind}");
        let told: Vec<_> = summary.failures.calls.iter().map(told).collect();
        line(&format!(
            "model calls without an answer: {}",
            told.join(", ")
        ));
    }
    summary.warnings.iter().for_each(|warning| line(warning));
    line(&format!("results in {}", summary.run_dir));
    match summary.status {
        Status::Complete => {}
        Status::Budget => line("a budget ended the run; raise it, and `--resume` goes on"),
        Status::Failed => line("the world failed too many cases; `--resume` asks for them again"),
        _ => line("`--resume` goes on where it ended"),
    }
}

/// Writes dollars, so that small amounts do not look like none.
pub(crate) fn dollars(usd: f64) -> String {
    match usd {
        usd if usd > 0.0 && usd < 0.1 => format!("${usd:.4}"),
        usd => format!("${usd:.2}"),
    }
}

/// Writes what a run would take.
pub(crate) fn forecast(forecast: &Forecast) {
    line(&format!(
        "{} would make {}",
        counted(forecast.n_rows, "row"),
        counted(forecast.calls, "model call")
    ));
    line(&format!(
        "tokens: about {} in, and {} out at most",
        forecast.input_tokens, forecast.output_tokens_max
    ));
    line(&match forecast.cost_usd {
        Some(usd) => format!(
            "cost: {} at most, with no answer from the cache",
            dollars(usd)
        ),
        None => "cost: unknown, since the price of the model is".into(),
    });
    if forecast.cases_that_stopped_early > 0 {
        line(&format!(
            "{} did not go on with a stand-in's answer: there the real run may ask more",
            counted(forecast.cases_that_stopped_early, "row")
        ));
    }
    line("a stand-in answered, and nothing was paid for");
}

/// How much of an output a table shows.
pub(crate) const OUTPUT_CHARS_MAX: usize = 72;

/// Returns a row's score for a table.
pub(crate) fn score(row: &ResultRow) -> String {
    row.composite_score
        .map_or("–".into(), |score| format!("{score:.1}"))
}

/// Returns a row's output for a table, or how it failed.
pub(crate) fn what_came_out(row: &ResultRow) -> String {
    const WIDTH: usize = OUTPUT_CHARS_MAX;
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

/// Returns a number with what it counts.
pub(crate) fn counted(n: u64, one: &str) -> String {
    format!("{n} {}", plural(n, one))
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
