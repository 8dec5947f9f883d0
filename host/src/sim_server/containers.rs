//! What containers answer behind SageMaker's and Baseten's doors: bodies in the
//! format of Text Generation Inference, and bodies with a `prompt`.

use fapo_core::call::{FinishReason, GenerateParams, GenerateRequest};
use fapo_core::message::Speaker;
use serde_json::{Value, json};

use super::asked::{
    Answer, Answered, Asked, Fields, Shape, count, fields, flag, given, message, number, object,
    text, texts,
};
use super::chat::{self, Strictness};
use super::vendor::{Counts, Refusal};

/// Reads a request to an endpoint, by the shape of its body.
pub(super) fn read_endpoint(body: &Value, endpoint: &str) -> Result<Asked, Refusal> {
    let refused = |refusal: Refusal| {
        // What the container refuses is passed on.
        let message = format!(
            "Received client error ({}) from primary with message \"{}\".",
            refusal.status, refusal.message
        );
        Refusal::of(424, message).param(refusal.status.to_string())
    };
    let given_fields = fields(body).map_err(refused)?;
    if given(given_fields, "messages").is_some() {
        return chat::read(body, Some(endpoint), Strictness::Compatible).map_err(refused);
    }
    read_tgi(given_fields, endpoint).map_err(refused)
}

fn read_tgi(body: &Fields, endpoint: &str) -> Result<Asked, Refusal> {
    let Some(inputs) = text(body, "inputs")? else {
        return Err(Refusal::of(
            422,
            "Failed to deserialize the JSON body into the target type: missing field `inputs`",
        ));
    };
    let empty = Fields::new();
    let parameters = object(body, "parameters")?.unwrap_or(&empty);
    let request = GenerateRequest {
        model: Some(endpoint.into()),
        messages: vec![message(Speaker::User, inputs)],
        params: GenerateParams {
            temperature: number(parameters, "temperature", 100.0)?,
            top_p: number(parameters, "top_p", 1.0)?,
            max_tokens: count(parameters, "max_new_tokens", 1)?,
            seed: count(parameters, "seed", 0)?,
            stop: texts(parameters, "stop")?
                .into_iter()
                .map(Into::into)
                .collect(),
            ..GenerateParams::default()
        },
        ..GenerateRequest::default()
    };
    Ok(Asked {
        request,
        model: endpoint.into(),
        reasons: endpoint.starts_with(fapo_core::simulator::REASONER),
        streams: false,
        shape: Shape::Tgi {
            details: flag(parameters, "details")?,
            // Deep Java Library answers with one object.
            is_list: !endpoint.contains("djl"),
        },
    })
}

/// Writes an answer as Text Generation Inference does.
pub(super) fn write_tgi(answered: &Answered<'_>, details: bool, is_list: bool) -> Answer {
    let Some(choice) = answered.completion.choices.first() else {
        return Answer::Json(json!([]));
    };
    let mut generated = json!({"generated_text": choice.text});
    if details {
        let counts = Counts::from(answered.completion.usage);
        let finish = match choice.finish_reason {
            FinishReason::Length => "length",
            _ => "eos_token",
        };
        generated["details"] = json!({
            "finish_reason": finish, "generated_tokens": counts.output, "seed": answered.asked.request.params.seed,
            "prefill": [], "tokens": [],
        });
    }
    Answer::Json(if is_list {
        json!([generated])
    } else {
        generated
    })
}

/// Reads a request to a model of one's own, which takes what it likes: here a
/// `prompt`, or messages.
pub(super) fn read_predict(body: &Value) -> Result<Asked, Refusal> {
    let given_fields = fields(body)?;
    if given(given_fields, "messages").is_some() {
        return chat::read(body, Some("predict"), Strictness::Compatible);
    }
    let Some(prompt) = text(given_fields, "prompt")? else {
        return Err(Refusal::bad(
            "Error while running predict: the input has no `prompt`",
        ));
    };
    let model = text(given_fields, "model")?.unwrap_or("predict");
    let mut messages = Vec::new();
    if let Some(system) = text(given_fields, "system")? {
        messages.push(message(Speaker::System, system));
    }
    messages.push(message(Speaker::User, prompt));
    let request = GenerateRequest {
        model: Some(model.into()),
        messages,
        params: GenerateParams {
            temperature: number(given_fields, "temperature", 100.0)?,
            top_p: number(given_fields, "top_p", 1.0)?,
            max_tokens: count(given_fields, "max_tokens", 1)?,
            seed: count(given_fields, "seed", 0)?,
            stop: texts(given_fields, "stop")?
                .into_iter()
                .map(Into::into)
                .collect(),
            ..GenerateParams::default()
        },
        ..GenerateRequest::default()
    };
    Ok(Asked {
        request,
        model: model.into(),
        reasons: model.starts_with(fapo_core::simulator::REASONER),
        streams: false,
        shape: Shape::Predict,
    })
}

/// Writes such a model's answer.
pub(super) fn write_predict(answered: &Answered<'_>) -> Answer {
    let Some(choice) = answered.completion.choices.first() else {
        return Answer::Json(json!({}));
    };
    let counts = Counts::from(answered.completion.usage);
    let finish = match choice.finish_reason {
        FinishReason::Length => "length",
        _ => "stop",
    };
    Answer::Json(json!({
        "model": answered.asked.model,
        "output": {"text": choice.text, "finish_reason": finish},
        "usage": {"input_tokens": counts.input, "output_tokens": counts.output},
    }))
}
