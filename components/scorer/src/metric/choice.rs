//! The option that an answer chooses.

use fapo_sdk::{Value, score};

use super::{Finding, Row, reason};
use crate::expected::quoted;
use crate::extract::pointer;

/// Where the options of a row are, if the profile does not say it.
const OPTIONS: [&str; 2] = ["options", "choices"];

/// Returns the options that a row lists; none where it lists none.
pub(super) fn listed(row: &Row, field: Option<&str>) -> Result<Vec<String>, String> {
    let seen = row.case.seen().map_err(reason)?;
    let value = match field {
        Some(field) => {
            let value = seen.context().pointer(&pointer(field));
            value.ok_or_else(|| format!("`context.{field}`, the options, is missing"))?
        }
        None => match OPTIONS.iter().find_map(|name| seen.get(name)) {
            Some(value) => value,
            None => return Ok(Vec::new()),
        },
    };
    let texts = |items: &[Value]| -> Option<Vec<String>> {
        let text = |item: &Value| item.as_str().map(str::to_owned);
        items.iter().map(text).collect()
    };
    let options = match value {
        Value::Array(items) => texts(items),
        // As ARC has them, with their labels beside.
        Value::Object(object) if object.contains_key("text") => {
            object["text"].as_array().and_then(|items| texts(items))
        }
        // `{"A": …, "B": …}`, in the order of letters.
        Value::Object(object) => {
            let letters = ('A'..='J').map_while(|letter| object.get(&letter.to_string()));
            texts(&letters.cloned().collect::<Vec<_>>()).filter(|texts| texts.len() == object.len())
        }
        _ => None,
    };
    options
        .filter(|options| !options.is_empty())
        .ok_or_else(|| {
            "the options must be a list of texts, or an object with a text for each letter".into()
        })
}

/// Returns the letters that are right.
pub(super) fn expected(row: &Row, options: &[String]) -> Result<Vec<char>, String> {
    let letter = |text: &String| {
        // As rows have it: `B`, `b.`, `(B)`.
        let bare = text.trim().trim_matches(['(', ')', '.']).to_uppercase();
        let chosen = score::choice(&bare).filter(|_| bare.len() == 1);
        match chosen.or_else(|| letter_of(text, options)) {
            Some(letter) if options.is_empty() || letter_at(letter) < options.len() => Ok(letter),
            Some(letter) => Err(format!(
                "`expected` is `{letter}`, and there are {} options",
                options.len()
            )),
            None => Err(format!(
                "`expected` is {}, which is neither a letter from A to J nor one of the {} options",
                quoted(text),
                options.len()
            )),
        }
    };
    row.expected.texts()?.iter().map(letter).collect()
}

/// Returns the letter of the option that has a text.
fn letter_of(text: &str, options: &[String]) -> Option<char> {
    let mut letters = ('A'..='J').zip(options);
    letters
        .find(|(_, option)| score::exact_match(option, text))
        .map(|(letter, _)| letter)
}

fn letter_at(letter: char) -> usize {
    letter as usize - 'A' as usize
}

/// Says whether the answer chooses the right option.
pub(super) fn grade(row: &Row, answer: &str, options: Option<&str>) -> Result<Finding, String> {
    let options = listed(row, options)?;
    let expected = expected(row, &options)?;
    let chosen = if options.is_empty() {
        score::choice(answer)
    } else {
        score::choice_among(answer, &options)
    };
    Ok(match chosen {
        None => Finding::malformed("it does not say which option it chooses"),
        Some(letter) => {
            let right = expected.contains(&letter);
            Finding::pass(right, || format!("it chooses `{letter}`"))
        }
    })
}

#[cfg(test)]
mod tests {
    use fapo_sdk::json;

    use super::super::trial::{bad_case, in_context, value};

    #[test]
    fn an_option_is_chosen_by_letter_or_by_text() {
        let lists = [
            json!({"options": ["Danube", "Black Sea"]}),
            json!({"choices": {"A": "Danube", "B": "Black Sea"}}),
            json!({"choices": {"text": ["Danube", "Black Sea"], "label": ["A", "B"]}}),
        ];
        for context in &lists {
            for expected in [json!("B"), json!("(b)"), json!("the black sea")] {
                for answer in ["(B)", "the answer is B", "Black Sea"] {
                    let (value, _) = in_context("choice", &expected, answer, context);
                    assert_eq!(value, 1.0, "{expected} in {context}: {answer}");
                }
            }
        }
        assert_eq!(value("choice", &json!("B"), "C.").1, "it chooses `C`");
        let (none, note) = value("choice", &json!("B"), "It depends.");
        assert_eq!(
            (none, note.as_str()),
            (0.0, "it does not say which option it chooses")
        );
        for (profile, expected, context, says) in [
            (
                "choice",
                json!("London"),
                &json!({}),
                "neither a letter from A to J",
            ),
            ("choice", json!("C"), &lists[0], "and there are 2 options"),
            (
                "choice",
                json!("A"),
                &json!({"options": 3}),
                "a list of texts",
            ),
            (
                r#"{"metric": "choice", "options": "given"}"#,
                json!("A"),
                &lists[0],
                "`context.given`, the options, is missing",
            ),
        ] {
            let error = bad_case(profile, &expected, context);
            assert!(error.contains(says), "{error}");
        }
    }
}
