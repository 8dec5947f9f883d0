//! Regular expressions, the profile's or the row's.

use fapo_sdk::score;

use super::{Finding, Row, reason};

/// Returns the patterns of which one has to be found.
pub(super) fn expected(row: &Row, pattern: Option<&str>) -> Result<Vec<String>, String> {
    let patterns = match pattern {
        Some(pattern) => vec![pattern.to_owned()],
        None => row.expected.texts()?,
    };
    patterns.iter().try_for_each(|pattern| check(pattern))?;
    Ok(patterns)
}

/// Says what is wrong with a pattern.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    score::regex_match(pattern, "").map(|_| ()).map_err(reason)
}

/// Says whether a pattern is found in the answer.
pub(super) fn grade(row: &Row, answer: &str, pattern: Option<&str>) -> Result<Finding, String> {
    let patterns = expected(row, pattern)?;
    let mut found = false;
    for pattern in &patterns {
        found |= score::regex_match(pattern, answer).map_err(reason)?;
    }
    let note = || format!("it has no match of `{}`", patterns.join("` or `"));
    Ok(Finding::pass(found, note))
}

#[cfg(test)]
mod tests {
    use fapo_sdk::json;

    use super::super::trial::{bad_case, value};

    #[test]
    fn a_pattern_is_the_profiles_or_the_rows() {
        let profile = r#"{"metric": "regex", "pattern": "^\\d{4}$"}"#;
        assert_eq!(value(profile, &json!("a year"), "1897").0, 1.0);
        assert_eq!(
            value(profile, &json!("a year"), "in 1897").1,
            r"it has no match of `^\d{4}$`"
        );
        assert_eq!(value("regex", &json!(["x", "18.."]), "in 1897").0, 1.0);
        let error = bad_case("regex", &json!("("), &json!({}));
        assert!(error.contains("is not a regular expression"), "{error}");
    }
}
