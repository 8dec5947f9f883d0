//! The nodes of a graph. A node declares its steps and visits them; those that
//! ask a model or an index once are also branches, which a fan-out can have
//! in flight together.

pub(crate) mod agent;
pub(crate) mod code;
pub(crate) mod fan_out;
pub(crate) mod llm;
pub(crate) mod retrieve;

use crate::bindings::chain::{ChainError, StepKind};
use crate::bindings::provider::{Completion, GenerateRequest, ProviderError};
use crate::bindings::retrieval::{Passage, RetrievalError, SearchRequest};
use crate::bindings::trace::Directive;
use crate::declare::Prompt;
use crate::host::Host;
use crate::run::{Run, Visit};

/// A node of a graph. Those of this crate are [`Llm`](crate::Llm),
/// [`Retrieve`](crate::Retrieve), [`Code`](crate::Code),
/// [`FanOut`](crate::FanOut) and [`Agent`](crate::Agent).
///
/// A node of your own begins each of its steps with [`Run::begin`], obeys the
/// answer, and closes it with [`Run::end`] or [`Run::fail`].
pub trait Node<S> {
    /// Returns the name by which the graph's edges know the node.
    fn name(&self) -> &'static str;

    /// Returns the steps that the node declares: most often one, of its name.
    fn declare(&self) -> Vec<Declared<'_>>;

    /// Runs the node's steps once.
    fn visit(&self, state: &mut S, run: &mut Run<'_>) -> Result<(), ChainError>;

    /// Returns what is wrong with the node, for [`Graph::check`](crate::Graph::check).
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What a node tells of one of its steps.
pub struct Declared<'a> {
    /// The step's name.
    pub name: &'static str,
    /// What kind of step it is.
    pub kind: StepKind,
    /// What it does, in a sentence.
    pub description: &'static str,
    /// The prompts that it renders.
    pub prompts: Vec<&'a Prompt>,
    /// The parameters that it reads, without those in its prompts.
    pub parameters: Vec<&'static str>,
}

/// A step that asks once and then knows its output: what a
/// [`FanOut`](crate::FanOut) is made of.
pub trait Branch<S> {
    /// Returns the step's name.
    fn name(&self) -> &'static str;

    /// Returns what the step declares.
    fn declare(&self) -> Declared<'_>;

    /// Returns what is wrong with the step.
    fn problems(&self) -> Vec<String> {
        Vec::new()
    }

    /// Returns what the step asks.
    fn ask(&self, state: &S, visit: &Visit<'_>) -> Result<Ask, ChainError>;

    /// Sends what this step and its neighbours ask, to models or to an index:
    /// whichever this step asks itself. So a chain imports what its steps use.
    fn send(&self, host: &Host, all: &Ask) -> Answers;

    /// Makes the step's output of the answers.
    fn take(&self, answers: Answers, visit: &Visit<'_>) -> Result<Taken, ChainError>;

    /// Puts the output into the state. The passages are none where the host put
    /// another output in the step's place.
    fn keep(
        &self,
        state: &mut S,
        output: &str,
        passages: Option<Vec<Passage>>,
    ) -> Result<(), String>;
}

/// What a branch asks of the host.
#[derive(Default)]
pub struct Ask {
    /// Requests to models.
    pub requests: Vec<GenerateRequest>,
    /// Searches.
    pub searches: Vec<SearchRequest>,
}

/// What the host answered, in the order of what was asked.
#[derive(Default)]
pub struct Answers {
    /// Of the models.
    pub completions: Vec<Result<Completion, ProviderError>>,
    /// Of the indexes.
    pub found: Vec<Result<Vec<Passage>, RetrievalError>>,
}

/// What a branch made of its answers.
pub struct Taken {
    /// The step's output.
    pub output: String,
    /// The passages of a search, for the state.
    pub passages: Vec<Passage>,
}

/// A hook that puts a step's output into the state.
pub(crate) type Keep<S> = Box<dyn Fn(&mut S, &str) -> Result<(), String>>;

/// Visits branches with all that they ask in flight together. It is an error
/// when fewer than `at_least` of them come to an output.
///
/// Models are asked before indexes are: the contract has no call for both.
pub(crate) fn visit_together<S>(
    branches: &[&dyn Branch<S>],
    at_least: usize,
    state: &mut S,
    run: &mut Run<'_>,
) -> Result<(), ChainError> {
    let mut errors = Vec::new();
    let mut all = Ask::default();
    // The branches that wait, with how much each of them asked.
    let mut waiting = Vec::with_capacity(branches.len());
    for branch in branches {
        match begin(*branch, state, run) {
            Ok(Some(ask)) => {
                waiting.push((*branch, ask.requests.len(), ask.searches.len()));
                all.requests.extend(ask.requests);
                all.searches.extend(ask.searches);
            }
            Ok(None) => {}
            Err(error) => errors.push((branch.name(), error)),
        }
    }
    // Nobody pays for answers that cannot save the visit.
    if branches.len() - errors.len() < at_least {
        let (_, error) = errors.remove(0);
        for (branch, ..) in waiting {
            run.fail(
                branch.name(),
                &ChainError::Other("another branch failed".into()),
            );
        }
        return Err(error);
    }

    let mut completions = Vec::new().into_iter();
    let mut found = Vec::new().into_iter();
    if let Some((branch, ..)) = waiting.iter().find(|(_, n_requests, _)| *n_requests > 0) {
        completions = branch.send(run.host(), &all).completions.into_iter();
    }
    if let Some((branch, ..)) = waiting.iter().find(|(.., n_searches)| *n_searches > 0) {
        found = branch.send(run.host(), &all).found.into_iter();
    }
    for (branch, n_requests, n_searches) in waiting {
        let answers = Answers {
            completions: completions.by_ref().take(n_requests).collect(),
            found: found.by_ref().take(n_searches).collect(),
        };
        if let Err(error) = end(branch, answers, state, run) {
            errors.push((branch.name(), error));
        }
    }

    if branches.len() - errors.len() < at_least {
        return Err(errors.remove(0).1);
    }
    for (name, error) in errors {
        run.diagnose("branch_failed", format!("{name}: {}", error.reason()));
    }
    Ok(())
}

/// Begins a branch, and returns what it asks if it is to run.
fn begin<S>(
    branch: &dyn Branch<S>,
    state: &mut S,
    run: &mut Run<'_>,
) -> Result<Option<Ask>, ChainError> {
    let name = branch.name();
    if let Directive::Use(output) = run.begin(name)? {
        let kept = branch.keep(state, &output, None);
        run.reuse(name, output);
        return kept
            .map(|()| None)
            .map_err(|reason| ChainError::step(name, reason));
    }
    let asked = branch.ask(state, &run.visit(name));
    asked.map(Some).inspect_err(|error| run.fail(name, error))
}

/// Ends a branch with its answers.
fn end<S>(
    branch: &dyn Branch<S>,
    answers: Answers,
    state: &mut S,
    run: &mut Run<'_>,
) -> Result<(), ChainError> {
    let name = branch.name();
    let kept = branch.take(answers, &run.visit(name)).and_then(|taken| {
        let kept = branch.keep(state, &taken.output, Some(taken.passages));
        kept.map(|()| taken.output)
            .map_err(|reason| ChainError::step(name, reason))
    });
    match kept {
        Ok(output) => run.end(name, output),
        Err(error) => {
            run.fail(name, &error);
            Err(error)
        }
    }
}

/// Adds a parameter's name once.
pub(crate) fn add_parameter(names: &mut Vec<&'static str>, name: Option<&'static str>) {
    if let Some(name) = name
        && !names.contains(&name)
    {
        names.push(name);
    }
}

/// Visits a step that is no branch: it has the host to itself while it works.
pub(crate) fn visit_alone<S>(
    name: &'static str,
    state: &mut S,
    run: &mut Run<'_>,
    keep: Option<&Keep<S>>,
    work: impl FnOnce(&mut S, &Visit<'_>) -> Result<String, ChainError>,
) -> Result<(), ChainError> {
    let keep = |state: &mut S, output: &str| {
        let kept = keep.map_or(Ok(()), |keep| keep(state, output));
        kept.map_err(|reason| ChainError::step(name, reason))
    };
    if let Directive::Use(output) = run.begin(name)? {
        let kept = keep(state, &output);
        run.reuse(name, output);
        return kept;
    }
    let worked = work(state, &run.visit(name));
    match worked.and_then(|output| keep(state, &output).map(|()| output)) {
        Ok(output) => run.end(name, output),
        Err(error) => {
            run.fail(name, &error);
            Err(error)
        }
    }
}
