//! Quantiles, for latencies.

/// Returns the quantile `q`, from 0 to 1, of values in ascending order, with
/// neighbours interpolated as `numpy.quantile(values, q, method="linear")`
/// does; none without values.
///
/// ```
/// use fapo_core::stats::quantile::quantile;
///
/// assert_eq!(quantile(&[10.0, 20.0, 40.0], 0.5), Some(20.0));
/// assert_eq!(quantile(&[10.0, 20.0, 40.0], 0.75), Some(30.0));
/// ```
pub fn quantile(ascending: &[f64], q: f64) -> Option<f64> {
    debug_assert!(
        ascending.is_sorted(),
        "quantiles are taken of sorted values"
    );
    let last = ascending.len().checked_sub(1)?;
    let at = q.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let (low, high) = (ascending[below], ascending[(below + 1).min(last)]);
    Some(low + (high - low) * (at - below as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_quantile_and_one_value_is_all_of_them() {
        assert_eq!(quantile(&[], 0.5), None);
        for q in [0.0, 0.5, 1.0] {
            assert_eq!(quantile(&[3.0], q), Some(3.0));
        }
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let values = [3.5, 12.0, 12.0, 18.25, 40.0, 41.0, 97.5, 210.0];
        // [np.quantile(values, q) for q in (0, .05, .5, .9, .95, .99, 1)]
        for (q, expected) in [
            (0.0, 3.5),
            (0.05, 6.475),
            (0.5, 29.125),
            (0.9, 131.24999999999997),
            (0.95, 170.62499999999994),
            (0.99, 202.12499999999997),
            (1.0, 210.0),
        ] {
            let found = quantile(&values, q).unwrap();
            assert!(
                (found - expected).abs() < 1e-12,
                "{q}: {found} != {expected}"
            );
        }
    }
}
