//! A request's parameters, on their way into a body: each under the name that
//! the format has for it, unless the model or the format does not take it.

use fapo_core::call::{GenerateParams, ProviderError};
use fapo_core::model::{Model, Parameter};
use serde_json::{Map, Value};

use super::invalid;

/// The parameters of a request for a model.
pub(super) struct Parameters<'a> {
    params: &'a GenerateParams,
    model: &'a Model,
    left_out: Vec<Parameter>,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(params: &'a GenerateParams, model: &'a Model) -> Self {
        Self {
            params,
            model,
            left_out: Vec::new(),
        }
    }

    /// Puts a parameter into a body under a name, where it was given and the
    /// model takes it.
    pub(super) fn put(
        &mut self,
        body: &mut Map<String, Value>,
        name: &str,
        parameter: Parameter,
    ) -> Result<(), ProviderError> {
        if let Some(value) = self.take(parameter)? {
            body.insert(name.into(), value);
        }
        Ok(())
    }

    /// Returns the value of a parameter, where it was given and the model takes it.
    pub(super) fn take(&mut self, parameter: Parameter) -> Result<Option<Value>, ProviderError> {
        let Some(value) = self.given(parameter)? else {
            return Ok(None);
        };
        if self.model.takes(parameter) {
            return Ok(Some(value));
        }
        self.left_out.push(parameter);
        Ok(None)
    }

    /// Leaves out what the format has no word for.
    pub(super) fn leave_out(&mut self, parameter: Parameter) -> Result<(), ProviderError> {
        if self.given(parameter)?.is_some() {
            self.left_out.push(parameter);
        }
        Ok(())
    }

    /// Refuses a request for several choices in a format that gives one. To
    /// answer with fewer than were asked for would be a silent loss.
    pub(super) fn want_one_choice(&self) -> Result<(), ProviderError> {
        match self.given(Parameter::Choices)? {
            Some(_) => Err(invalid("this provider gives one completion at a time")),
            None => Ok(()),
        }
    }

    /// Returns what was given and not taken.
    pub(super) fn left_out(mut self) -> Vec<Parameter> {
        self.left_out.sort_unstable();
        self.left_out.dedup();
        self.left_out
    }

    fn given(&self, parameter: Parameter) -> Result<Option<Value>, ProviderError> {
        let params = self.params;
        Ok(match parameter {
            Parameter::Temperature => number(parameter, params.temperature)?,
            Parameter::TopP => number(parameter, params.top_p)?,
            Parameter::Stop => (!params.stop.is_empty()).then(|| {
                let stop = params.stop.iter().map(|stop| stop.as_str().into());
                Value::Array(stop.collect())
            }),
            Parameter::Seed => params.seed.map(Value::from),
            // One is what every format gives when it is not told.
            Parameter::Choices => params.choices.filter(|n| *n != 1).map(Value::from),
            Parameter::ReasoningEffort => params
                .reasoning_effort
                .as_ref()
                .map(|effort| effort.as_str().into()),
        })
    }
}

/// Returns a number as JSON, which has no word for the infinite.
fn number(parameter: Parameter, value: Option<f64>) -> Result<Option<Value>, ProviderError> {
    let Some(value) = value else { return Ok(None) };
    let number = serde_json::Number::from_f64(value)
        .ok_or_else(|| invalid(format!("`{}` is not a number", parameter.name())))?;
    Ok(Some(number.into()))
}
