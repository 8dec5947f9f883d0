//! A mean that is built up score by score, with an interval that knows that
//! some scores depend on one another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The quantile of the normal distribution that leaves 2.5 % above it
/// (`scipy.stats.norm.ppf(0.975)`).
pub const Z_95: f64 = 1.959963984540054;

/// A mean score and the ends of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What scores share that depend on one another: a case that is run again, a
/// document that several questions are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cluster(pub u64);

impl From<&str> for Cluster {
    /// Derives a key from a name (FNV-1a, 64 bits), so that a run of a million
    /// groups keeps no names. It is the same on every machine.
    fn from(name: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }
}

/// A mean of scores that may come in clusters, with its uncertainty.
///
/// The variance is the cluster-robust one, with the usual correction for few
/// clusters: `G / (G - 1) * Σ over clusters (Σ in the cluster (x - mean))² / n²`.
/// A score without a cluster is a cluster of its own, and where all are, this
/// is `s² / n`. Only clusters take memory.
///
/// ```
/// use fapo_core::stats::mean::ClusteredMean;
///
/// let mut mean = ClusteredMean::default();
/// for (score, document) in [(100.0, "a"), (100.0, "a"), (0.0, "b"), (0.0, "b")] {
///     mean.add_in(score, document.into());
/// }
/// // Two documents say less than four questions seem to.
/// let interval = mean.interval().unwrap();
/// assert_eq!((interval.low, interval.high), (0.0, 100.0));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusteredMean {
    all: Welford,
    /// Scores without a cluster.
    alone: Welford,
    clusters: BTreeMap<Cluster, Welford>,
}

impl ClusteredMean {
    /// Takes in a score that depends on no other.
    pub fn add(&mut self, score: f64) {
        self.all.add(score);
        self.alone.add(score);
    }

    /// Takes in a score that depends on the others of its cluster.
    pub fn add_in(&mut self, score: f64, cluster: Cluster) {
        self.all.add(score);
        self.clusters.entry(cluster).or_default().add(score);
    }

    /// Returns how many scores were taken in.
    pub fn n(&self) -> u64 {
        self.all.n
    }

    /// Returns in how many clusters they came.
    pub fn n_clusters(&self) -> u64 {
        self.alone.n + self.clusters.len() as u64
    }

    /// Returns the mean, none without scores. Unlike the interval, it takes no
    /// time.
    pub fn mean(&self) -> Option<f64> {
        (self.all.n > 0).then_some(self.all.mean)
    }

    /// Returns the standard error of the mean; none with fewer than two
    /// clusters, which tell nothing of the spread.
    pub fn standard_error(&self) -> Option<f64> {
        let n_clusters = self.n_clusters();
        if n_clusters < 2 {
            return None;
        }
        let mean = self.all.mean;
        let alone = self.alone.squares + self.alone.n as f64 * (self.alone.mean - mean).powi(2);
        let clustered: f64 = self
            .clusters
            .values()
            .map(|cluster| (cluster.n as f64 * (cluster.mean - mean)).powi(2))
            .sum();
        let few = n_clusters as f64 / (n_clusters - 1) as f64;
        Some((few * (alone + clustered)).sqrt() / self.all.n as f64)
    }

    /// Returns the mean and the ends of its 95 % interval; none without scores.
    ///
    /// The interval is the normal one, cut to what scores can be. One cluster
    /// alone tells nothing of the spread, so its interval is all there is.
    pub fn interval(&self) -> Option<Interval> {
        let half = self
            .standard_error()
            .map_or(f64::INFINITY, |error| Z_95 * error);
        self.mean().map(|mean| Interval {
            mean,
            low: (mean - half).max(0.0),
            high: (mean + half).min(100.0),
        })
    }
}

/// Count, mean and sum of squared distances from the mean (Welford), which
/// stays exact where a sum of squares would cancel out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Welford {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Welford {
    fn add(&mut self, score: f64) {
        self.n += 1;
        let distance = score - self.mean;
        self.mean += distance / self.n as f64;
        self.squares += distance * (score - self.mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(scores: &[(f64, Option<&str>)]) -> ClusteredMean {
        let mut mean = ClusteredMean::default();
        for (score, cluster) in scores {
            match cluster {
                Some(cluster) => mean.add_in(*score, (*cluster).into()),
                None => mean.add(*score),
            }
        }
        mean
    }

    fn check(scores: &[(f64, Option<&str>)], expected: (f64, f64, f64)) {
        let found = mean(scores).interval().unwrap();
        for (found, expected) in [
            (found.mean, expected.0),
            (found.low, expected.1),
            (found.high, expected.2),
        ] {
            assert!((found - expected).abs() < 1e-11, "{found} != {expected}");
        }
    }

    #[test]
    fn no_score_has_no_mean_and_one_cluster_says_nothing_of_the_spread() {
        assert_eq!(mean(&[]).interval(), None);
        check(&[(40.0, None)], (40.0, 0.0, 100.0));
        check(&[(40.0, Some("a")), (60.0, Some("a"))], (50.0, 0.0, 100.0));
    }

    #[test]
    fn an_interval_shrinks_with_more_scores() {
        let many = mean(
            &[0.0, 100.0, 100.0, 100.0]
                .map(|score| (score, None))
                .repeat(100),
        );
        let many = many.interval().unwrap();
        assert!(many.low > 70.0 && many.high < 80.0, "{many:?}");
    }

    #[test]
    fn scores_without_clusters_take_no_memory() {
        let mut mean = ClusteredMean::default();
        (0..1000).for_each(|i| mean.add(f64::from(i % 7)));
        assert!(mean.clusters.is_empty());
        assert_eq!((mean.n(), mean.n_clusters()), (1000, 1000));
    }

    #[test]
    fn a_cluster_of_one_is_a_score_alone() {
        let alone = mean(&[(0.0, None), (50.0, None), (70.0, None)]);
        let named = mean(&[(0.0, Some("a")), (50.0, None), (70.0, Some("b"))]);
        let (alone, named) = (alone.interval().unwrap(), named.interval().unwrap());
        assert!((alone.low - named.low).abs() < 1e-12, "{alone:?} {named:?}");
    }

    #[test]
    fn intervals_are_those_of_numpy() {
        // m = x.mean(); t = [sum(x[i] - m for i in g) for g in groups]; G = len(t)
        // m ± norm.ppf(.975) * sqrt(G / (G - 1) * sum(t ** 2) / len(x) ** 2), cut to 0..100
        check(
            &[0.0, 100.0, 100.0, 100.0].map(|score| (score, None)),
            (75.0, 26.00090038649865, 100.0),
        );
        let scores = [50.0, 60.0, 33.333, 66.667, 41.5, 58.0];
        let with = |clusters: [Option<&'static str>; 6]| {
            let pairs: Vec<_> = scores.into_iter().zip(clusters).collect();
            pairs
        };
        let (a, b, c) = (Some("a"), Some("b"), Some("c"));
        for (clusters, low, high) in [
            ([None; 6], 41.61004925506683, 61.55661741159984),
            ([a, a, b, b, c, None], 46.25473195091865, 56.911934715748025),
            (
                [a, b, a, None, b, None],
                41.85752585374868,
                61.30914081291799,
            ),
        ] {
            check(&with(clusters), (51.583333333333336, low, high));
        }
        let near = [99.99999, 100.0, 99.99999, 100.0, 99.99998];
        let pairs: Vec<_> = near.into_iter().zip([a, a, b, None, None]).collect();
        check(&pairs, (99.999992, 99.999984871908, 99.99999912809199));
    }
}
