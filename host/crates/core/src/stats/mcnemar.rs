//! The exact test for answers that are right or wrong.

use std::f64::consts::{LN_2, PI};

/// Returns the two-sided p of McNemar's exact test: `b` cases got better and
/// `c` worse, and by chance alone each would go either way.
///
/// This is `scipy.stats.binomtest(b, b + c, 0.5).pvalue`, and 1 when nothing
/// changed. A p too small for a number is the smallest number, not zero.
///
/// ```
/// use fapo_core::stats::mcnemar::mcnemar_exact;
///
/// assert!((mcnemar_exact(0, 6) - 2.0 / 64.0).abs() < 1e-12);
/// ```
pub fn mcnemar_exact(b: u64, c: u64) -> f64 {
    let (n, fewer) = (b + c, b.min(c));
    // From the tail's last term down, each a fraction of the one before, so
    // nothing cancels and the sum ends where it no longer grows.
    let (mut term, mut sum) = (1.0, 1.0);
    for k in (0..fewer).rev() {
        term *= (k + 1) as f64 / (n - k) as f64;
        sum += term;
        if term < sum * f64::EPSILON / 16.0 {
            break;
        }
    }
    let tail = (ln_term(n, fewer) + sum.ln()).exp();
    (2.0 * tail).clamp(f64::MIN_POSITIVE, 1.0)
}

/// Returns the logarithm of `n choose k / 2ⁿ`, for `k` of at most half of `n`.
///
/// Factorials cancel down to a few digits when `n` is large, so this is
/// Loader's form of the binomial, in which large parts never appear
/// (Fast and accurate computation of binomial probabilities, 2000).
fn ln_term(n: u64, k: u64) -> f64 {
    if k == 0 {
        return -(n as f64) * LN_2;
    }
    let (n_real, k_real, rest) = (n as f64, k as f64, (n - k) as f64);
    let half = n_real / 2.0;
    let off = (half - k_real) / half;
    let deviance = half * ((1.0 - off) * (-off).ln_1p() + (1.0 + off) * off.ln_1p());
    let corrections = stirling_error(n) - stirling_error(k) - stirling_error(n - k);
    corrections - deviance + 0.5 * (n_real / (2.0 * PI * k_real * rest)).ln()
}

/// Returns how far Stirling's formula is below the logarithm of `n!`.
fn stirling_error(n: u64) -> f64 {
    let x = n as f64;
    if n < 16 {
        let factorial: f64 = (2..=n).map(|i| i as f64).product();
        return factorial.ln() - (x + 0.5) * x.ln() + x - 0.5 * (2.0 * PI).ln();
    }
    let x2 = x * x;
    (1.0 / 12.0
        - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / (1188.0 * x2)) / x2) / x2) / x2)
        / x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(b: u64, c: u64, expected: f64) {
        for found in [mcnemar_exact(b, c), mcnemar_exact(c, b)] {
            let off = (found / expected - 1.0).abs();
            assert!(off < 1e-9, "{b} {c}: {found:e} != {expected:e}");
        }
    }

    #[test]
    fn nothing_changed_or_as_much_either_way_is_chance() {
        for same in [0, 1, 5, 1_000_000] {
            assert_eq!(mcnemar_exact(same, same), 1.0);
        }
        assert!((mcnemar_exact(1000, 1001) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn p_is_never_zero() {
        assert_eq!(mcnemar_exact(0, 1_000_000), f64::MIN_POSITIVE);
    }

    #[test]
    fn p_is_that_of_scipy() {
        // scipy.stats.binomtest(b, b + c, 0.5).pvalue
        for (b, c, expected) in [
            (0, 1, 1.0),
            (1, 2, 1.0),
            (0, 6, 0.03125),
            (3, 5, 0.7265625),
            (2, 12, 0.012939453125),
            (10, 25, 0.016673847800120715),
            (15, 31, 0.02589608179323477),
            (16, 32, 0.029304946720529308),
            (40, 61, 0.046044066929342785),
            (100, 140, 0.01166409231767769),
            (450, 550, 0.0017305360849763027),
            (4900, 5100, 0.04658552770494645),
            (0, 100, 1.5777218104420236e-30),
            (0, 1000, 1.8665272370064378e-301),
            (1, 1000, 9.351301457402253e-299),
            (200, 1200, 5.9907754694887495e-174),
            (49_500, 50_500, 0.0015823598788515154),
            (499_000, 501_000, 0.0456082998653896),
            (480_000, 500_000, 9.261280876840643e-91),
            (999_000, 1_000_000, 0.4798298053092891),
        ] {
            check(b, c, expected);
        }
    }
}
