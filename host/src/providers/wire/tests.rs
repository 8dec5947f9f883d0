//! What the formats write, held against bodies as their vendors have them, and
//! what they read of replies as their servers send them.

mod chat;
mod converse;
mod messages;
mod noise;
mod refused;
mod responses;
mod servers;
mod template;
mod tgi;
mod vendors;

use fapo_core::call::{
    Choice, FinishReason, GenerateRequest, ProviderError, ResponseSchema, Usage,
};
use fapo_core::message::{ContentPart, Message, OpaquePart, Speaker, ToolCall, ToolDefinition};
use fapo_core::model::{Model, Parameter};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::{NoAnswer, Read, Refused, Reply, Wire, Written};
use crate::providers::models;

fn model(name: &str) -> Model {
    Model::find(name, &[models::shipped()])
}

fn message(role: Speaker, content: Vec<ContentPart>) -> Message {
    Message {
        role,
        content,
        tool_calls: vec![],
        tool_call_id: None,
    }
}

fn says(role: Speaker, text: &str) -> Message {
    message(role, vec![ContentPart::Text(text.into())])
}

fn media(media_type: &str, data: &[u8]) -> ContentPart {
    ContentPart::Media {
        media_type: media_type.into(),
        data: data.into(),
    }
}

fn asks(messages: Vec<Message>) -> GenerateRequest {
    GenerateRequest {
        messages,
        ..GenerateRequest::default()
    }
}

fn hello() -> GenerateRequest {
    asks(vec![
        says(Speaker::System, "Be brief."),
        says(Speaker::User, "Hello?"),
    ])
}

/// A request with all parameters that there are.
fn tuned() -> GenerateRequest {
    let mut request = hello();
    request.params.temperature = Some(0.5);
    request.params.top_p = Some(0.9);
    request.params.max_tokens = Some(64);
    request.params.seed = Some(7);
    request.params.stop = vec!["END".into()];
    request.params.reasoning_effort = Some("low".into());
    request
}

fn call(id: &str, name: &str, arguments: &str) -> ToolCall {
    ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: arguments.into(),
    }
}

const WEATHER: &str = r#"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}"#;

fn weather() -> ToolDefinition {
    ToolDefinition {
        name: "weather".into(),
        description: "Tells the weather.".into(),
        parameters: WEATHER.into(),
    }
}

fn answer_schema(schema: &str) -> Option<ResponseSchema> {
    Some(ResponseSchema {
        name: "answer".into(),
        schema: schema.into(),
    })
}

/// A conversation in which a tool was called twice, and has answered.
fn after_tools(opaque: &[OpaquePart]) -> GenerateRequest {
    let mut content: Vec<_> = opaque.iter().cloned().map(ContentPart::Opaque).collect();
    content.push(ContentPart::Text("Let me look.".into()));
    let mut asked = message(Speaker::Assistant, content);
    asked.tool_calls = vec![
        call("c1", "weather", r#"{"city":"Rome"}"#),
        call("c2", "weather", r#"{"city":"Oslo"}"#),
    ];
    let result = |id: &str, text: &str| Message {
        tool_call_id: Some(id.into()),
        ..says(Speaker::Tool, text)
    };
    GenerateRequest {
        tools: vec![weather()],
        ..asks(vec![
            says(Speaker::User, "Rome and Oslo?"),
            asked,
            result("c1", "sun"),
            result("c2", "snow"),
        ])
    }
}

/// Returns a choice as a guest hands it back.
fn back(choice: &Choice) -> Message {
    let opaque = choice.opaque.iter().cloned().map(ContentPart::Opaque);
    let mut content: Vec<_> = opaque.collect();
    if !choice.text.is_empty() {
        content.push(ContentPart::Text(choice.text.clone()));
    }
    Message {
        tool_calls: choice.tool_calls.clone(),
        ..message(Speaker::Assistant, content)
    }
}

fn write(wire: &dyn Wire, request: &GenerateRequest, name: &str) -> Written {
    wire.write(request, &model(name))
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Returns a body as it is sent.
fn body(wire: &dyn Wire, request: &GenerateRequest, name: &str) -> Value {
    sent(write(wire, request, name))
}

fn sent(written: Written) -> Value {
    serde_json::from_slice(&written.json(&Map::new())).unwrap()
}

fn is_invalid(wire: &dyn Wire, request: &GenerateRequest, name: &str) -> bool {
    let error = wire.write(request, &model(name)).unwrap_err();
    matches!(error, ProviderError::InvalidRequest(_))
}

fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    let mut map = HeaderMap::new();
    map.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in headers {
        map.insert(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Reply {
        status,
        headers: map,
        body: body.into().into(),
    }
}

fn read(wire: &dyn Wire, body: &Value) -> Read {
    wire.read(&reply(200, &[], body.to_string()))
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Reads the only choice of an answer.
fn one(wire: &dyn Wire, body: &Value) -> Choice {
    let mut choices = read(wire, body).completion.choices;
    assert_eq!(choices.len(), 1);
    choices.remove(0)
}

fn refused(wire: &dyn Wire, reply: &Reply) -> Refused {
    match wire.read(reply) {
        Err(NoAnswer::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

fn is_malformed(wire: &dyn Wire, reply: &Reply) -> bool {
    match wire.read(reply) {
        Err(NoAnswer::Malformed(why)) => {
            assert!(why.len() < 1_200, "{why}");
            true
        }
        _ => false,
    }
}

fn usage(input: u32, cached: Option<u32>, output: u32, reasoning: Option<u32>) -> Usage {
    Usage {
        input_tokens: Some(input),
        cached_input_tokens: cached,
        output_tokens: Some(output),
        reasoning_tokens: reasoning,
    }
}

/// Returns a body with something else at a place.
fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(pointer).expect("the place is there") = value;
    body
}

#[test]
fn a_models_name_is_one_segment_of_a_path() {
    for (name, segment) in [
        ("gpt-4o", "gpt-4o"),
        ("anthropic.claude-v2:1", "anthropic.claude-v2%3A1"),
        ("a/../b?c#d e%3A", "a%2F..%2Fb%3Fc%23d%20e%253A"),
        ("..", "%2E%2E"),
        ("ü", "%C3%BC"),
    ] {
        assert_eq!(super::segment(name), segment);
    }
}
