//! Bedrock's Converse.

use fapo_core::call::{FinishReason, GenerateParams, GenerateRequest, ResponseSchema, ToolChoice};
use fapo_core::message::{Message, Speaker, ToolDefinition};
use serde_json::{Value, json};

use super::asked::{
    Answer, Answered, Asked, Fields, Shape, count, fields, list, message, number, object, text,
    texts, tool, tool_call, tool_message, unknown,
};
use super::vendor::{Counts, Refusal};

const KNOWN: [&str; 12] = [
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "inferenceConfig",
    "messages",
    "outputConfig",
    "performanceConfig",
    "promptVariables",
    "requestMetadata",
    "serviceTier",
    "system",
    "toolConfig",
];

/// Reads a request to a model that the path names.
pub(super) fn read(body: &Value, model: &str) -> Result<Asked, Refusal> {
    let body = fields(body)?;
    if let Some(name) = unknown(body, &KNOWN) {
        return Err(Refusal::bad(format!(
            "Malformed input request: extraneous key [{name}] is not permitted, please reformat your input and try again."
        )));
    }
    let mut messages = Vec::new();
    let system: String = list(body, "system")?
        .iter()
        .filter_map(|part| part["text"].as_str())
        .collect();
    if !system.is_empty() {
        messages.push(message(Speaker::System, system));
    }
    let said = list(body, "messages")?;
    match said.first() {
        None => {
            return Err(Refusal::bad(
                "The messages field must have at least one message.",
            ));
        }
        Some(first) if first["role"] != "user" => {
            return Err(Refusal::bad(
                "A conversation must start with a user message. Try again with a conversation that starts with a user message.",
            ));
        }
        Some(_) => {}
    }
    for said in said {
        read_message(said, &mut messages)?;
    }
    let empty = Fields::new();
    let settings = object(body, "inferenceConfig")?.unwrap_or(&empty);
    if let Some(name) = unknown(
        settings,
        &["maxTokens", "stopSequences", "temperature", "topP"],
    ) {
        return Err(Refusal::bad(format!(
            "Malformed input request: extraneous key [{name}] is not permitted, please reformat your input and try again."
        )));
    }
    let output = object(body, "outputConfig")?;
    let (tools, tool_choice) = tools(object(body, "toolConfig")?)?;
    let request = GenerateRequest {
        model: Some(model.into()),
        messages,
        params: GenerateParams {
            temperature: number(settings, "temperature", 1.0)?,
            top_p: number(settings, "topP", 1.0)?,
            max_tokens: count(settings, "maxTokens", 1)?,
            stop: texts(settings, "stopSequences")?
                .into_iter()
                .map(Into::into)
                .collect(),
            reasoning_effort: match output {
                Some(output) => text(output, "effort")?.map(Into::into),
                None => None,
            },
            ..GenerateParams::default()
        },
        response_schema: schema(output)?,
        tools,
        tool_choice,
    };
    Ok(Asked {
        request,
        model: model.into(),
        reasons: model.starts_with(fapo_core::simulator::REASONER),
        streams: false,
        shape: Shape::Converse,
    })
}

fn read_message(said: &Value, messages: &mut Vec<Message>) -> Result<(), Refusal> {
    let speaker = match said["role"].as_str() {
        Some("user") => Speaker::User,
        Some("assistant") => Speaker::Assistant,
        role => {
            let role = role.unwrap_or_default();
            return Err(Refusal::bad(format!(
                "Value '{role}' at 'messages.1.member.role' failed to satisfy constraint: Member must satisfy enum value set: [user, assistant]"
            )));
        }
    };
    let blocks = said["content"]
        .as_array()
        .filter(|blocks| !blocks.is_empty());
    let Some(blocks) = blocks else {
        return Err(Refusal::bad(
            "The content field in the Message object is empty. Add a ContentBlock object to the content field and try again.",
        ));
    };
    let mut whole = String::new();
    let mut calls = Vec::new();
    for block in blocks {
        if let Some(text) = block["text"].as_str() {
            whole.push_str(text);
        } else if let Some(call) = block["toolUse"].as_object() {
            let id = text(call, "toolUseId")?.unwrap_or_default();
            let name = text(call, "name")?.unwrap_or_default();
            let input = call
                .get("input")
                .map_or_else(|| "{}".to_owned(), Value::to_string);
            calls.push(tool_call(id, name, input));
        } else if let Some(result) = block["toolResult"].as_object() {
            let id = text(result, "toolUseId")?.unwrap_or_default();
            let was_asked = messages
                .iter()
                .any(|said| said.tool_calls.iter().any(|call| call.id.as_str() == id));
            if !was_asked {
                return Err(Refusal::bad(
                    "The number of toolResult blocks at messages exceeds the number of toolUse blocks of previous turn.",
                ));
            }
            let content: Vec<String> = list(result, "content")?
                .iter()
                .map(|part| match part["text"].as_str() {
                    Some(text) => text.to_owned(),
                    None => part["json"].to_string(),
                })
                .collect();
            messages.push(tool_message(id, content.join("\n")));
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
    let Some(format) = object(output, "textFormat")? else {
        return Ok(None);
    };
    let schema = format
        .get("structure")
        .map(|structure| &structure["jsonSchema"]["schema"]);
    // It is JSON in a text.
    let Some(schema) = schema.and_then(Value::as_str) else {
        return Err(Refusal::bad(
            "outputConfig.textFormat.structure.jsonSchema.schema: a string is required",
        ));
    };
    if serde_json::from_str::<Value>(schema).is_err() {
        return Err(Refusal::bad(
            "outputConfig.textFormat.structure.jsonSchema.schema: not a valid JSON schema",
        ));
    }
    Ok(Some(ResponseSchema {
        name: "output".into(),
        schema: schema.into(),
    }))
}

fn tools(config: Option<&Fields>) -> Result<(Vec<ToolDefinition>, ToolChoice), Refusal> {
    let Some(config) = config else {
        return Ok((Vec::new(), ToolChoice::Auto));
    };
    let mut tools = Vec::new();
    for value in list(config, "tools")? {
        let spec = &value["toolSpec"];
        let Some(name) = spec["name"].as_str() else {
            continue;
        };
        let Some(schema) = spec["inputSchema"].get("json") else {
            return Err(Refusal::bad(format!(
                "The toolSpec of {name} has no inputSchema.json."
            )));
        };
        tools.push(tool(
            name,
            spec["description"].as_str().unwrap_or_default(),
            Some(schema),
        ));
    }
    if tools.is_empty() {
        return Err(Refusal::bad(
            "The toolConfig.tools field must have at least one tool.",
        ));
    }
    let choice = match object(config, "toolChoice")? {
        None => ToolChoice::Auto,
        Some(choice) if choice.contains_key("any") => ToolChoice::Required,
        Some(choice) => match choice.get("tool").and_then(|tool| tool["name"].as_str()) {
            Some(name) => ToolChoice::Tool(name.into()),
            None => ToolChoice::Auto,
        },
    };
    Ok((tools, choice))
}

/// Writes an answer.
pub(super) fn write(answered: &Answered<'_>) -> Answer {
    let Answered {
        completion, stamp, ..
    } = answered;
    let counts = Counts::from(completion.usage);
    let mut content = Vec::new();
    let mut stop = "end_turn";
    if let Some(choice) = completion.choices.first() {
        if !choice.text.is_empty() || choice.tool_calls.is_empty() {
            content.push(json!({"text": choice.text}));
        }
        for call in &choice.tool_calls {
            let input: Value =
                serde_json::from_str(call.arguments.as_str()).unwrap_or_else(|_| json!({}));
            let id = call.id.as_str().replacen("call_", "tooluse_", 1);
            content.push(json!({"toolUse": {"toolUseId": id, "name": call.name, "input": input}}));
        }
        stop = match choice.finish_reason {
            FinishReason::Length => "max_tokens",
            FinishReason::ToolCalls => "tool_use",
            FinishReason::ContentFilter => "content_filtered",
            _ => "end_turn",
        };
    }
    Answer::Json(json!({
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {
            "inputTokens": counts.input.saturating_sub(counts.cached),
            "outputTokens": counts.output,
            "totalTokens": counts.total(),
            "cacheReadInputTokens": counts.cached,
            "cacheWriteInputTokens": 0,
        },
        "metrics": {"latencyMs": stamp.took_ms},
    }))
}
