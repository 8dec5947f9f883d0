//! The node that searches an index.

use std::fmt::Write;

use crate::bindings::chain::{ChainError, StepKind};
use crate::bindings::types::{Passage, SearchRequest};
use crate::declare::Setting;
use crate::host::Host;
use crate::run::{Run, Visit};
use crate::step::{Answers, Ask, Branch, Declared, Node, Taken, add_parameter};

/// A step that searches an index. Its output is the passages as numbered text,
/// ready for a prompt; [`keep`](Retrieve::keep) puts the passages themselves
/// into the state.
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

    /// Puts the passages into the state.
    ///
    /// Where the host puts another output in the step's place, the passages are
    /// read back from its text: their titles and texts where it is numbered as
    /// [`numbered`] writes it, or else one passage that holds all of it. They
    /// then have no id, score or metadata.
    pub fn keep(mut self, keep: impl Fn(&mut S, Vec<Passage>) + 'static) -> Self {
        self.keep = Some(Box::new(keep));
        self
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

    fn take(&self, answers: Answers, _visit: &Visit<'_>) -> Result<Taken, ChainError> {
        let found: Result<Vec<_>, _> = answers.found.into_iter().collect();
        let passages = interleave(found?);
        Ok(Taken {
            output: numbered(&passages),
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
            keep(state, passages.unwrap_or_else(|| read_numbered(output)));
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

/// Returns passages as text: `[1] Title`, a line with the passage, a blank line.
///
/// ```
/// use fapo_sdk::{Passage, numbered};
///
/// let passages = [Passage::new("1", "Dracula", "A novel."), Passage::new("2", "", "A film.")];
/// assert_eq!(numbered(&passages), "[1] Dracula\nA novel.\n\n[2]\nA film.");
/// ```
pub fn numbered(passages: &[Passage]) -> String {
    let room = passages
        .iter()
        .map(|p| p.title.len() + p.text.len() + 16)
        .sum();
    let mut text = String::with_capacity(room);
    for (i, passage) in passages.iter().enumerate() {
        let gap = if i == 0 { "" } else { "\n\n" };
        let space = if passage.title.is_empty() { "" } else { " " };
        let title = &passage.title;
        let _ = write!(text, "{gap}[{}]{space}{title}\n{}", i + 1, passage.text);
    }
    text
}

/// Returns the passages of a numbered text.
fn read_numbered(text: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    for line in text.lines() {
        let next = passages.len() as u32 + 1;
        // Only the next number begins a passage: most texts with brackets of
        // their own do not count along.
        let title = line.strip_prefix(&format!("[{next}]"));
        match (title, passages.last_mut()) {
            (Some(title), _) => {
                let rank = next;
                passages.push(Passage {
                    rank,
                    ..Passage::new("", title.trim(), "")
                });
            }
            (None, Some(passage)) => {
                passage.text.push_str(line);
                passage.text.push('\n');
            }
            (None, None) if text.trim().is_empty() => return Vec::new(),
            (None, None) => {
                return vec![Passage {
                    rank: 1,
                    ..Passage::new("", "", text.trim())
                }];
            }
        }
    }
    for passage in &mut passages {
        passage.text.truncate(passage.text.trim_end().len());
    }
    passages
}

/// Returns the passages of several searches: the best of each, then the second
/// of each, and so on, each passage once and ranked anew.
fn interleave(mut found: Vec<Vec<Passage>>) -> Vec<Passage> {
    if found.len() == 1 {
        return found.swap_remove(0);
    }
    let mut searches: Vec<_> = found.into_iter().map(Vec::into_iter).collect();
    let mut passages: Vec<Passage> = Vec::new();
    loop {
        let round: Vec<_> = searches.iter_mut().filter_map(Iterator::next).collect();
        if round.is_empty() {
            return passages;
        }
        for passage in round {
            if !passages.iter().any(|known| known.id == passage.id) {
                let rank = passages.len() as u32 + 1;
                passages.push(Passage { rank, ..passage });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passages(ids: &[&str]) -> Vec<Passage> {
        ids.iter()
            .map(|id| Passage::new(id, &format!("title {id}"), &format!("text {id}")))
            .collect()
    }

    #[test]
    fn numbered_text_is_read_back() {
        let mut written = passages(&["a", "b"]);
        written[0].text = "one\n\n[9] two".into();
        written.push(Passage::new("c", "", "last"));
        let read = read_numbered(&numbered(&written));
        let of = |passages: &[Passage]| -> Vec<_> {
            passages
                .iter()
                .map(|p| (p.title.clone(), p.text.clone()))
                .collect()
        };
        assert_eq!(of(&read), of(&written));
        assert_eq!(read[2].rank, 3);
    }

    #[test]
    fn a_text_without_numbers_is_one_passage_and_a_blank_one_none() {
        let read = read_numbered("some\ntext");
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].text, "some\ntext");
        assert!(read_numbered(" \n").is_empty());
        assert!(read_numbered("").is_empty());
    }

    #[test]
    fn several_searches_take_turns_and_no_passage_comes_twice() {
        let all = interleave(vec![passages(&["a", "b", "c"]), passages(&["b", "d"])]);
        let ids: Vec<_> = all.iter().map(|p| (p.id.as_str(), p.rank)).collect();
        assert_eq!(ids, [("a", 1), ("b", 2), ("d", 3), ("c", 4)]);
        assert!(interleave(Vec::new()).is_empty());
    }
}
