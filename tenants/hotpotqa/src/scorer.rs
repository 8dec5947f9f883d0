//! The scorer: HotpotQA's exact match, with its F1 and DSPy's exact match
//! beside it.

use fapo_sdk::prelude::*;
use fapo_sdk::score;

use crate::evidence::{self, shown};

/// Gives 100 to an answer that the official script counts as exact, and 0 to
/// every other. `f1` is the script's, too; `dspy_em` is what GEPA and FAPO
/// optimise.
pub struct AnswerMatch;

impl Scorer for AnswerMatch {
    fn validate_case(case: &ScoredCase, _profile: &str) -> Result<(), ScoreError> {
        expected(case)?;
        supporting_titles(case)?;
        Ok(())
    }

    fn score_case(
        case: &ScoredCase,
        output_text: &str,
        _profile: &str,
        _judge: &Host,
    ) -> Result<Score, ScoreError> {
        grade(case, output_text, &[])
    }

    fn score_pipeline_case(
        case: &ScoredCase,
        outcome: &Outcome,
        steps: &[StepRecord],
        _calls: &[CallRecord],
        _profile: &str,
        _judge: &Host,
    ) -> Result<Score, ScoreError> {
        grade(case, &outcome.output_text, steps)
    }
}

/// Grades an answer; with steps, tells what became of the gold evidence.
fn grade(case: &ScoredCase, output: &str, steps: &[StepRecord]) -> Result<Score, ScoreError> {
    let expected = expected(case)?;
    let is_exact = score::exact_match(output, &expected);
    let mut score = Score::pass(is_exact)
        .measure("f1", score::hotpot_f1(output, &expected))
        .measure(
            "dspy_em",
            f64::from(score::dspy_exact_match(output, &expected)),
        );

    let titles = supporting_titles(case)?;
    let gold = match steps {
        [] => Vec::new(),
        steps => evidence::follow(&titles, steps),
    };
    if let Some(share) = evidence::share(&gold) {
        score = score.measure("gold_found", share);
    }
    if is_exact {
        return Ok(score);
    }
    let mut told = vec![match score::contains(output, &expected) {
        true => format!(
            "expected `{}` and nothing more, got `{}`",
            shown(&expected),
            shown(output)
        ),
        false => format!("expected `{}`, got `{}`", shown(&expected), shown(output)),
    }];
    if !gold.is_empty() {
        told.push(evidence::tell(&gold));
    }
    told.extend(evidence::trail(&expected, steps));
    Ok(score.feedback(told.join(". ")))
}

/// Returns the expected answer: the row's text, or the `answer` of its object.
fn expected(case: &ScoredCase) -> Result<String, ScoreError> {
    let mut value = case.expected_value()?;
    let answer = match &mut value {
        Value::Object(fields) => fields.remove("answer").unwrap_or_default(),
        other => other.take(),
    };
    match answer {
        Value::String(answer) => Ok(answer),
        _ => Err(ScoreError::BadCase(
            "`expected` must be a text, or an object whose `answer` is one".into(),
        )),
    }
}

/// Returns the titles of the gold evidence, where the row names them.
fn supporting_titles(case: &ScoredCase) -> Result<Vec<String>, ScoreError> {
    let bad = || ScoreError::BadCase("`metadata.supporting_titles` must be a list of texts".into());
    let metadata: Value = case.metadata.parse().map_err(|_| bad())?;
    let Some(titles) = metadata.get("supporting_titles") else {
        return Ok(Vec::new());
    };
    let titles = titles.as_array().ok_or_else(bad)?.iter();
    let texts: Option<Vec<_>> = titles
        .map(|title| title.as_str().map(str::to_owned))
        .collect();
    texts.ok_or_else(bad)
}

#[cfg(test)]
mod tests;
