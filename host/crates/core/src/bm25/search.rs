//! Finding the best documents without looking at most of them.
//!
//! The documents are taken span by span. In each, the terms are ordered by the
//! most that a document there can get for them. As long as some terms at the end
//! of that order cannot, all together, lift a document over the worst of the best
//! so far, no document with only those can matter: so only the lists of the terms
//! before them (the essential ones) are added up, and only documents whose sum
//! then can still reach far enough are looked up in the other lists, in order,
//! each for as long as it can. This is MaxScore, with bounds by span.
//!
//! All sums on the way are bounds, made of weights that are rounded up. What is
//! left at the end gets its exact score, and only exact scores decide which
//! documents are returned, and in which order.

use super::IndexError;
use super::cursor::{Cursor, Rooms, Span};
use super::index::Index;
use super::lengths::{Gains, Lengths};
use super::list::N_LAYERS;
use super::method::{TermFactors, sum};
use super::sums::{SPAN, SUM_MAX, Sums};
use super::top::{Top, rank};

/// A document that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its number, in the order in which documents were added, from 0.
    pub document: u32,
    /// Its score.
    pub score: f32,
}

/// Memory that searches need, to be used again by the next one.
#[derive(Default)]
pub struct Scratch {
    sums: Sums,
    candidates: Vec<Candidate>,
    pool: Vec<Kept>,
    least: Vec<f32>,
    scores: Scores,
    order: Vec<(f32, usize)>,
    rests: Vec<f32>,
    rooms: Rooms,
}

/// A document that may be a hit, and what its score cannot exceed.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) document: u32,
    pub(super) bound: f32,
    /// What its sum was when it was last looked at.
    pub(super) sum: u16,
}

/// A document that reached the floor when it was looked at.
#[derive(Clone, Copy)]
struct Kept {
    document: u32,
    bound: f32,
    // What its score is at least.
    least: f32,
}

impl<B: AsRef<[u8]>> Index<B> {
    /// Returns the best `k` documents for a query, the best one first.
    ///
    /// A word that stands twice in the query counts twice, and one that stands in
    /// no document does not count.
    pub fn search(
        &self,
        query: &str,
        k: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Hit>, IndexError> {
        self.search_terms(&self.analyzer.terms(query), k, scratch)
    }

    /// Returns `k` documents for a query, or all if there are fewer: those that
    /// [`search`](Self::search) finds and then, in their order, documents that
    /// have no word of the query, with the score of those.
    ///
    /// bm25s and other libraries that score every document return so many, so
    /// this is what their results are compared with.
    pub fn search_filled(
        &self,
        query: &str,
        k: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Hit>, IndexError> {
        let terms = self.analyzer.terms(query);
        let mut hits = self.search_terms(&terms, k, scratch)?;
        let n_wanted = k.min(self.n_documents() as usize);
        if hits.len() < n_wanted {
            let query = Query::read(self, &terms, &mut scratch.rooms)?;
            let score = query.absence;
            query.end(&mut scratch.rooms);
            let mut found: Vec<_> = hits.iter().map(|hit| hit.document).collect();
            found.sort_unstable();
            let others =
                (0..self.n_documents()).filter(|document| found.binary_search(document).is_err());
            let others = others.take(n_wanted - hits.len());
            hits.extend(others.map(|document| Hit { document, score }));
            // A hit may be worth no more than they are.
            hits.sort_by(rank);
        }
        Ok(hits)
    }

    /// Does the work of [`search`](Self::search) for terms that an
    /// [`Analyzer`](super::Analyzer) made of a query before.
    pub fn search_terms<T: AsRef<str>>(
        &self,
        terms: &[T],
        k: usize,
        scratch: &mut Scratch,
    ) -> Result<Vec<Hit>, IndexError> {
        let mut query = Query::read(self, terms, &mut scratch.rooms)?;
        let mut top = Top::new(k);
        if k == 0 || query.cursors.is_empty() {
            return Ok(Vec::new());
        }
        scratch.pool.clear();
        let mut floor = -1.0;
        let mut start = 0;
        let mut span_len = FIRST_SPAN;
        while start < self.n_documents() {
            let end = start.saturating_add(span_len).min(self.n_documents());
            query.search_span(start, end, floor, scratch)?;
            floor = query.raise(floor, k, scratch);
            if scratch.pool.len() / 4 > POOL.max(k) {
                query.score_all(scratch, &mut top)?;
                if let Some(worst) = top.threshold() {
                    floor = floor.max(query.below(worst - query.absence));
                }
            }
            start = end;
            span_len = (span_len * 2).min(SPAN as u32);
        }
        query.score_all(scratch, &mut top)?;
        query.end(&mut scratch.rooms);
        Ok(top.into_hits())
    }
}

/// How many documents are kept before they get their scores, or four times as
/// many as are wanted. Only where very many have about the same score do they
/// come to be more.
const POOL: usize = 1 << 12;

/// How many lists of blocks have room for the next search: about a kilobyte each.
const ROOMS_KEPT: usize = 64;

/// How many documents are looked at first. Few, since nothing can be skipped
/// before `k` documents were found.
const FIRST_SPAN: u32 = 1 << 10;

/// How many times longer a further list may be than all lists before it.
const FURTHER_UP_TO: usize = 4;

/// A query while it is answered.
struct Query<'a, B> {
    index: &'a Index<B>,
    lengths: Lengths<'a>,
    // Two for most terms: documents with it once, and more often.
    cursors: Vec<Cursor<'a>>,
    terms: Vec<TermFactors>,
    // Which terms the words of the query are, in order.
    words: Vec<usize>,
    // What every document gets, whatever stands in it.
    absence: f32,
    // What each term gives to a document of the span at the most.
    gains: Vec<f32>,
}

impl<'a, B: AsRef<[u8]>> Query<'a, B> {
    fn read<T: AsRef<str>>(
        index: &'a Index<B>,
        terms: &[T],
        rooms: &mut Rooms,
    ) -> Result<Self, IndexError> {
        let mut unique: Vec<&str> = terms.iter().map(AsRef::as_ref).collect();
        unique.sort_unstable();
        unique.dedup();
        let place = |term: &T| unique.binary_search(&term.as_ref());
        let places: Vec<usize> = terms.iter().flat_map(place).collect();
        let mut n_in_query = vec![0u32; unique.len()];
        for place in &places {
            n_in_query[*place] += 1;
        }
        let mut query = Self {
            index,
            lengths: index.lengths()?,
            cursors: Vec::with_capacity(unique.len() * N_LAYERS),
            terms: Vec::with_capacity(unique.len()),
            words: Vec::new(),
            absence: 0.0,
            gains: Vec::new(),
        };
        let mut number_of = vec![None; unique.len()];
        // All buckets first: so none of them has to come from memory after another.
        let buckets = unique.iter().map(|term| index.bucket(term));
        let buckets: Vec<_> = buckets.collect::<Result<_, _>>()?;
        for (at, (term, bucket)) in unique.iter().zip(&buckets).enumerate() {
            let Some(bucket) = bucket else { continue };
            let Some(found) = index.find(term, bucket)? else {
                continue;
            };
            let scoring = &index.settings().scoring;
            let factors = TermFactors::new(scoring, found.n_documents, index.n_documents());
            if factors.idf > 0.0 {
                let number = query.terms.len();
                let scale = factors.idf * n_in_query[at] as f32;
                for (layer, list) in found.lists.into_iter().enumerate() {
                    let cursor = |list| Cursor::new(number, list, layer == 0, scale, rooms);
                    query.cursors.extend(list.map(cursor));
                }
                query.terms.push(factors);
                number_of[at] = Some(number);
            }
        }
        let numbers = places.iter().filter_map(|place| number_of[*place]);
        query.words.extend(numbers);
        let absences = query.words.iter().map(|word| query.terms[*word].absence);
        query.absence = sum(&absences.collect::<Vec<_>>());
        query.gains = vec![0.0; query.terms.len()];
        Ok(query)
    }

    /// Ends, and gives back the rooms of its lists.
    fn end(self, rooms: &mut Rooms) {
        for cursor in self.cursors {
            cursor.end(rooms);
        }
        rooms.truncate(ROOMS_KEPT);
    }

    fn search_span(
        &mut self,
        start: u32,
        end: u32,
        floor: f32,
        scratch: &mut Scratch,
    ) -> Result<(), IndexError> {
        let index = self.index;
        let lengths = (self.lengths.of(start), self.lengths.of(end - 1));
        let span = Span {
            start,
            end,
            gains: Gains::new(&index.settings().scoring, index.length_mean, lengths),
            floor,
        };
        let Scratch {
            sums,
            candidates,
            pool,
            order,
            rests,
            ..
        } = scratch;
        let cursors = self.cursors.iter_mut().enumerate();
        order.clear();
        order.extend(cursors.map(|(at, cursor)| (cursor.enter(&span), at)));
        order.retain(|(bound, _)| *bound > 0.0);
        order.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
        // For each place in the order, what it and all after it can give. No
        // document is in both lists of a term, so only the greater one counts.
        rests.clear();
        rests.resize(order.len() + 1, 0.0);
        self.gains.fill(0.0);
        for (at, (bound, cursor)) in order.iter().enumerate().rev() {
            let gain = &mut self.gains[self.cursors[*cursor].term];
            rests[at] = rests[at + 1] + (bound - *gain).max(0.0);
            *gain = gain.max(*bound);
        }
        if rests[0] < floor {
            return Ok(());
        }
        if rests[0] <= 0.0 {
            return Ok(());
        }
        sums.start(start, end, rests[0], order.len());
        self.collect(order, rests, &span, sums, candidates)?;
        let (rounding, share) = (sums.rounding(order.len()), span.gains.share());
        pool.extend(candidates.iter().map(|candidate| Kept {
            document: candidate.document,
            bound: candidate.bound,
            least: match rounding {
                Some(rounding) if candidate.bound < f32::MAX => {
                    (candidate.bound - rounding).max(0.0) * share
                }
                _ => 0.0,
            },
        }));
        Ok(())
    }

    /// Returns how many lists, from the first, are to be added up.
    fn n_essential(&self, order: &[(f32, usize)], rests: &[f32], floor: f32) -> usize {
        let n_least = rests.iter().position(|rest| *rest < floor);
        let n_least = n_least.unwrap_or(order.len());
        let n_postings = |(_, cursor): &(f32, usize)| self.cursors[*cursor].n_postings();
        let (essential, others) = order.split_at(n_least);
        // Each further list leaves less to come for all documents before, which
        // pays as long as it is not much longer than those together.
        let mut n_all: usize = essential.iter().filter_map(n_postings).sum();
        let worth_it = others.iter().take_while(|other| {
            let n_more = n_postings(other);
            let pays = n_more.is_some_and(|n_more| n_more <= n_all * FURTHER_UP_TO);
            n_all += n_more.unwrap_or(0);
            pays
        });
        n_least + worth_it.count()
    }

    /// Finds the documents of a range whose bounds reach the floor.
    fn collect(
        &mut self,
        order: &[(f32, usize)],
        rests: &[f32],
        span: &Span<'_>,
        sums: &mut Sums,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), IndexError> {
        let n_essential = self.n_essential(order, rests, span.floor);
        let (essential, others) = order.split_at(n_essential);
        for (_, cursor) in essential {
            self.cursors[*cursor].add(span, sums)?;
        }
        candidates.clear();
        let unit = sums.unit;
        sums.for_each_passing(span.floor - rests[n_essential], |document, sum| {
            let bound = f32::from(sum) * unit;
            candidates.push(Candidate {
                document,
                bound: if sum < SUM_MAX { bound } else { f32::MAX },
                sum,
            });
        });
        for ((_, cursor), rest) in others.iter().zip(&rests[n_essential + 1..]) {
            self.cursors[*cursor].probe(candidates, span, *rest, sums)?;
        }
        Ok(())
    }

    /// Returns the bound that a document must reach, now that there are others,
    /// and drops those that do not.
    fn raise(&self, floor: f32, k: usize, scratch: &mut Scratch) -> f32 {
        let Scratch { pool, least, .. } = scratch;
        if pool.len() < k {
            return floor;
        }
        least.clear();
        least.extend(pool.iter().map(|kept| kept.least));
        let (_, worst, _) = least.select_nth_unstable_by(k - 1, |one, other| other.total_cmp(one));
        let floor = floor.max(self.below(*worst));
        pool.retain(|kept| kept.bound >= floor);
        floor
    }

    /// Returns a bound that rules a document out, given what another one gets
    /// besides the share of absence.
    fn below(&self, gain: f32) -> f32 {
        // Room for what rounding does to sums of as many gains in any order, and
        // to the score when the share of absence is added.
        let n_words = self.words.len() as f32;
        let rounding = (8.0 + 2.0 * n_words) * gain + 8.0 * (gain + self.absence);
        gain - rounding * f32::EPSILON
    }

    /// Scores all that were kept.
    fn score_all(&mut self, scratch: &mut Scratch, top: &mut Top) -> Result<(), IndexError> {
        let Scratch { pool, scores, .. } = scratch;
        // In the order in which lists can be read without going back.
        pool.sort_unstable_by_key(|kept| kept.document);
        let n_at_once = (GAINS_AT_ONCE / self.terms.len()).max(1);
        for some in pool.chunks(n_at_once) {
            self.score(some, scores)?;
            for (document, score) in scores.each(&self.words) {
                top.push(Hit {
                    document: self.index.number(document)?,
                    score: score + self.absence,
                });
            }
        }
        pool.clear();
        Ok(())
    }

    /// Works out what each term gives to each of some documents, which stand in
    /// ascending order. Term by term, so that each list is read in one go.
    fn score(&mut self, kept: &[Kept], scores: &mut Scores) -> Result<(), IndexError> {
        scores.start(kept, self.terms.len(), &self.lengths);
        let (scoring, length_mean) = (&self.index.settings().scoring, self.index.length_mean);
        let Scores {
            documents,
            lengths,
            gains,
            n_terms,
        } = scores;
        for cursor in &mut self.cursors {
            let factors = self.terms[cursor.term];
            let column = &mut gains[cursor.term..];
            cursor.for_each_in(documents, |at, times| {
                let weight = scoring.weight(times, lengths[at], length_mean);
                column[at * *n_terms] = factors.product(weight);
            })?;
        }
        Ok(())
    }
}

/// How many gains are worked out at a time: as many as fit into the cache that
/// is nearest, and of few documents where a query has very many terms.
const GAINS_AT_ONCE: usize = 1 << 13;

/// What each term gives to some documents.
#[derive(Default)]
struct Scores {
    documents: Vec<u32>,
    lengths: Vec<f64>,
    // A row for each document, with a column for each term.
    gains: Vec<f32>,
    n_terms: usize,
}

impl Scores {
    fn start(&mut self, kept: &[Kept], n_terms: usize, lengths: &Lengths<'_>) {
        self.documents.clear();
        self.documents.extend(kept.iter().map(|kept| kept.document));
        self.lengths.clear();
        let documents = self.documents.iter();
        let lengths = documents.map(|document| f64::from(lengths.of(*document)));
        self.lengths.extend(lengths);
        self.gains.clear();
        self.gains.resize(kept.len() * n_terms, 0.0);
        self.n_terms = n_terms;
    }

    /// Returns each document with the sum of what the words of a query give.
    fn each(&self, words: &[usize]) -> impl Iterator<Item = (u32, f32)> {
        let rows = self.gains.chunks_exact(self.n_terms);
        let sums = rows.map(|gains| {
            let gains = words.iter().map(|word| gains[*word]);
            gains.fold(0.0, |sum: f32, gain| sum + gain)
        });
        self.documents.iter().copied().zip(sums)
    }
}
