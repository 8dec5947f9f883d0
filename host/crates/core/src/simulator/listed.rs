//! Evidence that is written as JSON.

use serde_json::{Deserializer, Value};

use super::prompt::Passage;

/// Objects may hold lists of objects, and no more than so many levels of them.
const DEPTH_MAX: usize = 4;

/// Reads passages from the JSON at the beginning of a text, and tells how many
/// bytes it takes.
pub(super) fn passages(text: &str) -> Option<(Vec<Passage>, usize)> {
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let used = values.byte_offset();
    let mut passages = Vec::new();
    collect(&value, DEPTH_MAX, &mut passages);
    (!passages.is_empty()).then_some((passages, used))
}

fn collect(value: &Value, depth: usize, passages: &mut Vec<Passage>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::String(text) if text.contains(' ') => passages.push(Passage::of(text)),
        Value::Array(items) => match items.as_slice() {
            // `[title, [sentence, …]]`
            [Value::String(title), Value::Array(sentences)] => passages.push(Passage {
                title: title.clone(),
                text: joined(sentences),
            }),
            items => {
                for item in items {
                    collect(item, depth - 1, passages);
                }
            }
        },
        Value::Object(fields) => {
            let text = |names: &[&str]| {
                names.iter().find_map(|name| match fields.get(*name)? {
                    Value::String(text) => Some(text.clone()),
                    Value::Array(items) if items.iter().all(Value::is_string) => {
                        Some(joined(items))
                    }
                    _ => None,
                })
            };
            let body = text(&[
                "text",
                "content",
                "passage",
                "snippet",
                "body",
                "sentences",
                "document",
                "long_text",
                "abstract",
                "summary",
                "answer",
            ]);
            match body {
                Some(text_) => passages.push(Passage {
                    title: text(&["title", "name", "source", "wikipedia_title"])
                        .unwrap_or_default(),
                    text: text_,
                }),
                None => {
                    for field in fields.values().filter(|field| !field.is_string()) {
                        collect(field, depth - 1, passages);
                    }
                }
            }
        }
        _ => {}
    }
}

fn joined(items: &[Value]) -> String {
    let texts: Vec<_> = items
        .iter()
        .filter_map(Value::as_str)
        .map(str::trim)
        .collect();
    texts.join(" ")
}
