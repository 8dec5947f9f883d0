//! `fapo-host limits`

use fapo_core::limits::Limits;

use crate::exit::{CommandResult, Exit};
use crate::report::{self, Table};

/// List every limit, with its default and ceiling
///
/// A tenant's tenant.toml may set any of them up to its ceiling; the
/// operator's policy.toml in $FAPO_HOME may lower or raise the ceilings.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    if args.json {
        report::json(&Limits::KEYS);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["key", "default", "up to", "what it limits"]);
    for key in Limits::KEYS {
        table.row([
            key.name.into(),
            key.default.to_string(),
            key.ceiling.to_string(),
            key.doc.trim().into(),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}
