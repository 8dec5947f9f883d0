//! The export `scorer`: what grades an outcome.

use serde_json::Value;

use crate::bindings::scorer::{Measure, Points, Score, ScoreError};
use crate::bindings::types::{CallRecord, Outcome, ProviderError, ScoredCase, StepRecord};
use crate::case::Case;
use crate::host::Host;

/// A scorer. Export it with [`export_scorer!`](crate::export_scorer).
///
/// ```
/// use fapo_sdk::prelude::*;
/// use fapo_sdk::score;
///
/// pub struct Words;
///
/// impl Scorer for Words {
///     fn validate_case(case: &ScoredCase, _profile: &str) -> Result<(), ScoreError> {
///         case.expected_text().map(|_| ())
///     }
///
///     fn score_case(
///         case: &ScoredCase,
///         output_text: &str,
///         _profile: &str,
///         _judge: &Host,
///     ) -> Result<Score, ScoreError> {
///         let f1 = score::f1(output_text, &case.expected_text()?);
///         Ok(Score::from_composite(100.0 * f1).measure("f1", f1))
///     }
/// }
///
/// fapo_sdk::export_scorer!(Words);
///
/// # fn main() {
/// let row = TestCase::new("1", &json!({})).expecting(&json!("the Black Sea"));
/// let host = fapo_sdk::fake::FakeHost::new();
/// let score = Words::score_case(&row, "black sea", "", &host).unwrap();
/// assert_eq!(score.composite, 100.0);
/// # }
/// ```
pub trait Scorer {
    /// Says whether a profile can be used, before any of the others is called
    /// with it. Without this, the empty profile is the only one.
    fn check_profile(profile: &str) -> Result<(), ScoreError> {
        if profile.is_empty() {
            return Ok(());
        }
        Err(ScoreError::UnknownProfile(format!(
            "`{profile}` is none: this scorer has the empty profile alone"
        )))
    }

    /// Says whether a row can be scored at all.
    fn validate_case(_case: &ScoredCase, _profile: &str) -> Result<(), ScoreError> {
        Ok(())
    }

    /// Grades a text alone. `judge` reaches `provider`, where the tenant's
    /// manifest grants a judge, and `log`.
    fn score_case(
        case: &ScoredCase,
        output_text: &str,
        profile: &str,
        judge: &Host,
    ) -> Result<Score, ScoreError>;

    /// Grades an outcome with the steps and the calls that led to it. Without
    /// this, the text is graded alone. A scorer that reads no calls is quicker
    /// where `tenant.toml` says so: `metric.reads_calls = false`.
    fn score_pipeline_case(
        case: &ScoredCase,
        outcome: &Outcome,
        _steps: &[StepRecord],
        _calls: &[CallRecord],
        profile: &str,
        judge: &Host,
    ) -> Result<Score, ScoreError> {
        Self::score_case(case, &outcome.output_text, profile, judge)
    }
}

impl ScoredCase {
    /// Returns the expected value.
    pub fn expected_value(&self) -> Result<Value, ScoreError> {
        serde_json::from_str(&self.expected)
            .map_err(|error| ScoreError::BadCase(format!("`expected` is not JSON: {error}")))
    }

    /// Returns the expected value of a row that has a text there.
    pub fn expected_text(&self) -> Result<String, ScoreError> {
        match self.expected_value()? {
            Value::String(text) if !text.is_empty() => Ok(text),
            _ => Err(ScoreError::BadCase(
                "`expected` must be a text that is not empty".into(),
            )),
        }
    }

    /// Returns the expected value of a row that accepts several texts: a list
    /// of texts, or the one.
    pub fn expected_texts(&self) -> Result<Vec<String>, ScoreError> {
        let text = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
        let texts = match &self.expected_value()? {
            Value::Array(values) if !values.is_empty() => values.iter().map(text).collect(),
            value => text(value).map(|text| vec![text]),
        };
        texts.ok_or_else(|| {
            ScoreError::BadCase("`expected` must be a text or a list of texts, none empty".into())
        })
    }

    /// Returns the case as its chain saw it.
    pub fn seen(&self) -> Result<Case, ScoreError> {
        Case::new(self.case.clone()).map_err(|error| ScoreError::BadCase(error.reason()))
    }
}

impl Score {
    /// Returns a score of 0 to 100 without anything beside it.
    pub fn from_composite(composite: f64) -> Self {
        Self {
            composite,
            breakdown: Vec::new(),
            points: None,
            feedback: String::new(),
            diagnostics: Vec::new(),
        }
    }

    /// Returns 100 for what is right and 0 for what is not.
    pub fn pass(right: bool) -> Self {
        Self::from_composite(if right { 100.0 } else { 0.0 })
    }

    /// Returns the score of points earned out of those possible. Points may be
    /// negative or beyond what is possible; the composite stays from 0 to 100.
    ///
    /// ```
    /// use fapo_sdk::Score;
    ///
    /// let score = Score::from_points(3.0, 4.0);
    /// assert_eq!(score.composite, 75.0);
    /// assert_eq!(score.points.unwrap().possible, 4.0);
    /// ```
    pub fn from_points(earned: f64, possible: f64) -> Self {
        let share = if possible > 0.0 {
            earned / possible
        } else {
            0.0
        };
        Self {
            points: Some(Points { earned, possible }),
            ..Self::from_composite(100.0 * share.clamp(0.0, 1.0))
        }
    }

    /// Adds a named part of the score.
    pub fn measure(mut self, name: &str, value: f64) -> Self {
        self.breakdown.push(Measure {
            name: name.to_owned(),
            value,
        });
        self
    }

    /// Says what was wrong, for the optimizer.
    pub fn feedback(mut self, text: impl Into<String>) -> Self {
        self.feedback = text.into();
        self
    }

    /// Adds a fact about how the score came about.
    pub fn diagnostic(mut self, text: impl Into<String>) -> Self {
        self.diagnostics.push(text.into());
        self
    }
}

impl From<ProviderError> for ScoreError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bindings::types::TestCase;
    use crate::fake::FakeHost;

    struct Always;

    impl Scorer for Always {
        fn score_case(
            _case: &ScoredCase,
            output_text: &str,
            _profile: &str,
            _judge: &Host,
        ) -> Result<Score, ScoreError> {
            Ok(Score::pass(output_text == "yes"))
        }
    }

    fn row(expected: Value) -> ScoredCase {
        TestCase::new("1", &json!({})).expecting(&expected)
    }

    #[test]
    fn an_outcome_is_scored_by_its_text() {
        let outcome = Outcome {
            output_text: "yes".into(),
            diagnostics: Vec::new(),
        };
        let (row, host) = (row(json!(null)), FakeHost::new());
        let score = Always::score_pipeline_case(&row, &outcome, &[], &[], "", &host);
        assert_eq!(score.unwrap().composite, 100.0);
    }

    #[test]
    fn a_scorer_that_says_nothing_of_profiles_has_the_empty_one_alone() {
        assert_eq!(Always::check_profile(""), Ok(()));
        let error = Always::check_profile("strict").unwrap_err();
        assert!(matches!(error, ScoreError::UnknownProfile(why) if why.starts_with("`strict`")));
    }

    #[test]
    fn an_expected_text_is_not_empty() {
        assert_eq!(row(json!("x")).expected_text().as_deref(), Ok("x"));
        for expected in [json!(""), json!(null), json!(1), json!(["x"])] {
            let error = row(expected).expected_text().unwrap_err();
            let message = "`expected` must be a text that is not empty";
            assert_eq!(error, ScoreError::BadCase(message.into()));
        }
    }

    #[test]
    fn several_expected_texts_may_be_one() {
        assert_eq!(row(json!("x")).expected_texts().unwrap(), ["x"]);
        assert_eq!(row(json!(["x", "y"])).expected_texts().unwrap(), ["x", "y"]);
        assert!(row(json!([])).expected_texts().is_err());
        assert!(row(json!(["x", 1])).expected_texts().is_err());
    }

    #[test]
    fn a_composite_of_points_stays_in_range() {
        assert_eq!(Score::from_points(5.0, 4.0).composite, 100.0);
        assert_eq!(Score::from_points(-1.0, 4.0).composite, 0.0);
        assert_eq!(Score::from_points(1.0, 0.0).composite, 0.0);
    }
}
