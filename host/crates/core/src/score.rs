//! What a scorer said, once it has been checked.

use serde::{Deserialize, Serialize};

use crate::Untrusted;

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

/// A mean that is built up score by score, with its uncertainty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    n: u64,
    mean: f64,
    /// Sum of squared distances from the mean (Welford), which stays exact
    /// where a sum of squares would cancel out.
    squares: f64,
}

/// The half-width of a 95 % interval, in standard errors.
const Z_95: f64 = 1.96;

impl Mean {
    /// Takes one more score in.
    pub fn add(&mut self, score: f64) {
        self.n += 1;
        let distance = score - self.mean;
        self.mean += distance / self.n as f64;
        self.squares += distance * (score - self.mean);
    }

    /// Returns how many scores were taken in.
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Returns the mean and the ends of its 95 % interval; none without scores.
    ///
    /// The interval is the usual normal one, cut to what scores can be. One
    /// score alone tells nothing of the spread, so its interval is all there is.
    pub fn interval(&self) -> Option<Interval> {
        let half = match self.n {
            0 => return None,
            1 => f64::INFINITY,
            n => Z_95 * (self.squares / (n - 1) as f64 / n as f64).sqrt(),
        };
        Some(Interval {
            mean: self.mean,
            low: (self.mean - half).max(0.0),
            high: (self.mean + half).min(100.0),
        })
    }
}

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

    fn mean(scores: &[f64]) -> Option<Interval> {
        let mut mean = Mean::default();
        scores.iter().for_each(|score| mean.add(*score));
        mean.interval()
    }

    #[test]
    fn a_mean_has_an_interval_that_shrinks_with_more_scores() {
        let few = mean(&[0.0, 100.0, 100.0, 100.0]).unwrap();
        assert_eq!(few.mean, 75.0);
        assert!(
            (few.low - 26.0).abs() < 0.01 && few.high == 100.0,
            "{few:?}"
        );
        let many = mean(&[0.0, 100.0, 100.0, 100.0].repeat(100)).unwrap();
        assert!(many.low > 70.0 && many.high < 80.0, "{many:?}");
    }

    #[test]
    fn no_score_has_no_mean_and_one_says_nothing_of_the_spread() {
        assert_eq!(mean(&[]), None);
        assert_eq!(
            mean(&[40.0]),
            Some(Interval {
                mean: 40.0,
                low: 0.0,
                high: 100.0
            })
        );
    }
}
