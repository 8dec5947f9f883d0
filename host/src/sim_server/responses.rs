//! OpenAI's Responses.

use bytes::Bytes;
use fapo_core::call::{FinishReason, GenerateParams, GenerateRequest, ResponseSchema, ToolChoice};
use fapo_core::message::{Message, Speaker, ToolDefinition};
use serde_json::{Value, json};

use super::asked::{
    Answer, Answered, Asked, Fields, Shape, count, event, fields, flag, given, list, message,
    number, object, open_schema, pieces, text, tool, tool_call, tool_message, unknown,
};
use super::chat;
use super::vendor::{Counts, Refusal};

const KNOWN: [&str; 32] = [
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "client_metadata",
];

/// Reads a request.
pub(super) fn read(body: &Value) -> Result<Asked, Refusal> {
    let body = fields(body)?;
    if let Some(name) = unknown(body, &KNOWN) {
        let why = format!("Unknown parameter: '{name}'.");
        return Err(Refusal::bad(why).param(name).code("unknown_parameter"));
    }
    let Some(model) = text(body, "model")? else {
        let why = "Missing required parameter: 'model'.";
        return Err(Refusal::bad(why)
            .param("model")
            .code("missing_required_parameter"));
    };
    let thinks = chat::reasons(model);
    for name in ["temperature", "top_p"] {
        if thinks && given(body, name).is_some_and(|value| value.as_f64() != Some(1.0)) {
            let why = format!("Unsupported parameter: '{name}' is not supported with this model.");
            return Err(Refusal::bad(why).param(name));
        }
    }
    if given(body, "previous_response_id").is_some() {
        let why = "Previous response cannot be found: this simulator keeps none.";
        return Err(Refusal::bad(why)
            .param("previous_response_id")
            .code("previous_response_not_found"));
    }
    let mut messages = Vec::new();
    if let Some(instructions) = text(body, "instructions")? {
        messages.push(message(Speaker::System, instructions));
    }
    input(body, &mut messages)?;
    let effort = match object(body, "reasoning")? {
        Some(reasoning) => text(reasoning, "effort")?.map(Into::into),
        None => None,
    };
    let request = GenerateRequest {
        model: Some(model.into()),
        messages,
        params: GenerateParams {
            temperature: number(body, "temperature", 2.0)?,
            top_p: number(body, "top_p", 1.0)?,
            max_tokens: count(body, "max_output_tokens", 16)?,
            reasoning_effort: effort,
            ..GenerateParams::default()
        },
        response_schema: schema(body)?,
        tools: tools(body)?,
        tool_choice: tool_choice(body)?,
    };
    Ok(Asked {
        request,
        model: model.into(),
        reasons: thinks,
        streams: flag(body, "stream")?,
        shape: Shape::Responses,
    })
}

fn input(body: &Fields, messages: &mut Vec<Message>) -> Result<(), Refusal> {
    let items = match given(body, "input") {
        Some(Value::String(text)) => {
            messages.push(message(Speaker::User, text.as_str()));
            return Ok(());
        }
        Some(Value::Array(items)) if !items.is_empty() => items,
        _ => {
            let why = "Missing required parameter: 'input'.";
            return Err(Refusal::bad(why)
                .param("input")
                .code("missing_required_parameter"));
        }
    };
    let mut asked: Vec<&str> = Vec::new();
    for (at, item) in items.iter().enumerate() {
        let param = format!("input[{at}]");
        let id = item["call_id"].as_str().unwrap_or_default();
        match item["type"].as_str().unwrap_or("message") {
            "message" => {
                let speaker = match item["role"].as_str() {
                    Some("system" | "developer") => Speaker::System,
                    Some("user") => Speaker::User,
                    Some("assistant") => Speaker::Assistant,
                    role => {
                        let role = role.unwrap_or_default();
                        let why = format!(
                            "Invalid value: '{role}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
                        );
                        return Err(Refusal::bad(why).param(param).code("invalid_value"));
                    }
                };
                messages.push(message(
                    speaker,
                    chat::content(item.get("content"), &param)?,
                ));
            }
            "function_call" => {
                asked.push(id);
                let name = item["name"].as_str().unwrap_or_default();
                let arguments = item["arguments"].as_str().unwrap_or("{}");
                let mut said = message(Speaker::Assistant, "");
                said.tool_calls.push(tool_call(id, name, arguments));
                messages.push(said);
            }
            "function_call_output" => {
                if !asked.contains(&id) {
                    let why =
                        format!("No tool call found for function call output with call_id {id}.");
                    return Err(Refusal::bad(why).param("input"));
                }
                messages.push(tool_message(id, chat::content(item.get("output"), &param)?));
            }
            // What a model thought is handed back, and is of no use to this one.
            "reasoning" => {}
            kind => {
                let why = format!("Invalid value: '{kind}'.");
                return Err(Refusal::bad(why)
                    .param(format!("{param}.type"))
                    .code("invalid_value"));
            }
        }
    }
    Ok(())
}

fn schema(body: &Fields) -> Result<Option<ResponseSchema>, Refusal> {
    let Some(settings) = object(body, "text")? else {
        return Ok(None);
    };
    let Some(format) = object(settings, "format")? else {
        return Ok(None);
    };
    match text(format, "type")? {
        Some("json_schema") => chat::json_schema(format, "text.format"),
        Some("json_object") => Ok(Some(ResponseSchema {
            name: "json".into(),
            schema: r#"{"type":"object","properties":{"answer":{"type":"string"}}}"#.into(),
        })),
        _ => Ok(None),
    }
}

fn tools(body: &Fields) -> Result<Vec<ToolDefinition>, Refusal> {
    let mut tools = Vec::new();
    for (at, value) in list(body, "tools")?.iter().enumerate() {
        if value["type"] != "function" {
            continue;
        }
        let Some(name) = value["name"].as_str() else {
            let why = format!("Missing required parameter: 'tools[{at}].name'.");
            return Err(Refusal::bad(why)
                .param(format!("tools[{at}].name"))
                .code("missing_required_parameter"));
        };
        let schema = value.get("parameters");
        // Unlike in Chat Completions, tools are strict unless told otherwise.
        if value["strict"] == json!(true)
            && let Some(why) = schema.and_then(open_schema)
        {
            let why = format!("Invalid schema for function '{name}': In context=(), {why}.");
            return Err(Refusal::bad(why)
                .param(format!("tools[{at}].parameters"))
                .code("invalid_function_parameters"));
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
    let Some(choice) = given(body, "tool_choice") else {
        return Ok(ToolChoice::Auto);
    };
    match (choice.as_str(), choice["name"].as_str()) {
        (Some("auto"), _) => Ok(ToolChoice::Auto),
        (Some("none"), _) => Ok(ToolChoice::None),
        (Some("required"), _) => Ok(ToolChoice::Required),
        (_, Some(name)) => Ok(ToolChoice::Tool(name.into())),
        _ => Err(Refusal::bad("Invalid value for 'tool_choice'.")
            .param("tool_choice")
            .code("invalid_value")),
    }
}

/// Writes an answer.
pub(super) fn write(answered: &Answered<'_>) -> Answer {
    let output = output(answered);
    if answered.asked.streams {
        return Answer::Events(events(answered, &output));
    }
    Answer::Json(response(answered, &output, true))
}

fn is_cut(answered: &Answered<'_>) -> bool {
    let mut choices = answered.completion.choices.iter();
    choices.any(|choice| choice.finish_reason == FinishReason::Length)
}

/// Returns the items of an answer.
fn output(answered: &Answered<'_>) -> Vec<Value> {
    let Answered {
        asked,
        completion,
        stamp,
    } = answered;
    let id = stamp.id;
    let status = if is_cut(answered) {
        "incomplete"
    } else {
        "completed"
    };
    let mut output = Vec::new();
    if asked.reasons {
        output.push(json!({"id": format!("rs_{id}"), "type": "reasoning", "summary": []}));
    }
    let Some(choice) = completion.choices.first() else {
        return output;
    };
    if !choice.text.is_empty() {
        let content =
            json!({"type": "output_text", "text": choice.text, "annotations": [], "logprobs": []});
        output.push(json!({
            "id": format!("msg_{id}"), "type": "message", "status": status, "role": "assistant",
            "content": [content],
        }));
    }
    for call in &choice.tool_calls {
        output.push(json!({
            "id": format!("fc_{id}"), "type": "function_call", "status": status,
            "call_id": call.id, "name": call.name, "arguments": call.arguments,
        }));
    }
    output
}

fn response(answered: &Answered<'_>, output: &[Value], is_done: bool) -> Value {
    let Answered {
        asked,
        completion,
        stamp,
    } = answered;
    let request = &asked.request;
    let counts = Counts::from(completion.usage);
    let cut = is_cut(answered) && is_done;
    let status = match (is_done, cut) {
        (false, _) => "in_progress",
        (_, true) => "incomplete",
        (_, false) => "completed",
    };
    let usage = json!({
        "input_tokens": counts.input,
        "input_tokens_details": {"cached_tokens": counts.cached},
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.total(),
    });
    json!({
        "id": format!("resp_{}", stamp.id),
        "object": "response",
        "created_at": stamp.now,
        "status": status,
        "background": false,
        "error": null,
        "incomplete_details": cut.then(|| json!({"reason": "max_output_tokens"})),
        "instructions": null,
        "max_output_tokens": request.params.max_tokens,
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": request.params.reasoning_effort, "summary": null},
        "service_tier": "default",
        "store": false,
        "temperature": request.params.temperature.unwrap_or(1.0),
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": request.params.top_p.unwrap_or(1.0),
        "truncation": "disabled",
        "usage": is_done.then_some(usage),
        "user": null,
        "metadata": {},
    })
}

fn events(answered: &Answered<'_>, output: &[Value]) -> Vec<Bytes> {
    let mut events = Vec::new();
    let mut push = |name: &str, mut data: Value| {
        data["type"] = name.into();
        data["sequence_number"] = events.len().into();
        events.push(event(Some(name), &data));
    };
    let begun = response(answered, &[], false);
    push("response.created", json!({"response": begun.clone()}));
    push("response.in_progress", json!({"response": begun}));
    for (at, item) in output.iter().enumerate() {
        let id = &item["id"];
        let mut empty = item.clone();
        if empty["type"] != "reasoning" {
            empty["status"] = "in_progress".into();
        }
        if empty["type"] == "message" {
            empty["content"] = json!([]);
        }
        push(
            "response.output_item.added",
            json!({"output_index": at, "item": empty}),
        );
        if item["type"] == "message" {
            let part = &item["content"][0];
            let text = part["text"].as_str().unwrap_or_default();
            let place = json!({"item_id": id, "output_index": at, "content_index": 0});
            let with = |name: &str, value: Value| {
                let mut data = place.clone();
                data[name] = value;
                data
            };
            let mut empty = part.clone();
            empty["text"] = "".into();
            push("response.content_part.added", with("part", empty));
            for piece in pieces(text) {
                let mut data = with("delta", piece.into());
                data["logprobs"] = json!([]);
                push("response.output_text.delta", data);
            }
            let mut done = with("text", text.into());
            done["logprobs"] = json!([]);
            push("response.output_text.done", done);
            push("response.content_part.done", with("part", part.clone()));
        }
        if item["type"] == "function_call" {
            let arguments = &item["arguments"];
            push(
                "response.function_call_arguments.delta",
                json!({"item_id": id, "output_index": at, "delta": arguments}),
            );
            push(
                "response.function_call_arguments.done",
                json!({"item_id": id, "output_index": at, "name": item["name"], "arguments": arguments}),
            );
        }
        push(
            "response.output_item.done",
            json!({"output_index": at, "item": item}),
        );
    }
    let name = if is_cut(answered) {
        "response.incomplete"
    } else {
        "response.completed"
    };
    push(name, json!({"response": response(answered, output, true)}));
    events
}
