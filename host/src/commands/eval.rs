//! `fapo-host eval`

use std::mem::ManuallyDrop;
use std::path::PathBuf;

use fapo_core::split::Split;
use fapo_core::variant::VariantId;

use super::{pair, runtime, tell, variant_id};
use crate::exit::{CommandResult, Exit};
use crate::model_calls::Choices;
use crate::prepare::Told;
use crate::report;
use crate::retrieval::GivenCorpus;
use crate::tenant::{Asked, Cases, Order, Tenant};

/// Evaluate a variant of a tenant on its cases
///
/// Cases stream through chain and scorer, and the run's directory gets a row
/// for each as it is done. A config is JSON with FAPO's field names; without
/// one, configs/default.json is used. What can be found wrong without paying
/// for anything is found before the first call. The test split is not one that
/// eval reads: see `fapo-host test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's directory
    #[arg(value_name = "TENANT")]
    path: PathBuf,
    /// An eval config, of the tenant or elsewhere
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Put a value over the config's, as provider_settings.temperature=0.5
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// The cases of this split; train by default
    #[arg(long, value_name = "SPLIT", conflicts_with = "cases", value_parser = split)]
    split: Option<Split>,
    /// The variant; the baseline 000 by default
    #[arg(long, value_name = "NNN", value_parser = variant_id)]
    variant: Option<VariantId>,
    /// The first so many cases alone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// How often each case runs
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: Option<u32>,
    /// Cases of another file
    #[arg(long, value_name = "FILE")]
    cases: Option<PathBuf>,
    /// What answers model calls, in place of the config's: sim, openai, a name in policy.toml, script:FILE
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Cases in flight, in place of the config's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Where to write the run; by default a new directory in the tenant's evals/
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Search this corpus in the place of the index's own; NAME may be left out where there is one index
    #[arg(long = "corpus", value_name = "[NAME=]FILE", value_parser = GivenCorpus::parse)]
    corpora: Vec<GivenCorpus>,
    #[command(flatten)]
    choices: Choices,
    /// Tell the calls, tokens and money that the run would take, and pay for nothing
    #[arg(long)]
    dry_run: bool,
    /// Go on with a run that was cut off: its directory, or its name in evals/
    #[arg(
        long,
        value_name = "RUN",
        conflicts_with_all = ["out", "config", "split", "variant", "limit", "repeats", "cases", "provider", "dry_run", "corpora"]
    )]
    resume: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    // With it go hundreds of slots for guests, which the end of the process
    // gives back in one step.
    let tenant = ManuallyDrop::new(Tenant::open(&args.path)?);
    let resumed = args.resume.as_deref().map(|run| tenant.find_run(run));
    let order = Order {
        resumed: resumed.transpose()?,
        asked: Asked {
            variant: args.variant.unwrap_or_else(VariantId::baseline),
            cases: Cases {
                split: args.split,
                file: args.cases,
                limit: args.limit,
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
        if args.dry_run {
            let forecast = settled.dry_run().await?;
            match args.json {
                true => report::json(&forecast),
                false => report::forecast(&forecast),
            }
            return Ok(Exit::Done);
        }
        let told = Told {
            shows_progress: true,
            before_it_runs: None,
        };
        let summary = settled.run(to, told).await?;
        Ok(tell(&summary, args.json))
    })
}

/// Reads a split that `eval` may read.
fn split(word: &str) -> Result<Split, String> {
    match word {
        "train" => Ok(Split::Train),
        "validation" => Ok(Split::Validation),
        "test" => Err("the test split is held out: `fapo-host test` reads it, once".into()),
        _ => Err("it is `train` or `validation`".into()),
    }
}
