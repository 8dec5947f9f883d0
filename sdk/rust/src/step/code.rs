//! The node that is a closure.

use crate::bindings::chain::{ChainError, StepKind};
use crate::declare::Prompt;
use crate::run::{Run, Visit};
use crate::step::{Declared, Keep, Node};

/// A step of the author's own code. It reaches whatever a [`Visit`] holds, the
/// imports among it.
///
/// ```
/// use fapo_sdk::prelude::*;
///
/// let step = Code::new("join", "Joins both answers.", |_: &mut (), visit: &Visit| {
///     let first = visit.steps.output("first").unwrap_or_default();
///     let second = visit.steps.output("second").unwrap_or_default();
///     Ok(format!("{first} {second}"))
/// });
/// ```
pub struct Code<S> {
    name: &'static str,
    description: &'static str,
    work: Work<S>,
    kind: StepKind,
    prompts: Vec<Prompt>,
    parameters: Vec<&'static str>,
    keep: Option<Keep<S>>,
}

type Work<S> = Box<dyn Fn(&mut S, &Visit<'_>) -> Result<String, ChainError>>;

impl<S> Code<S> {
    /// Returns a step that runs `work`, whose text is the output.
    ///
    /// In a replay `work` may not run. What it changes in the state is then not
    /// changed, so leave what can be made of the output alone to
    /// [`keep`](Self::keep).
    pub fn new(
        name: &'static str,
        description: &'static str,
        work: impl Fn(&mut S, &Visit<'_>) -> Result<String, ChainError> + 'static,
    ) -> Self {
        Self {
            name,
            description,
            work: Box::new(work),
            kind: StepKind::Code,
            prompts: Vec::new(),
            parameters: Vec::new(),
            keep: None,
        }
    }

    /// Shows the step as one of another kind: `llm` where the code asks a model.
    pub fn kind(mut self, kind: StepKind) -> Self {
        self.kind = kind;
        self
    }

    /// Declares a prompt that the code renders with [`Visit::render`].
    pub fn prompt(mut self, prompt: Prompt) -> Self {
        self.prompts.push(prompt);
        self
    }

    /// Declares that the code reads a parameter.
    pub fn parameter(mut self, name: &'static str) -> Self {
        self.parameters.push(name);
        self
    }

    /// Puts the output into the state; it is also called in a replay, with
    /// whatever text the host puts in the output's place.
    pub fn keep(mut self, keep: impl Fn(&mut S, &str) + 'static) -> Self {
        self.keep = Some(Box::new(move |state, output| {
            keep(state, output);
            Ok(())
        }));
        self
    }
}

impl<S> Node<S> for Code<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&self) -> Vec<Declared<'_>> {
        vec![Declared {
            name: self.name,
            kind: self.kind.clone(),
            description: self.description,
            prompts: self.prompts.iter().collect(),
            parameters: self.parameters.clone(),
        }]
    }

    fn visit(&self, state: &mut S, run: &mut Run<'_>) -> Result<(), ChainError> {
        super::visit_alone(self.name, state, run, self.keep.as_ref(), |state, visit| {
            (self.work)(state, visit)
        })
    }
}
