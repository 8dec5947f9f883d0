//! The test for scores of any kind: if nothing but chance told the two sides
//! apart, each difference might as well have had the other sign.

use super::difference::Differences;
use super::random::Random;

/// The most clusters whose signs are all tried. Their million patterns take
/// milliseconds; each further cluster doubles that.
pub const EXACT_CLUSTERS_MAX: usize = 20;

/// How many patterns are drawn when there are too many to try.
pub const RESAMPLES: u32 = 100_000;

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SignFlip {
    /// The two-sided p.
    pub p: f64,
    /// Whether every pattern of signs was tried.
    pub exact: bool,
    /// Clusters whose differences do not add up to nothing: those whose sign
    /// tells something.
    pub n_nonzero: usize,
}

/// Tests the mean difference by flipping signs, those of a cluster together.
///
/// This is the `permutation_type="samples"` of `scipy.stats.permutation_test`
/// with one sample of cluster sums and their sum as the statistic. When each
/// pattern is tried, p is the share of patterns whose sum is as far from zero
/// as the one seen; otherwise it is `(hits + 1) / (RESAMPLES + 1)`.
pub fn sign_flip(differences: &Differences, seed: u64) -> SignFlip {
    let tolerance = differences.tolerance();
    let sums: Vec<f64> = differences
        .clusters()
        .iter()
        .map(|cluster| cluster.sum)
        .filter(|sum| sum.abs() > tolerance)
        .collect();
    let seen = differences.sum().abs() - tolerance;
    let exact = sums.len() <= EXACT_CLUSTERS_MAX;
    let p = if exact {
        share_of_patterns(&sums, seen)
    } else {
        share_of_draws(&sums, seen, &mut Random::seeded(seed))
    };
    SignFlip {
        p,
        exact,
        n_nonzero: sums.len(),
    }
}

/// Returns the share of all patterns of signs whose sum is at least `seen` from
/// zero.
fn share_of_patterns(sums: &[f64], seen: f64) -> f64 {
    // Sums of two halves, so that no pattern costs more than one addition and
    // none carries the rounding of a long way of additions.
    let (left, right) = sums.split_at(sums.len() / 2);
    let (left, right) = (signed_sums(left), signed_sums(right));
    let hits: usize = left
        .iter()
        .map(|l| right.iter().filter(|r| (l + *r).abs() >= seen).count())
        .sum();
    hits as f64 / (left.len() * right.len()) as f64
}

/// Returns the share of random patterns, the one seen included.
fn share_of_draws(sums: &[f64], seen: f64, random: &mut Random) -> f64 {
    // Eight clusters a table: one byte of the generator then flips them at the
    // price of one addition.
    let tables: Vec<Vec<f64>> = sums.chunks(8).map(signed_sums).collect();
    let mut hits = 0;
    for _ in 0..RESAMPLES {
        let mut sum = 0.0;
        for tables in tables.chunks(8) {
            let bytes = random.bits().to_le_bytes();
            for (table, byte) in tables.iter().zip(bytes) {
                sum += table[usize::from(byte) % table.len()];
            }
        }
        if f64::abs(sum) >= seen {
            hits += 1;
        }
    }
    f64::from(hits + 1) / f64::from(RESAMPLES + 1)
}

/// Returns the sum under each pattern of signs: bit `i` of the place in the list
/// is the sign of value `i`.
fn signed_sums(values: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for value in values {
        let flipped: Vec<f64> = sums.iter().map(|sum| sum - value).collect();
        sums.iter_mut().for_each(|sum| *sum += value);
        sums.extend(flipped);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::mcnemar::mcnemar_exact;

    fn p(differences: &[f64]) -> f64 {
        sign_flip(&Differences::independent(differences), 1).p
    }

    #[test]
    fn no_difference_is_chance() {
        assert_eq!(p(&[]), 1.0);
        assert_eq!(p(&[0.0; 40]), 1.0);
        assert_eq!(p(&[5.0]), 1.0);
    }

    #[test]
    fn right_and_wrong_answers_give_the_p_of_mcnemar() {
        for (better, worse) in [(0, 6), (3, 5), (9, 1), (10, 10), (4, 15), (0, 20)] {
            let mut differences = vec![100.0; better];
            differences.extend(vec![-100.0; worse]);
            differences.extend(vec![0.0; 30]);
            let exact = mcnemar_exact(better as u64, worse as u64);
            assert!((p(&differences) - exact).abs() < 1e-12, "{better} {worse}");
        }
    }

    #[test]
    fn thirds_that_add_up_to_one_are_a_tie() {
        let third = 100.0 / 3.0;
        // The sum seen is zero but for rounding, so no pattern is nearer to it.
        assert_eq!(p(&[third, third, third, -100.0]), 1.0);
        assert_eq!(p(&[100.0 - 2.0 * third, -third]), 1.0);
    }

    #[test]
    fn a_cluster_whose_differences_cancel_tells_nothing() {
        let third = 100.0 / 3.0;
        let with = Differences::of_clusters([&[third, third, third, -100.0][..], &[5.0], &[7.0]]);
        let found = sign_flip(&with, 1);
        assert_eq!((found.n_nonzero, found.p), (2, 0.5));
    }

    #[test]
    fn p_is_that_of_scipy() {
        // permutation_test((d,), np.sum, permutation_type="samples",
        //                  n_resamples=np.inf).pvalue
        for (differences, expected) in [
            (
                &[33.333, -66.667, 100.0, 0.0, 16.6667, -16.6667, 50.0, 50.0][..],
                0.328125,
            ),
            (
                &[10.0, -20.0, 30.0, 5.0, 5.0, 0.0, 0.0, -12.5, 40.0],
                0.359375,
            ),
            (
                &[
                    33.333, 33.333, 33.333, -66.667, -33.333, 66.667, 100.0, -100.0, 33.333, 33.333,
                ],
                0.611328125,
            ),
            (
                &[
                    10.912, 20.432, 10.609, -22.063, 22.107, 12.927, -6.739, 15.622, 11.291, 9.883,
                    4.568, 14.934, -10.729, 0.742, -5.642,
                ],
                0.0888671875,
            ),
            (
                &[
                    -75.0, 0.0, 100.0, -50.0, 0.0, 0.0, 100.0, -50.0, 25.0, -25.0, -75.0, 75.0,
                    -75.0, -25.0, 0.0, 0.0, -75.0, 100.0,
                ],
                0.923095703125,
            ),
            (
                &[
                    -48.2232, -31.7803, 2.5046, -2.4438, 10.2729, 10.3464, 48.3568, -16.2404,
                    -1.5521, 46.8554, 18.9341, 19.2613, -4.2801, -26.9615, 9.3493, 8.1803, -18.547,
                ],
                0.82147216796875,
            ),
        ] {
            assert_eq!(p(differences), expected, "{differences:?}");
        }
    }

    #[test]
    fn clusters_flip_together_as_in_numpy() {
        // sums = [sum(c) for c in clusters]
        // T = [abs(np.dot(s, sums)) for s in itertools.product((1, -1), repeat=len(sums))]
        // np.mean(np.array(T) >= abs(sum(sums)) - 1e-9)
        let check = |clusters: &[&[f64]], expected: f64| {
            let differences = Differences::of_clusters(clusters);
            assert_eq!(sign_flip(&differences, 1).p, expected, "{clusters:?}");
        };
        check(
            &[&[10.0, 20.0, 5.0], &[-33.333], &[0.0, 0.0], &[50.0, -20.0]],
            0.75,
        );
        check(
            &[
                &[33.333, 33.333, 33.333],
                &[-100.0],
                &[66.667],
                &[25.0, 25.0],
                &[-50.0],
                &[12.5, -12.5],
            ],
            0.8125,
        );
        check(
            &[
                &[100.0, 100.0, -100.0],
                &[100.0],
                &[-100.0, -100.0],
                &[0.0, 100.0],
                &[100.0],
                &[100.0, 0.0, 0.0],
                &[100.0],
            ],
            0.359375,
        );
        check(
            &[
                &[-2.59],
                &[13.91, 18.37, 9.81],
                &[-7.27, 15.97, -2.52, 18.19],
                &[-11.08, 18.72],
                &[4.7, -13.73],
                &[0.29, 5.81, 9.09, -9.73],
                &[-11.61, 7.99, -2.0],
                &[8.53, 16.39, -19.73],
                &[8.82, 23.37, 0.54],
                &[-7.16, 16.28, 8.8],
                &[18.44, -0.18, -17.23, 3.35],
                &[-1.69, 16.63, 7.9, -19.46],
            ],
            0.03857421875,
        );
    }

    #[test]
    fn draws_come_close_to_all_patterns() {
        // The same call of SciPy, with all of the 2²² patterns; five standard
        // errors of a share of 100,000 draws.
        for (differences, expected) in [
            (
                [
                    -18.903, 22.676, 18.595, -7.805, 4.979, 13.911, 14.368, 22.525, 10.13, 3.103,
                    -0.177, 26.115, -40.017, 2.227, 5.66, -23.507, 11.656, -8.026, 22.249, 2.488,
                    18.383, 29.377,
                ],
                0.12493705749511719,
            ),
            (
                [
                    100.0, 25.0, 75.0, -50.0, 75.0, 100.0, -75.0, -50.0, -50.0, -25.0, -25.0,
                    -75.0, 100.0, -25.0, 100.0, 75.0, -50.0, 50.0, 75.0, -50.0, -50.0, -75.0,
                ],
                0.6392421722412109,
            ),
        ] {
            let found = sign_flip(&Differences::independent(&differences), 1);
            let within = 5.0 * f64::sqrt(expected * (1.0 - expected) / f64::from(RESAMPLES));
            assert!(!found.exact);
            assert!(
                (found.p - expected).abs() < within,
                "{} {expected}",
                found.p
            );
        }
    }

    #[test]
    fn p_is_a_chance_and_does_not_know_which_side_is_which() {
        let mut random = Random::seeded(3);
        for n in (1..60).step_by(3) {
            let one: Vec<f64> = (0..n).map(|_| random.below(201) as f64 - 100.0).collect();
            let other: Vec<f64> = one.iter().map(|d| -d).collect();
            let found = p(&one);
            assert!(found > 0.0 && found <= 1.0, "{found}");
            assert_eq!(found, p(&other));
        }
    }
}
