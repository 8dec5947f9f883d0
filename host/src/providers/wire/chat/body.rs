//! The body of a reply, as far as anybody looks at it. Nearly all are as the
//! format has them and are read at once; the others with more patience.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::super::{NoAnswer, Reply, reply};

/// A body. What is not there is null.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    pub(super) id: Value,
    pub(super) model: Value,
    pub(super) system_fingerprint: Value,
    pub(super) choices: Vec<Offered>,
    pub(super) usage: Option<Counted>,
    error: Value,
    #[serde(rename = "type")]
    kind: Value,
}

/// A choice.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Offered {
    /// None where it is no message.
    pub(super) message: Option<Said>,
    pub(super) finish_reason: Value,
    pub(super) error: Value,
}

/// A message.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Said {
    pub(super) content: Value,
    pub(super) refusal: Value,
    pub(super) tool_calls: Value,
    pub(super) function_call: Value,
}

/// What was counted.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Counted {
    pub(super) prompt_tokens: Value,
    pub(super) completion_tokens: Value,
    pub(super) total_tokens: Value,
    pub(super) prompt_cache_hit_tokens: Value,
    pub(super) prompt_tokens_details: Option<Details>,
    pub(super) completion_tokens_details: Option<Details>,
}

/// What was counted more closely.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Details {
    pub(super) cached_tokens: Value,
    pub(super) reasoning_tokens: Value,
    /// Nobody looks at it, and with it a list is no record to the reader.
    #[serde(flatten)]
    others: IgnoredAny,
}

impl Body {
    /// Reads the body of a reply that is an answer.
    pub(super) fn read(reply: &Reply) -> Result<Self, NoAnswer> {
        // To the reader of records a list is one, too.
        let is_record = reply.body.trim_ascii_start().starts_with(b"{");
        if is_record
            && reply::is_json_answer(reply)
            && let Ok(body) = serde_json::from_slice::<Self>(&reply.body)
            && !reply::is_error(&body.error)
            && body.kind != "error"
        {
            return Ok(body);
        }
        reply::answer(reply).map(Self::of)
    }

    /// Takes from any JSON what is as it should be.
    fn of(mut body: Value) -> Self {
        Self {
            id: take(&mut body, "id"),
            model: take(&mut body, "model"),
            system_fingerprint: take(&mut body, "system_fingerprint"),
            choices: match take(&mut body, "choices") {
                Value::Array(all) => all.into_iter().map(Offered::of).collect(),
                _ => Vec::new(),
            },
            usage: Some(Counted::of(take(&mut body, "usage"))),
            ..Self::default()
        }
    }
}

impl Offered {
    fn of(mut choice: Value) -> Self {
        Self {
            message: Some(take(&mut choice, "message"))
                .filter(Value::is_object)
                .map(record),
            finish_reason: take(&mut choice, "finish_reason"),
            error: take(&mut choice, "error"),
        }
    }
}

impl Counted {
    fn of(mut usage: Value) -> Self {
        let mut details = |field| {
            let details = take(&mut usage, field);
            details.is_object().then(|| record(details))
        };
        Self {
            prompt_tokens_details: details("prompt_tokens_details"),
            completion_tokens_details: details("completion_tokens_details"),
            ..record(usage)
        }
    }
}

/// Reads a record whose fields may be anything; what is none has no fields.
fn record<T: DeserializeOwned + Default>(value: Value) -> T {
    match value.is_object() {
        true => serde_json::from_value(value).unwrap_or_default(),
        false => T::default(),
    }
}

/// Takes a field out of a record.
fn take(value: &mut Value, field: &str) -> Value {
    value.get_mut(field).map(Value::take).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn reply(body: &str) -> Reply {
        Reply {
            status: 200,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn who_reads_at_once_and_who_reads_with_patience_read_the_same() {
        for body in [
            r#"{"id": "1", "object": "x", "model": "m", "system_fingerprint": "f", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "a", "refusal": null},
                 "finish_reason": "stop", "logprobs": null}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 2.0, "total_tokens": "5",
                 "prompt_tokens_details": {"cached_tokens": 1, "audio_tokens": 0},
                 "completion_tokens_details": {"reasoning_tokens": 1}, "prompt_cache_hit_tokens": 1}}"#,
            r#"{"choices": [{"message": {"content": ["parts"], "tool_calls": [{"id": 1}]}}, {}],
                "usage": {"prompt_tokens": 1, "prompt_tokens_details": {}, "completion_tokens_details": {}}}"#,
            r#"{"choices": [], "usage": {"prompt_tokens_details": {}, "completion_tokens_details": {}}}"#,
        ] {
            let mut at_once = Body::read(&reply(body)).unwrap();
            let patient = Body::of(serde_json::from_str(body).unwrap());
            at_once.error.take();
            assert_eq!(at_once, patient, "{body}");
        }
    }

    #[test]
    fn what_is_not_as_the_format_has_it_is_left_out() {
        for body in [
            r#"{"choices": {"0": {}}, "usage": []}"#,
            r#"{"choices": "none", "usage": {"prompt_tokens_details": 1}}"#,
            r#"{"choices": null, "usage": {"prompt_tokens_details": null}}"#,
            "7",
            r#"[{"error": {"message": "no"}}]"#,
        ] {
            let body = Body::read(&reply(body)).unwrap();
            assert!(body.choices.is_empty(), "{body:?}");
            let usage = body.usage.unwrap();
            assert_eq!(usage.prompt_tokens_details, None);
        }
        let body = r#"{"usage": {"prompt_tokens": 3, "prompt_tokens_details": [4]}}"#;
        let usage = Body::read(&reply(body)).unwrap().usage.unwrap();
        assert_eq!(usage.prompt_tokens, 3);
        assert_eq!(usage.prompt_tokens_details, None);
        let body = r#"{"choices": [{"message": "text"}, {"message": null}, 3], "choices": [{"message": 1}]}"#;
        let body = Body::read(&reply(body)).unwrap();
        assert_eq!(body.choices, [Offered::default()]);
    }
}
