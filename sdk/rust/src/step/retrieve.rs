//! The node that searches an index.

use crate::bindings::chain::{ChainError, StepKind};
use crate::bindings::types::{Passage, SearchRequest};
use crate::declare::Setting;
use crate::host::Host;
use crate::retrieve::{Fusion, Layout, Rescue, interleave};
use crate::run::{Run, Visit};
use crate::step::{Answers, Ask, Branch, Declared, Node, Taken, add_parameter};

/// A step that searches an index. Its output is the passages as numbered text,
/// ready for a prompt; [`keep`](Retrieve::keep) puts the passages themselves
/// into the state. [`fuse`](Retrieve::fuse) and [`rescue`](Retrieve::rescue)
/// make more of the index than one query does.
///
/// ```
/// use fapo_sdk::prelude::*;
///
/// #[derive(Default)]
/// struct State {
///     seen: Vec<Passage>,
/// }
///
/// let step = Retrieve::new("search", "Finds passages.", "wiki")
///     .query("${question}")
///     .k("k")
///     .keep(|state: &mut State, passages| state.seen.extend(passages));
/// ```
pub struct Retrieve<S> {
    name: &'static str,
    description: &'static str,
    index: &'static str,
    query: Query<S>,
    k: Setting<u32>,
    layout: Layout,
    fusion: Option<Fusion>,
    rescue: Option<Rescue>,
    keep: Option<Keep<S>>,
}

enum Query<S> {
    Text(&'static str),
    Made(Queries<S>),
}

type Queries<S> = Box<dyn Fn(&S, &Visit<'_>) -> Vec<String>>;
type Keep<S> = Box<dyn Fn(&mut S, Vec<Passage>)>;

impl<S> Retrieve<S> {
    /// Returns a step that searches for `${question}` and takes five passages.
    pub fn new(name: &'static str, description: &'static str, index: &'static str) -> Self {
        Self {
            name,
            description,
            index,
            query: Query::Text("${question}"),
            k: Setting::Fixed(5),
            layout: Layout::default(),
            fusion: None,
            rescue: None,
            keep: None,
        }
    }

    /// Sets the query: a text with placeholders, such as `${steps.query.output}`.
    pub fn query(mut self, text: &'static str) -> Self {
        self.query = Query::Text(text);
        self
    }

    /// Makes the queries of the state and the steps before, all of them in
    /// flight together. The best passages of each come first, and no passage twice.
    pub fn queries(mut self, queries: impl Fn(&S, &Visit<'_>) -> Vec<String> + 'static) -> Self {
        self.query = Query::Made(Box::new(queries));
        self
    }

    /// Sets how many passages a query takes.
    pub fn k(mut self, k: impl Into<Setting<u32>>) -> Self {
        self.k = k.into();
        self
    }

    /// Sets how the passages stand in the output.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Asks several queries and makes one ranking of what they find, where the
    /// fusion is on; its [`Fusion`] says which, and how.
    pub fn fuse(mut self, fusion: Fusion) -> Self {
        self.fusion = Some(fusion);
        self
    }

    /// Searches once more for names that nothing which was found is about; its
    /// [`Rescue`] says in which text, and how many.
    pub fn rescue(mut self, rescue: Rescue) -> Self {
        self.rescue = Some(rescue);
        self
    }

    /// Puts the passages into the state.
    ///
    /// Where the host puts another output in the step's place, the passages are
    /// read back from its text: their titles and texts where it is laid out as
    /// the step would have done it, or else one passage that holds all of it.
    /// They then have no id, score or metadata.
    pub fn keep(mut self, keep: impl Fn(&mut S, Vec<Passage>) + 'static) -> Self {
        self.keep = Some(Box::new(keep));
        self
    }
}

impl<S> Retrieve<S> {
    /// Returns the fusion where it is on.
    fn fusion_in(&self, visit: &Visit<'_>) -> Result<Option<&Fusion>, ChainError> {
        match &self.fusion {
            Some(fusion) if fusion.is_on(visit)? => Ok(Some(fusion)),
            _ => Ok(None),
        }
    }
}

impl<S> Branch<S> for Retrieve<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&self) -> Declared<'_> {
        let mut parameters = Vec::new();
        add_parameter(&mut parameters, self.k.parameter());
        if let Query::Text(text) = self.query {
            for name in crate::template::placeholders(text) {
                add_parameter(&mut parameters, name.strip_prefix("parameters."));
            }
        }
        let fusion = self.fusion.iter().flat_map(Fusion::parameters);
        let rescue = self.rescue.iter().flat_map(Rescue::parameters);
        for parameter in fusion.chain(rescue) {
            add_parameter(&mut parameters, Some(parameter));
        }
        Declared {
            name: self.name,
            kind: StepKind::Retrieval,
            description: self.description,
            prompts: Vec::new(),
            parameters,
        }
    }

    fn ask(&self, state: &S, visit: &Visit<'_>) -> Result<Ask, ChainError> {
        let k = self.k.resolve(visit.settings)?;
        let mut queries = match &self.query {
            Query::Text(text) => vec![visit.fill(text, &[])],
            Query::Made(queries) => queries(state, visit),
        };
        if let Some(fusion) = self.fusion_in(visit)? {
            queries = fusion.queries(&queries, visit);
        }
        // The host refuses an empty query; a chain goes further without passages.
        queries.retain(|query| !query.trim().is_empty());
        if queries.is_empty() {
            visit.diagnose("empty_query", visit.step);
        }
        let search = |query| SearchRequest {
            step: visit.step.into(),
            index: self.index.into(),
            query,
            k,
        };
        Ok(Ask {
            requests: Vec::new(),
            searches: queries.into_iter().map(search).collect(),
        })
    }

    fn send(&self, host: &Host, all: &Ask) -> Answers {
        let found = match all.searches.as_slice() {
            [search] => vec![host.search(search)],
            searches => host.search_many(searches),
        };
        Answers {
            found,
            ..Answers::default()
        }
    }

    fn take(&self, answers: Answers, visit: &Visit<'_>) -> Result<Taken, ChainError> {
        let found: Result<Vec<_>, _> = answers.found.into_iter().collect();
        let mut passages = match self.fusion_in(visit)? {
            Some(fusion) => fusion.fuse(found?, self.k.resolve(visit.settings)?, visit)?,
            None => interleave(found?),
        };
        if let Some(rescue) = &self.rescue {
            rescue.find(self.index, self.layout, &mut passages, visit)?;
        }
        Ok(Taken {
            output: self.layout.write(&passages),
            passages,
        })
    }

    fn keep(
        &self,
        state: &mut S,
        output: &str,
        passages: Option<Vec<Passage>>,
    ) -> Result<(), String> {
        if let Some(keep) = &self.keep {
            keep(state, passages.unwrap_or_else(|| self.layout.read(output)));
        }
        Ok(())
    }
}

impl<S> Node<S> for Retrieve<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn declare(&self) -> Vec<Declared<'_>> {
        vec![Branch::declare(self)]
    }

    fn visit(&self, state: &mut S, run: &mut Run<'_>) -> Result<(), ChainError> {
        super::visit_together(&[self], 1, state, run)
    }
}
