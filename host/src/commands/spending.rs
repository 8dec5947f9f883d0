//! `fapo-host spending`

use fapo_core::Untrusted;

use crate::exit::{CommandResult, Exit};
use crate::home::Home;
use crate::report::{self, Table, dollars};
use crate::spending;

/// Show what was spent of the budgets that runs share
///
/// One row for each stretch of work that a budget bounds (a study, a tenant, a
/// tenant's day, a day) and for each purpose: task, judge, proposer,
/// attributor, reviewer. What is reserved belongs to requests under way, or to
/// a process that was killed: it may have been paid for, and counts. Nothing is
/// noted while no such budget is set in policy.toml.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let rows = spending::rows(&Home::find()?.spending())?;
    if args.json {
        report::json(&rows);
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        report::note("nothing is noted: `[budgets]` in policy.toml sets what runs share");
        return Ok(Exit::Done);
    }
    let mut table = Table::new([
        "scope",
        "purpose",
        "calls",
        "tokens",
        "USD",
        "reserved calls",
        "reserved USD",
    ]);
    for row in &rows {
        table.row([
            Untrusted::from(row.scope.as_str()).to_string(),
            Untrusted::from(row.purpose.as_str()).to_string(),
            row.calls.to_string(),
            row.tokens.to_string(),
            dollars(row.usd),
            row.reserved_calls.to_string(),
            dollars(row.reserved_usd),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}
