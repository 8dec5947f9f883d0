//! Fields of an answer that is JSON.

use serde_json::Value;

use crate::parse::json_value;

/// Returns a field of the JSON in an answer, by its pointer; the JSON may be
/// fenced or stand between other words.
///
/// ```
/// use fapo_sdk::score::json_field;
///
/// let answer = "```json\n{\"label\": \"REFUTED\"}\n```";
/// assert_eq!(json_field(answer, "/label").unwrap(), "REFUTED");
/// assert_eq!(json_field("REFUTED", "/label"), None);
/// ```
pub fn json_field(answer: &str, pointer: &str) -> Option<Value> {
    json_value(answer)?.pointer_mut(pointer).map(Value::take)
}
