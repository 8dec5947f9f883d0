//! One ranking of several queries.

use crate::bindings::chain::ChainError;
use crate::bindings::types::Passage;
use crate::declare::Setting;
use crate::run::Visit;

/// How a step asks several queries and makes one ranking of what they find:
/// each line of its query is one of them, and so is each further text.
///
/// All of them are in flight together, each takes `k` passages, and the best
/// `k` of the fused ranking are the step's: a prompt does not grow with the
/// queries. At most [`QUERIES_MAX`](Self::QUERIES_MAX) are asked.
///
/// ```
/// use fapo_sdk::prelude::*;
/// use fapo_sdk::retrieve::Fusion;
///
/// // Off by default, and a parameter for the optimizer to turn on.
/// let graph = Graph::<()>::new("hop", "Searches.")
///     .parameter(Parameter::boolean("fusion", "Fuses several queries.", false))
///     .step(
///         Retrieve::new("search", "Finds passages.", "wiki")
///             .query("${query}")
///             .fuse(Fusion::rrf().with("${question}").when("fusion")),
///     );
/// assert!(graph.check().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Fusion {
    constant: Setting<u32>,
    texts: Vec<&'static str>,
    on: Setting<bool>,
}

impl Fusion {
    /// How many queries a step asks at most; lines beyond are left out.
    pub const QUERIES_MAX: usize = 8;

    /// Returns a fusion by reciprocal rank with the usual constant, 60.
    pub fn rrf() -> Self {
        Self {
            constant: Setting::Fixed(60),
            texts: Vec::new(),
            on: Setting::Fixed(true),
        }
    }

    /// Sets the constant: the larger it is, the less the first places count
    /// beyond the others.
    pub fn constant(mut self, constant: impl Into<Setting<u32>>) -> Self {
        self.constant = constant.into();
        self
    }

    /// Asks a further text with placeholders, behind the query's own lines.
    pub fn with(mut self, text: &'static str) -> Self {
        self.texts.push(text);
        self
    }

    /// Fuses only where this says so; otherwise the step's query is asked as it is.
    pub fn when(mut self, on: impl Into<Setting<bool>>) -> Self {
        self.on = on.into();
        self
    }

    /// Returns the parameters that it reads.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let settings = [self.constant.parameter(), self.on.parameter()];
        let texts = self.texts.iter().flat_map(|text| {
            crate::template::placeholders(text)
                .into_iter()
                .filter_map(|name| name.strip_prefix("parameters."))
        });
        settings.into_iter().flatten().chain(texts)
    }

    pub(crate) fn is_on(&self, visit: &Visit<'_>) -> Result<bool, ChainError> {
        self.on.resolve(visit.settings)
    }

    /// Returns the queries to ask: the lines of what was to be asked, then the
    /// further texts, each of them once.
    pub(crate) fn queries(&self, asked: &[String], visit: &Visit<'_>) -> Vec<String> {
        let own = asked.iter().flat_map(|text| text.lines()).map(unlisted);
        let more = self.texts.iter().map(|text| visit.fill(text, &[]));
        let mut queries: Vec<String> = Vec::new();
        for query in own.map(str::to_owned).chain(more) {
            let is_new = !query.trim().is_empty() && !queries.contains(&query);
            if is_new && queries.len() < Self::QUERIES_MAX {
                queries.push(query);
            }
        }
        queries
    }

    /// Returns the best `k` passages of all that the queries found.
    pub(crate) fn fuse(
        &self,
        found: Vec<Vec<Passage>>,
        k: u32,
        visit: &Visit<'_>,
    ) -> Result<Vec<Passage>, ChainError> {
        let mut passages = fuse(found, self.constant.resolve(visit.settings)?);
        passages.truncate(k as usize);
        Ok(passages)
    }
}

/// Returns a line without the mark of a list: `- `, `* `, `1. ` or `1) `.
fn unlisted(line: &str) -> &str {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("- ").or(line.strip_prefix("* ")) {
        return rest.trim_start();
    }
    let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_number = (1..=2).contains(&(line.len() - rest.len()));
    match rest.strip_prefix(". ").or(rest.strip_prefix(") ")) {
        Some(rest) if is_number => rest.trim_start(),
        _ => line,
    }
}

/// Returns one ranking of several, by reciprocal rank: a passage gets
/// `1 / (constant + rank)` of each ranking that it is in, and those with the
/// largest sums come first. The sum becomes its score.
///
/// A passage is known by its id. In a ranking that holds it twice, its better
/// place counts. Of equal sums, the one that has the better best place comes
/// first; of those, the one that an earlier ranking holds there.
///
/// ```
/// use fapo_sdk::Passage;
/// use fapo_sdk::retrieve::fuse;
///
/// let ranking = |ids: [&str; 2]| ids.map(|id| Passage::new(id, id, "")).to_vec();
/// let fused = fuse(vec![ranking(["a", "b"]), ranking(["b", "c"])], 60);
/// let ids: Vec<_> = fused.iter().map(|passage| passage.id.as_str()).collect();
/// assert_eq!(ids, ["b", "a", "c"]);
/// assert_eq!(fused[0].score, 1.0 / 61.0 + 1.0 / 62.0);
/// ```
pub fn fuse(rankings: Vec<Vec<Passage>>, constant: u32) -> Vec<Passage> {
    struct Candidate {
        passage: Passage,
        /// In how many rankings it was seen, and the last of them.
        ranks: Vec<u32>,
        seen_in: usize,
        /// Its best place, and the first ranking that has it there.
        best: (u32, usize),
    }
    let mut candidates: Vec<Candidate> = Vec::new();
    for (nth, ranking) in rankings.into_iter().enumerate() {
        for (rank, passage) in (1..).zip(ranking) {
            let known = candidates
                .iter_mut()
                .find(|candidate| candidate.passage.id == passage.id);
            match known {
                Some(candidate) if candidate.seen_in == nth => {}
                Some(candidate) => {
                    candidate.ranks.push(rank);
                    candidate.seen_in = nth;
                    candidate.best = candidate.best.min((rank, nth));
                }
                None => candidates.push(Candidate {
                    passage,
                    ranks: vec![rank],
                    seen_in: nth,
                    best: (rank, nth),
                }),
            }
        }
    }
    for candidate in &mut candidates {
        // Always added up in one order, so that equal places are equal sums.
        candidate.ranks.sort_unstable();
        let shares = candidate.ranks.iter();
        candidate.passage.score = shares
            .map(|rank| 1.0 / (f64::from(constant) + f64::from(*rank)))
            .sum();
    }
    candidates.sort_by(|a, b| {
        let by_score = b.passage.score.total_cmp(&a.passage.score);
        by_score.then(a.best.cmp(&b.best))
    });
    let passages = candidates.into_iter().map(|candidate| candidate.passage);
    (1..)
        .zip(passages)
        .map(|(rank, passage)| Passage { rank, ..passage })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(ids: &str) -> Vec<Passage> {
        ids.chars()
            .map(|id| Passage::new(&id.to_string(), "", ""))
            .collect()
    }

    fn fused(rankings: &[&str], constant: u32) -> String {
        let rankings = rankings.iter().map(|ids| ranking(ids)).collect();
        let passages = fuse(rankings, constant);
        assert!((1..).zip(&passages).all(|(rank, p)| p.rank == rank));
        passages.into_iter().map(|passage| passage.id).collect()
    }

    #[test]
    fn what_several_queries_find_comes_before_what_one_does() {
        assert_eq!(fused(&["ab", "cb"], 60), "bac");
        assert_eq!(fused(&["abc"], 60), "abc");
        assert_eq!(fused(&[], 60), "");
        assert_eq!(fused(&["", ""], 60), "");
    }

    #[test]
    fn a_small_constant_favours_first_places() {
        assert_eq!(fused(&["abcx", "dbcx"], 60), "bcxad");
        assert_eq!(fused(&["abcx", "dbcx"], 0), "adbcx");
    }

    #[test]
    fn ties_go_to_the_better_place_and_then_to_the_earlier_query() {
        assert_eq!(fused(&["ab", "cd"], 60), "acbd");
        assert_eq!(fused(&["ab", "ba"], 60), "ab");
    }

    #[test]
    fn a_passage_counts_once_in_a_ranking() {
        assert_eq!(fused(&["aab", "b"], 60), "ba");
        let passages = fuse(vec![ranking("aa")], 60);
        assert_eq!(passages.len(), 1);
        assert_eq!(passages[0].score, 1.0 / 61.0);
    }

    /// A small generator, so that the cases are many and always the same.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        *state >> 33
    }

    fn rankings(state: &mut u64) -> Vec<String> {
        let n = 1 + next(state) % 5;
        let ids = |state: &mut u64| -> String {
            let n = next(state) % 8;
            (0..n)
                .map(|_| (b'a' + (next(state) % 10) as u8) as char)
                .collect()
        };
        (0..n).map(|_| ids(state)).collect()
    }

    #[test]
    fn fusing_keeps_each_passage_once_and_sums_do_not_depend_on_the_order_of_queries() {
        let mut state = 7;
        for _ in 0..2000 {
            let rankings = rankings(&mut state);
            let lists = |texts: &[String]| texts.iter().map(|ids| ranking(ids)).collect();
            let forward = fuse(lists(&rankings), 60);
            let mut ids: Vec<_> = forward.iter().map(|p| p.id.clone()).collect();
            ids.sort();
            let mut all: Vec<_> = rankings.concat().chars().map(String::from).collect();
            all.sort();
            all.dedup();
            assert_eq!(ids, all, "{rankings:?}");
            assert!(forward.windows(2).all(|two| two[0].score >= two[1].score));

            let reversed: Vec<_> = rankings.iter().rev().cloned().collect();
            let backward = fuse(lists(&reversed), 60);
            for passage in &forward {
                let other = backward.iter().find(|p| p.id == passage.id).unwrap();
                assert_eq!(other.score, passage.score, "{rankings:?}");
            }
        }
    }

    #[test]
    fn one_more_query_that_has_a_passage_first_never_puts_it_back() {
        let mut state = 11;
        for _ in 0..2000 {
            let mut rankings = rankings(&mut state);
            let all = rankings.concat();
            let Some(id) = all.chars().next() else {
                continue;
            };
            let place = |rankings: &[String]| {
                let rankings: Vec<_> = rankings.iter().map(String::as_str).collect();
                fused(&rankings, 60).find(id).unwrap()
            };
            let before = place(&rankings);
            rankings.push(id.into());
            assert!(place(&rankings) <= before, "{rankings:?}");
        }
    }

    #[test]
    fn marks_of_lists_are_no_part_of_a_query() {
        for (line, query) in [
            ("- Orn river", "Orn river"),
            (" 2. Orn", "Orn"),
            ("10) Orn", "Orn"),
            ("1984 novel", "1984 novel"),
            ("1984. Orn", "1984. Orn"),
            ("-40 degrees", "-40 degrees"),
        ] {
            assert_eq!(unlisted(line), query);
        }
    }
}
