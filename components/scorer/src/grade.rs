//! From the findings of the metrics to a score and a sentence.

use fapo_sdk::prelude::*;
use fapo_sdk::score::Normalize;

use crate::expected::{Expected, leaves, quoted};
use crate::metric::{Finding, Row, best_f1};
use crate::profile::{ALWAYS, Profile, Weighted};

/// Grades an output by a profile.
pub(crate) fn grade(
    profile: &Profile,
    case: &ScoredCase,
    output: &str,
    judge: &Host,
) -> Result<Score, ScoreError> {
    let expected = Expected {
        value: case.expected_value()?,
    };
    let row = Row { case, expected };
    let answers: Vec<_> = profile
        .metrics
        .iter()
        .map(|weighted| weighted.answer(output))
        .collect();
    let mut findings = Vec::with_capacity(answers.len());
    for (weighted, answer) in profile.metrics.iter().zip(&answers) {
        findings.push(match answer {
            Ok(answer) => weighted.metric.grade(&row, answer, judge)?,
            Err(why) => Finding::malformed(format!("no answer could be taken out of it: {why}")),
        });
    }

    let weighed = || profile.metrics.iter().zip(&findings);
    let earned: f64 = weighed().map(|(one, found)| one.weight * found.value).sum();
    let possible: f64 = weighed().map(|(one, _)| one.weight).sum();
    let mut score = Score::from_points(earned, possible);
    if !profile.has_weights {
        score.points = None;
    }
    // The first metric's answer is the one that the usual measures are of.
    let answer = answers[0].as_deref().ok();
    let is_formed = findings.iter().all(|found| found.is_formed);
    for (name, value) in ALWAYS.into_iter().zip(usual(&row, answer, is_formed)) {
        let own = weighed().find(|(one, _)| one.name == name);
        score = score.measure(name, own.map_or(value, |(_, found)| found.value));
    }
    for (one, found) in weighed() {
        if !ALWAYS.contains(&one.name.as_str()) {
            score = score.measure(&one.name, found.value);
        }
    }
    Ok(score.feedback(feedback(&row, answer.unwrap_or(output), &findings)))
}

impl Weighted {
    /// Returns the answer that this metric grades, or why there is none.
    fn answer(&self, output: &str) -> Result<String, String> {
        match (output.trim(), &self.extract) {
            ("", _) => Err("it is empty".into()),
            (_, Some(extract)) => extract.apply(output),
            (answer, None) => Ok(answer.to_owned()),
        }
    }
}

/// Returns the measures of [`ALWAYS`], whatever the profile weighs.
fn usual(row: &Row, answer: Option<&str>, is_formed: bool) -> [f64; 3] {
    let Some(answer) = answer else {
        return [0.0; 3];
    };
    let answer = comparable(answer, &row.expected);
    let words = row.expected.words();
    let normalize = Normalize::default();
    let same = words
        .iter()
        .any(|text| normalize.exact_match(&answer, text));
    let f1 = best_f1(&answer, &words, normalize);
    [f64::from(same), f1, f64::from(is_formed)]
}

/// Returns an answer as its words are compared: of a JSON object where fields
/// are expected, the values of these fields, since the words of the expected
/// object are its values, too.
fn comparable(answer: &str, expected: &Expected) -> String {
    let fields = expected.value.as_object();
    let fields = fields.filter(|_| expected.texts().is_err());
    let got = parse::json_value(answer).filter(Value::is_object);
    let Some((fields, got)) = fields.zip(got) else {
        return answer.to_owned();
    };
    let values: Vec<_> = fields
        .keys()
        .filter_map(|name| got.get(name))
        .map(leaves)
        .collect();
    values.join(" ")
}

/// Says what was expected, what came, and what the metrics found wrong with it;
/// nothing where all is well.
fn feedback(row: &Row, answer: &str, findings: &[Finding]) -> String {
    let mut notes: Vec<&str> = Vec::new();
    for found in findings {
        if !found.note.is_empty() && !notes.contains(&found.note.as_str()) {
            notes.push(&found.note);
        }
    }
    if notes.is_empty() {
        return String::new();
    }
    let got = match answer.trim() {
        "" => "nothing".to_owned(),
        answer => quoted(answer),
    };
    let expected = row.expected.shown();
    format!("expected {expected}, got {got}; {}", notes.join("; "))
}

#[cfg(test)]
mod tests {
    use fapo_sdk::fake::FakeHost;

    use super::*;
    use crate::StandardScorer;

    fn score(profile: &str, expected: &Value, output: &str) -> Score {
        let row = TestCase::new("1", &json!({})).expecting(expected);
        StandardScorer::validate_case(&row, profile).unwrap();
        StandardScorer::score_case(&row, output, profile, &FakeHost::new()).unwrap()
    }

    fn measures(score: &Score) -> Vec<(&str, f64)> {
        let measures = score.breakdown.iter();
        measures
            .map(|measure| (measure.name.as_str(), measure.value))
            .collect()
    }

    #[test]
    fn the_usual_score_has_f1_and_format_beside_it() {
        let right = score("", &json!("the Black Sea"), "Black sea.\n");
        assert_eq!(right.composite, 100.0);
        assert_eq!(
            measures(&right),
            [("exact_match", 1.0), ("f1", 1.0), ("format", 1.0)]
        );
        assert_eq!((right.feedback.as_str(), right.points), ("", None));
        let longer = score("", &json!("the Black Sea"), "It is the Black Sea");
        assert_eq!(longer.composite, 0.0);
        assert_eq!(
            measures(&longer),
            [("exact_match", 0.0), ("f1", 2.0 / 3.0), ("format", 1.0)]
        );
        assert_eq!(
            longer.feedback,
            "expected `the Black Sea`, got `It is the Black Sea`; \
             the expected text is inside a longer answer"
        );
    }

    #[test]
    fn metrics_are_weighed_and_give_points() {
        let profile = r#"{"metrics": [
            {"metric": "f1", "weight": 1},
            {"metric": "contains", "weight": 3, "name": "mentions"}
        ]}"#;
        let found = score(profile, &json!("Black Sea"), "It is the Black Sea");
        assert!((found.composite - 100.0 * (2.0 / 3.0 + 3.0) / 4.0).abs() < 1e-9);
        let points = found.points.as_ref().unwrap();
        assert_eq!(points.possible, 4.0);
        assert_eq!(measures(&found)[3], ("mentions", 1.0));
        let profile = r#"{"metrics": ["exact_match", "contains"]}"#;
        let found = score(profile, &json!("Black Sea"), "It is the Black Sea");
        assert_eq!((found.composite, found.points), (50.0, None));
    }

    #[test]
    fn a_perfect_score_is_100_and_not_a_rounding_above() {
        let profile = r#"{"metrics": [
            {"metric": "f1", "weight": 0.1},
            {"metric": "contains", "weight": 0.7},
            {"metric": "exact_match", "weight": 0.2}
        ]}"#;
        let found = score(profile, &json!("x"), "x");
        assert_eq!(found.composite, 100.0);
        let points = found.points.unwrap();
        assert_eq!(points.earned, points.possible);
    }

    #[test]
    fn an_answer_that_is_not_where_it_should_be_is_a_format_failure() {
        let profile = r#"{"metric": "f1", "extract": {"after": "Answer:"}}"#;
        let found = score(profile, &json!("Black Sea"), "Black Sea");
        assert_eq!(found.composite, 0.0);
        assert_eq!(
            measures(&found),
            [("exact_match", 0.0), ("f1", 0.0), ("format", 0.0)]
        );
        assert_eq!(
            found.feedback,
            "expected `Black Sea`, got `Black Sea`; \
             no answer could be taken out of it: `Answer:` is missing"
        );
        let found = score(profile, &json!("Black Sea"), "Well.\nAnswer: the Black Sea");
        assert_eq!(
            measures(&found),
            [("exact_match", 1.0), ("f1", 1.0), ("format", 1.0)]
        );
    }

    #[test]
    fn an_empty_output_is_nothing_and_nobody_is_asked_about_it() {
        for (profile, expected) in [("", "x"), ("number", "7"), ("judge", "x"), ("choice", "B")] {
            let found = score(profile, &json!(expected), " \n");
            assert_eq!(found.composite, 0.0, "{profile}");
            assert_eq!(found.breakdown[2].value, 0.0, "{profile}");
            assert!(found.feedback.contains("got nothing"), "{}", found.feedback);
        }
    }

    #[test]
    fn fields_have_words_and_a_broken_object_has_no_format() {
        let expected = json!({"label": "REFUTED", "year": 1897});
        let found = score(
            "json_fields",
            &expected,
            r#"{"year": 1897, "label": "REFUTED", "why": "…"}"#,
        );
        assert_eq!(
            measures(&found),
            [
                ("exact_match", 1.0),
                ("f1", 1.0),
                ("format", 1.0),
                ("json_fields", 1.0)
            ]
        );
        let found = score("json_fields", &expected, r#"{"label": "REFUTED", "year": "#);
        assert_eq!((found.composite, found.breakdown[2].value), (0.0, 0.0));
        // What is no object is compared as the text that it is.
        assert_eq!(found.breakdown[1].value, 0.4);
    }

    #[test]
    fn a_configured_measure_takes_the_place_of_the_usual_one() {
        let profile = r#"{"metrics": [{"metric": "exact_match", "normalize": "none"}, "f1"]}"#;
        let found = score(profile, &json!("Sea"), "sea");
        assert_eq!(
            measures(&found),
            [("exact_match", 0.0), ("f1", 1.0), ("format", 1.0)]
        );
        assert_eq!(found.composite, 50.0);
    }

    #[test]
    fn each_metric_may_have_an_answer_of_its_own() {
        let profile = r#"{"metrics": [
            {"metric": "exact_match", "extract": {"json": "answer"}},
            {"metric": "contains", "extract": {"json": "why"}, "name": "grounds"}
        ]}"#;
        let output = r#"{"answer": "London", "why": "The bridge is in London."}"#;
        assert_eq!(score(profile, &json!("London"), output).composite, 100.0);
    }

    #[test]
    fn a_row_that_cannot_be_scored_is_told_from_a_profile_that_cannot_be_used() {
        let row = TestCase::new("1", &json!({})).expecting(&json!("many"));
        let error = StandardScorer::validate_case(&row, "number");
        assert!(matches!(error, Err(ScoreError::BadCase(_))));
        let error = StandardScorer::check_profile("numbers");
        assert!(matches!(error, Err(ScoreError::UnknownProfile(_))));
    }
}
