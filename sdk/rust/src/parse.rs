//! Ready-made parsers: what turns a model's text into a step's output.
//!
//! A parser is any `Fn(&str) -> Result<String, String>`; the error says what
//! was missing, in words for the report. [`Llm::parse`](crate::Llm::parse)
//! takes one, and a step without one trims the text.

use serde_json::Value;

use crate::case::text_of;

/// Returns the text without the blanks around it.
pub fn trimmed(text: &str) -> Result<String, String> {
    Ok(text.trim().to_owned())
}

/// Returns the last line that is not blank: the answer of a model that was
/// told to think first.
pub fn last_line(text: &str) -> Result<String, String> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.map(str::to_owned)
        .ok_or_else(|| "the text is empty".to_owned())
}

/// Returns a parser for what stands behind the last `marker`, to the end of
/// the text.
///
/// ```
/// let parse = fapo_sdk::parse::after("Answer:");
/// assert_eq!(parse("Answer: no … wait. Answer: yes\n"), Ok("yes".into()));
/// assert_eq!(parse("yes"), Err("`Answer:` is missing".into()));
/// ```
pub fn after(marker: &str) -> impl Fn(&str) -> Result<String, String> {
    move |text| match text.rsplit_once(marker) {
        Some((_, answer)) => trimmed(answer),
        None => Err(format!("`{marker}` is missing")),
    }
}

/// Returns a parser for what stands between the last `<name>` and its `</name>`.
pub fn tag(name: &'static str) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let inside = text
            .rsplit_once(&format!("<{name}>"))
            .and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
        match inside {
            Some((inside, _)) => trimmed(inside),
            None => Err(format!("`<{name}>` is missing")),
        }
    }
}

/// Returns a parser for a field of a text that is laid out as DSPy has it: each
/// field below a line `[[ ## name ## ]]`. A text without any such line is the
/// field itself, so the parser serves prompts with and without the layout.
///
/// Of a field that comes twice, the first counts.
///
/// ```
/// let parse = fapo_sdk::parse::marked("answer");
/// let text = "[[ ## reasoning ## ]]\nIt is.\n\n[[ ## answer ## ]]\nyes\n\n[[ ## completed ## ]]";
/// assert_eq!(parse(text), Ok("yes".into()));
/// assert_eq!(parse(" yes "), Ok("yes".into()));
/// assert_eq!(parse("[[ ## reasoning ## ]]\nIt is."), Err("the field `answer` is missing".into()));
/// ```
pub fn marked(name: &'static str) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let mut value: Option<String> = None;
        let mut is_marked = false;
        let mut is_inside = false;
        for line in text.lines() {
            let mut line = line;
            if let Some((field, rest)) = marker(line) {
                is_marked = true;
                is_inside = field == name && value.is_none();
                line = rest;
            }
            if is_inside {
                let value = value.get_or_insert_default();
                value.push_str(line);
                value.push('\n');
            }
        }
        match value {
            Some(value) => trimmed(&value),
            None if is_marked => Err(format!("the field `{name}` is missing")),
            None => trimmed(text),
        }
    }
}

/// Reads a line that begins with `[[ ## name ## ]]`: the name, and what follows.
fn marker(line: &str) -> Option<(&str, &str)> {
    let rest = line.trim_start().strip_prefix("[[ ## ")?;
    let (name, rest) = rest.split_once(" ## ]]")?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_name.then_some((name, rest))
}

/// Returns what stands in the last `\boxed{…}`, as models of mathematics give
/// their answers. Braces inside it are part of the answer.
///
/// ```
/// use fapo_sdk::parse::boxed;
///
/// assert_eq!(boxed(r"so it is $\boxed{\frac{1}{2}}$."), Ok(r"\frac{1}{2}".into()));
/// assert_eq!(boxed("one half"), Err(r"`\boxed{}` is missing".into()));
/// ```
pub fn boxed(text: &str) -> Result<String, String> {
    const OPENING: &str = "\\boxed{";
    let (_, rest) = text.rsplit_once(OPENING).ok_or(r"`\boxed{}` is missing")?;
    let mut depth = 1;
    for (at, c) in rest.char_indices() {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        if depth == 0 {
            return trimmed(&rest[..at]);
        }
    }
    Err(r"`\boxed{` has no end".into())
}

/// Returns the JSON in the text, compact: the whole of it, a fenced block, or
/// the first object or array between other words.
pub fn json(text: &str) -> Result<String, String> {
    match json_value(text) {
        Some(value) => Ok(value.to_string()),
        None => Err("there is no JSON in the text".into()),
    }
}

/// Returns a parser for a field of the JSON in the text, by its pointer
/// (`/answer`, `/items/0`). A text loses its quotes.
///
/// ```
/// let parse = fapo_sdk::parse::json_field("/answer");
/// assert_eq!(parse("```json\n{\"answer\": \"yes\"}\n```"), Ok("yes".into()));
/// ```
pub fn json_field(pointer: &str) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let value = json_value(text).ok_or("there is no JSON in the text")?;
        match value.pointer(pointer) {
            Some(field) => Ok(text_of(field).into_owned()),
            None => Err(format!("the JSON has no `{pointer}`")),
        }
    }
}

/// Returns a parser that looks for one of these words and returns it as it is
/// spelled here. The last word of the text that is one of them counts.
pub fn one_of<const N: usize>(words: [&'static str; N]) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let mut said = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
        let found = said
            .by_ref()
            .filter_map(|word| words.iter().find(|known| known.eq_ignore_ascii_case(word)))
            .next_back();
        found
            .map(|word| (*word).to_owned())
            .ok_or_else(|| format!("none of `{}` is in the text", words.join("`, `")))
    }
}

/// Returns the answer that most samples gave; of several, the one that was
/// given first. Case and blanks do not make answers differ.
///
/// What [`Llm::samples`](crate::Llm::samples) is most often given.
pub fn majority(samples: &[String]) -> String {
    let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
    let votes = |sample: &String| samples.iter().filter(|other| same(sample, other)).count();
    // `max_by_key` takes the last of equals, so the search goes backwards.
    let winner = samples.iter().rev().max_by_key(|sample| votes(sample));
    winner.cloned().unwrap_or_default()
}

/// Returns the outputs of a step that asked for several items at once, which
/// are one JSON array: what a hook of such a step is given.
pub fn texts(output: &str) -> Vec<String> {
    match serde_json::from_str(output) {
        Ok(Value::Array(items)) => items
            .iter()
            .map(|item| text_of(item).into_owned())
            .collect(),
        _ => vec![output.to_owned()],
    }
}

/// Returns the JSON in a text: the whole of it, what a fence holds, or the
/// first object or array that is complete.
pub fn json_value(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    // A fence says where the JSON is, whatever brackets stand before it.
    let fence = text.find("```").unwrap_or(0);
    let begins = text[fence..]
        .match_indices(['{', '['])
        .map(|(at, _)| fence + at);
    // A text full of brackets must not cost its length squared.
    begins.take(ATTEMPTS_MAX).find_map(|at| {
        let mut values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        values.next()?.ok()
    })
}

/// How many brackets of a text are tried as the beginning of its JSON.
const ATTEMPTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_field_ends_at_the_next_marker_and_counts_once() {
        let summary = marked("summary");
        for (text, value) in [
            (
                "[[ ## summary ## ]] one\ntwo\n\n[[ ## x ## ]]\n3",
                "one\ntwo",
            ),
            ("  [[ ## summary ## ]]\na\n[[ ## summary ## ]]\nb", "a"),
            (
                "[[ ## summary ## ]]\n[[ ##not## ]]\n[[ ## completed ## ]]",
                "[[ ##not## ]]",
            ),
            ("[[ ## summary ## ]]", ""),
            (
                "it says [[ ## x ## ]] within",
                "it says [[ ## x ## ]] within",
            ),
            ("", ""),
        ] {
            assert_eq!(summary(text).as_deref(), Ok(value), "{text}");
        }
        assert!(summary("[[ ## x ## ]]\n1").is_err());
    }

    #[test]
    fn json_is_found_whole_fenced_and_between_words() {
        for text in [
            r#"{"a": [1]}"#,
            "```json\n{\"a\": [1]}\n```",
            "Here you are: {\"a\": [1]} and no more.",
            "The set {x} is {\"a\": [1]}",
            "As [1] says:\n```\n{\"a\": [1]}\n```",
        ] {
            assert_eq!(json(text).as_deref(), Ok(r#"{"a":[1]}"#), "{text}");
        }
        assert!(json("no JSON {here").is_err());
    }

    #[test]
    fn a_json_field_that_is_no_text_stays_json() {
        assert_eq!(json_field("/a")(r#"{"a": [1, 2]}"#).as_deref(), Ok("[1,2]"));
        assert_eq!(json_field("/b")("{}"), Err("the JSON has no `/b`".into()));
    }

    #[test]
    fn the_last_line_and_the_last_tag_count() {
        assert_eq!(last_line("think\nParis\n\n").as_deref(), Ok("Paris"));
        assert!(last_line(" \n").is_err());
        assert_eq!(tag("a")("<a>x</a> <a> y </a>").as_deref(), Ok("y"));
        assert!(tag("a")("<a>x").is_err());
    }

    #[test]
    fn the_last_box_counts_and_has_an_end() {
        assert_eq!(boxed(r"\boxed{1} no, \boxed{ {2} }").as_deref(), Ok("{2}"));
        assert!(boxed(r"\boxed{1").is_err());
    }

    #[test]
    fn a_word_is_returned_as_it_was_declared() {
        let parse = one_of(["SUPPORTED", "REFUTED"]);
        assert_eq!(
            parse("not supported, so: refuted.").as_deref(),
            Ok("REFUTED")
        );
        assert!(parse("unsupported").is_err());
    }

    #[test]
    fn the_majority_is_the_first_of_the_most_frequent() {
        let samples = |texts: &[&str]| -> Vec<String> {
            texts.iter().map(|text| (*text).to_owned()).collect()
        };
        assert_eq!(majority(&samples(&["a", "B", "b "])), "B");
        assert_eq!(majority(&samples(&["a", "b"])), "a");
        assert_eq!(majority(&[]), "");
    }

    #[test]
    fn texts_undo_an_array_and_leave_the_rest() {
        assert_eq!(texts(r#"["a",1]"#), ["a", "1"]);
        assert_eq!(texts("plain"), ["plain"]);
    }
}
