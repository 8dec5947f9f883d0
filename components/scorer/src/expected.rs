//! What a row expects, in any of the shapes that datasets have.

use fapo_sdk::Value;

/// The expected value of a row.
pub(crate) struct Expected {
    pub(crate) value: Value,
}

impl Expected {
    /// Returns the accepted texts, at least one: a text, a number or a boolean
    /// stands for itself, a list for each of its items, and an object for its
    /// `answer` and its `aliases`.
    pub(crate) fn texts(&self) -> Result<Vec<String>, String> {
        let mut texts = Vec::new();
        match self.value.as_object() {
            None => add(&self.value, "`expected`", &mut texts)?,
            Some(object) => {
                let answer = object.get("answer").ok_or(
                    "`expected` is an object without `answer`: this profile compares texts",
                )?;
                add(answer, "`expected.answer`", &mut texts)?;
                if let Some(aliases) = object.get("aliases").filter(|aliases| !aliases.is_null()) {
                    // An answer without aliases is often written with none.
                    if aliases != &Value::Array(Vec::new()) {
                        add(aliases, "`expected.aliases`", &mut texts)?;
                    }
                }
            }
        }
        Ok(texts)
    }

    /// Returns the words to compare where there are no accepted texts: the
    /// values of an object, in its order.
    pub(crate) fn words(&self) -> Vec<String> {
        self.texts().unwrap_or_else(|_| vec![leaves(&self.value)])
    }

    /// Returns it for a sentence.
    pub(crate) fn shown(&self) -> String {
        match self.texts() {
            Ok(texts) => {
                let shown: Vec<_> = texts
                    .iter()
                    .take(SHOWN_MAX)
                    .map(|text| quoted(text))
                    .collect();
                shown.join(" or ")
            }
            Err(_) => quoted(&self.value.to_string()),
        }
    }
}

/// How many accepted texts a sentence shows.
const SHOWN_MAX: usize = 3;

/// Adds the texts that a value stands for.
fn add(value: &Value, place: &str, texts: &mut Vec<String>) -> Result<(), String> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            return Err(format!("{place} is an empty text"));
        }
        Value::String(text) => texts.push(text.clone()),
        Value::Number(number) => {
            texts.push(number.to_string());
            // Without its point, `3.0` would be the text `30`.
            if let Some(whole) = number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && !number.is_i64())
            {
                texts.push(format!("{whole:.0}"));
            }
        }
        Value::Bool(true) => texts.extend(["true".to_owned(), "yes".to_owned()]),
        Value::Bool(false) => texts.extend(["false".to_owned(), "no".to_owned()]),
        Value::Array(items) if items.is_empty() => return Err(format!("{place} is an empty list")),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let place = format!("{}[{at}]`", place.trim_end_matches('`'));
                if item.is_array() {
                    return Err(format!("{place} is a list inside a list"));
                }
                add(item, &place, texts)?;
            }
        }
        Value::Null => return Err(format!("{place} is null: there is nothing to compare with")),
        Value::Object(_) => return Err(format!("{place} is an object where a text should be")),
    }
    Ok(())
}

/// Returns the values inside a value, one space apart.
pub(crate) fn leaves(value: &Value) -> String {
    let inside: Vec<_> = match value {
        Value::Array(items) => items.iter().map(leaves).collect(),
        Value::Object(fields) => fields.values().map(leaves).collect(),
        Value::String(text) => return text.clone(),
        value => return value.to_string(),
    };
    inside.join(" ")
}

/// Returns a text for a sentence: on one line, and not the whole of a long one.
pub(crate) fn quoted(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(CHARS_SHOWN_MAX) {
        Some((end, _)) => format!("`{}…`", &line[..end]),
        None => format!("`{line}`"),
    }
}

/// How much of a text a sentence shows: enough to see what is wrong with it.
const CHARS_SHOWN_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use fapo_sdk::json;

    use super::*;

    #[test]
    fn every_shape_of_a_dataset_has_its_texts() {
        for (value, texts) in [
            (json!("London"), &["London"][..]),
            (json!(42), &["42"]),
            (json!(3.0), &["3.0", "3"]),
            (json!(0.5), &["0.5"]),
            (json!(true), &["true", "yes"]),
            (json!(["a", 1]), &["a", "1"]),
            (json!({"answer": "a"}), &["a"]),
            (
                json!({"answer": "a", "aliases": ["b", "c"], "id": 3}),
                &["a", "b", "c"],
            ),
            (json!({"answer": "a", "aliases": []}), &["a"]),
            (
                json!({"answer": ["a", "b"], "aliases": "c"}),
                &["a", "b", "c"],
            ),
        ] {
            assert_eq!(Expected { value }.texts().unwrap(), texts);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (value, says) in [
            (json!(null), "`expected` is null"),
            (json!(" "), "`expected` is an empty text"),
            (json!([]), "`expected` is an empty list"),
            (json!(["a", ""]), "`expected[1]` is an empty text"),
            (json!(["a", ["b"]]), "`expected[1]` is a list inside a list"),
            (json!([{"answer": "a"}]), "`expected[0]` is an object"),
            (json!({"label": "a"}), "an object without `answer`"),
            (json!({"answer": null}), "`expected.answer` is null"),
            (
                json!({"answer": "a", "aliases": [null]}),
                "`expected.aliases[0]` is null",
            ),
        ] {
            let error = Expected { value }.texts().unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_long_text_is_cut_for_a_sentence() {
        assert_eq!(quoted("two\n lines"), "`two lines`");
        assert_eq!(quoted(&"é".repeat(300)).chars().count(), 203);
    }
}
