//! A chain as a graph: nodes, and the ways between them. The host sees the
//! same graph, because its description is made of it (`describe`), and the
//! mistakes that one can make in it are found before a case runs (`check`).

mod check;
mod describe;

use crate::bindings::chain::ChainError;
use crate::bindings::types::Settings;
use crate::declare::{Parameter, Setting};
use crate::run::{Run, Steps};
use crate::step::Node;

/// Where every case begins, as the name of an edge's source.
pub const START: &str = "start";

/// Where every case ends, as the name of an edge's target.
pub const END: &str = "end";

/// A graph whose steps share a state of the author's own type.
///
/// ```
/// use fapo_sdk::prelude::*;
///
/// #[derive(Default)]
/// struct State {
///     enough: bool,
/// }
///
/// let graph = Graph::new("search", "Searches until it has enough.")
///     .parameter(Parameter::integer("hops", "How often to search again.", 0..=4, 2))
///     .step(Retrieve::new("search", "Finds passages.", "wiki"))
///     .step(
///         Llm::new("judge", "Says whether the passages are enough.")
///             .prompt(Prompt::new("judge", "Judges.", "User: ${steps.search.output}"))
///             .keep(|state: &mut State, output| state.enough = output == "yes"),
///     )
///     .path([START, "search", "judge", END])
///     .loop_back("judge", "search", "hops", "the passages are not enough", |state, _| {
///         !state.enough
///     });
/// assert_eq!(graph.check(), Vec::<String>::new());
/// ```
pub struct Graph<S> {
    name: &'static str,
    description: &'static str,
    parameters: Vec<Parameter>,
    nodes: Vec<Box<dyn Node<S>>>,
    ways: Vec<Way<S>>,
}

/// What follows a node, or [`START`].
struct Way<S> {
    source: &'static str,
    kind: Kind<S>,
}

enum Kind<S> {
    /// Always there.
    Edge(&'static str),
    /// One of several targets, each with the condition that readers are told.
    Branch {
        targets: Vec<(&'static str, &'static str)>,
        choose: Choose<S, &'static str>,
    },
    /// Back to an earlier node, a bounded number of times in a case.
    LoopBack {
        target: &'static str,
        times: Setting<u32>,
        condition: &'static str,
        again: Choose<S, bool>,
    },
}

type Choose<S, T> = Box<dyn Fn(&S, &Steps) -> T>;

impl<S> Graph<S> {
    /// Returns a graph without steps.
    pub fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            name,
            description,
            parameters: Vec::new(),
            nodes: Vec::new(),
            ways: Vec::new(),
        }
    }

    /// Declares a parameter.
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// Adds a node.
    pub fn step(mut self, node: impl Node<S> + 'static) -> Self {
        self.nodes.push(Box::new(node));
        self
    }

    /// Leads from each of these nodes to the next. A graph without any way takes
    /// its nodes in the order in which they were added.
    pub fn path<const N: usize>(mut self, names: [&'static str; N]) -> Self {
        for pair in names.windows(2) {
            self.ways.push(Way {
                source: pair[0],
                kind: Kind::Edge(pair[1]),
            });
        }
        self
    }

    /// Leads from a node to whichever of the targets `choose` names. Each target
    /// stands behind the condition under which it is chosen, in words for the
    /// reader: `[("the claim is clear", "verdict"), ("otherwise", END)]`.
    pub fn branch<const N: usize>(
        mut self,
        source: &'static str,
        targets: [(&'static str, &'static str); N],
        choose: impl Fn(&S, &Steps) -> &'static str + 'static,
    ) -> Self {
        let kind = Kind::Branch {
            targets: targets.into(),
            choose: Box::new(choose),
        };
        self.ways.push(Way { source, kind });
        self
    }

    /// Leads back to an earlier node while `again` says so, and at most `times`
    /// in a case. After that, and when `again` says no, the case goes on by the
    /// other way from `source`; `loop_spent` is a diagnostic where `again` would
    /// have gone back once more.
    ///
    /// There is no other way to make a loop, so every case comes to an end.
    pub fn loop_back(
        mut self,
        source: &'static str,
        target: &'static str,
        times: impl Into<Setting<u32>>,
        condition: &'static str,
        again: impl Fn(&S, &Steps) -> bool + 'static,
    ) -> Self {
        let kind = Kind::LoopBack {
            target,
            times: times.into(),
            condition,
            again: Box::new(again),
        };
        self.ways.push(Way { source, kind });
        self
    }

    /// Takes a case through the graph.
    pub(crate) fn run(
        &self,
        state: &mut S,
        run: &mut Run<'_>,
        settings: &Settings,
    ) -> Result<(), ChainError> {
        // How often each way has led back.
        let mut laps = vec![0; self.ways.len()];
        let mut here = START;
        // `check` allows no loop but bounded ones. This holds where nobody has
        // called it, and where a parameter bounds a loop at billions.
        for _ in 0..VISITS_MAX {
            let next = self.next(here, state, run, settings, &mut laps)?;
            if next == END {
                return Ok(());
            }
            let mut nodes = self.nodes.iter();
            let Some(node) = nodes.find(|node| node.name() == next) else {
                return Err(ChainError::Other(format!(
                    "`{here}` leads to `{next}`, which is no step"
                )));
            };
            node.visit(state, run)?;
            here = node.name();
        }
        Err(ChainError::Other(format!(
            "the case has not ended after {VISITS_MAX} visits"
        )))
    }

    /// Returns the name of what follows.
    fn next(
        &self,
        here: &'static str,
        state: &S,
        run: &Run<'_>,
        settings: &Settings,
        laps: &mut [u32],
    ) -> Result<&'static str, ChainError> {
        if self.ways.is_empty() {
            return Ok(self.next_in_order(here));
        }
        let mut onward = None;
        for (i, way) in self.ways.iter().enumerate() {
            if way.source != here {
                continue;
            }
            match &way.kind {
                Kind::LoopBack {
                    target,
                    times,
                    again,
                    ..
                } => {
                    if !again(state, run.steps()) {
                        continue;
                    }
                    if laps[i] < times.resolve(settings)? {
                        laps[i] += 1;
                        return Ok(target);
                    }
                    run.diagnose("loop_spent", format!("{here}: {target}"));
                }
                other => onward = Some(other),
            }
        }
        match onward {
            Some(Kind::Edge(target)) => Ok(target),
            Some(Kind::Branch { targets, choose }) => {
                let chosen = choose(state, run.steps());
                if targets.iter().any(|(_, target)| *target == chosen) {
                    return Ok(chosen);
                }
                let message = format!(
                    "the branch after `{here}` chose `{chosen}`, which it does not declare"
                );
                Err(ChainError::Other(message))
            }
            Some(Kind::LoopBack { .. }) | None => {
                Err(ChainError::Other(format!("`{here}` leads nowhere")))
            }
        }
    }

    fn next_in_order(&self, here: &'static str) -> &'static str {
        let names = || self.nodes.iter().map(|node| node.name());
        let next = match here {
            START => names().next(),
            here => names().skip_while(|name| *name != here).nth(1),
        };
        next.unwrap_or(END)
    }
}

/// How many nodes a case visits before it is taken for endless.
const VISITS_MAX: usize = 10_000;
