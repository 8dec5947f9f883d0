//! `summary.json`: what a run came to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::cost::{CacheUse, Calls, ServedBy, Tokens};
use crate::artifact::ResultRow;
use crate::split::Split;
use crate::stats::mean::Interval;
use crate::variant::VariantId;

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every case ran.
    #[default]
    Complete,
    /// Every case ran, and the world failed some of them.
    Degraded,
    /// The world failed more of them than it may.
    Failed,
    /// A budget ended it.
    Budget,
    /// It was stopped.
    Interrupted,
}

impl Status {
    /// Tells whether every case ran, and no more of them failed than may.
    pub fn has_all_rows(self) -> bool {
        matches!(self, Self::Complete | Self::Degraded)
    }

    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Budget => "budget",
            Self::Interrupted => "interrupted",
        }
    }
}

/// `summary.json`, and what `--json` prints last: what a run came to. Its
/// fields are promised to scripts that read them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Where the run is.
    pub run_dir: String,
    /// How it ended.
    pub status: Status,
    /// The tenant; empty when a component was run by itself.
    pub tenant_id: String,
    /// The split.
    pub split: Option<Split>,
    /// The variant.
    pub variant: Option<VariantId>,
    /// Cases that ran.
    pub n_cases: u64,
    /// Rows: cases, each as often as it ran.
    pub n_rows: u64,
    /// The mean score, with its 95 % interval.
    pub score: Option<Interval>,
    /// The mean of each part of the score.
    pub score_breakdown: BTreeMap<String, Interval>,
    /// Points earned, of those possible.
    pub points: Option<(f64, f64)>,
    /// Cases that have no score as they should.
    pub failures: Failures,
    /// Calls of imports.
    pub calls: Calls,
    /// Tokens as far as providers counted them.
    pub tokens: Tokens,
    /// What was paid for model calls; none is unknown.
    pub cost_usd: Option<f64>,
    /// What they would have cost had no answer been kept from before; none is unknown.
    #[serde(default)]
    pub uncached_usd: Option<f64>,
    /// The version of the table that knows the prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    /// What became of model calls at the cache.
    #[serde(default)]
    pub cache: CacheUse,
    /// What providers said that they are: one of each sort.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served: Vec<ServedBy>,
    /// What a person should know before they trust the figures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// CPU of the guests.
    pub guest_cpu_s: f64,
    /// CPU of the whole process.
    pub cpu_s: f64,
    /// From the first case to the last.
    pub wall_s: f64,
    /// What answered model calls.
    pub provider: Option<String>,
    /// Whether no model stands behind it.
    pub simulated: bool,
    /// How often the test set was read before this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_reads_before: Option<u64>,
    /// The first rows, where a person may see them; all are in `results.jsonl`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<ResultRow>,
}

/// Rows that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Rows in which a guest failed.
    pub guest: u64,
    /// Rows that a failure of the world touched.
    pub world: u64,
    /// Guests' failures by kind.
    pub kinds: BTreeMap<String, u64>,
    /// Model calls that gave no answer, by the error and the server's status.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, u64>,
}
