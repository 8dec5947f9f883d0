//! JSON that a guest wrote: schemas of answers and tools, and arguments of
//! calls. None of it is changed on its way.

use fapo_core::call::ProviderError;
use fapo_core::{Untrusted, call::ResponseSchema, message::ToolCall, message::ToolDefinition};
use serde_json::{Map, Value};

use super::invalid;

/// Returns the shape that an answer must have.
pub(super) fn of_answer(schema: &ResponseSchema) -> Result<Value, ProviderError> {
    object(&schema.schema, || "the response schema".into())
}

/// Returns the shape of a tool's arguments.
pub(super) fn of_tool(tool: &ToolDefinition) -> Result<Value, ProviderError> {
    object(&tool.parameters, || {
        format!("the parameters of tool `{}`", tool.name.cut(100))
    })
}

/// Returns the arguments of a call, for formats that want them as an object. A
/// model that calls a tool without any may write nothing at all.
pub(super) fn of_call(call: &ToolCall) -> Result<Value, ProviderError> {
    if call.arguments.as_str().trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    object(&call.arguments, || {
        format!("the arguments of call `{}`", call.id.cut(100))
    })
}

fn object(text: &Untrusted, what: impl Fn() -> String) -> Result<Value, ProviderError> {
    match serde_json::from_str(text.as_str()) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(invalid(format!("{} are no JSON object", what()))),
        Err(error) => Err(invalid(format!("{} are no JSON: {error}", what()))),
    }
}

/// Words that a strict schema may use, beside those that need a look inside.
const PLAIN_WORDS: [&str; 14] = [
    "type",
    "description",
    "title",
    "enum",
    "const",
    "pattern",
    "multipleOf",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "$ref",
];

/// Formats of texts that a strict schema may name.
const FORMATS: [&str; 9] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uuid",
];

/// How deep a strict schema may go.
const DEPTH_MAX: usize = 10;

/// Tells whether a schema is closed as OpenAI's `strict` demands: nothing but
/// words that it knows, and every object names all of its keys, wants each of
/// them, and takes no other. A strict request with any other schema is refused.
pub(super) fn is_closed(schema: &Value) -> bool {
    schema["type"] == "object" && schema.get("anyOf").is_none() && closed(schema, 0)
}

fn closed(schema: &Value, depth: usize) -> bool {
    let Some(words) = schema.as_object() else {
        return false;
    };
    if depth > DEPTH_MAX {
        return false;
    }
    let all = |of: &Value| match of {
        Value::Object(of) => of.values().all(|one| closed(one, depth + 1)),
        Value::Array(of) => of.iter().all(|one| closed(one, depth + 1)),
        _ => false,
    };
    let known = words.iter().all(|(word, value)| match word.as_str() {
        "properties" | "$defs" | "definitions" => value.is_object() && all(value),
        "anyOf" => value.is_array() && all(value),
        "items" => closed(value, depth + 1),
        "format" => value
            .as_str()
            .is_some_and(|format| FORMATS.contains(&format)),
        // Whether they are as they must be is asked of objects, below.
        "required" | "additionalProperties" => true,
        word => PLAIN_WORDS.contains(&word),
    });
    let types = match &words.get("type") {
        Some(Value::Array(types)) => types.iter().any(|one| one == "object"),
        Some(one) => *one == "object",
        None => words.contains_key("properties"),
    };
    known && (!types || names_all_its_keys(words))
}

fn names_all_its_keys(object: &Map<String, Value>) -> bool {
    let required = object.get("required").and_then(Value::as_array);
    let is_required = |key: &String| {
        required.is_some_and(|required| required.iter().any(|one| one.as_str() == Some(key)))
    };
    let Some(properties) = object.get("properties").and_then(Value::as_object) else {
        return false;
    };
    object.get("additionalProperties") == Some(&Value::Bool(false))
        && properties.keys().all(is_required)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_closed_when_each_object_in_it_is() {
        let closed = json!({
            "type": "object",
            "properties": {
                "answer": {"type": ["string", "null"], "description": "a name"},
                "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
                "score": {"anyOf": [{"type": "integer"}, {"type": "string", "format": "date"}]},
            },
            "required": ["answer", "steps", "score"],
            "additionalProperties": false,
            "$defs": {"step": {
                "type": "object",
                "properties": {"text": {"enum": ["a", "b"]}},
                "required": ["text"],
                "additionalProperties": false,
            }},
        });
        assert!(is_closed(&closed));
        type Spoil = fn(&mut Value);
        let spoiled: [(&str, Spoil); 9] = [
            ("open", |s| s["additionalProperties"] = true.into()),
            ("optional key", |s| {
                s["required"] = json!(["answer", "steps"])
            }),
            ("open inside", |s| {
                s["$defs"]["step"]["additionalProperties"] = Value::Null;
            }),
            ("unknown word", |s| {
                s["properties"]["answer"]["default"] = "x".into()
            }),
            ("unknown format", |s| {
                s["properties"]["score"]["anyOf"][1]["format"] = "uri".into();
            }),
            ("a choice at the root", |s| s["anyOf"] = json!([])),
            ("no object", |s| s["type"] = "array".into()),
            ("allOf", |s| s["allOf"] = json!([{"type": "object"}])),
            ("true for a schema", |s| {
                s["properties"]["answer"] = true.into()
            }),
        ];
        for (what, spoil) in spoiled {
            let mut schema = closed.clone();
            spoil(&mut schema);
            assert!(!is_closed(&schema), "{what}");
        }
    }

    #[test]
    fn arguments_are_an_object_or_nothing() {
        let call = |arguments: &str| {
            of_call(&ToolCall {
                id: "1".into(),
                name: "f".into(),
                arguments: arguments.into(),
            })
        };
        assert_eq!(call(" ").unwrap(), json!({}));
        assert_eq!(
            call(r#"{"b":1,"a":2}"#).unwrap().to_string(),
            r#"{"b":1,"a":2}"#
        );
        for wrong in ["[]", "{", "1", "null"] {
            assert!(
                matches!(call(wrong), Err(ProviderError::InvalidRequest(_))),
                "{wrong}"
            );
        }
    }
}
