//! The export `chain`: a graph, what it starts from, and what it answers.

use crate::bindings::chain::{ChainError, ChainInfo};
use crate::bindings::types::{Outcome, Settings, TestCase};
use crate::case::Case;
use crate::graph::Graph;
use crate::host::Host;
use crate::run::{Run, Steps};

/// A chain. Export it with [`export_chain!`](crate::export_chain).
///
/// ```
/// use fapo_sdk::prelude::*;
///
/// pub struct Translate;
///
/// impl Chain for Translate {
///     type State = ();
///
///     fn graph() -> Graph<()> {
///         Graph::new("translate", "Translates a text.").step(
///             Llm::new("translate", "Translates.")
///                 .prompt(Prompt::new("translate", "Asks for it.", "User: In French: ${text}")),
///         )
///     }
/// }
///
/// fapo_sdk::export_chain!(Translate);
///
/// # fn main() {
/// use fapo_sdk::fake::{self, FakeHost};
///
/// fake::check::<Translate>();
/// let host = FakeHost::new().answer("translate", "Bonjour\n");
/// let outcome = fake::run::<Translate>(&host, TestCase::new("1", &json!({"text": "Hello"})));
/// assert_eq!(outcome.unwrap().output_text, "Bonjour");
/// # }
/// ```
pub trait Chain {
    /// What the steps of one case share.
    type State: Default + 'static;

    /// Returns the graph. It is built anew for every case, and must always be
    /// the same.
    fn graph() -> Graph<Self::State>;

    /// Returns the state that a case begins with, or `bad-case` where the case
    /// lacks what the chain needs.
    fn start(_case: &Case) -> Result<Self::State, ChainError> {
        Ok(Self::State::default())
    }

    /// Returns the answer that is scored: without this, the output of the step
    /// that came last.
    fn answer(_state: &Self::State, steps: &Steps) -> String {
        steps
            .last()
            .map_or_else(String::new, |(_, output)| output.to_owned())
    }
}

/// Describes a chain.
///
/// # Panics
///
/// When [`Graph::check`] finds problems: a component that cannot run is better
/// refused when it is loaded than in its first case.
pub fn describe<C: Chain + ?Sized>() -> ChainInfo {
    let graph = C::graph();
    let problems = graph.check();
    assert!(
        problems.is_empty(),
        "the graph cannot be used: {}",
        problems.join("; ")
    );
    graph.describe()
}

/// Runs a chain on one case.
pub fn run<C: Chain + ?Sized>(
    case: TestCase,
    settings: &Settings,
    host: &Host,
) -> Result<Outcome, ChainError> {
    let case = Case::new(case)?;
    let mut state = C::start(&case)?;
    let mut run = Run::new(&case, settings, host);
    C::graph().run(&mut state, &mut run, settings)?;
    let (steps, diagnostics) = run.into_parts();
    Ok(Outcome {
        output_text: C::answer(&state, &steps),
        diagnostics,
    })
}
