//! What a scorer said, once it has been checked.

use serde::{Deserialize, Serialize};

use crate::Untrusted;

// What a run's scores come to is found beside what one score is.
pub use crate::stats::mean::{ClusteredMean as Mean, Interval};

/// The grade of one outcome.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to 100.
    pub composite: f64,
    /// Named parts of it.
    #[serde(default)]
    pub breakdown: Vec<(Untrusted, f64)>,
    /// Points earned, of those possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<(f64, f64)>,
    /// What was wrong, for the optimizer.
    #[serde(default)]
    pub feedback: Untrusted,
    /// How the score came about.
    #[serde(default)]
    pub diagnostics: Vec<Untrusted>,
}

/// A score that is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// Not a number from 0 to 100.
    #[error("the composite score is {0}, not a number from 0 to 100")]
    Composite(f64),
    /// A part that is not a number.
    #[error("the measure `{0}` is {1}, not a finite number")]
    Measure(Untrusted, f64),
    /// Points that cannot be.
    #[error("{0} points of {1} cannot be")]
    Points(f64, f64),
}

impl Score {
    /// Checks what a scorer returned, so that no mean ever meets a NaN.
    pub fn check(self) -> Result<Self, ScoreError> {
        if !(0.0..=100.0).contains(&self.composite) {
            return Err(ScoreError::Composite(self.composite));
        }
        if let Some((name, value)) = self.breakdown.iter().find(|(_, value)| !value.is_finite()) {
            return Err(ScoreError::Measure(name.clone(), *value));
        }
        match self.points {
            Some((earned, possible))
                if !(earned.is_finite()
                    && possible.is_finite()
                    && possible >= 0.0
                    && earned <= possible) =>
            {
                Err(ScoreError::Points(earned, possible))
            }
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn composite(composite: f64) -> Score {
        Score {
            composite,
            ..Score::default()
        }
    }

    #[test]
    fn a_score_is_a_number_from_0_to_100() {
        for bad in [f64::NAN, f64::INFINITY, -0.001, 100.001] {
            assert!(composite(bad).check().is_err(), "{bad}");
        }
        for good in [0.0, -0.0, 100.0] {
            assert!(composite(good).check().is_ok(), "{good}");
        }
    }

    #[test]
    fn parts_and_points_are_checked_too() {
        let part = Score {
            breakdown: vec![("f1".into(), f64::NAN)],
            ..composite(1.0)
        };
        assert!(part.check().is_err());
        for points in [(2.0, 1.0), (f64::NAN, 1.0), (0.0, -1.0)] {
            assert!(
                Score {
                    points: Some(points),
                    ..composite(1.0)
                }
                .check()
                .is_err(),
                "{points:?}"
            );
        }
        assert!(
            Score {
                points: Some((1.0, 2.0)),
                ..composite(50.0)
            }
            .check()
            .is_ok()
        );
    }
}
