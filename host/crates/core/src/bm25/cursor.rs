//! A list of postings while a query reads it.

use super::IndexError;
use super::lengths::{Gains, N_TIMES};
use super::list::{Bits, Blocks, Few, List};
use super::pack::BLOCK;
use super::search::Candidate;
use super::sums::{SUM_MAX, Sums};

/// One list of a term of a query.
pub(super) struct Cursor<'a> {
    /// The number of the term in the query.
    pub(super) term: usize,
    /// What gains are multiplied with: the idf, times how often the term stands
    /// in the query.
    scale: f32,
    postings: Postings<'a>,
    // What of the list is in the span: postings of a few, or else blocks.
    first: usize,
    end: usize,
}

enum Postings<'a> {
    Few { few: Few, times_max: u32 },
    Blocks(Unpacked<'a>),
    Bits(Bits<'a>),
}

/// A list of blocks, one of them unpacked.
struct Unpacked<'a> {
    blocks: Blocks<'a>,
    // The unpacked block, or `n_blocks`, and how many postings it has.
    block: usize,
    n_postings: usize,
    room: Box<Room>,
    is_once: bool,
}

/// Where a block is unpacked.
pub(super) struct Room {
    documents: [u32; BLOCK],
    // Of a list whose documents have the term once, all are 1.
    times: [u32; BLOCK],
}

/// Rooms that no list has now. Boxed, since they move in and out of lists.
pub(super) type Rooms = Vec<Box<Room>>;

impl Default for Room {
    fn default() -> Self {
        Self {
            documents: [0; BLOCK],
            times: [0; BLOCK],
        }
    }
}

const DAMAGED: IndexError = IndexError::Damaged { part: "lists" };

/// What is known of the documents of a span.
pub(super) struct Span<'a> {
    pub(super) start: u32,
    /// The document after the last.
    pub(super) end: u32,
    pub(super) gains: Gains<'a>,
    /// What a document must reach.
    pub(super) floor: f32,
}

impl<'a> Cursor<'a> {
    /// Starts on a list of a term; the first one has documents with it once.
    /// Takes the room that it needs for blocks, if there is some.
    pub(super) fn new(
        term: usize,
        list: List<'a>,
        is_once: bool,
        scale: f32,
        rooms: &mut Rooms,
    ) -> Self {
        let postings = match list {
            List::Few(few) => {
                let times_max = few.times().iter().max().copied().unwrap_or(0);
                Postings::Few { few, times_max }
            }
            List::Blocks(blocks) => {
                let mut room = rooms.pop().unwrap_or_default();
                if is_once {
                    room.times.fill(1);
                }
                Postings::Blocks(Unpacked {
                    block: blocks.n_blocks,
                    blocks,
                    n_postings: 0,
                    room,
                    is_once,
                })
            }
            List::Bits(bits) => Postings::Bits(bits),
        };
        Self {
            term,
            scale,
            postings,
            first: 0,
            end: 0,
        }
    }

    /// Ends, and gives back the room that it took.
    pub(super) fn end(self, rooms: &mut Rooms) {
        if let Postings::Blocks(unpacked) = self.postings {
            rooms.push(unpacked.room);
        }
    }

    /// Goes on to a span, which must come after the last one, and returns what no
    /// document of it can get more of for the term.
    pub(super) fn enter(&mut self, span: &Span<'_>) -> f32 {
        let times_max = match &self.postings {
            Postings::Few { few, times_max } => {
                let documents = few.documents();
                let after = |place| documents.partition_point(|document| *document < place);
                (self.first, self.end) = (after(span.start), after(span.end));
                if self.first < self.end { *times_max } else { 0 }
            }
            Postings::Blocks(unpacked) => {
                let blocks = &unpacked.blocks;
                self.first = blocks.seek(self.first, span.start);
                let last = blocks.seek(self.first, span.end - 1);
                self.end = blocks.n_blocks.min(last + 1);
                let times = (self.first..self.end).map(|block| blocks.times_max(block));
                times.max().unwrap_or(0)
            }
            Postings::Bits(_) => 1,
        };
        if times_max == 0 {
            0.0
        } else {
            self.scale * span.gains.most(times_max)
        }
    }

    /// Returns about how many postings of the span must be read to add them up,
    /// or nothing where looking candidates up costs less in any case.
    pub(super) fn n_postings(&self) -> Option<usize> {
        match &self.postings {
            Postings::Few { .. } => Some(self.end - self.first),
            Postings::Blocks(_) => Some((self.end - self.first) * BLOCK),
            Postings::Bits(_) => None,
        }
    }

    /// Adds all documents of the span up.
    pub(super) fn add(&mut self, span: &Span<'_>, sums: &mut Sums) -> Result<(), IndexError> {
        let scale = self.scale;
        let gain = |times| scale * span.gains.most(times);
        let once = sums.units(gain(1));
        let by_times = |sums: &Sums| std::array::from_fn(|times| sums.units(gain(times as u32)));
        match &mut self.postings {
            Postings::Few { few, .. } => {
                let postings = self.first..self.end;
                let documents = &few.documents()[postings.clone()];
                let units = by_times(sums);
                sums.add_by_times(documents, &few.times()[postings], &units, gain);
            }
            Postings::Blocks(unpacked) => {
                let units = if unpacked.is_once {
                    [once; N_TIMES]
                } else {
                    by_times(sums)
                };
                for block in self.first..self.end {
                    unpacked.unpack(block)?;
                    let documents = &unpacked.room.documents[..unpacked.n_postings];
                    // Only the first block and the last one reach out of the span.
                    let after = |place| documents.partition_point(|document| *document < place);
                    let from = if block == self.first {
                        after(span.start)
                    } else {
                        0
                    };
                    let to = if block + 1 == self.end {
                        after(span.end)
                    } else {
                        documents.len()
                    };
                    let Some(documents) = documents.get(from..to) else {
                        return Err(DAMAGED);
                    };
                    if unpacked.is_once {
                        sums.add(documents, once);
                    } else {
                        sums.add_by_times(documents, &unpacked.room.times[from..to], &units, gain);
                    }
                }
            }
            Postings::Bits(bits) => sums.add_bits(bits, once),
        }
        Ok(())
    }

    /// Adds the term to candidates, which stand in ascending order, and drops
    /// those that cannot reach the floor even with `rest` for all further terms.
    pub(super) fn probe(
        &mut self,
        candidates: &mut Vec<Candidate>,
        span: &Span<'_>,
        rest: f32,
        sums: &mut Sums,
    ) -> Result<(), IndexError> {
        let (scale, floor) = (self.scale, span.floor);
        let gain = |times| scale * span.gains.most(times);
        match &mut self.postings {
            Postings::Few { few, .. } => candidates.retain_mut(|candidate| {
                if let Ok(at) = few.documents().binary_search(&candidate.document) {
                    candidate.bound += gain(few.times()[at]);
                }
                candidate.bound + rest >= floor
            }),
            Postings::Bits(bits) => {
                let once = gain(1);
                keep(candidates, rest, floor, |candidate| {
                    candidate.bound += once * bits.times(candidate.document) as f32;
                });
            }
            Postings::Blocks(unpacked) => {
                if (self.end - self.first) * BLOCK <= candidates.len() * SCATTER_BELOW {
                    // With so many candidates, adding all of the list up costs
                    // less than looking for each of them in it.
                    self.add(span, sums)?;
                    keep(candidates, rest, floor, |candidate| {
                        candidate.take_sum(sums);
                    });
                    return Ok(());
                }
                let (mut block, mut damaged) = (self.first, false);
                candidates.retain_mut(|candidate| {
                    block = unpacked.blocks.seek(block, candidate.document);
                    match unpacked.times_in(block, candidate.document) {
                        Ok(Some(times)) => candidate.bound += gain(times),
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

    /// Calls back with the places of documents that have the term, and how many
    /// times it stands there. The documents stand in ascending order.
    pub(super) fn for_each_in(
        &mut self,
        documents: &[u32],
        mut each: impl FnMut(usize, u32),
    ) -> Result<(), IndexError> {
        match &mut self.postings {
            Postings::Few { few, .. } => {
                let mut postings = few.documents().iter().zip(few.times()).peekable();
                for (at, document) in documents.iter().enumerate() {
                    while postings.next_if(|(with, _)| *with < document).is_some() {}
                    match postings.peek() {
                        Some((with, times)) if *with == document => each(at, **times),
                        Some(_) => {}
                        None => break,
                    }
                }
            }
            Postings::Blocks(unpacked) => {
                let mut block = documents
                    .first()
                    .map_or(0, |first| unpacked.start_for(*first));
                for (at, document) in documents.iter().enumerate() {
                    block = unpacked.blocks.seek(block, *document);
                    if let Some(times) = unpacked.times_in(block, *document)? {
                        each(at, times);
                    }
                }
            }
            Postings::Bits(bits) => {
                for (at, document) in documents.iter().enumerate() {
                    let times = bits.times(*document);
                    if times > 0 {
                        each(at, times);
                    }
                }
            }
        }
        Ok(())
    }
}

/// How many postings are added up in the time that one candidate is looked for.
const SCATTER_BELOW: usize = 16;

impl Candidate {
    /// Adds what was added to the sum of the document since it was last seen.
    #[inline(always)]
    fn take_sum(&mut self, sums: &Sums) {
        let sum = sums.of(self.document);
        self.bound += f32::from(sum.saturating_sub(self.sum)) * sums.unit;
        if sum == SUM_MAX {
            self.bound = f32::MAX;
        }
        self.sum = sum;
    }
}

/// Changes the bound of each candidate, and keeps those that can reach the floor.
///
/// Which ones those are is hard to foretell, so nothing branches on it.
#[inline(always)]
fn keep(candidates: &mut Vec<Candidate>, rest: f32, floor: f32, change: impl Fn(&mut Candidate)) {
    let mut n_kept = 0;
    for at in 0..candidates.len() {
        let mut candidate = candidates[at];
        change(&mut candidate);
        candidates[n_kept] = candidate;
        n_kept += usize::from(candidate.bound + rest >= floor);
    }
    candidates.truncate(n_kept);
}

impl Unpacked<'_> {
    /// Returns a block from which on a document may be sought: the unpacked one,
    /// unless the document is before it.
    fn start_for(&self, document: u32) -> usize {
        let is_unpacked = self.block < self.blocks.n_blocks;
        if is_unpacked && self.room.documents[0] <= document {
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
        let n_postings = self.blocks.unpack(block, &mut self.room.documents);
        self.n_postings = n_postings.ok_or(DAMAGED)?;
        if !self.is_once {
            let times = self.blocks.unpack_times(block, &mut self.room.times);
            times.ok_or(DAMAGED)?;
        }
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
        let documents = &self.room.documents[..self.n_postings];
        let at = documents.binary_search(&document).ok();
        Ok(at.map(|at| self.room.times[at]))
    }
}
