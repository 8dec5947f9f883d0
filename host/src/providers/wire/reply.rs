//! What every format reads in the same way: whether there is an answer at all,
//! numbers of tokens, why a model stopped, and what a server says of itself.

use fapo_core::Untrusted;
use fapo_core::call::{FinishReason, Served, Usage};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use super::{NoAnswer, Refused, Reply};

/// The longest name that a server gives itself or an answer, in characters. It
/// stands in the record of every call.
const NAME_CHARS_MAX: usize = 200;

/// How much of a reply that is no answer is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 200;

/// The most tokens that a request or an answer can have. Beyond it a server
/// does not count, and a sum of such numbers would be a bill for nothing.
const TOKENS_MAX: u32 = 100_000_000;

/// Why a model stopped, where nobody says it. It is not `Stop`: it may have
/// been cut off.
const UNTOLD: &str = "unknown";

/// Tells whether a status is that of an answer.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Tells whether a reply is said to be an answer, and JSON.
pub(super) fn is_json_answer(reply: &Reply) -> bool {
    is_success(reply.status) && is_json(reply)
}

fn is_json(reply: &Reply) -> bool {
    let content_type = reply.headers.get(CONTENT_TYPE);
    content_type.is_none_or(|value| {
        let value = value.to_str().unwrap_or_default();
        let essence = value.split(';').next().unwrap_or_default().trim();
        let end = essence.len().saturating_sub("json".len());
        essence.as_bytes()[end..].eq_ignore_ascii_case(b"json")
    })
}

/// Returns the JSON of an answer from a server that promises JSON.
pub(super) fn answer(reply: &Reply) -> Result<Value, NoAnswer> {
    if is_success(reply.status) && !is_json(reply) {
        return Err(malformed("the reply's content type is not JSON", reply));
    }
    let value = answer_of_any_type(reply)?;
    if is_error(&value["error"]) || value["type"] == "error" {
        return Err(NoAnswer::Refused(Refused::saying(reply, &value)));
    }
    Ok(value)
}

/// Returns the JSON of an answer from a container of somebody's own, which may
/// not say that it is JSON.
pub(crate) fn answer_of_any_type(reply: &Reply) -> Result<Value, NoAnswer> {
    if !is_success(reply.status) {
        return Err(NoAnswer::Refused(Refused::of(reply)));
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        let what = match error.is_eof() {
            true => "the reply is cut",
            false => "the reply is not JSON",
        };
        malformed(what, reply)
    })
}

/// Tells whether a field that says what went wrong says anything.
pub(super) fn is_error(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => !all.is_empty(),
        Value::Object(all) => !all.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    }
}

/// Returns the error of a reply that is not what its format promises.
pub(crate) fn malformed(what: &str, reply: &Reply) -> NoAnswer {
    if reply.body.is_empty() {
        return NoAnswer::Malformed(format!("{what}: it is empty"));
    }
    // A character has four bytes at most.
    let head = &reply.body[..reply.body.len().min(QUOTED_CHARS_MAX * 4)];
    let came = Untrusted::from(&*String::from_utf8_lossy(head)).cut(QUOTED_CHARS_MAX);
    NoAnswer::Malformed(format!("{what}: `{came}`"))
}

/// Returns a number of tokens. What no server can have counted is unknown.
pub(super) fn count(value: &Value) -> Option<u32> {
    let number = match value.as_f64() {
        Some(number) if number.fract() == 0.0 && number >= 0.0 => number,
        _ => return None,
    };
    (number <= f64::from(TOKENS_MAX)).then_some(number as u32)
}

/// Returns usage whose parts are not larger than what they are parts of.
pub(super) fn sane(usage: Usage) -> Usage {
    let within = |part: Option<u32>, whole: Option<u32>| {
        part.filter(|part| whole.is_none_or(|whole| *part <= whole))
    };
    Usage {
        cached_input_tokens: within(usage.cached_input_tokens, usage.input_tokens),
        reasoning_tokens: within(usage.reasoning_tokens, usage.output_tokens),
        ..usage
    }
}

/// Adds what a provider counts beside the input to it, as Anthropic and Bedrock
/// do with what their caches hold.
pub(super) fn with_cached(input: Option<u32>, beside: [Option<u32>; 2]) -> Option<u32> {
    let beside: u32 = beside.into_iter().flatten().sum();
    Some(input? + beside)
}

/// Returns why a model stopped, from the word of any provider: none of them
/// means with a word what another does not.
pub(super) fn finish_reason(word: Option<&str>) -> FinishReason {
    let Some(word) = word.filter(|word| !word.is_empty()) else {
        return FinishReason::Other(UNTOLD.into());
    };
    match word.to_ascii_lowercase().as_str() {
        "stop" | "end_turn" | "stop_sequence" | "eos_token" | "eos" | "stop_token" => {
            FinishReason::Stop
        }
        "length"
        | "max_tokens"
        | "max_output_tokens"
        | "max_new_tokens"
        | "model_length"
        | "model_context_window_exceeded" => FinishReason::Length,
        "tool_calls" | "tool_use" | "function_call" => FinishReason::ToolCalls,
        "content_filter" | "content_filtered" | "refusal" | "guardrail_intervened" | "safety" => {
            FinishReason::ContentFilter
        }
        _ => FinishReason::Other(name(word)),
    }
}

/// Returns a text that is there to tell one thing from another.
pub(super) fn name(text: &str) -> Untrusted {
    match text.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => text[..end].into(),
        None => text.into(),
    }
}

/// Returns the model's name, as the server gives it; empty where it does not.
pub(super) fn model(value: &Value) -> Untrusted {
    name(value.as_str().unwrap_or_default())
}

/// Headers that name an answer, the version of an interface, and what a
/// server runs.
const ID: [&str; 4] = [
    "request-id",
    "x-request-id",
    "x-amzn-requestid",
    "apim-request-id",
];
const VERSION: [&str; 3] = [
    "openai-version",
    "anthropic-version",
    "x-amzn-bedrock-version",
];
const FINGERPRINT: [&str; 1] = ["x-amzn-invoked-production-variant"];

/// Returns what a server says of itself, in the body and else in the headers.
pub(super) fn served(headers: &HeaderMap, id: &Value, fingerprint: &Value) -> Served {
    let header = |names: &[&str]| {
        let value = names
            .iter()
            .find_map(|name| headers.get(*name)?.to_str().ok());
        value.filter(|value| !value.is_empty()).map(name)
    };
    let said = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(name);
    Served {
        id: said(id).or_else(|| header(&ID)),
        fingerprint: said(fingerprint).or_else(|| header(&FINGERPRINT)),
        version: header(&VERSION),
        // By this header our own simulator gives itself away.
        simulated: headers.contains_key("x-simulator"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_cannot_be_a_number_of_tokens_is_unknown() {
        for (value, expected) in [
            (json!(0), Some(0)),
            (json!(12), Some(12)),
            (json!(12.0), Some(12)),
            (json!(-1), None),
            (json!(1.5), None),
            (json!(1e30), None),
            (json!(u64::MAX), None),
            (json!("12"), None),
            (json!(null), None),
        ] {
            assert_eq!(count(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_part_that_is_larger_than_the_whole_is_unknown() {
        let usage = sane(Usage {
            input_tokens: Some(5),
            cached_input_tokens: Some(6),
            output_tokens: Some(5),
            reasoning_tokens: Some(5),
        });
        assert_eq!(usage.cached_input_tokens, None);
        assert_eq!(usage.reasoning_tokens, Some(5));
    }

    #[test]
    fn an_end_that_nobody_tells_is_not_a_natural_one() {
        for word in [None, Some(""), Some("shrug")] {
            assert!(matches!(finish_reason(word), FinishReason::Other(_)));
        }
        assert_eq!(finish_reason(Some("STOP")), FinishReason::Stop);
    }
}
