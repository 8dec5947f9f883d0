//! Looking at runs: what was written, read again for people.
//!
//! What a case holds is shown only where the operator lets its split be seen.
//! That is settled here, when a run is opened, so that what prints or draws
//! has nothing to decide.

mod call;
pub(crate) mod case;
pub(crate) mod gather;
pub(crate) mod print;

use std::path::Path;

use fapo_core::Untrusted;
use fapo_core::policy::WrittenPolicy;
use fapo_core::run::{Calls, RunConfig, Summary};
use fapo_core::split::Split;
use fapo_core::stats::mean::Interval;
use serde::Deserialize;

use crate::exit::{CommandError, CommandResult};
use crate::home::Home;
use crate::report::counted;
use crate::run_dir::{PROGRESS, SUMMARY, Written};
use crate::workspace::Workspace;

/// A run, open for looking at it.
pub(crate) struct Look {
    pub(crate) written: Written,
    pub(crate) state: State,
    /// What it came to; none while it has not ended. It holds no cases.
    pub(crate) summary: Option<Summary>,
    /// Why nobody may see what its cases hold.
    pub(crate) withheld: Option<String>,
}

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// A process is writing it.
    Running,
    /// The process that wrote it is gone, and it was not done.
    CutOff,
    /// It has ended in this way.
    Ended(&'static str),
}

impl State {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::CutOff => "cut off",
            Self::Ended(name) => name,
        }
    }
}

/// `progress.json`, as far as it is read.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Progress {
    status: String,
    pub(crate) n_rows: u64,
    pub(crate) n_done: u64,
    pub(crate) score: Option<Interval>,
    pub(crate) calls: Calls,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) at: String,
}

impl Look {
    /// Opens a run by its directory, or by its name in the `evals/` of a tenant.
    pub(crate) fn open(run: &Path, tenant: Option<&Path>) -> CommandResult<Self> {
        let written = match tenant {
            Some(tenant) => Written::open(&Workspace::open(tenant)?.run(run))?,
            None => Written::open(run)?,
        };
        Self::of(written, &Home::find()?.policy()?)
    }

    /// Looks at a run under the operator's policy.
    pub(crate) fn of(written: Written, policy: &WrittenPolicy) -> CommandResult<Self> {
        let progress = progress(&written);
        let has_summary = written.path.join(SUMMARY).exists();
        // A run that goes on again has the summary of its first end.
        let is_open = progress.is_none_or(|p| p.status == "running") || !has_summary;
        let summary = match is_open {
            true => None,
            false => Some(Summary {
                cases: Vec::new(),
                ..written.record(SUMMARY)?
            }),
        };
        let state = match &summary {
            Some(summary) => State::Ended(summary.status.name()),
            None if written.is_being_written() => State::Running,
            None => State::CutOff,
        };
        Ok(Self {
            withheld: withheld(&written.config, policy),
            written,
            state,
            summary,
        })
    }

    pub(crate) fn config(&self) -> &RunConfig {
        &self.written.config
    }

    /// What people call the run.
    pub(crate) fn name(&self) -> Untrusted {
        self.config().run_id.as_str().into()
    }

    /// Returns how far the run is; none when it has not said so yet.
    pub(crate) fn progress(&self) -> Option<Progress> {
        progress(&self.written)
    }

    /// Refuses to show what a case holds, unless the operator lets it be seen.
    pub(crate) fn check_shown(&self) -> CommandResult<()> {
        match &self.withheld {
            None => Ok(()),
            Some(why) => Err(CommandError::refused(why.clone()).hint(self.how_to_see())),
        }
    }

    /// Says what the operator can do to see the cases.
    pub(crate) fn how_to_see(&self) -> String {
        let split = self.config().split.map_or("", Split::name);
        format!(
            "the operator can let them be seen, by `show = [\"train\", \"{split}\"]` in `$FAPO_HOME/policy.toml`"
        )
    }

    /// Returns what a reader must know before believing the numbers.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(provider) = self.config().provider.as_ref().filter(|p| p.simulated) {
            warnings.push(format!(
                "a simulator answered (`{}`): no model stands behind these numbers",
                Untrusted::from(provider.name.as_str()).cut(120)
            ));
        }
        if let Some(before) = self.summary.as_ref().and_then(|s| s.test_reads_before) {
            warnings.push(match before {
                0 => "this was the first reading of this test set".into(),
                n => format!(
                    "this test set had been read {} before: its score is no longer that of unseen cases",
                    counted(n, "time")
                ),
            });
        }
        warnings
    }
}

fn progress(written: &Written) -> Option<Progress> {
    written.record(PROGRESS).ok()
}

/// Returns why the cases of a run are not shown, where they are not.
///
/// Cases of a file that a person named are of no split, and are that person's.
fn withheld(config: &RunConfig, policy: &WrittenPolicy) -> Option<String> {
    let split = config.split?;
    let shown = match &policy.show {
        Some(shown) => shown.contains(&split),
        None => split == Split::Train,
    };
    (!shown).then(|| {
        format!(
            "this is a run of the {} split: its cases are held out, and totals are all that is shown",
            split.name()
        )
    })
}
