//! `fapo-host show`

use std::path::{Path, PathBuf};

use fapo_core::Untrusted;
use fapo_core::artifact::{CallRow, ResultRow, TimingRow};
use fapo_core::case::CaseId;
use fapo_core::run::Summary;
use serde::Serialize;
use serde_json::Value;

use crate::exit::{CommandError, CommandResult, Exit};
use crate::html;
use crate::look::Look;
use crate::look::case::CaseView;
use crate::look::gather::{self, CallKey, Room, is_failed};
use crate::look::print;
use crate::report::{self, Table, counted};
use crate::run_dir::{CALLS, RESULTS, TIMINGS};

/// Show a run's cases, or one case as a readable trace
///
/// Without --case, a table of the cases and what they come to. With it, the
/// steps in order: what each asked, what was answered and how long it took, and
/// what the scorer said. Cases of the validation and test splits are held out:
/// of those only totals are shown, unless the operator's policy.toml says
/// `show = ["train", "validation"]`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's directory, or with --tenant its name
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The tenant whose evals/ hold the run
    #[arg(long, value_name = "TENANT")]
    tenant: Option<PathBuf>,
    /// This case alone, as a trace
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// This run of the case alone
    #[arg(long, value_name = "K", requires = "case")]
    repeat: Option<u32>,
    /// Cases alone that failed, or scored less than 100
    #[arg(long)]
    failed: bool,
    /// This step alone
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// So many rows at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show texts whole, however long they are
    #[arg(long)]
    full: bool,
    /// Write a page to look at in a browser, all in one file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// The longest text that a terminal shows whole.
const SHOWN_BYTES_MAX: usize = 2_000;

/// Bytes of the traces that are shown at once.
const TRACES_BYTES_MAX: usize = 64 << 20;

/// What `--json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    run_dir: &'a Path,
    run_id: &'a str,
    state: &'a str,
    summary: Option<&'a Summary>,
    /// Why there are no cases here.
    withheld: Option<&'a str>,
    warnings: Vec<String>,
    rows: Vec<RowShown>,
    n_rows_left_out: u64,
}

/// A row; with a case named, all that is on record of it.
#[derive(Serialize)]
struct RowShown {
    row: ResultRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    timing: Option<TimingRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<Vec<CallRow>>,
    /// Calls that found no room.
    #[serde(skip_serializing_if = "is_zero")]
    n_calls_left_out: u64,
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    let look = Look::open(&args.run, args.tenant.as_deref())?;
    if args.case.is_some() || args.step.is_some() {
        look.check_shown()?;
    }
    if let Some(file) = &args.html {
        let wanted = |row: &ResultRow| args.wants(row);
        html::write_run(file, &look, wanted)?;
    }
    match (args.json, &args.case) {
        (true, _) => json(&look, &args)?,
        (false, Some(_)) => traces(&look, &args)?,
        (false, None) => table(&look, &args)?,
    }
    Ok(Exit::Done)
}

impl Args {
    fn wants(&self, row: &ResultRow) -> bool {
        // An id that acts on a screen can be asked for as it is shown.
        let is_it = |id: &String| row.case_id.as_str() == id || row.case_id.to_string() == *id;
        self.case.as_ref().is_none_or(is_it)
            && self.repeat.is_none_or(|repeat| row.repeat == repeat)
            && (!self.failed || is_failed(row))
    }

    fn room(&self) -> Room {
        Room {
            rows: self.limit as usize,
            bytes: TRACES_BYTES_MAX,
            text_bytes: match self.full {
                true => usize::MAX,
                false => SHOWN_BYTES_MAX,
            },
        }
    }
}

/// Prints the rows of one case as traces.
fn traces(look: &Look, args: &Args) -> CommandResult<()> {
    let views = gather::traces(&look.written, the_case(look, args)?, args.room())?;
    let step = args.step.as_deref();
    if let Some(step) = step {
        check_step(step, &views)?;
    }
    warn(look);
    for view in &views {
        report::line(&print::case(view, step));
    }
    Ok(())
}

/// Finds the rows of the case that was asked for.
fn the_case(look: &Look, args: &Args) -> CommandResult<Vec<ResultRow>> {
    let found = gather::rows(&look.written, args.room(), |row| args.wants(row))?;
    if found.rows.is_empty() {
        let id = Untrusted::from(args.case.as_deref().unwrap_or_default());
        let what = match (args.repeat, args.failed) {
            (_, true) => format!("case `{id}` did not fail, or is not in the run"),
            (Some(repeat), _) => format!("the run has no repeat {repeat} of a case `{id}`"),
            (None, _) => format!("the run has no case `{id}`"),
        };
        return Err(CommandError::person(what)
            .hint("without `--case`, `fapo-host show RUN` lists the cases"));
    }
    Ok(found.rows)
}

fn check_step(step: &str, views: &[CaseView]) -> CommandResult<()> {
    let mut names: Vec<&str> = views
        .iter()
        .flat_map(|view| view.visits.iter().map(|visit| visit.step.as_str()))
        .collect();
    if names.contains(&step) {
        return Ok(());
    }
    names.dedup();
    let step = Untrusted::from(step);
    let error = CommandError::person(format!("the case has no step `{step}`"));
    Err(match names.is_empty() {
        true => error.hint("its chain told of no step"),
        false => error.hint(format!("its steps are {}", names.join(", "))),
    })
}

/// Prints the rows as a table, and what they come to.
fn table(look: &Look, args: &Args) -> CommandResult<()> {
    warn(look);
    if look.withheld.is_none() {
        let what = args.step.as_deref().unwrap_or("output");
        let what = Untrusted::from(what).cut(40);
        let mut table = Table::new(["case", "repeat", "score", what.as_str()]);
        let (mut n_shown, mut n_left_out) = (0, 0_u64);
        for row in look.written.rows::<ResultRow>(RESULTS)? {
            let row = row?;
            if !args.wants(&row) {
                continue;
            }
            if n_shown == args.limit {
                n_left_out += 1;
                continue;
            }
            n_shown += 1;
            table.row([
                row.case_id.to_string(),
                row.repeat.to_string(),
                report::score(&row),
                came_out(&row, args.step.as_deref()),
            ]);
        }
        if n_shown == 0 {
            report::line(match args.failed {
                true => "no case failed or lost points",
                false => "no case is done",
            });
        } else {
            table.print();
        }
        if n_left_out > 0 {
            report::line(&format!(
                "… and {n_left_out} more; `--limit` shows more of them"
            ));
        }
    }
    match &look.summary {
        Some(summary) => report::summary(summary),
        None => {
            let progress = look.progress().unwrap_or_default();
            report::line(&format!(
                "\n{}: {} of {} done",
                look.state.name(),
                progress.n_done,
                counted(progress.n_rows, "row")
            ));
        }
    }
    Ok(())
}

/// Returns what stands in the table for a row: the output of the chain or of a
/// step, or how it failed.
fn came_out(row: &ResultRow, step: Option<&str>) -> String {
    let Some(step) = step else {
        return report::what_came_out(row);
    };
    match row.step_outputs.get(step).and_then(Value::as_str) {
        Some(output) => Untrusted::from(output).cut(report::OUTPUT_CHARS_MAX),
        None => "–".into(),
    }
}

/// Says first what a reader must know.
fn warn(look: &Look) {
    for warning in look.warnings() {
        report::line(&format!("note: {warning}"));
    }
    if let Some(why) = &look.withheld {
        report::line(&format!("{why}; {}", look.how_to_see()));
    }
}

fn json(look: &Look, args: &Args) -> CommandResult<()> {
    let found = match (&look.withheld, &args.case) {
        (Some(_), _) => gather::Gathered::default(),
        (None, Some(_)) => gather::Gathered {
            rows: the_case(look, args)?,
            n_left_out: 0,
        },
        (None, None) => gather::rows(&look.written, args.room(), |row| args.wants(row))?,
    };
    let mut rows: Vec<RowShown> = found.rows.into_iter().map(RowShown::new).collect();
    if args.case.is_some() {
        for row in look.written.rows::<TimingRow>(TIMINGS)? {
            let row = row?;
            let of = rows.iter_mut().find(|of| of.is(&row.case_id, row.repeat));
            if let Some(of) = of {
                of.timing = Some(row);
            }
        }
        add_calls(look, args.step.as_deref(), &mut rows)?;
    }
    report::json(&Shown {
        run_dir: &look.written.path,
        run_id: &look.config().run_id,
        state: look.state.name(),
        summary: look.summary.as_ref(),
        withheld: look.withheld.as_deref(),
        warnings: look.warnings(),
        rows,
        n_rows_left_out: found.n_left_out,
    });
    Ok(())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Adds the calls of some rows, as far as memory should hold them at once.
fn add_calls(look: &Look, step: Option<&str>, rows: &mut [RowShown]) -> CommandResult<()> {
    let mut bytes = 0;
    for line in look.written.lines(CALLS)? {
        let line = line?;
        let CallKey { case_id, repeat } = line.row()?;
        let Some(of) = rows.iter_mut().find(|of| of.is(&case_id, repeat)) else {
            continue;
        };
        let call: CallRow = line.row()?;
        if step.is_some_and(|step| call.step.as_str() != step) {
            continue;
        }
        bytes += line.bytes();
        match bytes > TRACES_BYTES_MAX {
            true => of.n_calls_left_out += 1,
            false => of.calls.get_or_insert_default().push(call),
        }
    }
    Ok(())
}

impl RowShown {
    fn new(row: ResultRow) -> Self {
        Self {
            row,
            timing: None,
            calls: None,
            n_calls_left_out: 0,
        }
    }

    fn is(&self, case: &CaseId, repeat: u32) -> bool {
        self.row.case_id == *case && self.row.repeat == repeat
    }
}
