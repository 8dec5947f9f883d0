//! Differences of paired scores, gathered by cluster: what the tests and the
//! intervals of a comparison are made from.

/// The differences of one cluster: how many, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClusterSum {
    /// How many pairs.
    pub n: u64,
    /// The sum of their differences.
    pub sum: f64,
}

/// Differences of paired scores. The order of clusters, and of the differences
/// in each, is part of what resampling draws from, so bring them in a fixed one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    clusters: Vec<ClusterSum>,
    n: u64,
    sum: f64,
    /// The sum of their sizes, which says how exact sums of them can be.
    size: f64,
}

/// What 80 % power adds to the two-sided 5 % level, in standard errors
/// (`scipy.stats.norm.ppf([0.975, 0.8])`).
const DETECTABLE: f64 = 1.959964 + 0.841621;

impl Differences {
    /// Gathers differences, each cluster's after another.
    pub fn of_clusters<C: AsRef<[f64]>>(clusters: impl IntoIterator<Item = C>) -> Self {
        let mut all = Self::default();
        for cluster in clusters {
            let differences = cluster.as_ref();
            let sum: f64 = differences.iter().sum();
            let n = differences.len() as u64;
            all.clusters.push(ClusterSum { n, sum });
            all.n += n;
            all.sum += sum;
            all.size += differences.iter().map(|d| d.abs()).sum::<f64>();
        }
        all
    }

    /// Gathers differences that do not depend on one another.
    pub fn independent(differences: &[f64]) -> Self {
        Self::of_clusters(differences.chunks(1))
    }

    /// Returns the clusters.
    pub fn clusters(&self) -> &[ClusterSum] {
        &self.clusters
    }

    /// Returns the sum of all differences.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// Returns their mean; none when there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    /// Returns the distance below which two sums of these differences are the
    /// same: thirds do not add up to exactly one, and a tie must count as a tie.
    pub fn tolerance(&self) -> f64 {
        1e-10 * self.size
    }

    /// Returns the cluster-robust standard error of the mean difference; none
    /// with fewer than two clusters.
    ///
    /// It is that of [`ClusteredMean`](super::mean::ClusteredMean), which is to say
    /// `s / sqrt(n)` when each cluster is one pair.
    pub fn standard_error(&self) -> Option<f64> {
        let n_clusters = self.clusters.len() as f64;
        let mean = self.mean().filter(|_| self.clusters.len() > 1)?;
        let squares: f64 = self
            .clusters
            .iter()
            .map(|cluster| (cluster.sum - cluster.n as f64 * mean).powi(2))
            .sum();
        Some((n_clusters / (n_clusters - 1.0) * squares).sqrt() / self.n as f64)
    }

    /// Returns the smallest true difference that a two-sided test at 5 % would
    /// find 4 times in 5 (80 % power, normal approximation).
    ///
    /// None where the differences show no spread, since then nothing is known of
    /// what could be seen.
    pub fn detectable(&self) -> Option<f64> {
        let error = self.standard_error()?;
        (error * self.n as f64 > self.tolerance()).then_some(DETECTABLE * error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::mean::{Cluster, ClusteredMean};

    const CLUSTERS: [&[f64]; 4] = [&[10.0, 20.0, 5.0], &[-33.333], &[0.0, 0.0], &[50.0, -20.0]];

    #[test]
    fn the_error_is_that_of_a_clustered_mean() {
        let differences = Differences::of_clusters(CLUSTERS);
        let mut mean = ClusteredMean::default();
        for (at, cluster) in CLUSTERS.iter().enumerate() {
            cluster
                .iter()
                .for_each(|d| mean.add_in(*d, Cluster(at as u64)));
        }
        let (one, other) = (differences.standard_error(), mean.standard_error());
        assert!((one.unwrap() - other.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn without_a_spread_nothing_is_known_of_what_could_be_seen() {
        for flat in [&[][..], &[5.0], &[0.0; 30], &[33.333; 30]] {
            assert_eq!(
                Differences::independent(flat).detectable(),
                None,
                "{flat:?}"
            );
        }
    }

    #[test]
    fn four_times_the_pairs_show_half_the_difference() {
        let some = Differences::independent(&[-100.0, 0.0, 100.0, 0.0].repeat(10));
        let more = Differences::independent(&[-100.0, 0.0, 100.0, 0.0].repeat(40));
        let ratio = some.detectable().unwrap() / more.detectable().unwrap();
        assert!((ratio - 2.0).abs() < 0.03, "{ratio}");
    }
}
