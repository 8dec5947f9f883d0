//! What a run took, beside what it scored.

use serde::{Deserialize, Serialize};

use crate::stats::quantile::quantile;

/// What one run took. What nobody measured is none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// The price of its model calls; none where a price is not known.
    pub cost_usd: Option<f64>,
    /// Calls of any kind.
    pub calls: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// CPU of the guests.
    pub guest_cpu_s: f64,
    /// How long a case took.
    pub latency_ms: Option<Latency>,
    /// Steps that the chain declares.
    pub steps: u64,
    /// Model calls, for one case.
    pub model_calls_per_case: f64,
    /// Searches, for one case.
    pub searches_per_case: f64,
    /// All prompts together.
    pub prompt_bytes: u64,
    /// The chain's component.
    pub component_bytes: u64,
}

/// How long cases took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The mean.
    pub mean: f64,
    /// Half took longer.
    pub p50: f64,
    /// One in twenty took longer.
    pub p95: f64,
}

impl Latency {
    /// Sums up times in any order; none of none.
    pub fn of(times_ms: &[f64]) -> Option<Self> {
        let mut ascending = times_ms.to_vec();
        ascending.sort_unstable_by(f64::total_cmp);
        Some(Self {
            mean: ascending.iter().sum::<f64>() / ascending.len() as f64,
            p50: quantile(&ascending, 0.5)?,
            p95: quantile(&ascending, 0.95)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_need_no_order_and_some_times() {
        assert_eq!(Latency::of(&[]), None);
        let latency = Latency::of(&[30.0, 10.0, 20.0]).unwrap();
        assert_eq!((latency.mean, latency.p50), (20.0, 20.0));
        assert!((latency.p95 - 29.0).abs() < 1e-12, "{latency:?}");
    }
}
