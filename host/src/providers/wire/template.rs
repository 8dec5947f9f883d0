//! Whatever an own deployment speaks: the operator writes down the request, and
//! where the answer lies in the reply.

use fapo_core::call::{Choice, Completion, GenerateRequest, ProviderError, Usage};
use fapo_core::message::Speaker;
use fapo_core::model::{Model, Parameter};
use fapo_core::policy;
use serde_json::{Map, Value, json};

use super::parameters::Parameters;
use super::{
    NoAnswer, Read, Refused, Reply, Wire, Written, invalid, path_of, prompt, reply, want_no_call,
};

/// A format that the operator wrote down.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    path: &'static str,
    template: policy::Template,
    /// Whether instructions have a place of their own, and are no part of the prompt.
    has_system: bool,
}

/// Why a template cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// A placeholder that nothing stands behind.
    #[error("the template of requests has the placeholder `{0}`, which is none")]
    UnknownPlaceholder(String),
    /// No placeholder for what is asked.
    #[error("the template of requests has neither `${{prompt}}` nor `${{messages}}`")]
    AsksNothing,
    /// A request that is no object.
    #[error("the template of requests is no object")]
    NotAnObject,
    /// A pointer that points nowhere in any reply.
    #[error("`{0}` is no JSON pointer: one begins with `/`, or is empty")]
    NotAPointer(String),
}

/// Placeholders, beside those of parameters.
const TEXTS: [&str; 5] = ["prompt", "system", "messages", "model", "max_tokens"];

/// Parameters that a template can have a place for, by their placeholders.
const PARAMETERS: [Parameter; 4] = [
    Parameter::Temperature,
    Parameter::TopP,
    Parameter::Stop,
    Parameter::Seed,
];

impl Template {
    /// An own deployment at Baseten; its base URL ends with the environment, as
    /// `…/environments/production`.
    pub(crate) const PREDICT: &'static str = "/predict";

    /// A container behind an endpoint of SageMaker.
    pub(crate) const SAGEMAKER: &'static str = "/endpoints/{model}/invocations";

    /// Checks a template; `{model}` in the path stands for the model's name.
    pub(crate) fn new(
        path: &'static str,
        template: policy::Template,
    ) -> Result<Self, TemplateError> {
        if !template.request.is_object() {
            return Err(TemplateError::NotAnObject);
        }
        let mut names = Vec::new();
        placeholders(&template.request, &mut names);
        let is_known = |name: &str| {
            TEXTS.contains(&name) || PARAMETERS.iter().any(|known| known.name() == name)
        };
        if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
            return Err(TemplateError::UnknownPlaceholder(format!("${{{unknown}}}")));
        }
        if !names
            .iter()
            .any(|name| matches!(*name, "prompt" | "messages"))
        {
            return Err(TemplateError::AsksNothing);
        }
        let has_system = names.contains(&"system");
        let others = [
            &template.finish_reason,
            &template.input_tokens,
            &template.output_tokens,
        ];
        let pointers = others.into_iter().flatten().chain([&template.text]);
        for pointer in pointers {
            if !pointer.is_empty() && !pointer.starts_with('/') {
                return Err(TemplateError::NotAPointer(pointer.clone()));
            }
        }
        Ok(Self {
            path,
            template,
            has_system,
        })
    }

    /// Returns what stands behind the placeholders of a request.
    fn values(
        &self,
        request: &GenerateRequest,
        model: &Model,
        parameters: &mut Parameters<'_>,
    ) -> Result<Map<String, Value>, ProviderError> {
        let mut values = Map::new();
        let is_system = |speaker| self.has_system && speaker == Speaker::System;
        let mut system = Vec::new();
        let mut others = Vec::new();
        for message in &request.messages {
            match is_system(message.role) {
                true => system.push(prompt::text(message)?),
                false => others.push(message),
            }
        }
        if others.is_empty() {
            return Err(invalid("there is no message of a user"));
        }
        if !system.is_empty() {
            values.insert("system".into(), system.join("\n\n").into());
        }
        let mut messages = Vec::new();
        for message in &others {
            let role = match message.role {
                Speaker::System => "system",
                Speaker::User => "user",
                Speaker::Assistant => "assistant",
                Speaker::Tool => "tool",
            };
            messages.push(json!({"role": role, "content": prompt::text(message)?}));
        }
        values.insert("messages".into(), Value::Array(messages));
        values.insert("prompt".into(), prompt::join(others)?.into());
        values.insert("model".into(), model.name.as_str().into());
        if let Some(max_tokens) = request.params.max_tokens {
            values.insert("max_tokens".into(), max_tokens.into());
        }
        let mut names = Vec::new();
        placeholders(&self.template.request, &mut names);
        for parameter in PARAMETERS {
            match names.contains(&parameter.name()) {
                true => parameters.put(&mut values, parameter.name(), parameter)?,
                false => parameters.leave_out(parameter)?,
            }
        }
        parameters.leave_out(Parameter::ReasoningEffort)?;
        Ok(values)
    }
}

impl Wire for Template {
    fn takes_choices(&self) -> bool {
        false
    }

    fn write(&self, request: &GenerateRequest, model: &Model) -> Result<Written, ProviderError> {
        prompt::want_text_alone(request)?;
        want_no_call(&request.tool_choice)?;
        let mut parameters = Parameters::new(&request.params, model);
        parameters.want_one_choice()?;
        let values = self.values(request, model, &mut parameters)?;
        let Some(Value::Object(body)) = fill(&self.template.request, &values) else {
            return Err(invalid("the template of requests is no object"));
        };
        let path = path_of(self.path, &model.name);
        Ok(Written::new(path, body, parameters.left_out()))
    }

    fn read(&self, reply: &Reply) -> Result<Read, NoAnswer> {
        let body = reply::answer_of_any_type(reply)?;
        let Some(text) = body.pointer(&self.template.text).and_then(Value::as_str) else {
            if reply::is_error(&body["error"]) {
                return Err(NoAnswer::Refused(Refused::saying(reply, &body)));
            }
            let what = format!("the reply has no text at `{}`", self.template.text);
            return Err(reply::malformed(&what, reply));
        };
        let at = |pointer: &Option<String>| body.pointer(pointer.as_deref()?);
        let word = at(&self.template.finish_reason).and_then(Value::as_str);
        let choice = Choice {
            text: text.into(),
            tool_calls: Vec::new(),
            finish_reason: reply::finish_reason(word),
            opaque: Vec::new(),
        };
        Ok(Read {
            completion: Completion {
                model: reply::model(&body["model"]),
                choices: vec![choice],
                usage: Usage {
                    input_tokens: at(&self.template.input_tokens).and_then(reply::count),
                    cached_input_tokens: None,
                    output_tokens: at(&self.template.output_tokens).and_then(reply::count),
                    reasoning_tokens: None,
                },
            },
            served: reply::served(&reply.headers, &body["id"], &Value::Null),
        })
    }
}

/// Returns the name in a text that is one placeholder.
fn placeholder(text: &str) -> Option<&str> {
    text.strip_prefix("${")?.strip_suffix('}')
}

/// Collects the names of all placeholders.
fn placeholders<'a>(template: &'a Value, names: &mut Vec<&'a str>) {
    match template {
        Value::String(text) => names.extend(placeholder(text)),
        Value::Array(all) => all.iter().for_each(|one| placeholders(one, names)),
        Value::Object(all) => all.values().for_each(|one| placeholders(one, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Fills in a template; none where it is a placeholder without a value, whose
/// field is left out.
fn fill(template: &Value, values: &Map<String, Value>) -> Option<Value> {
    Some(match template {
        Value::String(text) => match placeholder(text) {
            Some(name) => values.get(name)?.clone(),
            None => template.clone(),
        },
        Value::Array(all) => all.iter().filter_map(|one| fill(one, values)).collect(),
        Value::Object(all) => {
            let filled = all.iter();
            let filled = filled.filter_map(|(key, one)| Some((key.clone(), fill(one, values)?)));
            Value::Object(filled.collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    })
}
