//! Comparisons by regular expression.

use regex_lite::Regex;

use crate::bindings::scorer::ScoreError;

/// Says whether a pattern is found in a text. The pattern may come from the row.
///
/// ```
/// assert!(fapo_sdk::score::regex_match(r"^\d{4}$", "1897")?);
/// # Ok::<(), fapo_sdk::ScoreError>(())
/// ```
pub fn regex_match(pattern: &str, text: &str) -> Result<bool, ScoreError> {
    Ok(compile(pattern)?.is_match(text))
}

/// Returns what a pattern's first group found in a text, or all that the
/// pattern found where it has no group.
///
/// ```
/// let year = fapo_sdk::score::regex_capture(r"in (\d{4})", "It was written in 1897.")?;
/// assert_eq!(year.as_deref(), Some("1897"));
/// # Ok::<(), fapo_sdk::ScoreError>(())
/// ```
pub fn regex_capture(pattern: &str, text: &str) -> Result<Option<String>, ScoreError> {
    let regex = compile(pattern)?;
    let group = usize::from(regex.captures_len() > 1);
    let found = regex
        .captures(text)
        .and_then(|captures| captures.get(group));
    Ok(found.map(|found| found.as_str().to_owned()))
}

fn compile(pattern: &str) -> Result<Regex, ScoreError> {
    Regex::new(pattern).map_err(|error| {
        ScoreError::Other(format!("`{pattern}` is not a regular expression: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_pattern_is_an_error_that_shows_it() {
        let error = regex_match("(", "x").unwrap_err();
        assert!(matches!(error, ScoreError::Other(text) if text.starts_with("`(` is not")));
    }

    #[test]
    fn a_pattern_without_a_group_returns_all_that_it_found() {
        assert_eq!(regex_capture("b+", "abbc").unwrap().as_deref(), Some("bb"));
        assert_eq!(regex_capture("x", "abbc").unwrap(), None);
    }
}
