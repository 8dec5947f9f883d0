//! Fields of an answer that is JSON.

use serde_json::Value;

use super::{Normalize, is_near};
use crate::parse::json_value;

/// Returns a field of the JSON in an answer, by its pointer; the JSON may be
/// fenced or stand between other words.
///
/// ```
/// use fapo_sdk::score::json_field;
///
/// let answer = "```json\n{\"label\": \"REFUTED\"}\n```";
/// assert_eq!(json_field(answer, "/label").unwrap(), "REFUTED");
/// assert_eq!(json_field("REFUTED", "/label"), None);
/// ```
pub fn json_field(answer: &str, pointer: &str) -> Option<Value> {
    json_value(answer)?.pointer_mut(pointer).map(Value::take)
}

/// Says whether two JSON values are the same: numbers within a tolerance, as
/// [`number_is`](super::number_is) has it, and texts but for what does not count.
/// An object may have fields that the expected one has not; a list has as many
/// items in the same order.
///
/// ```
/// use fapo_sdk::json;
/// use fapo_sdk::score::{Normalize, json_is};
///
/// let got = json!({"label": "REFUTED", "share": 0.301, "why": "…"});
/// let expected = json!({"label": "refuted", "share": 0.3});
/// assert!(json_is(&got, &expected, 0.01, Normalize::Case));
/// assert!(!json_is(&got, &expected, 0.0, Normalize::Case));
/// ```
pub fn json_is(got: &Value, expected: &Value, tolerance: f64, normalize: Normalize) -> bool {
    let is = |got: &Value, expected: &Value| json_is(got, expected, tolerance, normalize);
    match (got, expected) {
        (Value::Number(got), Value::Number(expected)) => {
            // Of large integers, many are one and the same float.
            let exactly = tolerance == 0.0 && got.is_i64() && expected.is_i64();
            match (got.as_f64(), expected.as_f64()) {
                (Some(got), Some(expected)) if !exactly => is_near(got, expected, tolerance),
                _ => got == expected,
            }
        }
        (Value::String(got), Value::String(expected)) => normalize.exact_match(got, expected),
        (Value::Array(got), Value::Array(expected)) => {
            got.len() == expected.len() && got.iter().zip(expected).all(|(a, b)| is(a, b))
        }
        (Value::Object(got), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| got.get(name).is_some_and(|got| is(got, value))),
        _ => got == expected,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        let is = |got: Value, expected: Value| json_is(&got, &expected, 0.0, Normalize::Nothing);
        assert!(is(json!(3.0), json!(3)));
        assert!(!is(json!(3), json!("3")));
        assert!(!is(
            json!(9007199254740993_i64),
            json!(9007199254740992_i64)
        ));
    }

    #[test]
    fn what_is_nested_is_compared_by_the_same_rules() {
        let is = |got: Value, expected: Value| json_is(&got, &expected, 0.1, Normalize::Case);
        assert!(is(
            json!([{"a": "X", "more": 1}, 10.5]),
            json!([{"a": "x"}, 10])
        ));
        assert!(!is(json!([1, 2]), json!([2, 1])));
        assert!(!is(json!([1]), json!([1, 2])));
        assert!(!is(json!({}), json!({"a": null})));
    }
}
