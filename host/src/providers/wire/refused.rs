//! What a server says when it does not answer, in whatever shape it says it.

use fapo_core::Untrusted;
use fapo_core::call::ProviderError;
use serde_json::Value;

use super::reply::is_success;
use super::{Refused, Reply};

/// The longest message that is kept of a server's, in characters.
const MESSAGE_CHARS_MAX: usize = 600;

/// The longest code that is kept of a server's, in characters.
const CODE_CHARS_MAX: usize = 80;

/// How much is read of a body that is not JSON: a page's title stands at its top.
const PAGE_BYTES_MAX: usize = 16 << 10;

/// How many of several errors are told.
const ERRORS_MAX: usize = 3;

/// How deep a message is looked for.
const DEPTH_MAX: usize = 6;

impl Refused {
    /// Reads a reply that is no answer.
    pub(super) fn of(reply: &Reply) -> Self {
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        Self::saying(reply, &body)
    }

    /// Reads what a reply says in its body or in a part of it.
    pub(super) fn saying(reply: &Reply, body: &Value) -> Self {
        // Gemini wraps the one error that there is in a list.
        let body = match body {
            Value::Array(all) if all.len() == 1 => &all[0],
            body => body,
        };
        let (code, message) = match body {
            Value::Null => page(&reply.body),
            body => {
                let message = message(body, 0).unwrap_or_else(|| body.to_string());
                (code(body), message)
            }
        };
        let header = reply.headers.get("x-amzn-errortype");
        let header = header.and_then(|value| value.to_str().ok());
        Self {
            status: status(reply.status, body),
            code: header.and_then(code_word).or(code),
            message: cut(&message, MESSAGE_CHARS_MAX),
            original_status: number(&body["OriginalStatusCode"]).filter(|n| *n >= 400),
        }
    }
}

/// Returns the status, which a gateway that answers 200 leaves to the body.
fn status(status: u16, body: &Value) -> u16 {
    if !is_success(status) {
        return status;
    }
    let told = [
        &body["error"]["code"],
        &body["error"]["status"],
        &body["code"],
    ];
    told.into_iter()
        .find_map(|told| number(told).filter(|n| *n >= 400))
        .unwrap_or(status)
}

/// Returns a status in a body, a number or its digits.
fn number(value: &Value) -> Option<u16> {
    let number = match value {
        Value::String(digits) => digits.parse().ok()?,
        value => value.as_u64()?,
    };
    u16::try_from(number)
        .ok()
        .filter(|n| (100..600).contains(n))
}

/// Returns the most telling word of a body for what went wrong.
fn code(body: &Value) -> Option<String> {
    let error = &body["error"];
    // Azure says inside why its filter refused.
    let words = [
        &error["code"],
        &error["type"],
        &error["status"],
        &body["code"],
        &body["error_type"],
        &body["type"],
        &body["__type"],
        &body["detail"]["type"],
        &body["ErrorCode"],
    ];
    words.into_iter().find_map(|word| code_word(word.as_str()?))
}

/// Returns a code without what some put around it, as
/// `com.amazon#ValidationException:http://…`. A number tells no more than the
/// status, and `error` tells nothing.
fn code_word(word: &str) -> Option<String> {
    let word = word.split(':').next().unwrap_or_default();
    let word = word.rsplit('#').next().unwrap_or_default().trim();
    let says_nothing = word.is_empty()
        || matches!(word, "error" | "None" | "null")
        || word.bytes().all(|byte| byte.is_ascii_digit());
    (!says_nothing).then(|| cut(word, CODE_CHARS_MAX))
}

/// Finds what a person would read first.
fn message(value: &Value, depth: usize) -> Option<String> {
    if depth > DEPTH_MAX {
        return None;
    }
    match value {
        Value::String(text) => (!text.trim().is_empty()).then(|| text.trim().to_owned()),
        Value::Array(all) => {
            let all = all.iter().take(ERRORS_MAX);
            let all: Vec<_> = all.filter_map(|one| message(one, depth + 1)).collect();
            (!all.is_empty()).then(|| all.join("; "))
        }
        Value::Object(fields) => {
            if let Some(error @ Value::Object(_)) = fields.get("error")
                && let Some(found) = message(error, depth + 1)
            {
                return Some(found);
            }
            const FIELDS: [&str; 11] = [
                "message",
                "Message",
                "OriginalMessage",
                "error",
                "detail",
                "msg",
                "errors",
                "error_message",
                "errorMessage",
                "title",
                "reason",
            ];
            let found = FIELDS
                .iter()
                .find_map(|field| message(fields.get(*field)?, depth + 1))?;
            // FastAPI says beside it where in the body it looked.
            let place = fields.get("loc").and_then(Value::as_array);
            let Some(place) = place.filter(|place| !place.is_empty()) else {
                return Some(found);
            };
            let place = place.iter().take(DEPTH_MAX).map(|one| match one {
                Value::String(name) => name.clone(),
                other => other.to_string(),
            });
            Some(format!("{}: {found}", place.collect::<Vec<_>>().join(".")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Returns what a body says that is not JSON: the title of a page, the message
/// of an XML document, or the text. The code is told where there is one.
fn page(body: &[u8]) -> (Option<String>, String) {
    let body = String::from_utf8_lossy(&body[..body.len().min(PAGE_BYTES_MAX)]);
    if body.trim().is_empty() {
        return (None, "no reason was given".into());
    }
    if let Some(message) = element(&body, "message") {
        let code = element(&body, "code");
        return (code.as_deref().and_then(code_word), message);
    }
    match element(&body, "title") {
        Some(title) => (None, format!("a page with the title `{title}`")),
        None => (None, body.trim().to_owned()),
    }
}

/// Returns the text of the first element of a name, on one line.
fn element(body: &str, name: &str) -> Option<String> {
    // Letters beyond ASCII keep their length, so that places are the same.
    let low = body.to_ascii_lowercase();
    let at = low.find(&format!("<{name}"))?;
    let from = at + low[at..].find('>')? + 1;
    let to = from + low[from..].find(&format!("</{name}"))?;
    let words: Vec<_> = body[from..to].split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What servers call a request that is longer than the model can read.
const TOO_LONG: [&str; 22] = [
    "context_length",
    "contextwindow",
    "exceed_context_size",
    "string_above_max_length",
    "context length",
    "context window",
    "context size",
    "context limit",
    "prompt is too long",
    "prompt too long",
    "prompt contains too many tokens",
    "input is too long",
    "input too long",
    "input length",
    "too many tokens",
    "too many input tokens",
    "input token count",
    "maximum number of tokens",
    "maximum number of input tokens",
    "max_new_tokens` must be <=",
    "`inputs` must have less than",
    "reduce the length of the messages",
];

/// What they call one that says what it must not.
const FILTERED: [&str; 12] = [
    "content_filter",
    "content_policy",
    "contentpolicy",
    "responsibleaipolicy",
    "invalid_prompt",
    "prohibited_content",
    "moderation",
    "content management policy",
    "content filtering policy",
    "content filter",
    "usage policy",
    "safety system",
];

/// What they call an account that has no money left. No later attempt helps.
const SPENT: [&str; 8] = [
    "insufficient_quota",
    "insufficient_balance",
    "insufficient balance",
    "credit_balance",
    "credit balance",
    "billing",
    "spend_limit",
    "spend limit",
];

/// What they call a key that they do not know, where the status does not say
/// it: Gemini, xAI and litellm's proxy refuse such a request as a bad one.
const BAD_KEY: [&str; 6] = [
    "invalid_api_key",
    "invalid api key",
    "incorrect api key",
    "api key not valid",
    "api_key_invalid",
    "no_db_connection",
];

/// What they call a model that they do not have.
const UNKNOWN_MODEL: [&str; 8] = [
    "model_not_found",
    "deploymentnotfound",
    "not_found_error",
    "resourcenotfound",
    "model identifier is invalid",
    "model does not exist",
    "unknown model",
    "invalid model name",
];

/// Maps a refusal to the error that a chain sees, for a request to a model.
///
/// The status of a model behind a server that only passes it on counts before
/// the server's own.
pub(crate) fn error_of(refused: &Refused, model: &str) -> ProviderError {
    let status = refused.original_status.unwrap_or(refused.status);
    let code = refused.code.as_deref().unwrap_or_default();
    let low = format!("{code} {}", refused.message).to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| low.contains(word));
    let why = Untrusted::from(match code {
        "" => format!("status {status}: {}", refused.message),
        code => format!("status {status}, `{code}`: {}", refused.message),
    });
    // Which model is asked is not the chain's to choose, so it is not to blame.
    let unknown = || {
        let model = Untrusted::from(model).cut(CODE_CHARS_MAX);
        ProviderError::Denied(format!("no model `{model}`: {}", why.as_str()).into())
    };
    match status {
        300..=399 => {
            let why = format!("redirects are not followed: {}", why.as_str());
            ProviderError::Unavailable(why.into())
        }
        401..=403 => ProviderError::Denied(why),
        // Gemini's message for a limit of the rate speaks of billing, too, so
        // the code alone is believed.
        429 if SPENT.iter().any(|word| code.contains(word)) => ProviderError::Denied(why),
        // What a limit of the rate says of tokens is not the model's context.
        408 | 409 | 425 | 429 => ProviderError::Unavailable(why),
        400..=499 if says(&BAD_KEY) => ProviderError::Denied(why),
        400..=499 if says(&SPENT) => ProviderError::Denied(why),
        200..=499 if says(&TOO_LONG) => ProviderError::ContextTooLong(why),
        200..=499 if says(&FILTERED) => ProviderError::ContentFiltered(why),
        404 => unknown(),
        200..=499 if says(&UNKNOWN_MODEL) => unknown(),
        400 | 405 | 410..=423 => ProviderError::InvalidRequest(why),
        424 | 500.. => ProviderError::Unavailable(why),
        _ => by_code(&low, why),
    }
}

/// Maps what came with a status that says nothing, as a 200 whose body is an error.
fn by_code(low: &str, why: Untrusted) -> ProviderError {
    let says = |words: &[&str]| words.iter().any(|word| low.contains(word));
    if says(&SPENT) || says(&["authentication", "permission", "invalid_api_key"]) {
        ProviderError::Denied(why)
    } else if says(&["invalid_request"]) {
        ProviderError::InvalidRequest(why)
    } else {
        ProviderError::Unavailable(why)
    }
}
