//! What a chain reads: the case, and the settings it runs with.

use std::borrow::Cow;

use serde_json::Value;

use crate::bindings::chain::ChainError;
use crate::bindings::types::{Settings, TestCase};

/// One case, with its context parsed.
pub struct Case {
    raw: TestCase,
    context: Value,
}

impl Case {
    /// Returns the case, or `bad-case` where its context is not JSON.
    pub fn new(raw: TestCase) -> Result<Self, ChainError> {
        let context = serde_json::from_str(&raw.context)
            .map_err(|error| ChainError::BadCase(format!("`context` is not JSON: {error}")))?;
        Ok(Self { raw, context })
    }

    /// Returns the row's id.
    pub fn id(&self) -> &str {
        &self.raw.case_id
    }

    /// Returns the row's task type; empty when it has none.
    pub fn task_type(&self) -> &str {
        &self.raw.task_type
    }

    /// Returns the whole context.
    pub fn context(&self) -> &Value {
        &self.context
    }

    /// Returns a field of the context.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.context.get(name)
    }

    /// Returns a text of the context, or `bad-case` where there is none: what
    /// [`Chain::start`](crate::Chain::start) calls for all that the chain cannot do without.
    ///
    /// ```
    /// use fapo_sdk::{Case, TestCase, json};
    ///
    /// let case = Case::new(TestCase::new("tower", &json!({"question": "Where is it?"})))?;
    /// assert_eq!(case.text("question")?, "Where is it?");
    /// assert_eq!(case.text("passage").unwrap_err().reason(), "`context.passage` is missing");
    /// # Ok::<(), fapo_sdk::ChainError>(())
    /// ```
    pub fn text(&self, name: &str) -> Result<&str, ChainError> {
        self.get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| ChainError::BadCase(format!("`context.{name}` is missing")))
    }

    /// Returns what `${name}` stands for in a prompt: a template field of the
    /// row, or else a field of its context. What is not a text is compact JSON,
    /// the keys of its objects sorted.
    pub fn placeholder(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut fields = self.raw.template_fields.iter();
        if let Some(field) = fields.find(|field| field.name == name) {
            return Some(Cow::Borrowed(&field.value));
        }
        self.get(name).map(text_of)
    }
}

impl Settings {
    /// Returns the template of a prompt.
    pub fn template(&self, prompt: &str) -> Result<&str, ChainError> {
        let mut prompts = self.prompts.iter();
        prompts
            .find(|set| set.name == prompt)
            .map(|set| set.template.as_str())
            .ok_or_else(|| ChainError::BadSettings(format!("prompt `{prompt}` is not set")))
    }

    /// Returns a parameter's value as JSON.
    pub fn json(&self, parameter: &str) -> Result<&str, ChainError> {
        let mut parameters = self.parameters.iter();
        parameters
            .find(|set| set.name == parameter)
            .map(|set| set.value.as_str())
            .ok_or_else(|| ChainError::BadSettings(format!("parameter `{parameter}` is not set")))
    }

    /// Returns a parameter that is a number.
    ///
    /// ```
    /// use fapo_sdk::Settings;
    ///
    /// let settings = Settings::default().with_parameter("temperature", "0.5");
    /// assert_eq!(settings.number("temperature")?, 0.5);
    /// # Ok::<(), fapo_sdk::ChainError>(())
    /// ```
    pub fn number(&self, parameter: &str) -> Result<f64, ChainError> {
        self.typed(parameter, "a number", Value::as_f64)
    }

    /// Returns a parameter that is a whole number.
    pub fn integer(&self, parameter: &str) -> Result<i64, ChainError> {
        // JSON does not tell `256` from `256.0`, and an optimizer may write either.
        self.typed(parameter, "an integer", |value| {
            let whole = || value.as_f64().filter(|number| number.fract() == 0.0);
            value
                .as_i64()
                .or_else(|| whole().map(|number| number as i64))
        })
    }

    /// Returns a parameter that is true or false.
    pub fn boolean(&self, parameter: &str) -> Result<bool, ChainError> {
        self.typed(parameter, "a boolean", Value::as_bool)
    }

    /// Returns a parameter that is a text or a choice.
    pub fn text(&self, parameter: &str) -> Result<String, ChainError> {
        self.typed(parameter, "a text", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// Sets a prompt's template, for tests.
    pub fn with_prompt(mut self, name: &str, template: &str) -> Self {
        self.prompts.retain(|set| set.name != name);
        self.prompts.push(crate::bindings::types::Prompt {
            name: name.into(),
            template: template.into(),
        });
        self
    }

    /// Sets a parameter's value, as JSON, for tests.
    pub fn with_parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.retain(|set| set.name != name);
        self.parameters.push(crate::bindings::types::Parameter {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// Returns what `${parameters.name}` stands for in a prompt.
    pub(crate) fn placeholder(&self, parameter: &str) -> Option<String> {
        let json = self.json(parameter).ok()?;
        let value: Value = serde_json::from_str(json).ok()?;
        Some(text_of(&value).into_owned())
    }

    fn typed<T>(
        &self,
        parameter: &str,
        kind: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<T, ChainError> {
        let json = self.json(parameter)?;
        let value = serde_json::from_str(json).ok();
        value.as_ref().and_then(read).ok_or_else(|| {
            ChainError::BadSettings(format!("parameter `{parameter}` is not {kind}: `{json}`"))
        })
    }
}

impl Default for Settings {
    /// Sets nothing.
    fn default() -> Self {
        Self {
            prompts: Vec::new(),
            parameters: Vec::new(),
        }
    }
}

/// Returns a value as a prompt shows it.
pub(crate) fn text_of(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn case(context: Value) -> Case {
        Case::new(TestCase::new("1", &context)).unwrap()
    }

    #[test]
    fn a_template_field_wins_over_the_context() {
        let raw = TestCase::new("1", &json!({"q": "context"})).field("q", "field");
        let case = Case::new(raw).unwrap();
        assert_eq!(case.placeholder("q").unwrap(), "field");
    }

    #[test]
    fn what_is_not_a_text_is_compact_json() {
        let case = case(json!({"list": [1, "two"], "flag": true}));
        assert_eq!(case.placeholder("list").unwrap(), r#"[1,"two"]"#);
        assert_eq!(case.placeholder("flag").unwrap(), "true");
        assert_eq!(case.placeholder("other"), None);
    }

    #[test]
    fn a_context_that_is_no_object_of_texts_is_a_bad_case() {
        for context in [json!("text"), json!({}), json!({"question": 1})] {
            let error = case(context).text("question").unwrap_err();
            assert_eq!(
                error,
                ChainError::BadCase("`context.question` is missing".into())
            );
        }
        let raw = TestCase {
            context: "{".into(),
            ..TestCase::new("1", &json!({}))
        };
        assert!(matches!(Case::new(raw), Err(ChainError::BadCase(_))));
    }

    #[test]
    fn parameters_are_read_by_type() {
        let settings = Settings::default()
            .with_parameter("n", "256.0")
            .with_parameter("t", "\"low\"");
        assert_eq!(settings.integer("n"), Ok(256));
        assert_eq!(settings.text("t").as_deref(), Ok("low"));
        assert_eq!(settings.placeholder("t").as_deref(), Some("low"));
        let error = settings.boolean("t").unwrap_err();
        assert_eq!(error.reason(), "parameter `t` is not a boolean: `\"low\"`");
        assert_eq!(
            settings.number("x").unwrap_err().reason(),
            "parameter `x` is not set"
        );
    }
}
