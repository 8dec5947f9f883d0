//! The scorer: an answer is right or wrong, and its words count as a measure.

use fapo_sdk::prelude::*;
use fapo_sdk::score;

/// Gives 100 to an answer that is the expected one but for case, punctuation,
/// articles and spacing, and 0 to every other.
pub struct ExactMatch;

impl Scorer for ExactMatch {
    fn validate_case(case: &ScoredCase, _profile: &str) -> Result<(), ScoreError> {
        case.expected_text().map(|_| ())
    }

    fn score_case(
        case: &ScoredCase,
        output_text: &str,
        _profile: &str,
        _judge: &Host,
    ) -> Result<Score, ScoreError> {
        let expected = case.expected_text()?;
        let exact = score::exact_match(output_text, &expected);
        let score = Score::pass(exact)
            .measure("exact", f64::from(exact))
            .measure("f1", score::f1(output_text, &expected));
        if exact {
            return Ok(score);
        }
        Ok(score.feedback(format!("expected `{expected}`, got `{output_text}`")))
    }
}

#[cfg(test)]
mod tests {
    use fapo_sdk::fake::FakeHost;

    use super::*;

    fn score(expected: Value, output: &str) -> Result<Score, ScoreError> {
        let row = TestCase::new("1", &json!({})).expecting(&expected);
        ExactMatch::score_case(&row, output, "", &FakeHost::new())
    }

    #[test]
    fn punctuation_and_articles_do_not_make_an_answer_wrong() {
        let score = score(json!("the Black Sea"), "Black sea.").unwrap();
        let expected = Score::from_composite(100.0).measure("exact", 1.0);
        assert_eq!(score, expected.measure("f1", 1.0));
    }

    #[test]
    fn too_many_words_are_wrong_and_the_feedback_shows_both() {
        let score = score(json!("the Black Sea"), "It is the Black Sea").unwrap();
        assert_eq!(score.composite, 0.0);
        assert_eq!(score.breakdown[1].value, 2.0 / 3.0);
        assert_eq!(
            score.feedback,
            "expected `the Black Sea`, got `It is the Black Sea`"
        );
    }

    #[test]
    fn a_row_without_an_expected_text_is_bad() {
        for expected in [json!(null), json!(""), json!(2)] {
            let message = "`expected` must be a text that is not empty";
            let error = ScoreError::BadCase(message.into());
            assert_eq!(score(expected, "x"), Err(error));
        }
    }
}
