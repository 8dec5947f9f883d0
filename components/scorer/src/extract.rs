//! Where in an output the answer is.

use fapo_sdk::{Value, parse, score};

use crate::nearest::did_you_mean;
use crate::options::Options;

/// What takes the answer out of an output before it is graded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Extract {
    /// The last line that is not blank.
    LastLine,
    /// What the last `\boxed{…}` holds.
    Boxed,
    /// What stands behind the last of these words.
    After(String),
    /// What a pattern's first group finds, or the pattern where it has none.
    Regex(String),
    /// A field of the JSON in the output, by its pointer.
    Json(String),
}

const WORDS: [&str; 2] = ["last_line", "boxed"];
const KEYS: [&str; 3] = ["after", "regex", "json"];

impl Extract {
    /// Reads the option `extract`.
    pub(crate) fn read(value: &Value) -> Result<Self, String> {
        if let Some(word) = value.as_str() {
            return match word {
                "last_line" => Ok(Self::LastLine),
                "boxed" => Ok(Self::Boxed),
                _ => {
                    let known = [WORDS.as_slice(), KEYS.as_slice()].concat();
                    Err(format!(
                        "`extract` is `{word}`{}: {FORMS}",
                        did_you_mean(word, &known)
                    ))
                }
            };
        }
        let options = Options {
            of: "`extract`",
            value,
        };
        options.only(&KEYS)?;
        let (after, regex) = (options.text("after")?, options.text("regex")?);
        match (after, regex, options.text("json")?) {
            (Some(marker), None, None) => Ok(Self::After(marker.to_owned())),
            (None, Some(pattern), None) => {
                score::regex_match(pattern, "").map_err(crate::metric::reason)?;
                Ok(Self::Regex(pattern.to_owned()))
            }
            (None, None, Some(field)) => Ok(Self::Json(pointer(field))),
            _ => Err(format!("`extract` is {value}: {FORMS}")),
        }
    }

    /// Returns the answer, or why there is none.
    pub(crate) fn apply(&self, output: &str) -> Result<String, String> {
        let found = match self {
            Self::LastLine => parse::last_line(output),
            Self::Boxed => parse::boxed(output),
            Self::After(marker) => parse::after(marker)(output),
            Self::Regex(pattern) => score::regex_capture(pattern, output)
                .map_err(crate::metric::reason)?
                .ok_or_else(|| format!("`{pattern}` is not found")),
            Self::Json(pointer) => parse::json_field(pointer)(output),
        }?;
        match found.trim() {
            "" => Err("it is there, and empty".into()),
            answer => Ok(answer.to_owned()),
        }
    }
}

const FORMS: &str =
    "it must be `last_line`, `boxed`, or an object with one of `after`, `regex` and `json`";

/// Returns the pointer of a field: most are named, and those that are nested
/// are pointed to.
pub(crate) fn pointer(field: &str) -> String {
    if field.starts_with('/') {
        return field.to_owned();
    }
    format!("/{}", field.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use fapo_sdk::json;

    use super::*;

    #[test]
    fn an_answer_is_taken_out_of_its_output() {
        for (extract, output, answer) in [
            (json!("last_line"), "so\n London \n\n", "London"),
            (json!("boxed"), r"\boxed{7}", "7"),
            (json!({"after": "Answer:"}), "Answer: x Answer: y\n", "y"),
            (json!({"regex": r"is (\w+)\."}), "It is London.", "London"),
            (
                json!({"json": "answer"}),
                "```json\n{\"answer\": \"x\"}\n```",
                "x",
            ),
            (json!({"json": "/a/0"}), r#"{"a": [3]}"#, "3"),
            (json!({"json": "a/b"}), r#"{"a/b": true}"#, "true"),
        ] {
            let found = Extract::read(&extract).unwrap().apply(output);
            assert_eq!(found.as_deref(), Ok(answer), "{extract}");
        }
    }

    #[test]
    fn what_is_not_there_is_a_reason() {
        for (extract, reason) in [
            (json!("boxed"), r"`\boxed{}` is missing"),
            (json!({"after": "Answer:"}), "`Answer:` is missing"),
            (json!({"after": "London"}), "it is there, and empty"),
            (json!({"regex": "x"}), "`x` is not found"),
            (json!({"json": "answer"}), "there is no JSON in the text"),
        ] {
            let found = Extract::read(&extract).unwrap().apply("It is London");
            assert_eq!(found, Err(reason.into()), "{extract}");
        }
    }

    #[test]
    fn what_cannot_be_extracted_is_refused() {
        for (extract, says) in [
            (json!("lastline"), "did you mean `last_line`?"),
            (json!({"aftr": "x"}), "did you mean `after`?"),
            (json!({}), "an object with one of"),
            (json!({"after": "x", "json": "y"}), "an object with one of"),
            (json!({"after": ""}), "a text that is not empty"),
            (json!({"regex": "("}), "`(` is not a regular expression"),
            (json!(3), "must be an object"),
        ] {
            let error = Extract::read(&extract).unwrap_err();
            assert!(error.contains(says), "{extract}: {error}");
        }
    }
}
