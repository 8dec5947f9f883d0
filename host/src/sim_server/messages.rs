//! Anthropic's Messages.

use bytes::Bytes;
use fapo_core::call::{FinishReason, GenerateParams, GenerateRequest, ResponseSchema, ToolChoice};
use fapo_core::message::{Message, Speaker, ToolDefinition};
use serde_json::{Value, json};

use super::asked::{
    Answer, Answered, Asked, Fields, Shape, count, event, fields, flag, given, list, message,
    number, object, open_schema, pieces, text, texts, tool, tool_call, tool_message, unknown,
};
use super::chat;
use super::vendor::{Counts, Refusal};

const KNOWN: [&str; 22] = [
    "betas",
    "cache_control",
    "container",
    "context_management",
    "diagnostics",
    "inference_geo",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "output_config",
    "service_tier",
    "speed",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
];

fn required(name: &str) -> Refusal {
    Refusal::bad(format!("{name}: Field required"))
}

/// Reads a request.
pub(super) fn read(body: &Value) -> Result<Asked, Refusal> {
    let body = fields(body)?;
    if let Some(name) = unknown(body, &KNOWN).filter(|name| *name != "top_p") {
        return Err(Refusal::bad(format!(
            "{name}: Extra inputs are not permitted"
        )));
    }
    let model = text(body, "model")?.ok_or_else(|| required("model"))?;
    let limit = count(body, "max_tokens", 1)?.ok_or_else(|| required("max_tokens"))?;
    let mut messages = Vec::new();
    match given(body, "system") {
        None => {}
        system => messages.push(message(Speaker::System, chat::content(system, "system")?)),
    }
    let said = list(body, "messages")?;
    if said.is_empty() {
        return Err(Refusal::bad("messages: at least one message is required"));
    }
    for (at, said) in said.iter().enumerate() {
        read_message(at, said, &mut messages)?;
    }
    let thinking = object(body, "thinking")?;
    let thinks = thinking
        .is_some_and(|thinking| given(thinking, "type").is_some_and(|kind| kind != "disabled"));
    if let Some(thinking) = thinking
        && let Some(budget) = count(thinking, "budget_tokens", 0)?
    {
        if budget < 1024 {
            return Err(Refusal::bad(
                "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
            ));
        }
        if budget >= limit {
            return Err(Refusal::bad(
                "`max_tokens` must be greater than `thinking.budget_tokens`.",
            ));
        }
    }
    let temperature = number(body, "temperature", 1.0)?;
    if thinks && temperature.is_some_and(|temperature| temperature != 1.0) {
        return Err(Refusal::bad(
            "`temperature` may only be set to 1 when thinking is enabled.",
        ));
    }
    let output = object(body, "output_config")?;
    let effort = match output {
        Some(output) => text(output, "effort")?.map(Into::into),
        None => None,
    };
    let request = GenerateRequest {
        model: Some(model.into()),
        messages,
        params: GenerateParams {
            temperature,
            top_p: number(body, "top_p", 1.0)?,
            max_tokens: Some(limit),
            stop: texts(body, "stop_sequences")?
                .into_iter()
                .map(Into::into)
                .collect(),
            reasoning_effort: effort,
            ..GenerateParams::default()
        },
        response_schema: schema(output)?,
        tools: tools(body)?,
        tool_choice: tool_choice(body)?,
    };
    Ok(Asked {
        request,
        model: model.into(),
        reasons: thinks || model.starts_with(fapo_core::simulator::REASONER),
        streams: flag(body, "stream")?,
        shape: Shape::Messages,
    })
}

fn read_message(at: usize, said: &Value, messages: &mut Vec<Message>) -> Result<(), Refusal> {
    let speaker = match said["role"].as_str() {
        Some("user") => Speaker::User,
        Some("assistant") => Speaker::Assistant,
        Some("system") => {
            let why = "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role.";
            return Err(Refusal::bad(why));
        }
        _ => {
            return Err(Refusal::bad(format!(
                "messages.{at}.role: Input should be 'user' or 'assistant'"
            )));
        }
    };
    let content = match said.get("content") {
        Some(Value::String(text)) if text.is_empty() => {
            return Err(Refusal::bad(format!(
                "messages.{at}: user messages must have non-empty content"
            )));
        }
        Some(Value::String(text)) => {
            messages.push(message(speaker, text.as_str()));
            return Ok(());
        }
        Some(Value::Array(blocks)) => blocks,
        _ => return Err(required(&format!("messages.{at}.content"))),
    };
    let mut whole = String::new();
    let mut calls = Vec::new();
    let asked: Vec<String> = messages
        .last()
        .map(|last| {
            last.tool_calls
                .iter()
                .map(|call| call.id.as_str().to_owned())
                .collect()
        })
        .unwrap_or_default();
    for (nth, block) in content.iter().enumerate() {
        let place = format!("messages.{at}.content.{nth}");
        match block["type"].as_str() {
            Some("text") => match block["text"].as_str() {
                Some("") => {
                    return Err(Refusal::bad(
                        "messages: text content blocks must be non-empty",
                    ));
                }
                Some(text) => whole.push_str(text),
                None => return Err(required(&format!("{place}.text.text"))),
            },
            Some("tool_use") => {
                let (Some(id), Some(name)) = (block["id"].as_str(), block["name"].as_str()) else {
                    return Err(required(&format!("{place}.tool_use.id")));
                };
                if !block["input"].is_object() {
                    return Err(Refusal::bad(format!(
                        "{place}.tool_use.input: Input should be a valid dictionary"
                    )));
                }
                calls.push(tool_call(id, name, block["input"].to_string()));
            }
            Some("tool_result") => {
                let Some(id) = block["tool_use_id"].as_str() else {
                    return Err(required(&format!("{place}.tool_result.tool_use_id")));
                };
                if !asked.iter().any(|asked| asked == id) {
                    let why = format!(
                        "{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                    );
                    return Err(Refusal::bad(why));
                }
                messages.push(tool_message(
                    id,
                    chat::content(block.get("content"), &place)?,
                ));
            }
            Some("image" | "document" | "thinking" | "redacted_thinking") => {}
            Some(kind) => {
                return Err(Refusal::bad(format!(
                    "{place}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
                )));
            }
            None => return Err(required(&format!("{place}.type"))),
        }
    }
    if !whole.is_empty() || !calls.is_empty() {
        let mut said = message(speaker, whole);
        said.tool_calls = calls;
        messages.push(said);
    }
    Ok(())
}

fn schema(output: Option<&Fields>) -> Result<Option<ResponseSchema>, Refusal> {
    let Some(output) = output else {
        return Ok(None);
    };
    let Some(format) = object(output, "format")? else {
        return Ok(None);
    };
    let Some(schema) = given(format, "schema") else {
        return Err(required("output_config.format.schema"));
    };
    if let Some(why) = open_schema(schema).filter(|why| why.contains("additionalProperties")) {
        return Err(Refusal::bad(format!("output_config.format.schema: {why}")));
    }
    Ok(Some(ResponseSchema {
        name: "output".into(),
        schema: schema.to_string().into(),
    }))
}

fn tools(body: &Fields) -> Result<Vec<ToolDefinition>, Refusal> {
    let mut tools = Vec::new();
    for (at, value) in list(body, "tools")?.iter().enumerate() {
        let name = value["name"]
            .as_str()
            .ok_or_else(|| required(&format!("tools.{at}.name")))?;
        let schema = value.get("input_schema");
        if schema.is_none() && value["type"].as_str().is_none_or(|kind| kind == "custom") {
            return Err(required(&format!("tools.{at}.custom.input_schema")));
        }
        tools.push(tool(
            name,
            value["description"].as_str().unwrap_or_default(),
            schema,
        ));
    }
    Ok(tools)
}

fn tool_choice(body: &Fields) -> Result<ToolChoice, Refusal> {
    let Some(choice) = object(body, "tool_choice")? else {
        return Ok(ToolChoice::Auto);
    };
    match text(choice, "type")? {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("any") => Ok(ToolChoice::Required),
        Some("none") => Ok(ToolChoice::None),
        Some("tool") => {
            let name = text(choice, "name")?.ok_or_else(|| required("tool_choice.tool.name"))?;
            Ok(ToolChoice::Tool(name.into()))
        }
        _ => Err(Refusal::bad(
            "tool_choice: Input tag found using 'type' does not match any of the expected tags",
        )),
    }
}

fn content(answered: &Answered<'_>) -> Vec<Value> {
    let mut content = Vec::new();
    let Some(choice) = answered.completion.choices.first() else {
        return content;
    };
    if !choice.text.is_empty() {
        content.push(json!({"type": "text", "text": choice.text, "citations": null}));
    }
    for call in &choice.tool_calls {
        let input: Value =
            serde_json::from_str(call.arguments.as_str()).unwrap_or_else(|_| json!({}));
        let id = call.id.as_str().replacen("call_", "toolu_", 1);
        content.push(json!({"type": "tool_use", "id": id, "name": call.name, "input": input}));
    }
    content
}

fn stop_reason(answered: &Answered<'_>) -> &'static str {
    match answered
        .completion
        .choices
        .first()
        .map(|choice| &choice.finish_reason)
    {
        Some(FinishReason::Length) => "max_tokens",
        Some(FinishReason::ToolCalls) => "tool_use",
        Some(FinishReason::ContentFilter) => "refusal",
        _ => "end_turn",
    }
}

/// Writes an answer.
pub(super) fn write(answered: &Answered<'_>) -> Answer {
    let content = content(answered);
    let counts = Counts::from(answered.completion.usage);
    let whole = |content: &[Value], stop: Option<&str>, output: u32| {
        json!({
            "id": format!("msg_{}", answered.stamp.id),
            "type": "message",
            "role": "assistant",
            "model": answered.asked.model,
            "content": content,
            "stop_reason": stop,
            "stop_sequence": null,
            "usage": {
                // Tokens read from a cache are not among these.
                "input_tokens": counts.input.saturating_sub(counts.cached),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": counts.cached,
                "output_tokens": output,
                "service_tier": "standard",
            },
        })
    };
    if !answered.asked.streams {
        return Answer::Json(whole(&content, Some(stop_reason(answered)), counts.output));
    }
    let mut events: Vec<Bytes> = Vec::new();
    let mut push = |name: &str, mut data: Value| {
        data["type"] = name.into();
        events.push(event(Some(name), &data));
    };
    push("message_start", json!({"message": whole(&[], None, 1)}));
    push("ping", json!({}));
    for (at, block) in content.iter().enumerate() {
        let mut empty = block.clone();
        let deltas: Vec<Value> = if block["type"] == "text" {
            empty["text"] = "".into();
            let text = block["text"].as_str().unwrap_or_default();
            pieces(text)
                .into_iter()
                .map(|piece| json!({"type": "text_delta", "text": piece}))
                .collect()
        } else {
            empty["input"] = json!({});
            let input = block["input"].to_string();
            pieces(&input)
                .into_iter()
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                .collect()
        };
        push(
            "content_block_start",
            json!({"index": at, "content_block": empty}),
        );
        for delta in deltas {
            push("content_block_delta", json!({"index": at, "delta": delta}));
        }
        push("content_block_stop", json!({"index": at}));
    }
    let stop = json!({"stop_reason": stop_reason(answered), "stop_sequence": null});
    push(
        "message_delta",
        json!({"delta": stop, "usage": {"output_tokens": counts.output}}),
    );
    push("message_stop", json!({}));
    Answer::Events(events)
}
