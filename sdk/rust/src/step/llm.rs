//! The node that asks a model.

use serde_json::Value;

use crate::bindings::chain::{ChainError, StepKind};
use crate::bindings::types::*;
use crate::declare::{Prompt, Setting};
use crate::host::Host;
use crate::parse;
use crate::run::{Run, Visit};
use crate::step::{Answers, Ask, Branch, Declared, Keep, Node, Taken, add_parameter};
use crate::template;

/// A step that renders a prompt, asks a model, and parses what it says.
///
/// The output is the model's text, trimmed, or what [`parse`](Llm::parse) makes
/// of it. [`keep`](Llm::keep) then puts the output into the state.
///
/// ```
/// use fapo_sdk::prelude::*;
///
/// #[derive(Default)]
/// struct State {
///     query: String,
/// }
///
/// let step = Llm::new("query", "Writes the next search.")
///     .prompt(Prompt::new("query", "Asks for a search.", "User: ${question}"))
///     .temperature("temperature")
///     .max_tokens(64)
///     .parse(fapo_sdk::parse::after("Query:"))
///     .keep(|state: &mut State, output| state.query = output.to_owned());
/// ```
pub struct Llm<S> {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    prompt: Option<Prompt>,
    model: Option<&'static str>,
    temperature: Option<Setting<f64>>,
    top_p: Option<Setting<f64>>,
    max_tokens: Option<Setting<u32>>,
    seed: Option<Setting<u32>>,
    reasoning_effort: Option<Setting<&'static str>>,
    stop: Vec<&'static str>,
    schema: Option<(&'static str, &'static str)>,
    samples: Option<(Setting<u32>, Choose)>,
    each: Option<Items<S>>,
    values: Vec<(&'static str, Text<S>)>,
    edit: Option<Edit<S>>,
    parse: Option<Parse>,
    strict: bool,
    keep: Option<Keep<S>>,
}

type Choose = Box<dyn Fn(&[String]) -> String>;
type Parse = Box<dyn Fn(&str) -> Result<String, String>>;
type Items<S> = Box<dyn Fn(&S, &Visit<'_>) -> Vec<String>>;
type Text<S> = Box<dyn Fn(&S) -> String>;
type Edit<S> = Box<dyn Fn(&S, &Visit<'_>, &mut Vec<Message>)>;

impl<S> Llm<S> {
    /// Returns a step that has yet to be given its prompt.
    pub fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            prompt: None,
            model: None,
            temperature: None,
            top_p: None,
            max_tokens: None,
            seed: None,
            reasoning_effort: None,
            stop: Vec::new(),
            schema: None,
            samples: None,
            each: None,
            values: Vec::new(),
            edit: None,
            parse: None,
            strict: false,
            keep: None,
        }
    }

    /// Sets the prompt. Several steps may share one.
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.prompt = Some(prompt);
        self
    }

    /// Asks the run's model of this role, instead of its first.
    pub fn model(mut self, role: &'static str) -> Self {
        self.model = Some(role);
        self
    }

    /// Sets the temperature.
    pub fn temperature(mut self, setting: impl Into<Setting<f64>>) -> Self {
        self.temperature = Some(setting.into());
        self
    }

    /// Sets the nucleus that words are sampled from.
    pub fn top_p(mut self, setting: impl Into<Setting<f64>>) -> Self {
        self.top_p = Some(setting.into());
        self
    }

    /// Sets the longest answer. One that is cut off is reported as `truncated`.
    pub fn max_tokens(mut self, setting: impl Into<Setting<u32>>) -> Self {
        self.max_tokens = Some(setting.into());
        self
    }

    /// Sets the seed of the sampling.
    pub fn seed(mut self, setting: impl Into<Setting<u32>>) -> Self {
        self.seed = Some(setting.into());
        self
    }

    /// Sets how much the model reasons before it answers.
    pub fn reasoning_effort(mut self, setting: impl Into<Setting<&'static str>>) -> Self {
        self.reasoning_effort = Some(setting.into());
        self
    }

    /// Ends the answer before this text.
    pub fn stop(mut self, text: &'static str) -> Self {
        self.stop.push(text);
        self
    }

    /// Has the model answer in JSON that this schema accepts.
    pub fn schema(mut self, name: &'static str, schema: &'static str) -> Self {
        self.schema = Some((name, schema));
        self
    }

    /// Asks for several answers in one request, and has `choose` make one of
    /// them: self-consistency is `.samples(5, parse::majority)`.
    pub fn samples(
        mut self,
        n: impl Into<Setting<u32>>,
        choose: impl Fn(&[String]) -> String + 'static,
    ) -> Self {
        self.samples = Some((n.into(), Box::new(choose)));
        self
    }

    /// Asks once for each item, all requests in flight together; `${item}` is
    /// the item. The output is a JSON array of texts, which
    /// [`parse::texts`](crate::parse::texts) takes apart again.
    pub fn each(mut self, items: impl Fn(&S, &Visit<'_>) -> Vec<String> + 'static) -> Self {
        self.each = Some(Box::new(items));
        self
    }

    /// Lets the prompt use `${name}` for a text made of the state.
    pub fn value(mut self, name: &'static str, text: impl Fn(&S) -> String + 'static) -> Self {
        self.values.push((name, Box::new(text)));
        self
    }

    /// Changes the messages before they are sent: examples, images, a history.
    pub fn edit(mut self, edit: impl Fn(&S, &Visit<'_>, &mut Vec<Message>) + 'static) -> Self {
        self.edit = Some(Box::new(edit));
        self
    }

    /// Makes the output of what the model said; [`parse`](crate::parse) holds
    /// the usual ways. A text that cannot be parsed becomes the output as it
    /// is, and `parse_failed` a diagnostic; [`strict`](Self::strict) changes that.
    pub fn parse(mut self, parse: impl Fn(&str) -> Result<String, String> + 'static) -> Self {
        self.parse = Some(Box::new(parse));
        self
    }

    /// Fails the step where its text cannot be parsed.
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Puts the output into the state.
    ///
    /// In a replay the host may put any text in the place of the output, empty
    /// or in another form, and the hook is handed that: it must not take the
    /// output for something that the parser has seen.
    pub fn keep(self, keep: impl Fn(&mut S, &str) + 'static) -> Self {
        self.try_keep(move |state, output| {
            keep(state, output);
            Ok(())
        })
    }

    /// Puts the output into the state, or fails the step with a reason.
    pub fn try_keep(mut self, keep: impl Fn(&mut S, &str) -> Result<(), String> + 'static) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }

    /// Returns a request for each item, or the one request of a step without.
    pub(crate) fn requests(
        &self,
        state: &S,
        visit: &Visit<'_>,
    ) -> Result<Vec<GenerateRequest>, ChainError> {
        match &self.each {
            None => Ok(vec![self.request(state, visit, None)?]),
            Some(items) => {
                let items = items(state, visit);
                items
                    .iter()
                    .map(|item| self.request(state, visit, Some(item)))
                    .collect()
            }
        }
    }

    fn request(
        &self,
        state: &S,
        visit: &Visit<'_>,
        item: Option<&str>,
    ) -> Result<GenerateRequest, ChainError> {
        let settings = visit.settings;
        let prompt = self.prompt.as_ref().map_or("", |prompt| prompt.name);
        let template = settings.template(prompt)?;
        let mut messages = template::render(template, &mut |name, text| {
            visit.put(name, text, &mut |name, text| {
                self.put(state, item, name, text)
            })
        });
        if let Some(edit) = &self.edit {
            edit(state, visit, &mut messages);
        }
        let choices = self
            .samples
            .as_ref()
            .map(|(n, _)| n.resolve(settings))
            .transpose()?;
        Ok(GenerateRequest {
            model: self.model.map(str::to_owned),
            params: GenerateParams {
                temperature: self.temperature.map(|s| s.resolve(settings)).transpose()?,
                top_p: self.top_p.map(|s| s.resolve(settings)).transpose()?,
                max_tokens: self.max_tokens.map(|s| s.resolve(settings)).transpose()?,
                seed: self.seed.map(|s| s.resolve(settings)).transpose()?,
                stop: self.stop.iter().map(|text| (*text).to_owned()).collect(),
                reasoning_effort: self
                    .reasoning_effort
                    .map(|s| s.resolve(settings))
                    .transpose()?,
                choices,
            },
            response_schema: self.schema.map(|(name, schema)| ResponseSchema {
                name: name.to_owned(),
                schema: schema.to_owned(),
            }),
            ..GenerateRequest::new(visit.step, messages)
        })
    }

    fn put(&self, state: &S, item: Option<&str>, name: &str, text: &mut String) -> bool {
        if let ("item", Some(item)) = (name, item) {
            text.push_str(item);
            return true;
        }
        let value = self.values.iter().find(|(known, _)| *known == name);
        value
            .inspect(|(_, value)| text.push_str(&value(state)))
            .is_some()
    }

    /// Makes one output of a completion.
    pub(crate) fn read(
        &self,
        completion: &Completion,
        visit: &Visit<'_>,
    ) -> Result<String, ChainError> {
        let Some((_, choose)) = &self.samples else {
            let choice = completion.choices.first();
            let choice = choice.ok_or_else(|| visit.failed("the completion has no choice"))?;
            return self.read_choice(choice, visit);
        };
        let choices = completion.choices.iter();
        let samples: Result<Vec<_>, _> = choices
            .map(|choice| self.read_choice(choice, visit))
            .collect();
        Ok(choose(&samples?))
    }

    fn read_choice(&self, choice: &Choice, visit: &Visit<'_>) -> Result<String, ChainError> {
        match choice.finish_reason {
            FinishReason::Length => visit.diagnose("truncated", visit.step),
            FinishReason::ContentFilter => visit.diagnose("content_filtered", visit.step),
            FinishReason::Stop | FinishReason::ToolCalls | FinishReason::Other(_) => {}
        }
        let parsed = match &self.parse {
            None => parse::trimmed(&choice.text),
            Some(parse) => parse(&choice.text),
        };
        match parsed {
            Ok(output) => Ok(output),
            Err(reason) if self.strict => Err(visit.failed(reason)),
            Err(reason) => {
                visit.diagnose("parse_failed", format!("{}: {reason}", visit.step));
                Ok(choice.text.trim().to_owned())
            }
        }
    }

    pub(crate) fn hook(&self) -> Option<&Keep<S>> {
        self.keep.as_ref()
    }

    pub(crate) fn asks_many(&self) -> bool {
        self.each.is_some() || self.samples.is_some()
    }

    pub(crate) fn declare_as(&self, kind: StepKind) -> Declared<'_> {
        let mut parameters = Vec::new();
        let parameter = |s: Option<Setting<f64>>| s.and_then(|s| s.parameter());
        add_parameter(&mut parameters, parameter(self.temperature));
        add_parameter(&mut parameters, parameter(self.top_p));
        let parameter = |s: Option<Setting<u32>>| s.and_then(|s| s.parameter());
        add_parameter(&mut parameters, parameter(self.max_tokens));
        add_parameter(&mut parameters, parameter(self.seed));
        add_parameter(
            &mut parameters,
            self.reasoning_effort.and_then(|s| s.parameter()),
        );
        add_parameter(
            &mut parameters,
            self.samples.as_ref().and_then(|(n, _)| n.parameter()),
        );
        Declared {
            name: self.name,
            kind,
            description: self.description,
            prompts: self.prompt.iter().collect(),
            parameters,
        }
    }

    pub(crate) fn find_problems(&self) -> Vec<String> {
        let without = self
            .prompt
            .is_none()
            .then(|| format!("step `{}` has no prompt", self.name));
        without.into_iter().collect()
    }
}

impl<S> Branch<S> for Llm<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&self) -> Declared<'_> {
        self.declare_as(StepKind::Llm)
    }

    fn problems(&self) -> Vec<String> {
        self.find_problems()
    }

    fn ask(&self, state: &S, visit: &Visit<'_>) -> Result<Ask, ChainError> {
        let requests = self.requests(state, visit)?;
        Ok(Ask {
            requests,
            searches: Vec::new(),
        })
    }

    fn send(&self, host: &Host, all: &Ask) -> Answers {
        let completions = match all.requests.as_slice() {
            [request] => vec![host.generate(request)],
            requests => host.generate_many(requests),
        };
        Answers {
            completions,
            ..Answers::default()
        }
    }

    fn take(&self, answers: Answers, visit: &Visit<'_>) -> Result<Taken, ChainError> {
        let mut outputs = Vec::with_capacity(answers.completions.len());
        for completion in answers.completions {
            outputs.push(self.read(&completion?, visit)?);
        }
        let output = match &self.each {
            None => outputs.pop().unwrap_or_default(),
            Some(_) => Value::from(outputs).to_string(),
        };
        Ok(Taken {
            output,
            passages: Vec::new(),
        })
    }

    fn keep(
        &self,
        state: &mut S,
        output: &str,
        _passages: Option<Vec<Passage>>,
    ) -> Result<(), String> {
        self.keep
            .as_ref()
            .map_or(Ok(()), |keep| keep(state, output))
    }
}

impl<S> Node<S> for Llm<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&self) -> Vec<Declared<'_>> {
        vec![Branch::declare(self)]
    }

    fn visit(&self, state: &mut S, run: &mut Run<'_>) -> Result<(), ChainError> {
        super::visit_together(&[self], 1, state, run)
    }

    fn problems(&self) -> Vec<String> {
        self.find_problems()
    }
}
