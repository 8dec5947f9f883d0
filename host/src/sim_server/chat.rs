//! OpenAI's Chat Completions, as its own server and those that follow it have it.

use bytes::Bytes;
use fapo_core::call::{
    Choice, FinishReason, GenerateParams, GenerateRequest, ResponseSchema, ToolChoice,
};
use fapo_core::message::{Message, Speaker};
use serde_json::{Value, json};

use super::asked::{
    Answer, Answered, Asked, Fields, Shape, count, event, fields, flag, given, list, message,
    number, object, open_schema, pieces, text, texts, tool, tool_call, tool_message, unknown,
};
use super::vendor::{Counts, Refusal};

/// How strict the server is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// OpenAI's own: it refuses what it does not know, and what a model that
    /// reasons does not take.
    Own,
    /// Those that are compatible: what they do not know they leave alone.
    Compatible,
}

const KNOWN: [&str; 37] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

/// Tells whether a model thinks before it answers.
pub(super) fn reasons(model: &str) -> bool {
    let is_numbered_o =
        model.len() >= 2 && model.starts_with('o') && model.as_bytes()[1].is_ascii_digit();
    is_numbered_o || model.starts_with("gpt-5") || model.starts_with(fapo_core::simulator::REASONER)
}

/// Reads a request; `deployment` is the model where the path names it.
pub(super) fn read(
    body: &Value,
    deployment: Option<&str>,
    strictness: Strictness,
) -> Result<Asked, Refusal> {
    let body = fields(body)?;
    let is_own = strictness == Strictness::Own;
    if let Some(name) = unknown(body, &KNOWN).filter(|_| is_own) {
        let message = format!("Unrecognized request argument supplied: {name}");
        return Err(Refusal::bad(message).param(name).code("unknown_parameter"));
    }
    let model = match text(body, "model")?
        .filter(|model| !model.is_empty())
        .or(deployment)
    {
        Some(model) => model.to_owned(),
        None => return Err(Refusal::bad("you must provide a model parameter").param("model")),
    };
    let thinks = reasons(&model);
    if thinks && is_own {
        refuse_for_reasoning(body)?;
    }
    let messages = list(body, "messages")?;
    if messages.is_empty() {
        let message = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.";
        return Err(Refusal::bad(message).param("messages").code("empty_array"));
    }
    let messages = messages
        .iter()
        .enumerate()
        .map(|(at, message)| read_message(at, message))
        .collect::<Result<Vec<_>, _>>()?;
    check_tool_messages(&messages)?;
    let stop = texts(body, "stop")?;
    if stop.len() > 4 {
        return Err(Refusal::bad(
            "Invalid 'stop': array too long. Expected an array with maximum length 4.",
        )
        .param("stop"));
    }
    let choices = count(body, "n", 1)?;
    if choices.is_some_and(|n| n > 128) {
        return Err(Refusal::bad(
            "Invalid 'n': integer above maximum value. Expected a value <= 128.",
        )
        .param("n"));
    }
    let limit = count(body, "max_completion_tokens", 1)?.or(count(body, "max_tokens", 1)?);
    let request = GenerateRequest {
        model: Some(model.as_str().into()),
        params: GenerateParams {
            temperature: number(body, "temperature", 2.0)?,
            top_p: number(body, "top_p", 1.0)?,
            max_tokens: limit,
            seed: count(body, "seed", 0)?,
            stop: stop.into_iter().map(Into::into).collect(),
            reasoning_effort: text(body, "reasoning_effort")?.map(Into::into),
            choices,
        },
        response_schema: schema(body, &messages, is_own)?,
        tools: tools(body, is_own)?,
        tool_choice: tool_choice(body)?,
        messages,
    };
    let streams = flag(body, "stream")?;
    let options = object(body, "stream_options")?;
    if options.is_some() && !streams {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::bad(message).param("stream_options"));
    }
    let tells_usage = match options {
        Some(options) => flag(options, "include_usage")?,
        None => false,
    };
    Ok(Asked {
        request,
        model,
        reasons: thinks,
        streams,
        shape: Shape::Chat { tells_usage },
    })
}

fn refuse_for_reasoning(body: &Fields) -> Result<(), Refusal> {
    if given(body, "max_tokens").is_some() {
        let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
        return Err(Refusal::bad(message)
            .param("max_tokens")
            .code("unsupported_parameter"));
    }
    for name in ["temperature", "top_p"] {
        if let Some(value) = given(body, name).filter(|value| value.as_f64() != Some(1.0)) {
            let message = format!(
                "Unsupported value: '{name}' does not support {value} with this model. Only the default (1) value is supported."
            );
            return Err(Refusal::bad(message).param(name).code("unsupported_value"));
        }
    }
    for name in [
        "stop",
        "logprobs",
        "top_logprobs",
        "presence_penalty",
        "frequency_penalty",
    ] {
        if given(body, name).is_some_and(|value| *value != json!(false) && *value != json!(0)) {
            let message =
                format!("Unsupported parameter: '{name}' is not supported with this model.");
            return Err(Refusal::bad(message)
                .param(name)
                .code("unsupported_parameter"));
        }
    }
    Ok(())
}

/// Reads the text of a message: one string, or parts.
pub(super) fn content(value: Option<&Value>, param: &str) -> Result<String, Refusal> {
    match value {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => {
            let mut text = String::new();
            for part in parts {
                match part["text"].as_str().or(part["refusal"].as_str()) {
                    Some(part) => text.push_str(part),
                    // What cannot be read here is not text.
                    None if part["type"].is_string() => {}
                    None => {
                        return Err(Refusal::bad(format!(
                            "Invalid value for '{param}': a part has no type."
                        ))
                        .param(param));
                    }
                }
            }
            Ok(text)
        }
        Some(_) => {
            let message = format!(
                "Invalid type for '{param}': expected one of a string or array of objects."
            );
            Err(Refusal::bad(message).param(param).code("invalid_type"))
        }
    }
}

fn read_message(at: usize, value: &Value) -> Result<Message, Refusal> {
    let param = format!("messages[{at}]");
    let role = value["role"].as_str().unwrap_or_default();
    let content = content(value.get("content"), &format!("{param}.content"))?;
    let speaker = match role {
        "system" | "developer" => Speaker::System,
        "user" => Speaker::User,
        "assistant" => Speaker::Assistant,
        "tool" => {
            let Some(id) = value["tool_call_id"].as_str() else {
                return Err(Refusal::bad(format!(
                    "Missing required parameter: '{param}.tool_call_id'."
                ))
                .param(param));
            };
            return Ok(tool_message(id, content));
        }
        _ => {
            let message = format!(
                "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'."
            );
            return Err(Refusal::bad(message)
                .param(format!("{param}.role"))
                .code("invalid_value"));
        }
    };
    let mut message = message(speaker, content);
    if let Some(calls) = value["tool_calls"].as_array() {
        for call in calls {
            let function = &call["function"];
            let (Some(id), Some(name)) = (call["id"].as_str(), function["name"].as_str()) else {
                return Err(Refusal::bad(format!(
                    "Missing required parameter: '{param}.tool_calls[0].id'."
                ))
                .param(param));
            };
            let arguments = function["arguments"].as_str().unwrap_or("{}");
            message.tool_calls.push(tool_call(id, name, arguments));
        }
    } else if value.get("content").is_none() {
        return Err(
            Refusal::bad(format!("Missing required parameter: '{param}.content'."))
                .param(format!("{param}.content")),
        );
    }
    Ok(message)
}

/// What a tool answered follows what was asked of it, and all that was asked
/// is answered.
fn check_tool_messages(messages: &[Message]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        match &message.tool_call_id {
            Some(id) => match open.iter().position(|asked| *asked == id.as_str()) {
                Some(asked) => drop(open.swap_remove(asked)),
                None => {
                    let why = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
                    return Err(Refusal::bad(why).param(format!("messages.[{at}].role")));
                }
            },
            None if !open.is_empty() => {
                let why = format!(
                    "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {}",
                    open.join(", ")
                );
                return Err(Refusal::bad(why).param("messages"));
            }
            None => open.extend(message.tool_calls.iter().map(|call| call.id.as_str())),
        }
    }
    match open.is_empty() {
        true => Ok(()),
        false => Err(Refusal::bad("An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.").param("messages")),
    }
}

fn schema(
    body: &Fields,
    messages: &[Message],
    is_own: bool,
) -> Result<Option<ResponseSchema>, Refusal> {
    let Some(format) = object(body, "response_format")? else {
        return Ok(None);
    };
    match text(format, "type")? {
        Some("text") => Ok(None),
        Some("json_object") => {
            let says_json = messages.iter().any(|message| {
                message
                    .texts()
                    .any(|text| text.to_ascii_lowercase().contains("json"))
            });
            if !says_json && is_own {
                let why = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.";
                return Err(Refusal::bad(why).param("messages"));
            }
            let any = json!({"type": "object", "properties": {"answer": {"type": "string"}}});
            Ok(Some(ResponseSchema {
                name: "json".into(),
                schema: any.to_string().into(),
            }))
        }
        Some("json_schema") => {
            let Some(format) = object(format, "json_schema")? else {
                let why = "Missing required parameter: 'response_format.json_schema'.";
                return Err(Refusal::bad(why)
                    .param("response_format.json_schema")
                    .code("missing_required_parameter"));
            };
            json_schema(format, "response_format")
        }
        _ => Err(Refusal::bad("Invalid value for 'response_format.type'.")
            .param("response_format.type")
            .code("invalid_value")),
    }
}

/// Reads `{name, strict, schema}`.
pub(super) fn json_schema(format: &Fields, param: &str) -> Result<Option<ResponseSchema>, Refusal> {
    let name = text(format, "name")?.unwrap_or_default();
    let is_name = (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if !is_name {
        let why = format!(
            "Invalid '{param}.name': expected a string of letters, digits, '_' and '-' with maximum length 64."
        );
        return Err(Refusal::bad(why).param(format!("{param}.name")));
    }
    let empty = json!({});
    let schema = given(format, "schema").unwrap_or(&empty);
    if flag(format, "strict")?
        && let Some(why) = open_schema(schema)
    {
        let why = format!("Invalid schema for response_format '{name}': In context=(), {why}.");
        return Err(Refusal::bad(why).param(param).code("invalid_json_schema"));
    }
    Ok(Some(ResponseSchema {
        name: name.into(),
        schema: schema.to_string().into(),
    }))
}

fn tools(body: &Fields, is_own: bool) -> Result<Vec<fapo_core::message::ToolDefinition>, Refusal> {
    let mut tools = Vec::new();
    for (at, value) in list(body, "tools")?.iter().enumerate() {
        let function = &value["function"];
        let Some(name) = function["name"].as_str() else {
            let why = format!("Missing required parameter: 'tools[{at}].function'.");
            return Err(Refusal::bad(why)
                .param(format!("tools[{at}].function"))
                .code("missing_required_parameter"));
        };
        let schema = function.get("parameters");
        if function["strict"] == json!(true)
            && is_own
            && let Some(why) = schema.and_then(open_schema)
        {
            let why = format!("Invalid schema for function '{name}': In context=(), {why}.");
            return Err(Refusal::bad(why)
                .param(format!("tools[{at}].function.parameters"))
                .code("invalid_function_parameters"));
        }
        tools.push(tool(
            name,
            function["description"].as_str().unwrap_or_default(),
            schema,
        ));
    }
    Ok(tools)
}

fn tool_choice(body: &Fields) -> Result<ToolChoice, Refusal> {
    let Some(choice) = given(body, "tool_choice") else {
        return Ok(ToolChoice::Auto);
    };
    if given(body, "tools").is_none() {
        let why = "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.";
        return Err(Refusal::bad(why).param("tool_choice"));
    }
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (_, Some(name)) => Ok(ToolChoice::Tool(name.into())),
        _ => Err(Refusal::bad("Invalid value for 'tool_choice'.")
            .param("tool_choice")
            .code("invalid_value")),
    }
}

fn finish(choice: &Choice) -> &'static str {
    match choice.finish_reason {
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Stop | FinishReason::Other(_) => "stop",
    }
}

fn calls(choice: &Choice, is_stream: bool) -> Vec<Value> {
    choice
        .tool_calls
        .iter()
        .enumerate()
        .map(|(at, call)| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            let mut call = json!({"id": call.id, "type": "function", "function": function});
            if is_stream {
                call["index"] = at.into();
            }
            call
        })
        .collect()
}

fn usage(counts: Counts) -> Value {
    json!({
        "prompt_tokens": counts.input,
        "completion_tokens": counts.output,
        "total_tokens": counts.total(),
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

/// Writes an answer.
pub(super) fn write(answered: &Answered<'_>, tells_usage: bool) -> Answer {
    let Answered {
        asked,
        completion,
        stamp,
    } = answered;
    if asked.streams {
        return Answer::Events(events(answered, tells_usage));
    }
    let choices: Vec<_> = completion
        .choices
        .iter()
        .enumerate()
        .map(|(at, choice)| {
            let has_calls = !choice.tool_calls.is_empty();
            let content = if has_calls { Value::Null } else { json!(choice.text) };
            let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
            if has_calls {
                message["tool_calls"] = calls(choice, false).into();
            }
            json!({"index": at, "message": message, "logprobs": null, "finish_reason": finish(choice)})
        })
        .collect();
    Answer::Json(json!({
        "id": format!("chatcmpl-{}", stamp.id),
        "object": "chat.completion",
        "created": stamp.now,
        "model": asked.model,
        "choices": choices,
        "usage": usage(completion.usage.into()),
        "service_tier": "default",
        "system_fingerprint": stamp.fingerprint,
    }))
}

fn events(answered: &Answered<'_>, tells_usage: bool) -> Vec<Bytes> {
    let Answered {
        asked,
        completion,
        stamp,
    } = answered;
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", stamp.id),
            "object": "chat.completion.chunk",
            "created": stamp.now,
            "model": asked.model,
            "service_tier": "default",
            "system_fingerprint": stamp.fingerprint,
            "choices": choices,
        });
        if tells_usage {
            chunk["usage"] = usage.unwrap_or_default();
        }
        event(None, &chunk)
    };
    let part = |at: usize, delta: Value, finish: Option<&str>| {
        let choice =
            json!({"index": at, "delta": delta, "logprobs": null, "finish_reason": finish});
        chunk(json!([choice]), None)
    };
    let mut events = Vec::new();
    for (at, choice) in completion.choices.iter().enumerate() {
        events.push(part(
            at,
            json!({"role": "assistant", "content": "", "refusal": null}),
            None,
        ));
        for piece in pieces(choice.text.as_str()) {
            events.push(part(at, json!({"content": piece}), None));
        }
        if !choice.tool_calls.is_empty() {
            events.push(part(at, json!({"tool_calls": calls(choice, true)}), None));
        }
        events.push(part(at, json!({}), Some(finish(choice))));
    }
    if tells_usage {
        events.push(chunk(json!([]), Some(usage(completion.usage.into()))));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}
