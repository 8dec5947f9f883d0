//! The last number of an answer.

use fapo_sdk::{Value, score};

use super::{Finding, Row};
use crate::expected::quoted;

/// Returns the numbers of which one has to be given.
pub(super) fn expected(row: &Row) -> Result<Vec<f64>, String> {
    let number = |text: &String| {
        let number = score::number(text);
        number.ok_or_else(|| format!("`expected` is {}, which has no number", quoted(text)))
    };
    match &row.expected.value {
        Value::Bool(value) => Err(format!("`expected` is {value}, which is no number")),
        _ => row.expected.texts()?.iter().map(number).collect(),
    }
}

/// Says whether the last number of the answer is near enough.
pub(super) fn grade(
    row: &Row,
    answer: &str,
    tolerance: f64,
    absolute: f64,
) -> Result<Finding, String> {
    let expected = expected(row)?;
    let Some(got) = score::number(answer) else {
        return Ok(Finding::malformed("there is no number in it"));
    };
    let is_right = |expected: &f64| {
        score::is_near(got, *expected, tolerance) || (got - expected).abs() <= absolute
    };
    let right = expected.iter().any(is_right);
    Ok(Finding::pass(right, || {
        format!("the last number in it is {got}")
    }))
}

#[cfg(test)]
mod tests {
    use fapo_sdk::json;

    use super::super::trial::{bad_case, value};

    #[test]
    fn numbers_are_near_by_share_or_by_difference() {
        for (profile, expected, answer, right) in [
            ("number", json!(42), "6 times 7 is 42.", true),
            ("number", json!("1,234.50"), "$1234.5", true),
            ("number", json!(0.3), "0.30000000000000004", true),
            ("number", json!(42), "42.1", false),
            ("number", json!([1, 2]), "2", true),
            (
                r#"{"metric": "number", "tolerance": 0.01}"#,
                json!(1000),
                "1010",
                true,
            ),
            (
                r#"{"metric": "number", "tolerance": 0.01}"#,
                json!(1000),
                "1011",
                false,
            ),
            (
                r#"{"metric": "number", "absolute": 5}"#,
                json!(1000),
                "1005",
                true,
            ),
            (
                r#"{"metric": "number", "absolute": 5}"#,
                json!(1000),
                "1006",
                false,
            ),
        ] {
            let (value, _) = value(profile, &expected, answer);
            assert_eq!(value, f64::from(right), "{profile}: {answer}");
        }
        assert_eq!(
            value("number", &json!(1), "none").1,
            "there is no number in it"
        );
        assert_eq!(
            value("number", &json!(1), "1 or 2").1,
            "the last number in it is 2"
        );
        let error = bad_case("number", &json!("many"), &json!({}));
        assert_eq!(error, "`expected` is `many`, which has no number");
        let error = bad_case("number", &json!(true), &json!({}));
        assert_eq!(error, "`expected` is true, which is no number");
    }
}
