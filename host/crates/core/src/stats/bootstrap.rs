//! An interval of the mean difference that assumes no shape of the scores.

use super::difference::Differences;
use super::quantile::quantile;
use super::random::Random;

/// How many samples are drawn.
pub const RESAMPLES: usize = 10_000;

/// Returns the ends of the 95 % percentile interval of the mean difference:
/// whole clusters are drawn with replacement, as many as there are, and the mean
/// of what was drawn lies between the ends in 95 of 100 draws.
///
/// Where no cluster has more than one pair, this is `scipy.stats.bootstrap((d,),
/// np.mean, method="percentile")`. Fewer than two clusters tell nothing of the
/// spread, so the interval is all that a difference of scores can be.
pub fn percentile_interval(differences: &Differences, seed: u64) -> (f64, f64) {
    let clusters = differences.clusters();
    if clusters.len() < 2 {
        return (-100.0, 100.0);
    }
    let parts: Vec<(f64, f64)> = clusters.iter().map(|c| (c.sum, c.n as f64)).collect();
    let mut random = Random::seeded(seed);
    let mut draw = || {
        let (mut sum, mut n) = (0.0, 0.0);
        for _ in 0..parts.len() {
            let part = parts[random.below(parts.len())];
            sum += part.0;
            n += part.1;
        }
        sum / n
    };
    let mut means: Vec<f64> = (0..RESAMPLES).map(|_| draw()).collect();
    means.sort_unstable_by(f64::total_cmp);
    let end = |q| quantile(&means, q).expect("there are resamples");
    (end(0.025), end(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: (f64, f64), expected: (f64, f64), within: f64) {
        for (found, expected) in [(found.0, expected.0), (found.1, expected.1)] {
            assert!((found - expected).abs() < within, "{found} != {expected}");
        }
    }

    #[test]
    fn one_cluster_says_nothing_of_the_spread() {
        let one = Differences::of_clusters([[1.0, 2.0, 3.0]]);
        assert_eq!(percentile_interval(&one, 1), (-100.0, 100.0));
    }

    #[test]
    fn the_same_seed_gives_the_same_ends() {
        let some = Differences::independent(&[1.0, -5.0, 33.333, 0.0, 12.0]);
        assert_eq!(percentile_interval(&some, 5), percentile_interval(&some, 5));
    }

    #[test]
    fn swapped_sides_have_the_same_interval_with_the_other_sign() {
        let values = [1.0, -5.0, 33.333, 0.0, 12.0, 8.0];
        let (low, high) = percentile_interval(&Differences::independent(&values), 5);
        let swapped = percentile_interval(&Differences::independent(&values.map(|d| -d)), 5);
        check(swapped, (-high, -low), 1e-9);
    }

    #[test]
    fn the_ends_are_those_of_scipy_but_for_chance() {
        // scipy.stats.bootstrap((d,), np.mean, method="percentile", n_resamples=2_000_000)
        // An end of 10,000 resamples is off by 0.26 in one standard deviation.
        let values = [
            33.333, -66.667, 100.0, 0.0, 16.667, -16.667, 50.0, 50.0, 0.0, 0.0, 25.0, -10.0, 12.5,
            40.0, -5.0,
        ];
        let found = percentile_interval(&Differences::independent(&values), 1);
        check(found, (-3.1667333333333336, 34.0), 1.0);
        // s, n = sums and sizes of clusters; ix = rng.integers(0, G, (1_000_000, G))
        // np.quantile(s[ix].sum(1) / n[ix].sum(1), [.025, .975])
        let clusters: [&[f64]; 8] = [
            &[10.0, 20.0, 5.0],
            &[-33.333],
            &[0.0, 0.0],
            &[50.0, -20.0],
            &[12.0, -7.0, 30.0, 8.0],
            &[60.0],
            &[-5.0, -15.0],
            &[100.0, 0.0, 0.0],
        ];
        let found = percentile_interval(&Differences::of_clusters(clusters), 1);
        check(found, (-0.4999285714285711, 23.94736842105263), 1.0);
    }
}
