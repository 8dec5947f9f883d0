//! A list of postings while a query reads it.

use super::IndexError;
use super::lengths::Weights;
use super::list::{Bits, Blocks, Few, List, WINDOW};
use super::pack::BLOCK;
use super::search::Candidate;

/// One list of a term of a query.
pub(super) struct Cursor<'a> {
    /// The number of the term in the query.
    pub(super) term: usize,
    /// What bounds on weights are multiplied with: the idf, times how often the
    /// term stands in the query.
    scale: f32,
    postings: Postings<'a>,
}

enum Postings<'a> {
    Few { few: Few, times_max: u32 },
    Blocks(Box<Unpacked<'a>>),
    Bits(Bits<'a>),
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

/// What postings of a range of documents are added up in.
pub(super) struct Sums<'a> {
    /// The first document of the range, and the one after the last.
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) weights: &'a Weights,
    pub(super) classes: &'a [u8; WINDOW],
    pub(super) sums: &'a mut [f32; WINDOW],
    /// A document whose sum passes this is a candidate.
    pub(super) limit: f32,
    /// A bit for each document of the window, set for candidates.
    pub(super) passed: &'a mut [u64; WINDOW / 64],
    /// Documents whose sums are not 0 any more, for as long as they are few.
    pub(super) touched: &'a mut Vec<u32>,
    /// Whether there are more of them.
    pub(super) many_touched: bool,
}

const DAMAGED: IndexError = IndexError::Damaged { part: "lists" };

impl<'a> Cursor<'a> {
    pub(super) fn new(term: usize, list: List<'a>, scale: f32) -> Self {
        let postings = match list {
            List::Few(few) => {
                let times_max = few.times.iter().max().copied().unwrap_or(0);
                Postings::Few { few, times_max }
            }
            List::Blocks(blocks) => Postings::Blocks(Box::new(Unpacked {
                block: blocks.n_blocks,
                blocks,
                n_postings: 0,
                documents: [0; BLOCK],
                times: [0; BLOCK],
            })),
            List::Bits(bits) => Postings::Bits(bits),
        };
        Self {
            term,
            scale,
            postings,
        }
    }

    /// Returns what no document of a range can get more of for the term, given
    /// the class of the shortest one.
    pub(super) fn bound(&self, start: u32, end: u32, weights: &Weights, class: u8) -> f32 {
        self.scale
            * match &self.postings {
                Postings::Few { few, times_max } => {
                    let at = few.documents.partition_point(|document| *document < start);
                    match few.documents.get(at) {
                        Some(next) if *next < end => weights.bound(*times_max, class),
                        _ => 0.0,
                    }
                }
                Postings::Blocks(unpacked) => unpacked.bound(start, end),
                Postings::Bits(_) => weights.bound(1, class),
            }
    }

    /// Returns about how many postings of a range must be read to add them up,
    /// or nothing where looking candidates up costs less in any case.
    pub(super) fn n_postings(&self, start: u32, end: u32) -> Option<usize> {
        match &self.postings {
            Postings::Few { few, .. } => Some(few.documents.len()),
            Postings::Blocks(unpacked) => {
                let (first, end) = unpacked.range(start, end);
                Some((end - first) * BLOCK)
            }
            Postings::Bits(_) => None,
        }
    }

    /// Adds all documents of a range up.
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
            Postings::Bits(bits) => to.add_bits(bits, self.scale),
        }
        Ok(())
    }

    /// Adds the term to candidates, which stand in ascending order, and drops
    /// those that cannot reach `floor` even with `rest` for all further terms.
    pub(super) fn probe(
        &mut self,
        candidates: &mut Vec<Candidate>,
        to: &mut Sums<'_>,
        (rest, floor): (f32, f32),
    ) -> Result<(), IndexError> {
        let scale = self.scale;
        let (weights, classes) = (to.weights, to.classes);
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
            Postings::Bits(bits) => keep(candidates, rest, floor, |candidate| {
                let times = bits.times(candidate.document);
                candidate.bound + gain(times, candidate.document)
            }),
            Postings::Blocks(unpacked) => {
                let (first, end) = unpacked.range(to.start, to.end);
                if (end - first) * BLOCK <= candidates.len() * SCATTER_BELOW {
                    // With so many candidates, adding all of the list up costs
                    // less than looking for each of them in it.
                    to.many_touched = true;
                    to.limit = f32::INFINITY;
                    self.add(to)?;
                    keep(candidates, rest, floor, |candidate| {
                        to.sums[candidate.document as usize % WINDOW]
                    });
                    return Ok(());
                }
                let (mut block, mut damaged) = (first, false);
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
        // A later list may be added to the sums.
        for candidate in candidates {
            to.sums[candidate.document as usize % WINDOW] = candidate.bound;
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
                let block = unpacked.blocks.seek(unpacked.start_for(document), document);
                unpacked.times_in(block, document)
            }
            Postings::Bits(bits) => Ok(Some(bits.times(document)).filter(|times| *times > 0)),
        }
    }
}

/// How many postings are added up in the time that one candidate is looked for.
const SCATTER_BELOW: usize = 8;

/// Gives each candidate a new bound, and keeps those that can reach the floor.
///
/// Which ones those are is hard to foretell, so nothing branches on it.
#[inline(always)]
fn keep(candidates: &mut Vec<Candidate>, rest: f32, floor: f32, bound: impl Fn(&Candidate) -> f32) {
    let mut n_kept = 0;
    for at in 0..candidates.len() {
        let bound = bound(&candidates[at]);
        let document = candidates[at].document;
        candidates[n_kept] = Candidate { document, bound };
        n_kept += usize::from(bound + rest >= floor);
    }
    candidates.truncate(n_kept);
}

impl Unpacked<'_> {
    /// Returns the first block that reaches into a range, and the one after the
    /// last that does.
    fn range(&self, start: u32, end: u32) -> (usize, usize) {
        let first = self.blocks.seek(0, start);
        let last = self.blocks.seek(first, end - 1);
        (first, self.blocks.n_blocks.min(last + 1))
    }

    fn bound(&self, start: u32, end: u32) -> f32 {
        let (first, end) = self.range(start, end);
        let bounds = (first..end).map(|block| self.blocks.block_bound(block));
        bounds.fold(0.0, f32::max)
    }

    /// Returns a block from which on a document may be sought: the unpacked one,
    /// unless the document is before it.
    fn start_for(&self, document: u32) -> usize {
        let is_unpacked = self.block < self.blocks.n_blocks;
        if is_unpacked && self.documents[0] <= document {
            self.block
        } else {
            0
        }
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
        self.touch(documents);
        for (document, times) in documents.iter().zip(times) {
            self.add_one(*document, *times, scale);
        }
    }

    fn add_bits(&mut self, list: &Bits<'_>, scale: f32) {
        self.many_touched = true;
        for start in (self.start..self.end).step_by(64) {
            let mut word = list.word(start);
            while word != 0 {
                self.add_one(start + word.trailing_zeros(), 1, scale);
                word &= word - 1;
            }
        }
    }

    fn touch(&mut self, documents: &[u32]) {
        let n_touched = self.touched.len() + documents.len();
        self.many_touched |= n_touched > (self.end - self.start) as usize / CLEAR_ABOVE;
        if !self.many_touched {
            self.touched.extend_from_slice(documents);
        }
    }

    #[inline(always)]
    fn add_one(&mut self, document: u32, times: u32, scale: f32) {
        let at = document as usize % WINDOW;
        let before = self.sums[at];
        let sum = before + scale * self.weights.bound(times, self.classes[at]);
        self.sums[at] = sum;
        if before <= self.limit && sum > self.limit {
            self.passed[at / 64] |= 1 << (at % 64);
        }
    }

    /// Appends the candidates, in ascending order.
    pub(super) fn take_passed(&mut self, candidates: &mut Vec<Candidate>) {
        let window = self.start - self.start % WINDOW as u32;
        let (first, end) = (self.start % WINDOW as u32, self.end - window);
        let words = first as usize / 64..(end as usize).div_ceil(64);
        for (word, number) in self.passed[words.clone()].iter_mut().zip(words) {
            let mut bits = std::mem::take(word);
            let n_before = candidates.len();
            let n_bits = bits.count_ones() as usize;
            // By fours, since where a loop over so few ends is hard to foretell.
            while bits != 0 {
                candidates.extend([(); 4].map(|()| {
                    let at = number * 64 + bits.trailing_zeros() as usize % 64;
                    bits &= bits.wrapping_sub(1);
                    Candidate {
                        document: window + at as u32,
                        bound: self.sums[at % WINDOW],
                    }
                }));
            }
            candidates.truncate(n_before + n_bits);
        }
    }

    /// Makes all sums 0 again.
    pub(super) fn clear(&mut self) {
        if self.many_touched {
            let first = self.start as usize % WINDOW;
            let n_documents = (self.end - self.start) as usize;
            self.sums[first..][..n_documents].fill(0.0);
        } else {
            for document in self.touched.iter() {
                self.sums[*document as usize % WINDOW] = 0.0;
            }
        }
        self.touched.clear();
    }
}

/// Above which part of a range it is quicker to clear all of it than one
/// document after the other.
const CLEAR_ABOVE: usize = 8;
