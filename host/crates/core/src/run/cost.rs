//! What a run took: calls, tokens, money and time, and where.

use serde::{Deserialize, Serialize};

use crate::Untrusted;
use crate::call::Served;
use crate::manifest::Role;

/// Calls of imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the imports by their names")]
pub struct Calls {
    pub total: u64,
    /// Model calls whose answer was kept from before.
    pub cached: u64,
    /// Model calls that were under way when an earlier process of this run was
    /// killed: they were sent again, and may have been paid for twice.
    pub maybe_paid: u64,
    pub generate: u64,
    pub search: u64,
    /// Requests that searches sent to servers, those that were tried again included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub search_requests: u64,
    pub tool: u64,
    pub artifact: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Whether a run used answers that were kept from before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheMode {
    /// There was nothing worth keeping.
    #[default]
    None,
    /// It did.
    Use,
    /// It did not, by a person's wish.
    Bypass,
    /// It used nothing else.
    Only,
}

/// What became of model calls at the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheUse {
    /// How it was used.
    pub mode: CacheMode,
    /// Calls that it answered.
    pub hits: u64,
    /// Calls that it could not answer.
    pub misses: u64,
    /// Calls that did not ask it.
    pub bypassed: u64,
    /// How large it is, with the answers of all runs.
    pub bytes: u64,
}

/// What a provider said that it is, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedBy {
    /// The model's role, where it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Untrusted>,
    /// The model.
    pub model: Untrusted,
    /// Fingerprint and version of it.
    #[serde(flatten)]
    pub served: Served,
    /// Calls that it answered so.
    pub calls: u64,
}

/// Tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// In requests.
    pub input: u64,
    /// The part of them that the provider remembered.
    #[serde(default)]
    pub cached_input: u64,
    /// In answers.
    pub output: u64,
    /// The part of them that nobody sees.
    #[serde(default)]
    pub reasoning: u64,
    /// Model calls whose tokens nobody counted.
    pub unknown: u64,
}

/// `cost.json`: what a run took, and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What was paid for model calls, in US dollars; none is unknown.
    #[serde(default)]
    pub paid_usd: Option<f64>,
    /// What they would have cost had no answer been kept from before.
    #[serde(default)]
    pub uncached_usd: Option<f64>,
    /// The version of the table that knows the prices.
    #[serde(default)]
    pub prices: Option<String>,
    /// Calls by the role and the step that made them.
    pub steps: Vec<StepCost>,
    /// The time of all rows together.
    pub time: TimeSplit,
    /// How long each step took, visit by visit.
    pub step_timings: Vec<StepTiming>,
    /// How long a row took.
    pub row_timing: StepTiming,
}

/// The calls of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCost {
    /// Chain or scorer.
    pub role: Role,
    /// The step.
    pub step: Untrusted,
    /// Its calls.
    pub calls: Calls,
    /// How often requests were sent.
    pub attempts: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// What was paid for them; none is unknown.
    pub cost_usd: Option<f64>,
    /// What they would have cost had no answer been kept from before.
    #[serde(default)]
    pub uncached_usd: Option<f64>,
}

/// Where the time of all rows went, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeSplit {
    /// From start to end, all rows added up.
    pub rows_s: f64,
    /// Waiting for answers.
    pub provider_wait_s: f64,
    /// Guests at work.
    pub guest_cpu_s: f64,
    /// What is left: the host, and waiting for a core.
    pub host_s: f64,
    /// Waiting for a place to run, before the start.
    pub queue_s: f64,
}

/// How long something took, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StepTiming {
    pub step: Untrusted,
    pub n: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
}
