//! Text Generation Inference and DJL, as containers in Amazon SageMaker speak
//! them: a text goes in, and the text that follows it comes out.

use fapo_core::call::{Choice, Completion, GenerateRequest, ProviderError, Usage};
use fapo_core::model::{Model, Parameter};
use serde_json::{Map, Value, json};

use super::parameters::Parameters;
use super::{NoAnswer, Read, Refused, Reply, Wire, Written, path_of, prompt, reply, want_no_call};

/// The format of Text Generation Inference, behind an endpoint of SageMaker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tgi;

impl Wire for Tgi {
    fn takes_choices(&self) -> bool {
        false
    }

    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError> {
        prompt::want_text_alone(request)?;
        want_no_call(&request.tool_choice)?;
        let mut parameters = Parameters::new(&request.params, model);
        parameters.want_one_choice()?;
        let mut written = Map::new();
        if let Some(max_tokens) = request.params.max_tokens {
            written.insert("max_new_tokens".into(), max_tokens.into());
        }
        if let Some(temperature) = parameters.take(Parameter::Temperature)? {
            // The server refuses a temperature of zero, and means by not
            // sampling what others mean by zero.
            let samples = temperature.as_f64().is_some_and(|t| t > 0.0);
            written.insert("do_sample".into(), samples.into());
            if samples {
                written.insert("temperature".into(), temperature);
            }
        }
        if let Some(top_p) = parameters.take(Parameter::TopP)? {
            // It refuses one, too, which leaves nothing out.
            if top_p.as_f64().is_some_and(|p| p < 1.0) {
                written.insert("top_p".into(), top_p);
            }
        }
        parameters.put(&mut written, "stop", Parameter::Stop)?;
        parameters.put(&mut written, "seed", Parameter::Seed)?;
        parameters.leave_out(Parameter::ReasoningEffort)?;
        // Without details nobody says whether the text was cut.
        written.insert("details".into(), true.into());
        written.insert("return_full_text".into(), false.into());
        let mut body = Map::new();
        body.insert("inputs".into(), prompt::join(&request.messages)?.into());
        body.insert("parameters".into(), json!(written));
        let path = path_of("/endpoints/{model}/invocations", &model.name);
        Ok(Written::new(path, body, parameters.left_out()))
    }

    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer> {
        let body = reply::answer_of_any_type(reply)?;
        let answer = match &body {
            Value::Array(all) => all.first().unwrap_or(&Value::Null),
            body => body,
        };
        if reply::is_error(&answer["error"]) {
            return Err(NoAnswer::Refused(Refused::saying(reply, answer)));
        }
        let Some(text) = answer["generated_text"].as_str() else {
            return Err(reply::malformed("the reply has no generated text", reply));
        };
        let details = &answer["details"];
        // Tokens of the prompt are listed, where the server lists them at all.
        let prefill = details["prefill"].as_array().filter(|all| !all.is_empty());
        let choice = Choice {
            text: text.into(),
            tool_calls: Vec::new(),
            finish_reason: reply::finish_reason(details["finish_reason"].as_str()),
            opaque: Vec::new(),
        };
        Ok(Read {
            completion: Completion {
                model: reply::model(&answer["model"]),
                choices: vec![choice],
                usage: Usage {
                    input_tokens: prefill
                        .and_then(|all| u32::try_from(all.len()).ok())
                        .or_else(|| reply::count(&details["prompt_tokens"])),
                    cached_input_tokens: None,
                    output_tokens: reply::count(&details["generated_tokens"]),
                    reasoning_tokens: None,
                },
            },
            served: reply::served(&reply.headers, &Value::Null, &Value::Null),
        })
    }
}
