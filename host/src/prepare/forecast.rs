//! What a run would take, told before anything is paid for.

use fapo_core::call::Usage;
use fapo_core::run::Summary;
use serde::Serialize;

use super::{Destination, Settled, Told};
use crate::exit::{CommandError, CommandResult};
use crate::providers::{self, Opened};

/// What a run would take. Its fields are promised to scripts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Forecast {
    pub(crate) dry_run: bool,
    pub(crate) n_cases: u64,
    pub(crate) n_rows: u64,
    /// Model calls.
    pub(crate) calls: u64,
    pub(crate) input_tokens: u64,
    /// What answers may have at most.
    pub(crate) output_tokens_max: u64,
    /// What that costs with the longest answers, and none kept from before;
    /// none is unknown.
    pub(crate) cost_usd: Option<f64>,
    /// Rows whose chain did not go on with a stand-in's answer: their later
    /// calls are not counted.
    pub(crate) cases_that_stopped_early: u64,
}

impl Settled {
    /// Runs the cases against a stand-in for the provider, and returns what
    /// that comes to: what the run would ask, before anything is paid for.
    pub(crate) async fn dry_run(self) -> CommandResult<Forecast> {
        let place = tempfile::tempdir()
            .map_err(|error| CommandError::world("could not make a directory").because(error))?;
        let opened = self.wanted.provider.clone();
        let mut stood_in = self;
        stood_in.wanted.asking = stood_in.wanted.asking.dry();
        stood_in.wanted.provider = Some(Opened::stand_in());
        stood_in.wanted.indexes = stood_in.wanted.indexes.without_servers();
        let n_rows = stood_in.wanted.source.n_cases() * u64::from(stood_in.wanted.repeats);
        let told = Told {
            shows_progress: false,
            before_it_runs: None,
        };
        let summary = stood_in
            .run(Destination::New(place.path().join("run")), told)
            .await?;
        Ok(Forecast {
            dry_run: true,
            n_cases: summary.n_cases,
            n_rows,
            calls: summary.calls.generate,
            input_tokens: summary.tokens.input,
            output_tokens_max: summary.tokens.output,
            cost_usd: cost(opened.as_ref(), &summary),
            cases_that_stopped_early: summary.failures.guest,
        })
    }
}

/// Returns what the calls of a dry run would cost; none is unknown.
fn cost(opened: Option<&Opened>, summary: &Summary) -> Option<f64> {
    if providers::is_free(opened) || summary.calls.generate == 0 {
        return Some(0.0);
    }
    let count = |tokens: u64| u32::try_from(tokens).ok();
    opened?.cost_of(&Usage {
        input_tokens: count(summary.tokens.input),
        cached_input_tokens: None,
        output_tokens: count(summary.tokens.output),
        reasoning_tokens: None,
    })
}
