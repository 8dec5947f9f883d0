//! `fapo-host test`

use std::path::{Path, PathBuf};

use fapo_core::split::Split;
use fapo_core::variant::VariantId;

use super::{pair, runtime, tell, variant_id};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::ledger::Ledger;
use crate::model_calls::Choices;
use crate::prepare::Told;
use crate::retrieval::GivenCorpus;
use crate::tenant::{Asked, Cases, Order, Tenant};

/// Read a tenant's test set, once, and tell what a variant makes of it
///
/// The reading is noted in the operator's ledger before it happens, under the
/// content of the cases: another reading of the same cases, by whatever study,
/// is refused unless --override says why, and every later report tells how
/// often the set was read. What comes back is totals.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's directory
    #[arg(value_name = "TENANT")]
    path: PathBuf,
    /// The variant
    #[arg(long, value_name = "NNN", value_parser = variant_id)]
    variant: Option<VariantId>,
    /// An eval config, of the tenant or elsewhere
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Put a value over the config's
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// How often each case runs
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: Option<u32>,
    /// What answers model calls, in place of the config's: sim, openai, a name in policy.toml, script:FILE
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Cases in flight, in place of the config's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Search this corpus in the place of the index's own; NAME may be left out where there is one index
    #[arg(long = "corpus", value_name = "[NAME=]FILE", value_parser = GivenCorpus::parse)]
    corpora: Vec<GivenCorpus>,
    #[command(flatten)]
    choices: Choices,
    /// Where to write the run; by default a new directory in the tenant's evals/
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Read a set that was read before, and say why
    #[arg(long = "override", value_name = "REASON", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reason: Option<String>,
    /// Go on with a test run that was cut off: it is the same reading
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "config", "variant", "repeats", "provider", "reason", "corpora"])]
    resume: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    let mut tenant = Tenant::open(&args.path)?;
    let Some(set) = tenant.test_set.take() else {
        return Err(CommandError::person(format!(
            "tenant `{}` has no test set",
            tenant.workspace.id()
        ))
        .hint("name it as `test = \"datasets/test.jsonl\"` in `[datasets]` of `tenant.toml`"));
    };
    let resumed = args.resume.as_deref().map(|run| tenant.find_run(run));
    let resumed = resumed.transpose()?;
    if let Some(written) = &resumed
        && written.config.split != Some(Split::Test)
    {
        return Err(CommandError::person(format!(
            "`{}` is not a test run",
            written.path.display()
        ))
        .hint("`fapo-host eval --resume` goes on with it"));
    }
    let variant = args.variant.unwrap_or_else(VariantId::baseline);
    // Nobody has to pay for a run to learn that the set was read before.
    if args.reason.is_none() && resumed.is_none() {
        tenant.ledger.check_unread(&set)?;
    }
    let goes_on = resumed.is_some();
    let order = Order {
        resumed,
        asked: Asked {
            variant: variant.clone(),
            cases: Cases {
                split: Some(Split::Test),
                ..Cases::default()
            },
            provider: args.provider,
            repeats: args.repeats,
            workers: args.workers,
            choices: args.choices,
            corpora: args.corpora,
        },
        config: args.config,
        set: args.set,
        out: args.out,
    };
    runtime()?.block_on(async {
        let sandbox = tenant.home.sandbox(tenant.grants.limits.stack_bytes_max)?;
        let (settled, to) = tenant.settle(&sandbox, order).await?;
        let ledger: Ledger = tenant.ledger;
        let reason = args.reason;
        let note = move |dir: &Path| match goes_on {
            true => ledger.reading_of(&set, dir),
            false => ledger.read(&set, variant.as_str(), dir, reason.as_deref()),
        };
        let told = Told {
            shows_progress: true,
            before_it_runs: Some(Box::new(note)),
        };
        let summary = settled.run(to, told).await?;
        Ok(tell(&summary, args.json))
    })
}
