//! `fapo-host index list` and `index prune`

use fapo_core::Untrusted;
use serde::Serialize;

use crate::clock;
use crate::commands::cache::age;
use crate::exit::{CommandError, CommandResult, Exit};
use crate::home::Home;
use crate::indexes::kept::{self, Kept};
use crate::report::{self, Table, counted};

/// List the indexes that were built for tenants, in FAPO_HOME/indexes
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Delete indexes that were built for tenants
///
/// Runs that use them are not disturbed, and one that needs them again builds
/// them again.
#[derive(Debug, clap::Args)]
pub(super) struct PruneArgs {
    /// Those that were not used for so long, as in 12h, 30d or 8w
    #[arg(long, value_name = "AGE", value_parser = age, required_unless_present = "all")]
    older_than: Option<u64>,
    /// All of them
    #[arg(long, conflicts_with = "older_than")]
    all: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What `prune --json` prints.
#[derive(Serialize)]
struct Went {
    indexes: u64,
    bytes: u64,
}

pub(super) fn list(args: &ListArgs) -> CommandResult<Exit> {
    let kept = kept::list(&Home::find()?)?;
    match args.json {
        true => report::json(&kept),
        false => table(&kept),
    }
    Ok(Exit::Done)
}

pub(super) fn prune(args: &PruneArgs) -> CommandResult<Exit> {
    let home = Home::find()?;
    let used_before = match args.older_than {
        Some(age) => clock::seconds().saturating_sub(age),
        None => u64::MAX,
    };
    let mut went = Went {
        indexes: 0,
        bytes: 0,
    };
    let mut failed: Option<CommandError> = None;
    for kept in kept::list(&home)? {
        if kept.used_s >= used_before {
            continue;
        }
        match kept.remove() {
            Ok(()) => {
                went.indexes += 1;
                went.bytes += kept.bytes;
            }
            // The others can go all the same.
            Err(error) => failed = Some(error),
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    match args.json {
        true => report::json(&went),
        false => report::line(&format!(
            "removed {} index{}, {}",
            went.indexes,
            if went.indexes == 1 { "" } else { "es" },
            counted(went.bytes, "byte")
        )),
    }
    Ok(Exit::Done)
}

fn table(kept: &[Kept]) {
    if kept.is_empty() {
        report::line("no index was built for a tenant yet");
        return;
    }
    let mut table = Table::new(["index", "documents", "bytes", "last used", "corpus"]);
    for kept in kept {
        let of = |text: Option<String>| text.unwrap_or_else(|| "unreadable".into());
        let info = kept.info.as_ref();
        table.row([
            Untrusted::from(kept.name.as_str()).cut(13),
            of(info.map(|info| info.n_documents.to_string())),
            kept.bytes.to_string(),
            kept.used.clone(),
            of(info.map(|info| Untrusted::from(info.corpus.path.as_str()).cut(60))),
        ]);
    }
    table.print();
}
