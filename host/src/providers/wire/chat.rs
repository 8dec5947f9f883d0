//! Chat Completions, as OpenAI has them and many others after it: Azure, Gemini,
//! Baseten, vLLM, llama.cpp, Ollama, containers in SageMaker.

mod body;

use fapo_core::call::{
    Choice, Completion, FinishReason, GenerateRequest, ProviderError, ToolChoice, Usage,
};
use fapo_core::message::{ContentPart, Message, OpaquePart, Speaker, ToolCall};
use fapo_core::model::{Model, Parameter};
use serde::Serialize;
use serde_json::{Map, Value, json};

use self::body::{Body, Counted, Offered};
use super::media::{Kind, Media};
use super::parameters::Parameters;
use super::{
    Begun, NoAnswer, Read, Refused, Reply, Wire, Written, call_answered, invalid, path_of, reply,
    schema, want_no_call,
};

/// What an opaque part of this format is called. It holds what a server put
/// beside a call and wants to see again, as Gemini its signatures.
const PROVIDER: &str = "chat";

/// The field of a call for what the format itself does not know.
const EXTRA: &str = "extra_content";

/// About how many fields a request has, for one allocation instead of several.
const FIELDS: usize = 12;

/// Chat Completions, at some server's place for them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chat {
    /// Where requests go; `{model}` stands for the model's name.
    path: &'static str,
    /// Whether the body names the model.
    names_model: bool,
}

impl Chat {
    /// As OpenAI has it, and nearly all who speak like it.
    pub(crate) const OPENAI: Self = Self {
        path: "/chat/completions",
        names_model: true,
    };

    /// As Azure has it where the version of the interface is a date: the model
    /// is the name of a deployment, in the path.
    pub(crate) const DEPLOYMENT: Self = Self {
        path: "/openai/deployments/{model}/chat/completions",
        names_model: false,
    };

    /// A container behind an endpoint of SageMaker: the model is the name of
    /// the endpoint, and the container knows only its own.
    pub(crate) const SAGEMAKER: Self = Self {
        path: "/endpoints/{model}/invocations",
        names_model: false,
    };
}

impl Wire for Chat {
    fn takes_choices(&self) -> bool {
        true
    }

    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError> {
        let mut body = Map::with_capacity(FIELDS);
        if self.names_model {
            body.insert("model".into(), model.name.as_str().into());
        }
        if request.messages.is_empty() {
            return Err(invalid("there is no message"));
        }
        let messages: Result<Vec<_>, _> = request.messages.iter().map(Said::of).collect();
        let begun = Begun::new(&messages?);
        if let Some(max_tokens) = request.params.max_tokens {
            // A model that reasons counts what it does not show, and refuses
            // the word that means the shown text alone.
            let name = match model.reasons {
                true => "max_completion_tokens",
                false => "max_tokens",
            };
            body.insert(name.into(), max_tokens.into());
        }
        let mut parameters = Parameters::new(&request.params, model);
        for (name, parameter) in [
            ("temperature", Parameter::Temperature),
            ("top_p", Parameter::TopP),
            ("stop", Parameter::Stop),
            ("seed", Parameter::Seed),
            ("n", Parameter::Choices),
            ("reasoning_effort", Parameter::ReasoningEffort),
        ] {
            parameters.put(&mut body, name, parameter)?;
        }
        if let Some(shape) = &request.response_schema {
            let schema = schema::of_answer(shape)?;
            let format = json!({
                "type": "json_schema",
                "json_schema": {
                    "name": shape.name,
                    "strict": schema::is_closed(&schema),
                    "schema": schema,
                },
            });
            body.insert("response_format".into(), format);
        }
        write_tools(&mut body, request)?;
        let path = path_of(self.path, &model.name);
        Ok(Written {
            begun: Some(begun),
            ..Written::new(path, body, parameters.left_out())
        })
    }

    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer> {
        let body = Body::read(reply)?;
        if body.choices.is_empty() {
            return Err(reply::malformed("the reply has no choices", reply));
        }
        // A gateway whose model failed amid an answer says so in the choice.
        let failed = |choice: &&Offered| reply::is_error(&choice.error);
        if let Some(choice) = body.choices.iter().find(failed) {
            let said = json!({"error": choice.error});
            return Err(NoAnswer::Refused(Refused::saying(reply, &said)));
        }
        // In a list of their own: that of the reply is many times as large.
        let mut choices = Vec::with_capacity(body.choices.len());
        for choice in body.choices {
            let choice = read_choice(choice);
            choices.push(choice.ok_or_else(|| reply::malformed("a choice has no message", reply))?);
        }
        Ok(Read {
            completion: Completion {
                model: reply::model(&body.model),
                choices,
                usage: body.usage.as_ref().map(read_usage).unwrap_or_default(),
            },
            served: reply::served(&reply.headers, &body.id, &body.system_fingerprint),
        })
    }
}

/// A message in the words of the format.
#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<&'a str>,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Value>,
}

/// What a message says; a single text is written as the text alone, which is
/// all that many servers read.
#[derive(PartialEq, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Value>),
    Nothing,
}

impl<'a> Said<'a> {
    fn of(message: &'a Message) -> Result<Self, ProviderError> {
        let role = match message.role {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Tool => "tool",
            Speaker::Assistant => "assistant",
        };
        let mut said = Self {
            role,
            tool_call_id: None,
            content: Content::of(&message.content, message.role == Speaker::User)?,
            tool_calls: Vec::new(),
        };
        match message.role {
            Speaker::System | Speaker::User => {}
            Speaker::Tool => said.tool_call_id = Some(call_answered(message)?.as_str()),
            Speaker::Assistant => {
                let extra = extra_of(&message.content)?;
                let calls = message.tool_calls.iter();
                said.tool_calls = calls.map(|call| write_call(call, &extra)).collect();
                if !said.tool_calls.is_empty() && said.content == Content::Text("") {
                    said.content = Content::Nothing;
                }
            }
        }
        Ok(said)
    }
}

impl<'a> Content<'a> {
    fn of(content: &'a [ContentPart], takes_media: bool) -> Result<Self, ProviderError> {
        let is_shown = |part: &&ContentPart| !matches!(part, ContentPart::Opaque(_));
        let mut shown = content.iter().filter(is_shown);
        match (shown.next(), shown.next()) {
            (None, _) => return Ok(Self::Text("")),
            (Some(ContentPart::Text(text)), None) => return Ok(Self::Text(text.as_str())),
            _ => {}
        }
        let mut parts = Vec::new();
        for part in content {
            parts.push(match part {
                ContentPart::Text(text) => json!({"type": "text", "text": text}),
                ContentPart::Media { media_type, data } => {
                    let media = Media::of(media_type.as_str(), data)?;
                    match takes_media {
                        true => write_media(&media)?,
                        false => return Err(media.not_taken("Chat Completions")),
                    }
                }
                ContentPart::Opaque(_) => continue,
            });
        }
        Ok(Self::Parts(parts))
    }
}

fn write_media(media: &Media<'_>) -> Result<Value, ProviderError> {
    Ok(match media.kind {
        kind if kind.is_image() => {
            json!({"type": "image_url", "image_url": {"url": media.data_url()}})
        }
        kind if kind.is_sound() => json!({
            "type": "input_audio",
            "input_audio": {"data": media.base64(), "format": kind.word()},
        }),
        Kind::Pdf => json!({
            "type": "file",
            "file": {"filename": "document.pdf", "file_data": media.data_url()},
        }),
        _ => return Err(media.not_taken("Chat Completions")),
    })
}

fn write_call(call: &ToolCall, extra: &Map<String, Value>) -> Value {
    let mut written = json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    });
    if let Some(extra) = extra.get(call.id.as_str()) {
        written[EXTRA] = extra.clone();
    }
    written
}

/// Returns what a server put beside its calls, by the ids of the calls.
fn extra_of(content: &[ContentPart]) -> Result<Map<String, Value>, ProviderError> {
    let mut all = Map::new();
    for part in content {
        let ContentPart::Opaque(part) = part else {
            continue;
        };
        if part.provider.as_str() == PROVIDER {
            let extra: Map<_, _> = serde_json::from_str(part.data.as_str())
                .map_err(|_| invalid("an opaque part is none that `chat` made"))?;
            all.extend(extra);
        }
    }
    Ok(all)
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
        let mut function = json!({"name": tool.name, "parameters": schema::of_tool(tool)?});
        if !tool.description.is_empty() {
            function["description"] = json!(tool.description);
        }
        tools.push(json!({"type": "function", "function": function}));
    }
    body.insert("tools".into(), Value::Array(tools));
    let choice = match &request.tool_choice {
        ToolChoice::Auto => return Ok(()),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Tool(name) => json!({"type": "function", "function": {"name": name}}),
    };
    body.insert("tool_choice".into(), choice);
    Ok(())
}

/// Reads a choice; none where it has no message.
fn read_choice(choice: Offered) -> Option<Choice> {
    let message = choice.message?;
    let mut text = read_text(message.content);
    let calls = message.tool_calls.as_array().into_iter().flatten();
    let mut tool_calls = Vec::new();
    let mut extra = Map::new();
    for call in calls {
        let read = read_call(call, tool_calls.len());
        if !call[EXTRA].is_null() {
            extra.insert(read.id.as_str().into(), call[EXTRA].clone());
        }
        tool_calls.push(read);
    }
    // What calls were before there were several.
    if tool_calls.is_empty() && message.function_call.is_object() {
        tool_calls.push(read_call(&json!({"function": message.function_call}), 0));
    }
    let mut finish_reason = reply::finish_reason(choice.finish_reason.as_str());
    if finish_reason == FinishReason::Stop && !tool_calls.is_empty() {
        // A model that was told which tool to call says that it stopped.
        finish_reason = FinishReason::ToolCalls;
    }
    if let Some(refusal) = message.refusal.as_str().filter(|text| !text.is_empty()) {
        text.push_str(refusal);
        finish_reason = FinishReason::ContentFilter;
    }
    let opaque = (!extra.is_empty()).then(|| OpaquePart {
        provider: PROVIDER.into(),
        data: Value::Object(extra).to_string().into(),
    });
    Some(Choice {
        text: text.into(),
        tool_calls,
        finish_reason,
        opaque: opaque.into_iter().collect(),
    })
}

/// Returns the text of an answer, which some write in parts.
fn read_text(content: Value) -> String {
    match content {
        Value::String(text) => text,
        Value::Array(parts) => {
            let texts = parts.iter().filter(|part| part["type"] == "text");
            texts.filter_map(|part| part["text"].as_str()).collect()
        }
        _ => String::new(),
    }
}

/// Reads a call. Some servers give it no id, and some its arguments as an object.
fn read_call(call: &Value, nth: usize) -> ToolCall {
    let function = &call["function"];
    let arguments = match &function["arguments"] {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let id = call["id"].as_str().filter(|id| !id.is_empty());
    ToolCall {
        id: id
            .map_or_else(|| format!("call_{nth}"), str::to_owned)
            .into(),
        name: function["name"].as_str().unwrap_or_default().into(),
        arguments: arguments.into(),
    }
}

/// Reads usage. Where the total is more than its two parts, as with Gemini and
/// xAI, what is missing is reasoning that they do not count as output.
fn read_usage(usage: &Counted) -> Usage {
    let input = reply::count(&usage.prompt_tokens);
    let written = reply::count(&usage.completion_tokens);
    let total = reply::count(&usage.total_tokens);
    let details = usage.completion_tokens_details.as_ref();
    let reasoning = details.and_then(|details| reply::count(&details.reasoning_tokens));
    let hidden = match (input, written, total) {
        (Some(input), Some(written), Some(total)) => total.saturating_sub(input + written),
        _ => 0,
    };
    // A difference that the server counts as something else is not ours to explain.
    let hidden = reasoning.map_or(hidden, |told| if told == hidden { told } else { 0 });
    let details = usage.prompt_tokens_details.as_ref();
    let cached = details.and_then(|details| reply::count(&details.cached_tokens));
    reply::sane(Usage {
        input_tokens: input,
        cached_input_tokens: cached.or_else(|| reply::count(&usage.prompt_cache_hit_tokens)),
        output_tokens: written.map(|written| written + hidden),
        reasoning_tokens: reasoning.or((hidden > 0).then_some(hidden)),
    })
}
