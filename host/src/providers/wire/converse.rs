//! Converse, as Amazon Bedrock has it: one format for the models of many
//! vendors, in which a block is known by its only field.

use fapo_core::call::{Completion, GenerateRequest, ProviderError, ToolChoice, Usage};
use fapo_core::message::{ContentPart, Message, Speaker, ToolCall};
use fapo_core::model::{Model, Parameter};
use serde_json::{Map, Value, json};

use super::blocks::{Block, Dialect, only};
use super::media::{Kind, Media};
use super::parameters::Parameters;
use super::{
    NoAnswer, Read, Reply, Wire, Written, call_answered, invalid, path_of, reply, schema,
    system_text, want_no_call,
};

const DIALECT: Dialect = Dialect {
    provider: "bedrock",
    sort,
};

/// The Converse format.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Converse;

impl Wire for Converse {
    fn takes_choices(&self) -> bool {
        false
    }

    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError> {
        let mut body = Map::new();
        let mut turns = Turns::default();
        for message in &request.messages {
            turns.add(message)?;
        }
        if turns.turns.is_empty() {
            return Err(invalid("there is no message of a user"));
        }
        if !turns.system.is_empty() {
            body.insert("system".into(), Value::Array(turns.system));
        }
        body.insert("messages".into(), Value::Array(turns.turns));
        let mut parameters = Parameters::new(&request.params, model);
        parameters.want_one_choice()?;
        let mut inference = Map::new();
        if let Some(max_tokens) = request.params.max_tokens {
            inference.insert("maxTokens".into(), max_tokens.into());
        }
        parameters.put(&mut inference, "temperature", Parameter::Temperature)?;
        parameters.put(&mut inference, "topP", Parameter::TopP)?;
        parameters.put(&mut inference, "stopSequences", Parameter::Stop)?;
        parameters.leave_out(Parameter::Seed)?;
        let mut output = Map::new();
        parameters.put(&mut output, "effort", Parameter::ReasoningEffort)?;
        if let Some(shape) = &request.response_schema {
            // It wants the schema as a text, so the person's own goes.
            schema::of_answer(shape)?;
            let named = json!({"name": shape.name, "schema": shape.schema});
            let format = json!({"type": "json_schema", "structure": {"jsonSchema": named}});
            output.insert("textFormat".into(), format);
        }
        for (name, fields) in [("inferenceConfig", inference), ("outputConfig", output)] {
            if !fields.is_empty() {
                body.insert(name.into(), Value::Object(fields));
            }
        }
        write_tools(&mut body, request)?;
        let path = path_of("/model/{model}/converse", &model.name);
        Ok(Written::new(path, body, parameters.left_out()))
    }

    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer> {
        let body = reply::answer(reply)?;
        let Some(blocks) = body["output"]["message"]["content"].as_array() else {
            return Err(reply::malformed("the reply has no message", reply));
        };
        let finish_reason = reply::finish_reason(body["stopReason"].as_str());
        let usage = &body["usage"];
        let read = reply::count(&usage["cacheReadInputTokens"]);
        let kept = reply::count(&usage["cacheWriteInputTokens"]);
        Ok(Read {
            completion: Completion {
                // A router alone says which model it chose.
                model: reply::model(&body["trace"]["promptRouter"]["invokedModelId"]),
                choices: vec![DIALECT.choice(blocks, finish_reason)],
                usage: reply::sane(Usage {
                    input_tokens: reply::with_cached(
                        reply::count(&usage["inputTokens"]),
                        [read, kept],
                    ),
                    cached_input_tokens: read,
                    output_tokens: reply::count(&usage["outputTokens"]),
                    reasoning_tokens: None,
                }),
            },
            served: reply::served(&reply.headers, &Value::Null, &Value::Null),
        })
    }
}

/// Reads a block.
fn sort(block: &Value) -> Block {
    let reasoning = &block["reasoningContent"];
    if reasoning.is_object() {
        let kept = match &reasoning["reasoningText"] {
            Value::Null => only(reasoning, &["redactedContent"]),
            text => json!({"reasoningText": only(text, &["text", "signature"])}),
        };
        return Block::Kept(json!({"reasoningContent": kept}));
    }
    let call = &block["toolUse"];
    if call.is_object() {
        let text = |field: &str| call[field].as_str().unwrap_or_default();
        return Block::Call(ToolCall {
            id: text("toolUseId").into(),
            name: text("name").into(),
            arguments: match &call["input"] {
                Value::Null => "{}".into(),
                input => input.to_string().into(),
            },
        });
    }
    match block["text"].as_str() {
        Some(text) => Block::Text(text.into()),
        None => Block::Other,
    }
}

/// Messages as the format has them: turns that alternate.
#[derive(Default)]
struct Turns {
    system: Vec<Value>,
    turns: Vec<Value>,
    n_documents: usize,
}

impl Turns {
    fn add(&mut self, message: &Message) -> Result<(), ProviderError> {
        let (role, mut blocks) = match message.role {
            Speaker::System => {
                let text = system_text(message)?;
                if !is_blank(&text) {
                    self.system.push(json!({"text": text}));
                }
                return Ok(());
            }
            Speaker::User => ("user", self.write_parts(&message.content)?),
            Speaker::Tool => {
                let id = call_answered(message)?;
                let content = self.write_parts(&message.content)?;
                let result = json!({"toolResult": {"toolUseId": id, "content": content}});
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

    /// Writes the parts of a user's or a tool's message. A blank text is left
    /// out: the format refuses it, and it says nothing.
    fn write_parts(&mut self, content: &[ContentPart]) -> Result<Vec<Value>, ProviderError> {
        let mut parts = Vec::new();
        for part in content {
            parts.push(match part {
                ContentPart::Text(text) if is_blank(text.as_str()) => continue,
                ContentPart::Text(text) => json!({"text": text}),
                ContentPart::Media { media_type, data } => {
                    self.write_media(&Media::of(media_type.as_str(), data)?)?
                }
                ContentPart::Opaque(_) => continue,
            });
        }
        Ok(parts)
    }

    fn write_media(&mut self, media: &Media<'_>) -> Result<Value, ProviderError> {
        let bytes = json!({"bytes": media.base64()});
        let word = media.kind.word();
        Ok(match media.kind {
            kind if kind.is_image() => json!({"image": {"format": word, "source": bytes}}),
            Kind::Pdf | Kind::Text => {
                // Documents of a conversation must differ in their names.
                self.n_documents += 1;
                let name = format!("document-{}", self.n_documents);
                json!({"document": {"format": word, "name": name, "source": bytes}})
            }
            _ => return Err(media.not_taken("Converse")),
        })
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn write_block(block: Block) -> Result<Option<Value>, ProviderError> {
    Ok(Some(match block {
        Block::Kept(kept) => kept,
        Block::Text(text) | Block::Refusal(text) if is_blank(&text) => return Ok(None),
        Block::Text(text) | Block::Refusal(text) => json!({"text": text}),
        Block::Call(call) => json!({"toolUse": {
            "toolUseId": call.id,
            "name": call.name,
            "input": schema::of_call(&call)?,
        }}),
        Block::Other => return Ok(None),
    }))
}

fn write_tools(
    body: &mut Map<String, Value>,
    request: &GenerateRequest,
) -> Result<(), ProviderError> {
    if request.tools.is_empty() {
        return want_no_call(&request.tool_choice);
    }
    let choice = match &request.tool_choice {
        ToolChoice::Auto => None,
        ToolChoice::Required => Some(json!({"any": {}})),
        ToolChoice::Tool(name) => Some(json!({"tool": {"name": name}})),
        // The format has no word for it, and a tool that is not told of cannot
        // be called. But a conversation with calls must tell of its tools.
        ToolChoice::None => {
            let has_called =
                |message: &Message| message.role == Speaker::Tool || !message.tool_calls.is_empty();
            return match request.messages.iter().any(has_called) {
                true => Err(invalid(
                    "this provider cannot forbid tools that a conversation has used",
                )),
                false => Ok(()),
            };
        }
    };
    let mut tools = Vec::new();
    for tool in &request.tools {
        let schema = json!({"json": schema::of_tool(tool)?});
        let mut written = json!({"name": tool.name, "inputSchema": schema});
        if !tool.description.is_empty() {
            written["description"] = json!(tool.description);
        }
        tools.push(json!({"toolSpec": written}));
    }
    let mut config = json!({"tools": tools});
    if let Some(choice) = choice {
        config["toolChoice"] = choice;
    }
    body.insert("toolConfig".into(), config);
    Ok(())
}
