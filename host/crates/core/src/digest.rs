//! What a case is recognised by, wherever it turns up again.
//!
//! The lint finds a case twice, a split keeps its copies together, and the host
//! knows a held-out case in a file where it must not be: all three by the same
//! digest, so that what one of them keeps apart is what the others look for.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::case::Case;

/// Returns the digest of what a chain sees of a case.
///
/// It is the SHA-256 of the [`canonical_json`] of an object with `context` and
/// `template_fields`. Their texts are lower-cased and their runs of white space
/// are one blank, since a copy is a copy however it was pasted; names of fields,
/// numbers and the order of lists count as they are. A case that shows a chain
/// nothing at all cannot be told by it: `case_id`, `task_type` and `expected`
/// stand in the object too then.
///
/// ```
/// use fapo_core::case::Case;
/// use fapo_core::digest::content_digest;
///
/// let one = Case::from_json(r#"{"case_id": "1", "context": {"q": "Who is  it?", "n": 2}}"#)?;
/// let two = Case::from_json(r#"{"case_id": "2", "context": {"n": 2, "q": "who is it?"}, "expected": "me"}"#)?;
/// assert_eq!(content_digest(&one), content_digest(&two));
/// # Ok::<(), fapo_core::case::CaseError>(())
/// ```
pub fn content_digest(case: &Case) -> [u8; 32] {
    content_digest_of(&read_context(case), case)
}

/// Returns JSON that is the same for equal values: compact, and with the keys
/// of every object in the order of their bytes.
///
/// ```
/// use fapo_core::digest::canonical_json;
///
/// let value = serde_json::json!({"b": [1, {"d": null, "c": "x"}], "a": true});
/// assert_eq!(canonical_json(&value), r#"{"a":true,"b":[1,{"c":"x","d":null}]}"#);
/// ```
pub fn canonical_json(value: &Value) -> String {
    let mut json = String::new();
    write_canonical(value, &mut json);
    json
}

/// Returns the SHA-256 of some bytes, in hexadecimal.
///
/// ```
/// use fapo_core::digest::sha256_hex;
///
/// assert!(sha256_hex(b"abc").starts_with("ba7816bf"));
/// ```
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes).into())
}

/// Writes a digest in hexadecimal.
///
/// ```
/// assert!(fapo_core::digest::hex(&[0xab; 32]).starts_with("abab"));
/// ```
pub fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the context as a value, for those who look into it.
pub(crate) fn read_context(case: &Case) -> Value {
    // A case that was read from a row holds JSON; one that a program made
    // by hand may hold a bare text, which is then taken for what it is.
    serde_json::from_str(&case.context).unwrap_or_else(|_| case.context.as_str().into())
}

/// Does the work of [`content_digest`] with a context that was already read.
pub(crate) fn content_digest_of(context: &Value, case: &Case) -> [u8; 32] {
    let fields = case
        .template_fields
        .iter()
        .map(|(name, text)| (name.as_str().to_owned(), folded(text.as_str()).into()))
        .collect();
    let mut seen = Map::new();
    seen.insert("context".into(), with_folded_texts(context));
    seen.insert("template_fields".into(), Value::Object(fields));
    if shows_nothing(context, case) {
        seen.insert("case_id".into(), case.id.as_str().into());
        seen.insert("task_type".into(), case.task_type.as_str().into());
        seen.insert("expected".into(), case.expected.as_str().into());
    }
    Sha256::digest(canonical_json(&Value::Object(seen))).into()
}

/// Tells whether a chain learns nothing from a case.
pub(crate) fn shows_nothing(context: &Value, case: &Case) -> bool {
    fn is_empty(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Bool(_) | Value::Number(_) => false,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(items) => items.iter().all(is_empty),
            Value::Object(fields) => fields.values().all(is_empty),
        }
    }
    is_empty(context)
        && case
            .template_fields
            .iter()
            .all(|(_, text)| text.as_str().trim().is_empty())
}

/// Returns a text in lower case, with one blank for each run of white space.
pub(crate) fn folded(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(&word.to_lowercase());
    }
    folded
}

fn with_folded_texts(value: &Value) -> Value {
    match value {
        Value::String(text) => folded(text).into(),
        Value::Array(items) => items.iter().map(with_folded_texts).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| (name.clone(), with_folded_texts(value)))
            .collect(),
        plain => plain.clone(),
    }
}

fn write_canonical(value: &Value, json: &mut String) {
    match value {
        Value::Array(items) => {
            json.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                write_canonical(item, json);
            }
            json.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| name.as_str());
            json.push('{');
            for (at, (name, value)) in fields.into_iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                json.push_str(&Value::from(name.as_str()).to_string());
                json.push(':');
                write_canonical(value, json);
            }
            json.push('}');
        }
        plain => json.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(row: &str) -> [u8; 32] {
        content_digest(&Case::from_json(row).unwrap())
    }

    #[test]
    fn what_no_chain_sees_does_not_change_the_digest() {
        assert_eq!(
            digest(r#"{"case_id":"1","context":{"q":"x"},"expected":"a","metadata":{"m":1}}"#),
            digest(r#"{"case_id":"2","context":{"q":"x"},"task_type":"t"}"#),
        );
    }

    #[test]
    fn what_a_chain_sees_does() {
        let rows = [
            r#"{"case_id":"1","context":{"q":"x"}}"#,
            r#"{"case_id":"1","context":{"Q":"x"}}"#,
            r#"{"case_id":"1","context":["x"]}"#,
            r#"{"case_id":"1","context":"x"}"#,
            r#"{"case_id":"1","context":{"q":"x","n":1}}"#,
            r#"{"case_id":"1","context":{"q":"x"},"template_fields":{"tone":"dry"}}"#,
        ];
        let digests: std::collections::HashSet<_> = rows.iter().map(|row| digest(row)).collect();
        assert_eq!(digests.len(), rows.len());
    }

    #[test]
    fn cases_that_show_nothing_are_told_by_the_rest() {
        for empty in [
            "null",
            "{}",
            "[]",
            r#"" ""#,
            r#"{"q":"","more":[null,{"a":"\n"}]}"#,
        ] {
            let row = |id, expected| {
                digest(&format!(
                    r#"{{"case_id":"{id}","context":{empty},"expected":{expected}}}"#
                ))
            };
            assert_eq!(row("1", 1), row("1", 1));
            assert_ne!(row("1", 1), row("2", 1), "{empty}");
            assert_ne!(row("1", 1), row("1", 2), "{empty}");
        }
        assert_eq!(
            digest(r#"{"case_id":"1","context":{},"template_fields":{"q":"x"}}"#),
            digest(r#"{"case_id":"2","context":{},"template_fields":{"q":"X "}}"#),
        );
    }

    #[test]
    fn the_digest_does_not_change_between_versions() {
        let case = digest(r#"{"case_id":"1","context":{"b":"Two  words","a":[1.5,true]}}"#);
        let canonical = r#"{"context":{"a":[1.5,true],"b":"two words"},"template_fields":{}}"#;
        assert_eq!(hex(&case), sha256_hex(canonical));
    }

    #[test]
    fn texts_in_canonical_json_can_be_read_back() {
        let value = serde_json::json!({"a\"\n": "\u{1b}ü\u{2028}", "": [[], {}]});
        assert_eq!(
            serde_json::from_str::<Value>(&canonical_json(&value)).unwrap(),
            value
        );
    }
}
