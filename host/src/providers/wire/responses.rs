//! Responses, as OpenAI has them: an answer is a list of items, and reasoning
//! comes back sealed, so that the server has to keep nothing.

use fapo_core::call::{
    Completion, FinishReason, GenerateRequest, ProviderError, ToolChoice, Usage,
};
use fapo_core::message::{ContentPart, Message, Speaker, ToolCall};
use fapo_core::model::{Model, Parameter};
use serde_json::{Map, Value, json};

use super::blocks::{Block, Dialect, only};
use super::media::{Kind, Media};
use super::parameters::Parameters;
use super::{
    NoAnswer, Read, Refused, Reply, Wire, Written, call_answered, invalid, reply, schema,
    system_text, want_no_call,
};

const DIALECT: Dialect = Dialect {
    provider: "openai",
    sort,
};

/// The Responses format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Responses;

impl Wire for Responses {
    fn takes_choices(&self) -> bool {
        false
    }

    fn tells_cuts(&self) -> bool {
        // OpenAI does; llama.cpp calls each answer `completed`.
        false
    }

    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError> {
        let mut body = Map::new();
        body.insert("model".into(), model.name.as_str().into());
        let (instructions, input) = write_input(&request.messages)?;
        if !instructions.is_empty() {
            body.insert("instructions".into(), instructions.into());
        }
        body.insert("input".into(), Value::Array(input));
        if let Some(max_tokens) = request.params.max_tokens {
            body.insert("max_output_tokens".into(), max_tokens.into());
        }
        let mut parameters = Parameters::new(&request.params, model);
        parameters.want_one_choice()?;
        parameters.put(&mut body, "temperature", Parameter::Temperature)?;
        parameters.put(&mut body, "top_p", Parameter::TopP)?;
        if let Some(effort) = parameters.take(Parameter::ReasoningEffort)? {
            body.insert("reasoning".into(), json!({"effort": effort}));
        }
        parameters.leave_out(Parameter::Stop)?;
        parameters.leave_out(Parameter::Seed)?;
        // A tenant's data is not the provider's to keep.
        body.insert("store".into(), false.into());
        if model.reasons {
            body.insert("include".into(), json!(["reasoning.encrypted_content"]));
        }
        if let Some(shape) = &request.response_schema {
            let schema = schema::of_answer(shape)?;
            let format = json!({
                "type": "json_schema",
                "name": shape.name,
                "strict": schema::is_closed(&schema),
                "schema": schema,
            });
            body.insert("text".into(), json!({"format": format}));
        }
        write_tools(&mut body, request)?;
        Ok(Written::new("/responses", body, parameters.left_out()))
    }

    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer> {
        let body = reply::answer(reply)?;
        let finish_reason = match body["status"].as_str() {
            Some("completed") => FinishReason::Stop,
            Some("incomplete") => {
                reply::finish_reason(body["incomplete_details"]["reason"].as_str())
            }
            Some("failed") => return Err(NoAnswer::Refused(Refused::of(reply))),
            _ => return Err(reply::malformed("the reply is not at its end", reply)),
        };
        let Some(items) = body["output"].as_array() else {
            return Err(reply::malformed("the reply has no output", reply));
        };
        let usage = &body["usage"];
        Ok(Read {
            completion: Completion {
                model: reply::model(&body["model"]),
                choices: vec![DIALECT.choice(items, finish_reason)],
                usage: reply::sane(Usage {
                    input_tokens: reply::count(&usage["input_tokens"]),
                    cached_input_tokens: reply::count(
                        &usage["input_tokens_details"]["cached_tokens"],
                    ),
                    output_tokens: reply::count(&usage["output_tokens"]),
                    reasoning_tokens: reply::count(
                        &usage["output_tokens_details"]["reasoning_tokens"],
                    ),
                }),
            },
            served: reply::served(&reply.headers, &body["id"], &body["system_fingerprint"]),
        })
    }
}

/// Reads an item.
fn sort(item: &Value) -> Block {
    let text = |field: &str| item[field].as_str().unwrap_or_default().to_owned();
    match item["type"].as_str() {
        Some("reasoning") => {
            // A server that keeps nothing knows no item by its id alone.
            let has_content = item["content"]
                .as_array()
                .is_some_and(|all| !all.is_empty());
            if !item["encrypted_content"].is_string() && !has_content {
                return Block::Other;
            }
            const FIELDS: [&str; 5] = ["type", "id", "summary", "content", "encrypted_content"];
            let mut kept = only(item, &FIELDS);
            if kept["summary"].is_null() {
                kept["summary"] = json!([]);
            }
            Block::Kept(kept)
        }
        Some("message") => {
            let parts = item["content"].as_array().map_or(&[][..], Vec::as_slice);
            let all = |field: &str| -> String {
                parts
                    .iter()
                    .filter_map(|part| part[field].as_str())
                    .collect()
            };
            match parts.iter().any(|part| part["type"] == "refusal") {
                true => Block::Refusal(all("text") + &all("refusal")),
                false => Block::Text(all("text")),
            }
        }
        Some("function_call") => Block::Call(ToolCall {
            id: text("call_id").into(),
            name: text("name").into(),
            arguments: text("arguments").into(),
        }),
        _ => Block::Other,
    }
}

/// Writes messages as items. What the system says before anyone else are the
/// instructions.
fn write_input(messages: &[Message]) -> Result<(String, Vec<Value>), ProviderError> {
    let is_system = |message: &&Message| message.role == Speaker::System;
    let n_lead = messages.iter().take_while(is_system).count();
    let mut instructions = Vec::new();
    for message in &messages[..n_lead] {
        instructions.push(system_text(message)?);
    }
    let mut items = Vec::new();
    for message in &messages[n_lead..] {
        match message.role {
            Speaker::System => {
                items.push(item("system", system_text(message)?.into()));
            }
            Speaker::User => items.push(item("user", write_parts(&message.content)?.into())),
            Speaker::Assistant => {
                let blocks = DIALECT.blocks(message)?;
                items.extend(blocks.into_iter().filter_map(write_block));
            }
            Speaker::Tool => {
                let id = call_answered(message)?;
                let mut parts = write_parts(&message.content)?;
                let output = match &mut parts[..] {
                    [] => "".into(),
                    [one] if one["type"] == "input_text" => one["text"].take(),
                    _ => Value::Array(parts),
                };
                items.push(json!({
                    "type": "function_call_output",
                    "call_id": id,
                    "output": output,
                }));
            }
        }
    }
    if items.is_empty() {
        return Err(invalid("there is no message of a user"));
    }
    Ok((instructions.join("\n\n"), items))
}

fn item(role: &str, content: Value) -> Value {
    json!({"type": "message", "role": role, "content": content})
}

fn write_block(block: Block) -> Option<Value> {
    Some(match block {
        Block::Kept(kept) => kept,
        Block::Text(text) | Block::Refusal(text) => item("assistant", text.into()),
        Block::Call(call) => json!({
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": call.arguments,
        }),
        Block::Other => return None,
    })
}

fn write_parts(content: &[ContentPart]) -> Result<Vec<Value>, ProviderError> {
    let mut parts = Vec::new();
    for part in content {
        parts.push(match part {
            ContentPart::Text(text) => json!({"type": "input_text", "text": text}),
            ContentPart::Media { media_type, data } => {
                let media = Media::of(media_type.as_str(), data)?;
                match media.kind {
                    kind if kind.is_image() => json!({
                        "type": "input_image",
                        "detail": "auto",
                        "image_url": media.data_url(),
                    }),
                    Kind::Pdf => json!({
                        "type": "input_file",
                        "filename": "document.pdf",
                        "file_data": media.data_url(),
                    }),
                    _ => return Err(media.not_taken("Responses")),
                }
            }
            ContentPart::Opaque(_) => continue,
        });
    }
    Ok(parts)
}

fn write_tools(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
) -> Result<(), ProviderError> {
    if request.tools.is_empty() {
        return want_no_call(&request.tool_choice);
    }
    let mut tools = Vec::new();
    for tool in &request.tools {
        let parameters = schema::of_tool(tool)?;
        let mut written = json!({
            "type": "function",
            "name": tool.name,
            // The server would take silence for a yes, and close the schema itself.
            "strict": schema::is_closed(&parameters),
            "parameters": parameters,
        });
        if !tool.description.is_empty() {
            written["description"] = json!(tool.description);
        }
        tools.push(written);
    }
    body.insert("tools".into(), Value::Array(tools));
    let choice = match &request.tool_choice {
        ToolChoice::Auto => return Ok(()),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Tool(name) => json!({"type": "function", "name": name}),
    };
    body.insert("tool_choice".into(), choice);
    Ok(())
}
