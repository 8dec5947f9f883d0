//! Messages, as Anthropic has them: what the system says stands apart, turns
//! alternate, and the answer's length must be bounded.

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
    NoAnswer, Read, Reply, Wire, Written, call_answered, invalid, reply, schema, system_text,
    want_no_call,
};

/// The version of the interface that is spoken here.
const VERSION: &str = "2023-06-01";

/// The longest answer where neither the request nor the model's profile has
/// one, since the format demands it: what every model of the vendor can write.
const MAX_TOKENS: u32 = 4096;

const DIALECT: Dialect = Dialect {
    provider: "anthropic",
    sort,
};

/// The Messages format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Messages;

impl Wire for Messages {
    fn takes_choices(&self) -> bool {
        false
    }

    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError> {
        let mut body = Map::new();
        body.insert("model".into(), model.name.as_str().into());
        let max_tokens = request.params.max_tokens.or(model.output_tokens_max);
        body.insert("max_tokens".into(), max_tokens.unwrap_or(MAX_TOKENS).into());
        let mut turns = Turns::default();
        for message in &request.messages {
            turns.add(message)?;
        }
        if turns.turns.is_empty() {
            return Err(invalid("there is no message of a user"));
        }
        if !turns.system.is_empty() {
            body.insert("system".into(), turns.system.join("\n\n").into());
        }
        body.insert("messages".into(), Value::Array(turns.turns));
        let mut parameters = Parameters::new(&request.params, model);
        parameters.want_one_choice()?;
        parameters.put(&mut body, "temperature", Parameter::Temperature)?;
        parameters.put(&mut body, "top_p", Parameter::TopP)?;
        parameters.put(&mut body, "stop_sequences", Parameter::Stop)?;
        parameters.leave_out(Parameter::Seed)?;
        let mut output = Map::new();
        parameters.put(&mut output, "effort", Parameter::ReasoningEffort)?;
        if let Some(shape) = &request.response_schema {
            let schema = schema::of_answer(shape)?;
            let format = json!({"type": "json_schema", "schema": schema});
            output.insert("format".into(), format);
        }
        if !output.is_empty() {
            body.insert("output_config".into(), Value::Object(output));
        }
        write_tools(&mut body, request)?;
        let mut written = Written::new("/v1/messages", body, parameters.left_out());
        written.headers.push(("anthropic-version", VERSION.into()));
        Ok(written)
    }

    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer> {
        let body = reply::answer(reply)?;
        let Some(blocks) = body["content"].as_array() else {
            return Err(reply::malformed("the reply has no content", reply));
        };
        let finish_reason = reply::finish_reason(body["stop_reason"].as_str());
        let mut choice = DIALECT.choice(blocks, finish_reason);
        if choice.finish_reason == FinishReason::ContentFilter && choice.text.is_empty() {
            let why = body["stop_details"]["explanation"].as_str();
            choice.text = why.unwrap_or_default().into();
        }
        let usage = &body["usage"];
        let read = reply::count(&usage["cache_read_input_tokens"]);
        let kept = reply::count(&usage["cache_creation_input_tokens"]);
        Ok(Read {
            completion: Completion {
                model: reply::model(&body["model"]),
                choices: vec![choice],
                usage: reply::sane(Usage {
                    input_tokens: reply::with_cached(
                        reply::count(&usage["input_tokens"]),
                        [read, kept],
                    ),
                    cached_input_tokens: read,
                    output_tokens: reply::count(&usage["output_tokens"]),
                    reasoning_tokens: reply::count(
                        &usage["output_tokens_details"]["thinking_tokens"],
                    ),
                }),
            },
            served: reply::served(&reply.headers, &body["id"], &Value::Null),
        })
    }
}

/// Reads a block.
fn sort(block: &Value) -> Block {
    let text = |field: &str| block[field].as_str().unwrap_or_default().to_owned();
    match block["type"].as_str() {
        Some("thinking") => Block::Kept(only(block, &["type", "thinking", "signature"])),
        Some("redacted_thinking") => Block::Kept(only(block, &["type", "data"])),
        Some("text") => Block::Text(text("text")),
        Some("tool_use") => Block::Call(ToolCall {
            id: text("id").into(),
            name: text("name").into(),
            arguments: match &block["input"] {
                Value::Null => "{}".into(),
                input => input.to_string().into(),
            },
        }),
        _ => Block::Other,
    }
}

/// Messages as the format has them: consecutive ones of a side are one turn,
/// since all answers of tools must stand in the turn that follows their calls.
#[derive(Default)]
struct Turns {
    system: Vec<String>,
    turns: Vec<Value>,
}

impl Turns {
    fn add(&mut self, message: &Message) -> Result<(), ProviderError> {
        let (role, mut blocks) = match message.role {
            Speaker::System => {
                self.system.push(system_text(message)?);
                return Ok(());
            }
            Speaker::User => ("user", write_parts(&message.content)?),
            Speaker::Tool => {
                let id = call_answered(message)?;
                let content = write_parts(&message.content)?;
                let result = json!({"type": "tool_result", "tool_use_id": id, "content": content});
                ("user", vec![result])
            }
            Speaker::Assistant => {
                let blocks = DIALECT.blocks(message)?;
                let written = blocks.into_iter().map(write_block);
                let written: Result<Vec<_>, _> = written.collect();
                ("assistant", written?.into_iter().flatten().collect())
            }
        };
        if blocks.is_empty() {
            return Err(invalid(format!("a message of the {role} is empty")));
        }
        match self.turns.last_mut() {
            Some(turn) if turn["role"] == role => {
                if let Some(content) = turn["content"].as_array_mut() {
                    content.append(&mut blocks);
                }
            }
            _ => self.turns.push(json!({"role": role, "content": blocks})),
        }
        Ok(())
    }
}

fn write_block(block: Block) -> Result<Option<Value>, ProviderError> {
    Ok(Some(match block {
        Block::Kept(kept) => kept,
        Block::Text(text) | Block::Refusal(text) if text.is_empty() => return Ok(None),
        Block::Text(text) | Block::Refusal(text) => json!({"type": "text", "text": text}),
        Block::Call(call) => json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": schema::of_call(&call)?,
        }),
        Block::Other => return Ok(None),
    }))
}

/// Writes the parts of a user's or a tool's message. An empty text is left
/// out: the format refuses it, and it says nothing.
fn write_parts(content: &[ContentPart]) -> Result<Vec<Value>, ProviderError> {
    let mut parts = Vec::new();
    for part in content {
        parts.push(match part {
            ContentPart::Text(text) if text.is_empty() => continue,
            ContentPart::Text(text) => json!({"type": "text", "text": text}),
            ContentPart::Media { media_type, data } => {
                write_media(&Media::of(media_type.as_str(), data)?)?
            }
            ContentPart::Opaque(_) => continue,
        });
    }
    Ok(parts)
}

fn write_media(media: &Media<'_>) -> Result<Value, ProviderError> {
    let source = |data: &str, how: &str| json!({"type": how, "media_type": media.kind.media_type(), "data": data});
    Ok(match media.kind {
        kind if kind.is_image() => {
            json!({"type": "image", "source": source(&media.base64(), "base64")})
        }
        Kind::Pdf => json!({"type": "document", "source": source(&media.base64(), "base64")}),
        Kind::Text => json!({"type": "document", "source": source(media.text()?, "text")}),
        _ => return Err(media.not_taken("Messages")),
    })
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
        let mut written = json!({"name": tool.name, "input_schema": schema::of_tool(tool)?});
        if !tool.description.is_empty() {
            written["description"] = json!(tool.description);
        }
        tools.push(written);
    }
    body.insert("tools".into(), Value::Array(tools));
    let choice = match &request.tool_choice {
        ToolChoice::Auto => return Ok(()),
        ToolChoice::None => json!({"type": "none"}),
        ToolChoice::Required => json!({"type": "any"}),
        ToolChoice::Tool(name) => json!({"type": "tool", "name": name}),
    };
    body.insert("tool_choice".into(), choice);
    Ok(())
}
