//! Whether a case gives its own answer away.

use std::borrow::Cow;

use serde_json::Value;

use super::ID_SHOWN_MAX;
use super::near::stands_alone;
use crate::Untrusted;
use crate::case::Case;
use crate::digest::folded;

/// How many texts of one expected value are looked for.
///
/// Each is searched through the whole context, and a row decides how many
/// there are.
const EXPECTED_TEXTS_MAX: usize = 32;

/// What a look for the expected texts found.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    /// There is none, or only ones that are anywhere by chance.
    NotSought,
    /// None of them is in the context.
    IsNotThere,
    /// One of them is somewhere in the context.
    IsThere,
    /// One of them is all that a field holds; the field, to be shown.
    IsAll(String),
}

/// Looks for the expected texts in all that a chain sees of a case.
pub(super) fn look(case: &Case, context: &Value, texts: &[Cow<str>]) -> Look {
    let expected = expected_texts(case);
    if expected.is_empty() {
        return Look::NotSought;
    }
    if let Some(field) = field_that_is(&expected, context, case) {
        return Look::IsAll(field);
    }
    let sought: Vec<_> = expected.iter().filter(|text| is_telling(text)).collect();
    if sought.is_empty() {
        return Look::NotSought;
    }
    let is_there = texts.iter().any(|text| {
        let text = folded(text);
        sought.iter().any(|sought| has_words(&text, sought))
    });
    if is_there {
        Look::IsThere
    } else {
        Look::IsNotThere
    }
}

/// Returns the expected value if it is a text, or those of a list, folded.
fn expected_texts(case: &Case) -> Vec<String> {
    let expected: Value = serde_json::from_str(&case.expected).unwrap_or_default();
    let items = match &expected {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items
        .iter()
        .filter_map(Value::as_str)
        .take(EXPECTED_TEXTS_MAX)
        .map(folded)
        // `yes`, `no`, `2` and `B` are in many a field by chance.
        .filter(|text| text.chars().count() >= 4)
        .collect()
}

/// Tells whether a text would hardly stand in a passage by chance.
fn is_telling(text: &str) -> bool {
    text.contains(' ') || text.chars().count() >= 12
}

/// Returns the field whose whole value is an expected text.
///
/// Items of lists and fields further in are not looked at: the options of a
/// multiple choice hold the right one, as they must.
fn field_that_is(expected: &[String], context: &Value, case: &Case) -> Option<String> {
    let is_expected = |text: &str| expected.contains(&folded(text));
    let shown = |what: &str, name: &str| {
        let name = Untrusted::from(name).cut(ID_SHOWN_MAX);
        format!("the field `{what}.{name}`")
    };
    let in_context = match context {
        Value::String(text) if is_expected(text) => Some("the context".into()),
        Value::Object(fields) => fields
            .iter()
            .find(|(_, value)| value.as_str().is_some_and(is_expected))
            .map(|(name, _)| shown("context", name)),
        _ => None,
    };
    in_context.or_else(|| {
        case.template_fields
            .iter()
            .find(|(_, text)| is_expected(text.as_str()))
            .map(|(name, _)| shown("template_fields", name.as_str()))
    })
}

/// Tells whether a text holds another one that neither begins nor ends within
/// a word.
fn has_words(text: &str, sought: &str) -> bool {
    let goes_on = |c: char| c.is_alphanumeric() && !stands_alone(c);
    text.match_indices(sought).any(|(start, _)| {
        let before = text[..start].chars().next_back();
        let after = text[start + sought.len()..].chars().next();
        !before.is_some_and(goes_on) && !after.is_some_and(goes_on)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::read_context;

    #[track_caller]
    fn check(context: &str, expected: &str, found: Look) {
        let row = format!(r#"{{"case_id":"1","context":{context},"expected":{expected}}}"#);
        let case = Case::from_json(&row).unwrap();
        let context = read_context(&case);
        let texts = super::super::texts(&context, &case);
        assert_eq!(look(&case, &context, &texts), found, "{row}");
    }

    #[test]
    fn an_answer_of_some_words_is_found_in_a_passage() {
        let passage = r#"{"passages":[{"text":"It was  painted by Claude\nMonet in 1872."}]}"#;
        check(passage, r#""claude monet""#, Look::IsThere);
        check(
            passage,
            r#"["Édouard Manet", "Claude Monet"]"#,
            Look::IsThere,
        );
        check(passage, r#""Édouard Manet""#, Look::IsNotThere);
    }

    #[test]
    fn an_answer_that_is_only_a_part_of_words_is_not_found() {
        check(
            r#""unbelievable storytelling""#,
            r#""believable story""#,
            Look::IsNotThere,
        );
        check(
            r#""昨天东京大学图书馆开放了很长时间""#,
            r#""东京大学图书馆开放了很长""#,
            Look::IsThere,
        );
    }

    #[test]
    fn one_short_word_is_not_looked_for() {
        for short in [
            r#""painted""#,
            r#""yes""#,
            r#""2""#,
            "2",
            "true",
            r#"{"a":"by Claude Monet"}"#,
            "[]",
        ] {
            check(
                r#"{"q":"It was painted by Claude Monet: yes 2"}"#,
                short,
                Look::NotSought,
            );
        }
    }

    #[test]
    fn a_field_that_is_the_answer_is_told_by_name() {
        let is_all = |field: &str| Look::IsAll(field.into());
        check(
            r#"{"text":"I love it","label":"Positive"}"#,
            r#""positive""#,
            is_all("the field `context.label`"),
        );
        check(r#""Positive ""#, r#"["positive"]"#, is_all("the context"));
        check(
            r#"{"a\u001bb":"positive"}"#,
            r#""positive""#,
            is_all(r"the field `context.a\u{1b}b`"),
        );
    }

    #[test]
    fn the_options_of_a_choice_and_a_yes_are_no_leak() {
        check(
            r#"{"q":"Which?","options":["Claude Monet","Manet"]}"#,
            r#""Claude Monet""#,
            Look::IsThere,
        );
        check(
            r#"{"q":"Which?","options":{"A":"Monet","B":"Manet"}}"#,
            r#""Monet""#,
            Look::NotSought,
        );
        check(r#"{"has_pets":"yes"}"#, r#""yes""#, Look::NotSought);
    }
}
