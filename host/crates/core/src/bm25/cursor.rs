//! A list of postings while a query reads it.

use super::IndexError;
use super::index::Found;
use super::lengths::Weights;
use super::list::{Blocks, Dense, Few, List, WINDOW};
use super::method::TermFactors;
use super::pack::BLOCK;
use super::search::Candidate;

/// A term of a query, with the place in its list.
pub(super) struct Cursor<'a> {
    /// The factors of exact scores.
    pub(super) factors: TermFactors,
    /// What bounds on weights are multiplied with: the idf, times how often the
    /// term stands in the query.
    scale: f32,
    postings: Postings<'a>,
}

enum Postings<'a> {
    Few { few: Few, bound: f32 },
    Blocks(Box<Unpacked<'a>>),
    Dense(Dense<'a>),
}

/// A list of blocks, one of them unpacked.
struct Unpacked<'a> {
    blocks: Blocks<'a>,
    // The unpacked block, or `n_blocks`, and how many postings it has.
    block: usize,
    n_postings: usize,
    documents: [u32; BLOCK],
    times: [u32; BLOCK],
}

/// What postings are added up in.
pub(super) struct Sums<'a> {
    /// The first document of the window, and those after the last one.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) weights: &'a Weights,
    pub(super) classes: &'a [u8; WINDOW],
    pub(super) sums: &'a mut [f32; WINDOW],
    /// A document whose sum passes this is a candidate.
    pub(super) limit: f32,
    pub(super) passed: &'a mut Vec<u32>,
    /// Documents whose sums are not 0 any more, some several times.
    pub(super) touched: &'a mut Vec<u32>,
}

const DAMAGED: IndexError = IndexError::Damaged { part: "lists" };

impl<'a> Cursor<'a> {
    pub(super) fn new(
        found: Found<'a>,
        factors: TermFactors,
        n_in_query: u32,
        weights: &Weights,
    ) -> Self {
        let postings = match found.list {
            List::Few(few) => {
                // Without their lengths: the first class holds the shortest.
                let most = few.times.iter().max().copied().unwrap_or(0);
                Postings::Few {
                    few,
                    bound: weights.bound(most, 0),
                }
            }
            List::Blocks(blocks) => Postings::Blocks(Box::new(Unpacked {
                block: blocks.n_blocks,
                blocks,
                n_postings: 0,
                documents: [0; BLOCK],
                times: [0; BLOCK],
            })),
            List::Dense(dense) => Postings::Dense(dense),
        };
        Self {
            scale: factors.idf * n_in_query as f32,
            factors,
            postings,
        }
    }

    /// Returns what no document of a range can get more of for the term.
    pub(super) fn bound(&self, start: u32, end: u32) -> f32 {
        self.scale
            * match &self.postings {
                Postings::Few { few, bound } => {
                    let at = few.documents.partition_point(|document| *document < start);
                    let next = few.documents.get(at);
                    if next.is_some_and(|next| *next < end) {
                        *bound
                    } else {
                        0.0
                    }
                }
                Postings::Blocks(unpacked) => unpacked.bound(start, end),
                Postings::Dense(dense) => dense.bound,
            }
    }

    /// Adds all documents of a window up.
    pub(super) fn add(&mut self, to: &mut Sums<'_>) -> Result<(), IndexError> {
        match &mut self.postings {
            Postings::Few { few, .. } => {
                let at = few
                    .documents
                    .partition_point(|document| *document < to.start);
                let n_more = few.documents[at..].partition_point(|document| *document < to.end);
                to.add(
                    &few.documents[at..][..n_more],
                    &few.times[at..][..n_more],
                    self.scale,
                );
            }
            Postings::Blocks(unpacked) => {
                let mut block = unpacked.blocks.seek(0, to.start);
                while block < unpacked.blocks.n_blocks {
                    unpacked.unpack(block)?;
                    let documents = &unpacked.documents[..unpacked.n_postings];
                    let at = documents.partition_point(|document| *document < to.start);
                    let n_more = documents[at..].partition_point(|document| *document < to.end);
                    let times = &unpacked.times[at..][..n_more];
                    to.add(&documents[at..][..n_more], times, self.scale);
                    if at + n_more < documents.len() {
                        break;
                    }
                    block += 1;
                }
            }
            Postings::Dense(dense) => to.add_dense(dense, self.scale),
        }
        Ok(())
    }

    /// Adds the term to candidates, which stand in ascending order, and drops
    /// those that cannot reach `floor` even with `rest` for all further terms.
    pub(super) fn probe(
        &mut self,
        candidates: &mut Vec<Candidate>,
        weights: &Weights,
        classes: &[u8; WINDOW],
        (rest, floor): (f32, f32),
    ) -> Result<(), IndexError> {
        let scale = self.scale;
        let gain = |times: u32, document: u32| {
            scale * weights.bound(times, classes[document as usize % WINDOW])
        };
        match &mut self.postings {
            Postings::Few { few, .. } => candidates.retain_mut(|candidate| {
                if let Ok(at) = few.documents.binary_search(&candidate.document) {
                    candidate.bound += gain(few.times[at], candidate.document);
                }
                candidate.bound + rest >= floor
            }),
            Postings::Dense(dense) => candidates.retain_mut(|candidate| {
                candidate.bound += match dense.code(candidate.document) {
                    0 => 0.0,
                    3 => scale * dense.bound,
                    times => gain(times, candidate.document),
                };
                candidate.bound + rest >= floor
            }),
            Postings::Blocks(unpacked) => {
                let (mut block, mut damaged) = (0, false);
                candidates.retain_mut(|candidate| {
                    block = unpacked.blocks.seek(block, candidate.document);
                    let most = scale * unpacked.blocks.block_bound(block);
                    if candidate.bound + most + rest < floor {
                        return false;
                    }
                    match unpacked.times_in(block, candidate.document) {
                        Ok(Some(times)) => candidate.bound += gain(times, candidate.document),
                        Ok(None) => {}
                        Err(_) => damaged = true,
                    }
                    candidate.bound + rest >= floor
                });
                if damaged {
                    return Err(DAMAGED);
                }
            }
        }
        Ok(())
    }

    /// Returns how many times the term stands in a document, if at all.
    pub(super) fn times(&mut self, document: u32) -> Result<Option<u32>, IndexError> {
        match &mut self.postings {
            Postings::Few { few, .. } => {
                let at = few.documents.binary_search(&document).ok();
                Ok(at.map(|at| few.times[at]))
            }
            Postings::Blocks(unpacked) => {
                let block = unpacked.blocks.seek(0, document);
                unpacked.times_in(block, document)
            }
            Postings::Dense(dense) => Ok(dense.times(document)),
        }
    }
}

impl Unpacked<'_> {
    fn bound(&self, start: u32, end: u32) -> f32 {
        let first = self.blocks.seek(0, start);
        let mut bound = 0.0f32;
        for block in first..self.blocks.n_blocks {
            bound = bound.max(self.blocks.block_bound(block));
            if self.blocks.last(block).is_none_or(|last| last >= end - 1) {
                break;
            }
        }
        bound
    }

    fn unpack(&mut self, block: usize) -> Result<(), IndexError> {
        if self.block == block {
            return Ok(());
        }
        self.block = self.blocks.n_blocks;
        let n_postings = self
            .blocks
            .unpack(block, &mut self.documents, &mut self.times);
        self.n_postings = n_postings.ok_or(DAMAGED)?;
        self.block = block;
        Ok(())
    }

    /// Returns how many times the term stands in a document, given the block that
    /// would have it.
    fn times_in(&mut self, block: usize, document: u32) -> Result<Option<u32>, IndexError> {
        if block >= self.blocks.n_blocks {
            return Ok(None);
        }
        self.unpack(block)?;
        let documents = &self.documents[..self.n_postings];
        let at = documents.binary_search(&document).ok();
        Ok(at.map(|at| self.times[at]))
    }
}

impl Sums<'_> {
    fn add(&mut self, documents: &[u32], times: &[u32], scale: f32) {
        self.touched.extend_from_slice(documents);
        for (document, times) in documents.iter().zip(times) {
            let at = *document as usize % WINDOW;
            let gain = scale * self.weights.bound(*times, self.classes[at]);
            self.add_one(*document, gain);
        }
    }

    fn add_dense(&mut self, dense: &Dense<'_>, scale: f32) {
        for document in self.start..self.end {
            let gain = match dense.code(document) {
                0 => continue,
                3 => scale * dense.bound,
                times => {
                    scale
                        * self
                            .weights
                            .bound(times, self.classes[document as usize % WINDOW])
                }
            };
            self.touched.push(document);
            self.add_one(document, gain);
        }
    }

    #[inline(always)]
    fn add_one(&mut self, document: u32, gain: f32) {
        let sum = &mut self.sums[document as usize % WINDOW];
        let before = *sum;
        *sum = before + gain;
        if before <= self.limit && *sum > self.limit {
            self.passed.push(document);
        }
    }
}
