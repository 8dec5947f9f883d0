//! What every format comes to, and what their readers share: fields of a body
//! that a stranger wrote.

use bytes::Bytes;
use fapo_core::call::{Completion, GenerateRequest};
use fapo_core::message::{ContentPart, Message, Speaker, ToolCall, ToolDefinition};
use serde_json::{Map, Value};

use super::vendor::Refusal;

pub(super) type Fields = Map<String, Value>;

/// A request, read.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: GenerateRequest,
    pub(super) model: String,
    /// Whether it thinks before it answers.
    pub(super) reasons: bool,
    pub(super) streams: bool,
    /// What of the request its answer's writer has to know.
    pub(super) shape: Shape,
}

/// How an answer is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Chat { tells_usage: bool },
    Responses,
    Messages,
    Converse,
    Tgi { details: bool, is_list: bool },
    Predict,
}

/// What an answer's writer needs beside it.
pub(super) struct Stamp<'a> {
    /// Hexadecimal digits that no other answer has.
    pub(super) id: &'a str,
    /// Seconds since 1970.
    pub(super) now: u64,
    pub(super) fingerprint: &'a str,
    pub(super) took_ms: u64,
}

/// An answer, written: whole, or in pieces that are sent one by one.
pub(super) enum Answer {
    Json(Value),
    Events(Vec<Bytes>),
}

/// What writers of answers are given.
pub(super) struct Answered<'a> {
    pub(super) asked: &'a Asked,
    pub(super) completion: &'a Completion,
    pub(super) stamp: &'a Stamp<'a>,
}

/// Writes an event of a stream.
pub(super) fn event(name: Option<&str>, data: &Value) -> Bytes {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n").into(),
        None => format!("data: {data}\n\n").into(),
    }
}

/// Splits a text as a stream would.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    const PIECE_BYTES: usize = 16;
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = (PIECE_BYTES..=rest.len()).find(|at| rest.is_char_boundary(*at));
        let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

pub(super) fn fields(value: &Value) -> Result<&Fields, Refusal> {
    value.as_object().ok_or_else(|| {
        Refusal::bad("We could not parse the JSON body of your request: an object is expected.")
    })
}

/// Returns a field that is there and not null.
pub(super) fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

fn wrong(name: &str, expected: &str) -> Refusal {
    Refusal::bad(format!("Invalid type for '{name}': expected {expected}."))
        .param(name)
        .code("invalid_type")
}

pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a str>, Refusal> {
    given(fields, name)
        .map(|value| value.as_str().ok_or_else(|| wrong(name, "a string")))
        .transpose()
}

pub(super) fn flag(fields: &Fields, name: &str) -> Result<bool, Refusal> {
    let flag =
        given(fields, name).map(|value| value.as_bool().ok_or_else(|| wrong(name, "a boolean")));
    Ok(flag.transpose()?.unwrap_or(false))
}

/// Returns a number within bounds.
pub(super) fn number(fields: &Fields, name: &str, max: f64) -> Result<Option<f64>, Refusal> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    let number = value.as_f64().ok_or_else(|| wrong(name, "a number"))?;
    if !(0.0..=max).contains(&number) {
        return Err(Refusal::bad(format!(
            "Invalid '{name}': {number} is not from 0 to {max}."
        ))
        .param(name));
    }
    Ok(Some(number))
}

/// Returns a whole number that is no smaller than it may be.
pub(super) fn count(fields: &Fields, name: &str, min: u32) -> Result<Option<u32>, Refusal> {
    let Some(value) = given(fields, name) else {
        return Ok(None);
    };
    let number = value.as_i64().ok_or_else(|| wrong(name, "an integer"))?;
    if number < i64::from(min) {
        let message = format!(
            "Invalid '{name}': integer below minimum value. Expected a value >= {min}, but got {number} instead."
        );
        return Err(Refusal::bad(message)
            .param(name)
            .code("integer_below_min_value"));
    }
    Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
}

/// Returns a list of texts, of which there may be one alone.
pub(super) fn texts(fields: &Fields, name: &str) -> Result<Vec<String>, Refusal> {
    match given(fields, name) {
        None => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| {
                item.as_str()
                    .map(str::to_owned)
                    .ok_or_else(|| wrong(name, "strings"))
            })
            .collect(),
        Some(_) => Err(wrong(name, "a string or a list of strings")),
    }
}

pub(super) fn list<'a>(fields: &'a Fields, name: &str) -> Result<&'a [Value], Refusal> {
    match given(fields, name) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(wrong(name, "an array")),
    }
}

pub(super) fn object<'a>(fields: &'a Fields, name: &str) -> Result<Option<&'a Fields>, Refusal> {
    given(fields, name)
        .map(|value| value.as_object().ok_or_else(|| wrong(name, "an object")))
        .transpose()
}

/// Returns the first field whose name is not known.
pub(super) fn unknown<'a>(fields: &'a Fields, known: &[&str]) -> Option<&'a str> {
    fields
        .keys()
        .map(String::as_str)
        .find(|name| !known.contains(name))
}

pub(super) fn message(role: Speaker, text: impl Into<String>) -> Message {
    Message {
        role,
        content: vec![ContentPart::Text(text.into().into())],
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}

/// Returns what a tool answered.
pub(super) fn tool_message(id: &str, text: impl Into<String>) -> Message {
    Message {
        tool_call_id: Some(id.into()),
        ..message(Speaker::Tool, text)
    }
}

pub(super) fn tool_call(id: &str, name: &str, arguments: impl Into<String>) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into().into(),
    }
}

pub(super) fn tool(name: &str, description: &str, schema: Option<&Value>) -> ToolDefinition {
    ToolDefinition {
        name: name.into(),
        description: description.into(),
        parameters: schema
            .map_or_else(|| "{}".to_owned(), Value::to_string)
            .into(),
    }
}

/// Returns what keeps a schema from being followed to the letter: an object
/// that is open, or a property that need not be there.
pub(super) fn open_schema(schema: &Value) -> Option<&'static str> {
    fn look(schema: &Value, depth: usize) -> Option<&'static str> {
        if depth == 0 {
            return Some("the schema is nested too deeply");
        }
        match schema {
            Value::Object(fields) => {
                let properties = fields.get("properties").and_then(Value::as_object);
                if properties.is_some() || fields.get("type") == Some(&"object".into()) {
                    if fields.get("additionalProperties") != Some(&Value::Bool(false)) {
                        return Some(
                            "'additionalProperties' is required to be supplied and to be false",
                        );
                    }
                    let required = fields.get("required").and_then(Value::as_array);
                    let is_required = |name: &String| {
                        required.is_some_and(|names| names.iter().any(|other| other == name))
                    };
                    if !properties.is_none_or(|properties| properties.keys().all(is_required)) {
                        return Some(
                            "'required' is required to be supplied and to be an array including every key in properties",
                        );
                    }
                }
                fields.values().find_map(|value| look(value, depth - 1))
            }
            Value::Array(items) => items.iter().find_map(|item| look(item, depth - 1)),
            _ => None,
        }
    }
    look(schema, 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_strict_schema_is_closed_all_the_way_down() {
        let closed = json!({"type": "object", "properties": {"a": {"type": "string"}},
            "required": ["a"], "additionalProperties": false});
        assert_eq!(open_schema(&closed), None);
        let mut open = closed.clone();
        open["required"] = json!([]);
        assert!(open_schema(&open).is_some());
        let nested = json!({"type": "array", "items": {"type": "object", "properties": {}}});
        assert!(open_schema(&nested).is_some());
    }

    #[test]
    fn a_text_is_split_between_characters() {
        let text = "äöü —日本語 and more words than one piece holds";
        assert_eq!(pieces(text).concat(), text);
        assert!(pieces(text).len() > 2);
    }
}
