//! JSON that a schema asks for.

use serde_json::{Map, Value, json};

use super::told::Told;

/// Objects in objects are filled in so far; a schema may refer to itself.
const DEPTH_MAX: usize = 6;

/// Values that are made for one schema: one that refers to itself in many
/// places would ask for more than there is room for.
const VALUES_MAX: usize = 1_000;

/// Tells whether an answer goes into a structure, where it stands alone.
pub(super) fn is_structured(told: &Told) -> bool {
    told.json || !told.fields.is_empty() && told.is_marked
}

/// Makes a value that a schema allows. `field` gives the text of a field that it
/// knows; the first text that it does not know is the answer's.
pub(super) fn fill(schema: &Value, field: &mut dyn FnMut(&str) -> Option<String>) -> Value {
    let mut filler = Filler {
        root: schema,
        field,
        is_answered: false,
        left: VALUES_MAX,
    };
    filler.value("answer", schema, DEPTH_MAX)
}

struct Filler<'a> {
    root: &'a Value,
    field: &'a mut dyn FnMut(&str) -> Option<String>,
    is_answered: bool,
    /// Values that may still be made.
    left: usize,
}

impl<'a> Filler<'a> {
    fn value(&mut self, name: &str, schema: &'a Value, depth: usize) -> Value {
        let Some(left) = self.left.checked_sub(1) else {
            return Value::Null;
        };
        self.left = left;
        let schema = self.resolved(schema);
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(options) = schema.get("enum").and_then(Value::as_array) {
            return self.option(name, options);
        }
        for any in ["anyOf", "oneOf", "allOf"] {
            let first = schema.get(any).and_then(|any| any.get(0));
            if let (Some(first), true) = (first, depth > 0) {
                return self.value(name, first, depth - 1);
            }
        }
        let kind = match &schema["type"] {
            Value::String(kind) => kind.as_str(),
            Value::Array(kinds) => kinds.first().and_then(Value::as_str).unwrap_or("string"),
            _ if schema.get("properties").is_some() => "object",
            _ => "string",
        };
        match kind {
            "object" => self.object(schema, depth),
            "array" if depth > 0 => match schema.get("items") {
                Some(item) => Value::Array(vec![self.value(name, item, depth - 1)]),
                None => Value::Array(vec![Value::String(self.text(name))]),
            },
            "array" => json!([]),
            "integer" => json!(self.number(name, schema).unwrap_or(1.0) as i64),
            "number" => json!(self.number(name, schema).unwrap_or(0.5)),
            "boolean" => json!(!self.text(name).to_lowercase().starts_with("no")),
            "null" => Value::Null,
            _ => Value::String(self.text(name)),
        }
    }

    fn object(&mut self, schema: &'a Value, depth: usize) -> Value {
        let mut fields = Map::new();
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return json!({});
        };
        let required: Option<Vec<&str>> = schema
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect());
        for (name, property) in properties {
            let is_wanted = required
                .as_ref()
                .is_none_or(|names| names.contains(&name.as_str()));
            if is_wanted && depth > 0 {
                let value = self.value(name, property, depth - 1);
                fields.insert(name.clone(), value);
            }
        }
        Value::Object(fields)
    }

    /// Follows `$ref` once.
    fn resolved(&self, schema: &'a Value) -> &'a Value {
        let pointer = schema.get("$ref").and_then(Value::as_str);
        let target = pointer.and_then(|pointer| self.root.pointer(pointer.trim_start_matches('#')));
        target.unwrap_or(schema)
    }

    fn text(&mut self, name: &str) -> String {
        match (self.field)(name) {
            Some(text) => {
                self.is_answered |= !super::told::is_thought(name);
                text
            }
            None if !self.is_answered => {
                self.is_answered = true;
                (self.field)("answer").unwrap_or_default()
            }
            None => String::new(),
        }
    }

    fn number(&mut self, name: &str, schema: &Value) -> Option<f64> {
        let text = self.text(name);
        let digits = super::words::words(&text)
            .into_iter()
            .find_map(|word| word.text.replace(',', "").parse::<f64>().ok());
        let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
        let (low, high) = (bound("minimum"), bound("maximum"));
        let number = digits
            .or_else(|| schema.get("default").and_then(Value::as_f64))
            .or(low);
        number.map(|number| {
            number
                .max(low.unwrap_or(f64::MIN))
                .min(high.unwrap_or(f64::MAX))
        })
    }

    fn option(&mut self, name: &str, options: &[Value]) -> Value {
        let text = self.text(name).to_lowercase();
        let said = options.iter().find(|option| {
            option
                .as_str()
                .is_some_and(|option| !option.is_empty() && text.contains(&option.to_lowercase()))
        });
        said.or(options.first()).cloned().unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(schema: &Value, expected: &Value) {
        let mut field = |name: &str| match name {
            "answer" => Some("Yes, 12 islands".to_owned()),
            "reasoning" => Some("It says so.".to_owned()),
            _ => None,
        };
        assert_eq!(fill(schema, &mut field), *expected);
    }

    #[test]
    fn required_fields_are_filled_by_their_types() {
        let schema = json!({
            "type": "object",
            "properties": {
                "reasoning": {"type": "string"},
                "place": {"type": "string"},
                "left_out": {"type": "string"},
                "n": {"type": "integer", "minimum": 3},
                "sure": {"type": "boolean"},
                "size": {"enum": ["small", "large"]},
                "list": {"type": "array", "items": {"type": "string"}},
                "deep": {"$ref": "#/$defs/deep"},
            },
            "required": ["reasoning", "place", "n", "sure", "size", "list", "deep"],
            "$defs": {"deep": {"type": "object", "properties": {"answer": {"type": "number"}}, "required": ["answer"]}},
        });
        let expected = json!({
            "reasoning": "It says so.",
            "place": "Yes, 12 islands",
            "n": 3,
            "sure": true,
            "size": "small",
            "list": [""],
            "deep": {"answer": 12.0},
        });
        check(&schema, &expected);
    }

    #[test]
    fn a_schema_without_end_is_filled_in_so_far() {
        let schema = json!({
            "type": "object",
            "properties": {"next": {"$ref": "#"}},
            "required": ["next"],
        });
        let mut field = |_: &str| None;
        let text = fill(&schema, &mut field).to_string();
        assert!(
            text.starts_with("{\"next\":{") && text.len() < 200,
            "{text}"
        );
    }

    #[test]
    fn a_schema_that_grows_at_each_level_is_filled_in_so_far() {
        let names: Vec<_> = (0..50).map(|n| format!("n{n}")).collect();
        let properties: Map<_, _> = names
            .iter()
            .map(|name| (name.clone(), json!({"$ref": "#"})))
            .collect();
        let schema = json!({"type": "object", "properties": properties, "required": names});
        let mut field = |_: &str| None;
        let text = fill(&schema, &mut field).to_string();
        assert!(text.len() < 50 * VALUES_MAX, "{}", text.len());
    }
}
