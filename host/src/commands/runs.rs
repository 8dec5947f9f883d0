//! `fapo-host runs`

use std::path::{Path, PathBuf};

use fapo_core::Untrusted;
use fapo_core::policy::WrittenPolicy;
use fapo_core::run::Status;
use fapo_core::stats::mean::Interval;
use serde::Serialize;

use crate::exit::{CommandResult, Exit};
use crate::look::{Look, State};
use crate::report::{self, Table, counted};
use crate::run_dir::Written;
use crate::workspace::{EVALS, Workspace};

/// List the runs in a tenant's evals/, the newest last
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's directory
    #[arg(value_name = "TENANT")]
    path: PathBuf,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// A run in the list. Its fields are promised to scripts.
#[derive(Serialize)]
struct Listed {
    name: String,
    run_dir: PathBuf,
    split: Option<&'static str>,
    variant: Option<String>,
    /// Whether the config put other prompts or parameters over the variant.
    changed_by_config: bool,
    /// How it ended, or `running`, or `cut off`; `unreadable` where it is no
    /// run of this host.
    status: &'static str,
    score: Option<Interval>,
    n_rows: u64,
    n_done: u64,
    calls: u64,
    cost_usd: Option<f64>,
    provider: Option<String>,
    simulated: bool,
    /// How often the test set was read before it.
    test_reads_before: Option<u64>,
    /// When it was last written.
    at: Option<String>,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let workspace = Workspace::open(&args.path)?;
    // A list shows totals alone, whatever the operator lets be seen.
    let policy = WrittenPolicy::default();
    let mut runs = Vec::new();
    for name in workspace.names_in(EVALS) {
        let dir = workspace.run(&name);
        // A link could lead anywhere, and a run is none.
        if !dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            continue;
        }
        let look = Written::open(&dir).and_then(|written| Look::of(written, &policy));
        runs.push(match look {
            Ok(look) => Listed::new(&name, &look),
            Err(_) => Listed::unreadable(&name, &dir),
        });
    }
    // Those that have not said anything yet have only just begun.
    runs.sort_by(|one, other| {
        let key = |run: &Listed| (run.at.is_none(), run.at.clone());
        key(one)
            .cmp(&key(other))
            .then_with(|| one.name.cmp(&other.name))
    });
    match args.json {
        true => report::json(&runs),
        false => table(&runs, &args.path),
    }
    Ok(Exit::Done)
}

impl Listed {
    fn new(name: &str, look: &Look) -> Self {
        let config = look.config();
        let progress = look.progress();
        let n_rows = config.dataset.n_cases * u64::from(config.repeats);
        let told = progress.clone().unwrap_or_default();
        Self {
            name: name.into(),
            run_dir: look.written.path.clone(),
            split: config.split.map(|split| split.name()),
            variant: config.variant.as_ref().map(|v| v.id.to_string()),
            changed_by_config: config.variant.as_ref().is_some_and(|v| v.changed_by_config),
            status: look.state.name(),
            score: told.score,
            n_rows,
            n_done: told.n_done,
            calls: told.calls.total,
            cost_usd: told.cost_usd,
            provider: config.provider.as_ref().map(|p| p.name.clone()),
            simulated: config.provider.as_ref().is_some_and(|p| p.simulated),
            test_reads_before: look.summary.as_ref().and_then(|s| s.test_reads_before),
            at: progress.map(|progress| progress.at),
        }
    }

    fn unreadable(name: &str, dir: &Path) -> Self {
        Self {
            name: name.into(),
            run_dir: dir.into(),
            split: None,
            variant: None,
            changed_by_config: false,
            status: "unreadable",
            score: None,
            n_rows: 0,
            n_done: 0,
            calls: 0,
            cost_usd: None,
            provider: None,
            simulated: false,
            test_reads_before: None,
            at: None,
        }
    }

    fn is_cut_off(&self) -> bool {
        [State::CutOff.name(), Status::Interrupted.name()].contains(&self.status)
    }
}

fn table(runs: &[Listed], tenant: &Path) {
    if runs.is_empty() {
        report::line("no runs yet; `fapo-host eval TENANT` makes one");
        return;
    }
    let tame = |text: &str| Untrusted::from(text).cut(48);
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    let mut table = Table::new([
        "run", "split", "variant", "status", "score", "n", "calls", "cost", "provider", "when",
    ]);
    for run in runs {
        let split = match run.test_reads_before {
            Some(before @ 1..) => format!("test (read {} before)", counted(before, "time")),
            _ => run.split.unwrap_or("–").into(),
        };
        let interval = |i: Interval| format!("{:.1} ({:.1} to {:.1})", i.mean, i.low, i.high);
        let n = match run.n_done == run.n_rows {
            true => run.n_rows.to_string(),
            false => format!("{} of {}", run.n_done, run.n_rows),
        };
        let provider = run.provider.as_deref().map(|provider| match run.simulated {
            true => format!("{} (simulated)", tame(provider)),
            false => tame(provider),
        });
        table.row([
            tame(&run.name),
            split,
            or_none(run.variant.clone().map(|id| match run.changed_by_config {
                true => format!("{id} + config"),
                false => id,
            })),
            run.status.into(),
            or_none(run.score.map(interval)),
            n,
            run.calls.to_string(),
            run.cost_usd
                .map_or("unknown".into(), |usd| format!("${usd:.2}")),
            or_none(provider),
            or_none(run.at.as_deref().map(tame)),
        ]);
    }
    table.print();
    for run in runs.iter().filter(|run| run.is_cut_off()) {
        let command = match run.split {
            Some("test") => "test",
            _ => "eval",
        };
        report::line(&format!(
            "{} was cut off: `fapo-host {command} {} --resume {}` goes on with it",
            tame(&run.name),
            Untrusted::from(tenant.display().to_string()),
            tame(&run.name)
        ));
    }
}
