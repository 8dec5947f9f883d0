//! The fields of an answer that is a JSON object.

use fapo_sdk::score::{self, Normalize};
use fapo_sdk::{Value, parse};

use super::{Finding, Row};
use crate::expected::quoted;
use crate::extract::pointer;

/// Returns the names of the fields that count, with their expected values.
pub(super) fn expected<'a>(
    row: &'a Row,
    fields: &[String],
) -> Result<Vec<(String, &'a Value)>, String> {
    let expected = &row.expected.value;
    let object = expected
        .as_object()
        .ok_or("`expected` must be an object: this profile compares fields")?;
    if object.is_empty() {
        return Err("`expected` is an object without fields".into());
    }
    if fields.is_empty() {
        let all = object.iter().map(|(name, value)| (name.clone(), value));
        return Ok(all.collect());
    }
    let field = |name: &String| {
        let value = expected.pointer(&pointer(name));
        let value = value.ok_or_else(|| format!("`expected` has no field `{name}`"))?;
        Ok((name.clone(), value))
    };
    fields.iter().map(field).collect()
}

/// Tells which share of the fields the JSON object of the answer has.
pub(super) fn grade(
    row: &Row,
    answer: &str,
    fields: &[String],
    tolerance: f64,
    normalize: Normalize,
) -> Result<Finding, String> {
    let expected = expected(row, fields)?;
    let Some(got) = parse::json_value(answer).filter(Value::is_object) else {
        return Ok(Finding::malformed("there is no JSON object in it"));
    };
    let mut wrong = Vec::new();
    for (name, expected) in &expected {
        match got.pointer(&pointer(name)) {
            None => wrong.push(format!("`{name}` is missing")),
            Some(got) if score::json_is(got, expected, tolerance, normalize) => {}
            Some(got) => {
                let (got, expected) = (quoted(&got.to_string()), quoted(&expected.to_string()));
                wrong.push(format!("`{name}` is {got} and should be {expected}"));
            }
        }
    }
    let n_right = expected.len() - wrong.len();
    let share = n_right as f64 / expected.len() as f64;
    Ok(Finding::new(share, || {
        wrong.truncate(FIELDS_SHOWN_MAX);
        wrong.join(", ")
    }))
}

/// How many wrong fields a sentence shows.
const FIELDS_SHOWN_MAX: usize = 5;

#[cfg(test)]
mod tests {
    use fapo_sdk::json;

    use super::super::trial::{bad_case, value};

    #[test]
    fn fields_count_each_by_itself() {
        let expected = json!({"label": "REFUTED", "year": 1897});
        let fenced = "Here:\n```json\n{\"label\": \"refuted\", \"year\": 1897.0, \"more\": 1}\n```";
        let (share, note) = value("json_fields", &expected, fenced);
        assert_eq!(share, 0.5);
        assert_eq!(note, "`label` is `\"refuted\"` and should be `\"REFUTED\"`");
        let lenient = r#"{"metric": "json_fields", "normalize": "case"}"#;
        assert_eq!(value(lenient, &expected, fenced).0, 1.0);
        let some = r#"{"metric": "json_fields", "fields": ["year"], "tolerance": 0.01}"#;
        assert_eq!(value(some, &expected, r#"{"year": 1900}"#).0, 1.0);
        assert_eq!(value(some, &expected, "{}").1, "`year` is missing");
        assert_eq!(
            value(some, &expected, "REFUTED").1,
            "there is no JSON object in it"
        );
        for (expected, says) in [
            (json!("x"), "`expected` must be an object"),
            (json!({}), "`expected` is an object without fields"),
            (json!({"label": "x"}), "`expected` has no field `year`"),
        ] {
            let error = bad_case(some, &expected, &json!({}));
            assert!(error.contains(says), "{error}");
        }
    }
}
