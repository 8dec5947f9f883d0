//! `fapo:tenant/provider`: model calls.

use std::sync::Arc;

use fapo_core::call::{Completion, Delivery, GenerateRequest, ProviderError, Receipt, ToolChoice};
use fapo_core::manifest::{Capability, Role};
use fapo_core::trace::CallBody;

use crate::bindings::fapo::tenant::provider::Host;
use crate::bindings::fapo::tenant::types as wit;
use crate::convert::{self, list_bytes, text_bytes};
use crate::guest::{Guest, answers};
use crate::recorder::{Spent, told, within};

impl Host for Guest {
    async fn generate(
        &mut self,
        request: wit::GenerateRequest,
    ) -> wasmtime::Result<Result<wit::Completion, wit::ProviderError>> {
        let question = self.model_question(request)?;
        Ok(handed_over(self.ask_admitted(question).await))
    }

    async fn generate_many(
        &mut self,
        requests: Vec<wit::GenerateRequest>,
    ) -> wasmtime::Result<Vec<Result<wit::Completion, wit::ProviderError>>> {
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            let question = self.model_question(request)?;
            sent.push(self.send(question));
        }
        Ok(answers(sent, handed_over).await)
    }
}

type Answered = Result<Arc<Completion>, ProviderError>;

fn handed_over(answered: Answered) -> Result<wit::Completion, wit::ProviderError> {
    answered
        .map(|completion| convert::completion(&completion))
        .map_err(convert::provider_error_out)
}

impl Guest {
    /// Checks and notes one request. The outer error ends the guest.
    fn model_question(
        &mut self,
        request: wit::GenerateRequest,
    ) -> Result<Result<impl Future<Output = Answered> + Send + use<>, ProviderError>, Spent> {
        self.counts.provider += 1;
        let limits = self.limits();
        let (key, calls_max) = match self.role {
            Role::Chain => ("provider_calls_max", limits.provider_calls_max),
            Role::Scorer => ("judge_calls_max", limits.judge_calls_max),
        };
        within(key, calls_max, self.counts.provider)?;
        let (step, mut request) = convert::generate_request(request);
        let provider = match self.admit(Capability::Provider, &step, |imports| {
            imports.provider.as_deref()
        }) {
            Ok(provider) => provider,
            Err(refused) => return Ok(Err(refused.into())),
        };
        self.check_request(request_bytes(&request))?;
        if let Some(why) = shape_error(&request) {
            return Ok(Err(ProviderError::InvalidRequest(why.into())));
        }
        provider.complete(self.role, &mut request);
        let request = Arc::new(request);
        let body = CallBody::Generate {
            request: request.clone(),
            answer: None,
            error: None,
            receipt: Receipt::default(),
        };
        let (site, at) = self.call_begins(step, body);
        let recorder = self.recorder.clone();
        let check = self.answer_check();
        let answer = provider.generate(site, request);
        Ok(Ok(async move {
            let Delivery { answer, receipt } = answer.await;
            let answered = match answer {
                Ok(completion) if completion.choices.is_empty() => Err(ProviderError::Other(
                    "the provider answered without a choice".into(),
                )),
                Ok(completion) => match check(completion_bytes(&completion)) {
                    Ok(()) => Ok(Arc::new(completion)),
                    Err(why) => Err(ProviderError::Other(why.into())),
                },
                Err(error) => Err(error),
            };
            recorder.call_ends(at, |body| {
                if let CallBody::Generate {
                    answer,
                    error,
                    receipt: taken,
                    ..
                } = body
                {
                    (*answer, *error) = told(&answered);
                    *taken = receipt;
                }
            });
            answered
        }))
    }
}

/// The most completions of one request: each is paid for.
const CHOICES_MAX: u32 = 128;

/// Returns what is wrong with a request's shape.
fn shape_error(request: &GenerateRequest) -> Option<String> {
    if request.messages.is_empty() {
        return Some("the request has no message".into());
    }
    let params = &request.params;
    let in_range =
        |value: Option<f64>, max: f64| value.is_none_or(|value| (0.0..=max).contains(&value));
    if !in_range(params.temperature, 10.0) {
        return Some("`temperature` must be a number from 0 to 10".into());
    }
    if !in_range(params.top_p, 1.0) {
        return Some("`top_p` must be a number from 0 to 1".into());
    }
    if params.max_tokens == Some(0) {
        return Some("`max_tokens` must be at least 1".into());
    }
    if params
        .choices
        .is_some_and(|choices| !(1..=CHOICES_MAX).contains(&choices))
    {
        return Some(format!("`choices` must be from 1 to {CHOICES_MAX}"));
    }
    if let ToolChoice::Tool(name) = &request.tool_choice
        && !request.tools.iter().any(|tool| tool.name == *name)
    {
        return Some(format!(
            "`tool_choice` names the tool `{name}`, which the request does not offer"
        ));
    }
    let json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    if request
        .response_schema
        .as_ref()
        .is_some_and(|schema| !json(schema.schema.as_str()))
    {
        return Some("`response_schema` is not JSON".into());
    }
    request
        .tools
        .iter()
        .find(|tool| !json(tool.parameters.as_str()))
        .map(|tool| format!("the parameters of tool `{}` are not JSON", tool.name))
}

fn request_bytes(request: &GenerateRequest) -> usize {
    let schema = request.response_schema.as_ref();
    list_bytes(&request.messages, convert::message_bytes)
        + schema.map_or(0, |schema| text_bytes([&schema.name, &schema.schema]))
        + list_bytes(&request.tools, |tool| {
            text_bytes([&tool.name, &tool.description, &tool.parameters])
        })
        + list_bytes(&request.params.stop, |stop| stop.as_str().len())
}

fn completion_bytes(completion: &Completion) -> usize {
    list_bytes(&completion.choices, |choice| {
        choice.text.as_str().len()
            + convert::tool_calls_bytes(&choice.tool_calls)
            + list_bytes(&choice.opaque, |part| {
                text_bytes([&part.provider, &part.data])
            })
    })
}
