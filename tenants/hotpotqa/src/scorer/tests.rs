use fapo_sdk::fake::FakeHost;

use super::*;

fn row(expected: Value) -> ScoredCase {
    TestCase::new("1", &json!({})).expecting(&expected)
}

fn with_gold(expected: Value, metadata: Value) -> ScoredCase {
    ScoredCase {
        metadata: metadata.to_string(),
        ..row(expected)
    }
}

fn text(row: &ScoredCase, output: &str) -> Score {
    AnswerMatch::score_case(row, output, "", &FakeHost::new()).unwrap()
}

fn pipeline(row: &ScoredCase, output: &str, steps: &[(&str, &str)]) -> Score {
    let outcome = Outcome {
        output_text: output.into(),
        diagnostics: Vec::new(),
    };
    let steps: Vec<_> = steps
        .iter()
        .map(|(step, output)| StepRecord {
            step: (*step).into(),
            visit: 1,
            output: Some((*output).into()),
            failure: None,
        })
        .collect();
    let host = FakeHost::new();
    AnswerMatch::score_pipeline_case(row, &outcome, &steps, &[], "", &host).unwrap()
}

fn measures(score: &Score) -> Vec<(&str, f64)> {
    let breakdown = score.breakdown.iter();
    breakdown.map(|m| (m.name.as_str(), m.value)).collect()
}

#[test]
fn an_expected_answer_is_a_text_or_an_object_with_one() {
    for expected in [
        json!("the Black Sea"),
        json!({"answer": "the Black Sea", "type": "bridge"}),
    ] {
        let score = text(&row(expected), "Black sea.");
        assert_eq!(score.composite, 100.0);
        assert_eq!(measures(&score), [("f1", 1.0), ("dspy_em", 1.0)]);
        assert_eq!(score.feedback, "");
    }
    for expected in [
        json!(null),
        json!(2),
        json!({"answers": ["x"]}),
        json!(["x"]),
    ] {
        let refused = AnswerMatch::validate_case(&row(expected), "").unwrap_err();
        let message = "`expected` must be a text, or an object whose `answer` is one";
        assert_eq!(refused, ScoreError::BadCase(message.into()));
    }
}

#[test]
fn an_accent_that_is_spelled_otherwise_is_exact_for_dspy_alone() {
    let score = text(&row(json!("Caf\u{e9} Orn")), "Cafe\u{301} Orn");
    assert_eq!(score.composite, 0.0);
    assert_eq!(measures(&score), [("f1", 0.5), ("dspy_em", 1.0)]);
}

#[test]
fn words_around_a_yes_are_worth_nothing() {
    let score = text(&row(json!("yes")), "yes, both are");
    assert_eq!(measures(&score), [("f1", 0.0), ("dspy_em", 0.0)]);
    assert_eq!(
        score.feedback,
        "expected `yes` and nothing more, got `yes, both are`"
    );
}

#[test]
fn feedback_follows_the_gold_evidence_and_the_answer() {
    let gold = json!({"supporting_titles": ["The Long Night", "Ann Holt", "Orn"]});
    let row = with_gold(json!("Tarn"), gold);
    let score = pipeline(
        &row,
        "Vell",
        &[
            (
                "retrieve_hop1",
                "[1] «Vell | A town.»\n[2] «The Long Night | A film.»",
            ),
            ("summarize_hop1", "A film."),
            ("retrieve_hop2", "[1] «Ann Holt | Born in Tarn.»"),
            ("summarize_hop2", "She was born in Vell."),
            ("answer", "Vell"),
        ],
    );
    assert_eq!(score.composite, 0.0);
    assert_eq!(measures(&score)[2], ("gold_found", 2.0 / 3.0));
    assert_eq!(
        score.feedback,
        "expected `Tarn`, got `Vell`. `The Long Night` was passage 2 of `retrieve_hop1`; \
         `Ann Holt` was passage 1 of `retrieve_hop2`; `Orn` was found by no search. \
         The expected answer stands in the output of `retrieve_hop2`"
    );
}

#[test]
fn a_right_answer_needs_no_feedback_and_keeps_its_measures() {
    let row = with_gold(json!("Tarn"), json!({"supporting_titles": ["Ann Holt"]}));
    let score = pipeline(
        &row,
        "Tarn",
        &[("retrieve_hop1", "[1] «ann holt | Born in Tarn.»")],
    );
    assert_eq!(score.composite, 100.0);
    assert_eq!(measures(&score)[2], ("gold_found", 1.0));
    assert_eq!(score.feedback, "");
}

#[test]
fn metadata_that_names_no_titles_is_bad() {
    for titles in [json!("Tarn"), json!([1]), json!(null)] {
        let row = with_gold(json!("x"), json!({ "supporting_titles": titles }));
        let refused = AnswerMatch::validate_case(&row, "").unwrap_err();
        let message = "`metadata.supporting_titles` must be a list of texts";
        assert_eq!(refused, ScoreError::BadCase(message.into()));
    }
}

#[test]
fn feedback_speaks_of_a_few_articles_whatever_the_row_names() {
    let titles: Vec<_> = (0..500).map(|n| format!("Article {n}")).collect();
    let row = with_gold(json!("Tarn"), json!({ "supporting_titles": titles }));
    let score = pipeline(&row, "Vell", &[("retrieve_hop1", "")]);
    assert_eq!(measures(&score)[2], ("gold_found", 0.0));
    assert_eq!(score.feedback.matches("was found by no search").count(), 10);
}

#[test]
fn a_long_answer_is_cut_where_it_is_repeated() {
    let score = text(&row(json!("Tarn")), &"é".repeat(5000));
    assert!(score.feedback.chars().count() < 300, "{}", score.feedback);
}
