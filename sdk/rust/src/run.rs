//! One case on its way through a graph: what the steps before have put out,
//! and what a step may reach while it works.

use std::borrow::Cow;
use std::cell::RefCell;

use crate::bindings::chain::ChainError;
use crate::bindings::trace::Directive;
use crate::bindings::types::{Diagnostic, Message, Settings};
use crate::case::Case;
use crate::host::Host;
use crate::template;

/// The outputs of the steps so far, in the order in which they came.
#[derive(Default)]
pub struct Steps {
    // A case has a few dozen visits at most: a scan is faster than a map, and
    // the standard library's would import randomness.
    visits: Vec<(&'static str, String)>,
}

impl Steps {
    /// Returns the output of a step's last visit.
    pub fn output(&self, step: &str) -> Option<&str> {
        self.outputs(step).next_back()
    }

    /// Returns the outputs of all visits of a step.
    pub fn outputs(&self, step: &str) -> impl DoubleEndedIterator<Item = &str> {
        let visits = self.visits.iter();
        visits
            .filter(move |(name, _)| *name == step)
            .map(|(_, output)| output.as_str())
    }

    /// Returns how often a step has put something out.
    pub fn visits(&self, step: &str) -> usize {
        self.outputs(step).count()
    }

    /// Returns the step that came last, with its output.
    pub fn last(&self) -> Option<(&'static str, &str)> {
        self.visits
            .last()
            .map(|(step, output)| (*step, output.as_str()))
    }
}

/// A case under way. A node of your own is handed this; the nodes of this crate
/// hand [`Visit`] on to their closures.
pub struct Run<'a> {
    case: &'a Case,
    settings: &'a Settings,
    host: &'a Host,
    steps: Steps,
    // Diagnostics come up where the rest is borrowed to be read.
    diagnostics: RefCell<Vec<Diagnostic>>,
}

impl<'a> Run<'a> {
    /// Returns a run that has not visited a step.
    pub fn new(case: &'a Case, settings: &'a Settings, host: &'a Host) -> Self {
        Self {
            case,
            settings,
            host,
            steps: Steps::default(),
            diagnostics: RefCell::default(),
        }
    }

    /// Returns the outputs so far.
    pub fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Returns the host.
    pub fn host(&self) -> &'a Host {
        self.host
    }

    /// Returns what a step may reach.
    pub fn visit(&self, step: &'static str) -> Visit<'_> {
        Visit {
            step,
            case: self.case,
            settings: self.settings,
            host: self.host,
            steps: &self.steps,
            diagnostics: &self.diagnostics,
        }
    }

    /// Begins a step. Where the answer is `use`, the visit is over: call
    /// [`reuse`](Self::reuse) with its text and do not run the step.
    pub fn begin(&self, step: &'static str) -> Result<Directive, ChainError> {
        self.host
            .begin(step)
            .map_err(|error| ChainError::step(step, error.reason()))
    }

    /// Ends a step with its output.
    pub fn end(&mut self, step: &'static str, output: String) -> Result<(), ChainError> {
        let ended = self.host.end(step, &output);
        ended.map_err(|error| ChainError::step(step, error.reason()))?;
        self.steps.visits.push((step, output));
        Ok(())
    }

    /// Takes an output that the host put in the step's place.
    pub fn reuse(&mut self, step: &'static str, output: String) {
        self.steps.visits.push((step, output));
    }

    /// Ends a step without an output. The error itself is for the caller to
    /// return; what the host thinks of being told adds nothing to it.
    pub fn fail(&self, step: &str, error: &ChainError) {
        let _ = self.host.fail(step, &error.reason());
    }

    /// Adds a diagnostic of the run.
    pub fn diagnose(&self, name: &str, text: impl Into<String>) {
        push(&self.diagnostics, name, text);
    }

    pub(crate) fn into_parts(self) -> (Steps, Vec<Diagnostic>) {
        (self.steps, self.diagnostics.into_inner())
    }
}

/// What a step may reach while it is visited.
#[derive(Clone, Copy)]
pub struct Visit<'a> {
    /// The step's name, as requests to the host want it.
    pub step: &'static str,
    /// The case.
    pub case: &'a Case,
    /// The prompts and parameters of the run.
    pub settings: &'a Settings,
    /// The imports.
    pub host: &'a Host,
    /// The outputs of the steps before.
    pub steps: &'a Steps,
    diagnostics: &'a RefCell<Vec<Diagnostic>>,
}

impl Visit<'_> {
    /// Adds a fact about this case to the report.
    pub fn diagnose(&self, name: &str, text: impl Into<String>) {
        push(self.diagnostics, name, text);
    }

    /// Returns the error of a step that could not do its work.
    pub fn failed(&self, reason: impl Into<String>) -> ChainError {
        ChainError::step(self.step, reason)
    }

    /// Renders a declared prompt as it is set, with values of the caller's own
    /// before those of the case.
    pub fn render(&self, prompt: &str, own: &[(&str, &str)]) -> Result<Vec<Message>, ChainError> {
        let template = self.settings.template(prompt)?;
        Ok(template::render(template, &mut |name, text| {
            self.put(name, text, &mut own_of(own))
        }))
    }

    /// Fills in the placeholders of a text.
    pub fn fill(&self, text: &str, own: &[(&str, &str)]) -> String {
        template::fill(text, &mut |name, text| {
            self.put(name, text, &mut own_of(own))
        })
    }

    /// Appends what `${name}` stands for; reports a name that stands for nothing.
    pub(crate) fn put(
        &self,
        name: &str,
        text: &mut String,
        own: &mut dyn FnMut(&str, &mut String) -> bool,
    ) -> bool {
        let known = own(name, text) || self.put_known(name, text);
        if !known {
            self.diagnose("missing_placeholder", format!("{}: {name}", self.step));
        }
        known
    }

    fn put_known(&self, name: &str, text: &mut String) -> bool {
        let Some(value) = self.known(name) else {
            return false;
        };
        // With room for what follows: that would double the text for a few bytes.
        text.reserve(value.len() + 256);
        text.push_str(&value);
        true
    }

    fn known(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(step) = step_placeholder(name) {
            return self.steps.output(step).map(Cow::Borrowed);
        }
        if let Some(parameter) = name.strip_prefix("parameters.") {
            return self.settings.placeholder(parameter).map(Cow::Owned);
        }
        self.case.placeholder(name)
    }
}

/// Returns the step that `steps.NAME.output` names.
pub(crate) fn step_placeholder(name: &str) -> Option<&str> {
    name.strip_prefix("steps.")?.strip_suffix(".output")
}

fn own_of<'a>(own: &'a [(&'a str, &'a str)]) -> impl FnMut(&str, &mut String) -> bool + 'a {
    move |name, text| {
        let value = own.iter().find(|(known, _)| *known == name);
        value.inspect(|(_, value)| text.push_str(value)).is_some()
    }
}

fn push(diagnostics: &RefCell<Vec<Diagnostic>>, name: &str, text: impl Into<String>) {
    diagnostics.borrow_mut().push(Diagnostic {
        name: name.into(),
        text: text.into(),
    });
}
