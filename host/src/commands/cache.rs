//! `fapo-host cache`

use fapo_core::Untrusted;
use serde::Serialize;

use crate::cache::{Choice, File, Pruned, Stats};
use crate::clock;
use crate::exit::{CommandError, CommandResult, Exit};
use crate::home::Home;
use crate::report::{self, Table, counted};

/// Show what the cache of model answers holds, or delete from it
///
/// A run that asks what was answered before takes the answer from the cache and
/// pays nothing. The cache lies in FAPO_HOME; its bound is `cache.bytes_max` in
/// policy.toml, and beyond it the answers go that were not used for longest.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Stats(StatsArgs),
    Prune(PruneArgs),
}

/// Count the answers, their bytes and their worth
#[derive(Debug, clap::Args)]
struct StatsArgs {
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Delete answers, and give their room back to the disk
///
/// Those go to which all of the options apply.
#[derive(Debug, clap::Args)]
struct PruneArgs {
    /// Answers that were not used for so long, as in 12h, 30d or 8w
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<u64>,
    /// Answers to this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Answers of this provider
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// No more than it takes to come down to so many bytes; those go first that
    /// were not used for longest
    #[arg(long, value_name = "N", value_parser = bytes)]
    to_bytes: Option<u64>,
    /// All of them
    #[arg(long, conflicts_with_all = ["older_than", "tenant", "provider", "to_bytes"])]
    all: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What `prune --json` prints.
#[derive(Serialize)]
struct Went {
    removed: Pruned,
    left: Stats,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let path = Home::find()?.cache();
    let file = File::open(&path)?;
    let empty = || Stats {
        path: path.clone(),
        ..Stats::default()
    };
    match &args.command {
        Command::Stats(args) => {
            let stats = file.map_or_else(|| Ok(empty()), |file| file.stats())?;
            match args.json {
                true => report::json(&stats),
                false => table(&stats),
            }
        }
        Command::Prune(args) => {
            let choice = args.choice()?;
            let (removed, left) = match file {
                Some(mut file) => (file.prune(&choice)?, file.stats()?),
                None => (Pruned::default(), empty()),
            };
            match args.json {
                true => report::json(&Went { removed, left }),
                false => {
                    report::line(&format!(
                        "removed {}, {}",
                        counted(removed.entries, "answer"),
                        counted(removed.bytes, "byte")
                    ));
                    report::line(&totals(&left));
                }
            }
        }
    }
    Ok(Exit::Done)
}

impl PruneArgs {
    fn choice(&self) -> CommandResult<Choice> {
        let choice = Choice {
            used_before: self
                .older_than
                .map(|age| clock::seconds().saturating_sub(age)),
            tenant: self.tenant.clone(),
            provider: self.provider.clone(),
            to_bytes: self.to_bytes,
        };
        if choice == Choice::default() && !self.all {
            return Err(CommandError::person("nothing says which answers to delete").hint(
                "say it with `--older-than`, `--tenant`, `--provider` or `--to-bytes`, or delete all of them with `--all`",
            ));
        }
        Ok(choice)
    }
}

fn totals(stats: &Stats) -> String {
    let mut facts = vec![
        counted(stats.entries, "answer"),
        counted(stats.bytes, "byte"),
        format!("{} on disk", counted(stats.file_bytes, "byte")),
        format!("worth ${:.2}", stats.worth_usd),
    ];
    if stats.entries_without_price > 0 {
        facts.push(format!(
            "and {} whose price is not known",
            stats.entries_without_price
        ));
    }
    if let Some(oldest) = &stats.oldest {
        facts.push(format!("the oldest of {oldest}"));
    }
    facts.join(" · ")
}

fn table(stats: &Stats) {
    if stats.entries > 0 {
        let tame = |text: &str| Untrusted::from(text).cut(48);
        let mut table = Table::new([
            "tenant",
            "provider",
            "model",
            "answers",
            "bytes",
            "worth",
            "last used",
        ]);
        for group in &stats.groups {
            table.row([
                group.tenant.as_deref().map_or("(shared)".into(), tame),
                tame(&group.provider),
                tame(&group.model),
                group.entries.to_string(),
                group.bytes.to_string(),
                match group.entries_without_price == group.entries {
                    true => "unknown".into(),
                    false => format!("${:.2}", group.worth_usd),
                },
                group.last_used.clone(),
            ]);
        }
        table.print();
        report::line("");
    }
    report::line(&totals(stats));
    report::line(&format!("in {}", stats.path.display()));
}

/// Reads a length of time: a number and its unit. Returns seconds.
pub(super) fn age(text: &str) -> Result<u64, String> {
    let unit_s = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        Some('w') => 7 * 24 * 60 * 60,
        _ => 0,
    };
    let n = text.get(..text.len().saturating_sub(1)).unwrap_or_default();
    n.parse()
        .ok()
        .filter(|_| unit_s > 0)
        .and_then(|n: u64| n.checked_mul(unit_s))
        .ok_or_else(|| "write a whole number and `m`, `h`, `d` or `w`, as in `30d`".into())
}

/// Reads a number of bytes.
fn bytes(text: &str) -> Result<u64, String> {
    text.replace('_', "")
        .parse()
        .map_err(|_| format!("`{text}` is not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_and_its_unit() {
        assert_eq!(age("90m"), Ok(5_400));
        assert_eq!(age("30d"), Ok(2_592_000));
        assert_eq!(age("2w"), Ok(1_209_600));
        for wrong in [
            "",
            "d",
            "30",
            "3.5d",
            "-1d",
            "30 d",
            "30y",
            "5ü",
            "99999999999999999d",
        ] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
