//! The node whose steps are all in flight at once.

use crate::bindings::chain::ChainError;
use crate::run::Run;
use crate::step::{Branch, Declared, Node};

/// Several steps that do not wait for one another. Edges lead to the fan-out
/// and away from it by its name; in what the host sees they lead to every one
/// of its branches, and the fan-out itself is no step.
///
/// ```
/// use fapo_sdk::prelude::*;
///
/// let prompt = || Prompt::new("answer", "Answers.", "User: ${question}");
/// let both = FanOut::<()>::new("candidates")
///     .branch(Llm::new("careful", "Answers coldly.").prompt(prompt()).temperature(0.0))
///     .branch(Llm::new("bold", "Answers freely.").prompt(prompt()).temperature(1.0));
/// ```
///
/// For the same step over many items see [`Llm::each`](crate::Llm::each) and
/// [`Retrieve::queries`](crate::Retrieve::queries).
pub struct FanOut<S> {
    name: &'static str,
    branches: Vec<Box<dyn Branch<S>>>,
    at_least: Option<usize>,
}

impl<S> FanOut<S> {
    /// Returns a fan-out without branches.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            branches: Vec::new(),
            at_least: None,
        }
    }

    /// Adds a branch. A branch sees the outputs of the steps before the
    /// fan-out, and none of its neighbours'.
    pub fn branch(mut self, branch: impl Branch<S> + 'static) -> Self {
        self.branches.push(Box::new(branch));
        self
    }

    /// Goes on when so many branches have an output. The failures of the others
    /// become `branch_failed` diagnostics. Without this, all are needed.
    pub fn at_least(mut self, n: usize) -> Self {
        self.at_least = Some(n);
        self
    }
}

impl<S> Node<S> for FanOut<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&self) -> Vec<Declared<'_>> {
        self.branches
            .iter()
            .map(|branch| branch.declare())
            .collect()
    }

    fn visit(&self, state: &mut S, run: &mut Run<'_>) -> Result<(), ChainError> {
        let branches: Vec<_> = self.branches.iter().map(|branch| &**branch).collect();
        let at_least = self.at_least.unwrap_or(branches.len());
        super::visit_together(&branches, at_least, state, run)
    }

    fn problems(&self) -> Vec<String> {
        let name = self.name;
        let mut problems: Vec<_> = self.branches.iter().flat_map(|b| b.problems()).collect();
        if self.branches.is_empty() {
            problems.push(format!("fan-out `{name}` has no branches"));
        }
        if self.at_least.is_some_and(|n| n > self.branches.len()) {
            problems.push(format!(
                "fan-out `{name}` needs more outputs than it has branches"
            ));
        }
        problems
    }
}
