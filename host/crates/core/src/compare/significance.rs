//! How large the difference of two runs is, and whether it is more than chance.
//!
//! The test is picked here by what the scores are: the exact one where they
//! are right or wrong, and otherwise the one that asks nothing of their shape.

use std::fmt;

use serde::Serialize;

use super::pairs::{Pair, Paired};
use crate::stats::bootstrap::{self, percentile_interval};
use crate::stats::difference::Differences;
use crate::stats::mcnemar::mcnemar_exact;
use crate::stats::permutation::{self, sign_flip};

/// What resampling starts from. It is fixed, so that nobody can try seeds until
/// one pleases.
const SEED: u64 = 0x6661_706f;

/// A p below this is called significant.
pub const LEVEL: f64 = 0.05;

/// The fewest clusters that can show significance: six that all go one way.
const CLUSTERS_TELLING_MIN: usize = 6;

/// The mean difference, B less A, and the ends of its 95 % interval.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MeanDifference {
    /// The mean.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How the ends were found.
    pub method: String,
}

/// What the test of the difference found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// Which test.
    pub name: TestName,
    /// The two-sided p.
    pub p: f64,
    /// How many clusters there are that do not depend on one another.
    pub clusters: u64,
    /// What to know of the p; none when there is nothing.
    pub note: Option<String>,
}

/// The tests that a comparison uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum TestName {
    /// All scores are 0 or 100 and none depends on another.
    #[serde(rename = "exact McNemar")]
    Mcnemar,
    /// Every pattern of signs was tried.
    #[serde(rename = "sign-flip permutation, exact")]
    SignFlipExact,
    /// Patterns of signs were drawn.
    #[serde(rename = "sign-flip permutation, Monte Carlo")]
    SignFlipMonteCarlo,
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mcnemar => "exact McNemar",
            Self::SignFlipExact => "sign-flip permutation, exact",
            Self::SignFlipMonteCarlo => "sign-flip permutation, Monte Carlo",
        })
    }
}

/// Finds the mean difference and its interval.
pub(super) fn mean_difference(paired: &Paired, differences: &Differences) -> MeanDifference {
    let (low, high) = percentile_interval(differences, SEED);
    let of = match paired.clustered_by {
        Some(by) => format!("paired cluster bootstrap over {by}s"),
        None => "paired bootstrap".into(),
    };
    MeanDifference {
        mean: differences.mean().expect("a comparison has pairs"),
        low,
        high,
        method: format!("{of}, percentile, {} resamples", bootstrap::RESAMPLES),
    }
}

/// Picks the test by what the scores are, and runs it.
pub(super) fn test(paired: &Paired, differences: &Differences) -> Test {
    let all_or_nothing = |pair: &Pair| [pair.a, pair.b].iter().all(|s| *s == 0.0 || *s == 100.0);
    let clusters = differences.clusters().len() as u64;
    if paired.clustered_by.is_none() && paired.pairs.iter().all(all_or_nothing) {
        let count = |sign: f64| {
            let those = paired.pairs.iter().filter(|p| p.difference() == sign);
            those.count()
        };
        let (better, worse) = (count(100.0), count(-100.0));
        return Test {
            name: TestName::Mcnemar,
            p: mcnemar_exact(better as u64, worse as u64),
            clusters,
            note: few(better + worse),
        };
    }
    let found = sign_flip(differences, SEED);
    let drawn = || {
        // Two standard errors of a share.
        let within = 2.0 * (found.p * (1.0 - found.p) / f64::from(permutation::RESAMPLES)).sqrt();
        format!(
            "{} patterns of signs were drawn, so p is known to within {within:.4}",
            permutation::RESAMPLES
        )
    };
    let (name, note) = if found.exact {
        (TestName::SignFlipExact, few(found.n_nonzero))
    } else {
        (TestName::SignFlipMonteCarlo, Some(drawn()))
    };
    Test {
        name,
        p: found.p,
        clusters,
        note,
    }
}

/// Says that a test had no chance, where `telling` clusters are too few.
fn few(telling: usize) -> Option<String> {
    (telling < CLUSTERS_TELLING_MIN).then(|| match telling {
        0 => "nothing differs, so there is nothing to test".into(),
        1 => "only 1 differs, and with fewer than 6 no result could be significant".into(),
        n => format!("only {n} differ, and with fewer than 6 no result could be significant"),
    })
}
