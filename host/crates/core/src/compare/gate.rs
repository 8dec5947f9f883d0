//! Bars that a caller sets, for a pipeline that must stop when one is not met.

use serde::Serialize;

use super::Comparison;
use super::pairs::SAME_SCORE;

/// What B must come up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gates {
    /// The lowest mean score of B.
    pub fail_under: Option<f64>,
    /// How many points B may lose against A.
    pub max_regression: Option<f64>,
}

/// What became of one bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateResult {
    /// The flag that sets it, without dashes.
    pub name: &'static str,
    /// Whether B came up to it.
    pub met: bool,
    /// Both numbers, in a sentence.
    pub message: String,
}

impl Gates {
    /// Holds a comparison against the bars that are set.
    ///
    /// They look at the means alone: a bar is a promise, not a finding. A bar
    /// that is not a number is never met.
    pub fn check(&self, found: &Comparison) -> Vec<GateResult> {
        let mut results = Vec::new();
        if let Some(bar) = self.fail_under {
            let mean = found.mean_b.mean;
            results.push(GateResult {
                name: "fail-under",
                met: mean >= bar - SAME_SCORE,
                message: format!("B scores {mean:.2}, and must score {bar} or more"),
            });
        }
        if let Some(most) = self.max_regression {
            let difference = found.mean_b.mean - found.mean_a.mean;
            results.push(GateResult {
                name: "max-regression",
                met: difference >= -most - SAME_SCORE,
                message: format!(
                    "B scores {difference:+.2} points against A, and may lose {most} at most"
                ),
            });
        }
        results
    }
}
