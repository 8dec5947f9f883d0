//! Attacks through model calls: too many, too large, without an end, and
//! requests that no provider should ever be sent.
//!
//! The text of a message tells the tests' provider what to do: `hang`,
//! `answer N` with so many bytes, or anything else for a short answer.

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::provider;
use fapo_sdk::bindings::trace;
use fapo_sdk::bindings::types::{
    ContentPart, GenerateParams, GenerateRequest, Media, Message, Outcome, ResponseSchema, Role,
    Settings, TestCase, ToolChoice, ToolDefinition,
};

use crate::{Attack, ESCAPES, MIB, answer, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("provider-flood", flood),
    ("provider-flood-at-once", flood_at_once),
    ("provider-request-bytes", request_bytes),
    ("provider-media-bytes", media_bytes),
    ("provider-hostcall-bytes", hostcall_bytes),
    ("provider-hostcall-bytes-at-once", hostcall_bytes_at_once),
    ("provider-empty-messages", empty_messages),
    ("provider-sum-bytes", sum_bytes),
    ("provider-sum-answers", sum_answers),
    ("provider-hang", hang),
    ("provider-answer-bytes", answer_bytes),
    ("provider-invalid", invalid),
    ("provider-unknown", unknown),
    ("provider-escapes", escapes),
];

/// Returns a request of step `one` with one message.
pub(crate) fn request(text: &str) -> GenerateRequest {
    GenerateRequest {
        step: "one".into(),
        model: None,
        messages: vec![message(ContentPart::Text(text.into()))],
        params: GenerateParams {
            temperature: None,
            top_p: None,
            max_tokens: None,
            seed: None,
            stop: Vec::new(),
            reasoning_effort: None,
            choices: None,
        },
        response_schema: None,
        tools: Vec::new(),
        tool_choice: ToolChoice::Auto,
    }
}

fn message(part: ContentPart) -> Message {
    Message {
        role: Role::User,
        content: vec![part],
        tool_calls: Vec::new(),
        tool_call_id: None,
    }
}

/// Asks one model call after the other, for ever.
fn flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        let _ = provider::generate(&request("again"));
    }
}

/// Asks for ten thousand model calls in one.
fn flood_at_once(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let answers = provider::generate_many(&vec![request("again"); 10_000]);
    saw(format!("{} answers", answers.len()))
}

/// Sends a prompt of 5 MiB.
fn request_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(answer(provider::generate(&request(&"x".repeat(5 * MIB)))))
}

/// Sends 5 MiB where a prompt's length is easily forgotten: in an image.
fn media_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut request = request("");
    request.messages = vec![message(ContentPart::Media(Media {
        media_type: "image/png".into(),
        data: vec![0; 5 * MIB],
    }))];
    saw(answer(provider::generate(&request)))
}

/// Sends a prompt of 16 MiB, more than the host reads of any call.
fn hostcall_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(answer(provider::generate(&request(&"x".repeat(16 * MIB)))))
}

/// Sends sixteen prompts of 1 MiB at once, none of them too long.
fn hostcall_bytes_at_once(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let answers = provider::generate_many(&vec![request(&"x".repeat(MIB)); 16]);
    saw(format!("{} answers", answers.len()))
}

/// Sends a hundred thousand messages that say nothing.
fn empty_messages(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut request = request("");
    request.messages = vec![
        Message {
            content: Vec::new(),
            ..message(ContentPart::Text(String::new()))
        };
        100_000
    ];
    saw(answer(provider::generate(&request)))
}

/// Sends prompts of 1 MiB, one after the other, for ever.
fn sum_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let request = request(&"x".repeat(MIB));
    loop {
        let _ = provider::generate(&request);
    }
}

/// Makes the provider answer with 4 MiB, three times.
fn sum_answers(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let answers = provider::generate_many(&vec![request("answer 4194304"); 3]);
    saw(answers
        .into_iter()
        .map(answer)
        .collect::<Vec<_>>()
        .join(" "))
}

/// Waits in step `one` for an answer that never comes.
fn hang(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let _ = trace::begin("one");
    saw(answer(provider::generate(&request("hang"))))
}

/// Makes the provider answer with 9 MiB.
fn answer_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(answer(provider::generate(&request("answer 9437184"))))
}

/// Sends requests that are wrong in one place each.
fn invalid(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    type Spoil = fn(&mut GenerateRequest);
    const WRONG: &[(&str, Spoil)] = &[
        ("messages", |r| r.messages.clear()),
        ("temperature-nan", |r| r.params.temperature = Some(f64::NAN)),
        ("temperature-negative", |r| {
            r.params.temperature = Some(-1.0)
        }),
        ("top-p", |r| r.params.top_p = Some(f64::INFINITY)),
        ("max-tokens", |r| r.params.max_tokens = Some(0)),
        ("no-choices", |r| r.params.choices = Some(0)),
        ("many-choices", |r| r.params.choices = Some(u32::MAX)),
        ("schema", |r| {
            r.response_schema = Some(ResponseSchema {
                name: "s".into(),
                schema: "{".into(),
            });
        }),
        ("tool-parameters", |r| {
            r.tools.push(ToolDefinition {
                name: "t".into(),
                description: String::new(),
                parameters: "not JSON".into(),
            });
        }),
        ("tool-choice", |r| {
            r.tool_choice = ToolChoice::Tool("absent".into())
        }),
    ];
    let mut accepted = Vec::new();
    for (name, spoil) in WRONG {
        let mut request = request("wrong");
        spoil(&mut request);
        let answer = answer(provider::generate(&request));
        if answer != "invalid-request" {
            accepted.push(format!("{name}={answer}"));
        }
    }
    saw(format!("accepted=[{}]", accepted.join(" ")))
}

/// Asks in a step and of a model that there are not.
fn unknown(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut other_step = request("x");
    other_step.step = "three".into();
    let mut other_model = request("x");
    other_model.model = Some(ESCAPES.into());
    saw(format!(
        "{} {}",
        answer(provider::generate(&other_step)),
        answer(provider::generate(&other_model)),
    ))
}

/// Sends what a terminal would obey, for those who read the trace.
fn escapes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(answer(provider::generate(&request(ESCAPES))))
}
