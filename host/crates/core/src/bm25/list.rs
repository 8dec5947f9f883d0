//! The postings of one term, in one of three forms.
//!
//! *Few* (fewer than 128): for each document the distance from the last one,
//! doubled, and with 1 added if the number of times follows; that number less
//! two. *Blocks*: a bound for the list, twelve bytes for each block of 128 (its
//! last document, where it ends, its bound as a part of the list's, and two bit
//! widths), then the packed blocks: distances less one, and times less one.
//! *Dense* (in one of [`DENSE_ONE_IN`] documents or more): a bound, then two bits
//! for every document of the index: not in it, once, twice, more; then, for those
//! with more, the documents and the times.

use super::lengths::Weights;
use super::pack::{
    BLOCK, pack, packed_len, put_varint, take, take_varint, take_varint_u32, u32_at, unpack,
    width_of,
};

/// Documents that are looked at together. A power of two, so that the place of
/// a document in its window is its lower bits.
pub(super) const WINDOW: usize = 1 << 15;

/// Bytes of a dense list for one window.
pub(super) const DENSE_WINDOW: usize = WINDOW / 4;

/// A term in one of so many documents is dense: two bits for every document
/// then take no more than about twice the packed blocks, and tell of any
/// document at once.
const DENSE_ONE_IN: usize = 10;

const KIND_BLOCKS: u8 = 0;
const KIND_DENSE: u8 = 1;

/// The bytes of a directory for each block.
const ENTRY: usize = 12;

/// What lists are written with.
pub(super) struct ListWriter<'a> {
    pub(super) classes: &'a [u8],
    pub(super) weights: &'a Weights,
}

impl ListWriter<'_> {
    /// Appends a list in the form that suits it.
    pub(super) fn write(&self, documents: &[u32], times: &[u32], out: &mut Vec<u8>) {
        if documents.len() < BLOCK {
            write_few(documents, times, out);
        } else if documents.len() >= self.classes.len().div_ceil(DENSE_ONE_IN) {
            self.write_dense(documents, times, out);
        } else {
            self.write_blocks(documents, times, out);
        }
    }

    fn bound(&self, documents: &[u32], times: &[u32]) -> f32 {
        let bounds = documents
            .iter()
            .zip(times)
            .map(|(document, times)| self.weights.bound(*times, self.classes[*document as usize]));
        bounds.fold(0.0, f32::max)
    }

    fn write_blocks(&self, documents: &[u32], times: &[u32], out: &mut Vec<u8>) {
        let bound = self.bound(documents, times);
        out.push(KIND_BLOCKS);
        out.extend(bound.to_le_bytes());
        let mut packed = Vec::with_capacity(documents.len() * 2);
        let mut last = u32::MAX;
        for (documents, times) in documents.chunks(BLOCK).zip(times.chunks(BLOCK)) {
            let (mut gaps, mut more) = ([0; BLOCK], [0; BLOCK]);
            for (at, document) in documents.iter().enumerate() {
                gaps[at] = document.wrapping_sub(last).wrapping_sub(1);
                more[at] = times[at] - 1;
                last = *document;
            }
            let (gap_width, more_width) = (width_of(&gaps), width_of(&more));
            pack(&gaps, gap_width, &mut packed);
            pack(&more, more_width, &mut packed);
            let part = (self.bound(documents, times) / bound * PARTS).ceil();
            out.extend(last.to_le_bytes());
            out.extend((packed.len() as u32).to_le_bytes());
            out.extend([part.min(PARTS) as u8, gap_width, more_width, 0]);
        }
        out.extend(packed);
    }

    fn write_dense(&self, documents: &[u32], times: &[u32], out: &mut Vec<u8>) {
        out.push(KIND_DENSE);
        out.extend(self.bound(documents, times).to_le_bytes());
        let start = out.len();
        let n_windows = self.classes.len().div_ceil(WINDOW);
        out.resize(start + n_windows * DENSE_WINDOW, 0);
        for (document, times) in documents.iter().zip(times) {
            let at = *document as usize;
            out[start + at / 4] |= ((*times).min(3) as u8) << (at % 4 * 2);
        }
        let more = || {
            documents
                .iter()
                .zip(times)
                .filter(|(_, times)| **times >= 3)
        };
        out.extend(more().flat_map(|(document, _)| document.to_le_bytes()));
        out.extend(more().flat_map(|(_, times)| times.to_le_bytes()));
    }
}

/// In how many steps the bound of a block is told.
const PARTS: f32 = 255.0;

fn write_few(documents: &[u32], times: &[u32], out: &mut Vec<u8>) {
    let mut next = 0;
    for (document, times) in documents.iter().zip(times) {
        let once = u64::from(*times == 1);
        put_varint(u64::from(document - next) << 1 | (1 - once), out);
        if *times > 1 {
            put_varint(u64::from(times - 2), out);
        }
        next = document + 1;
    }
}

/// A list as it lies in a file.
pub(super) enum List<'a> {
    /// Fewer than a block.
    Few(Few),
    /// Packed blocks.
    Blocks(Blocks<'a>),
    /// Two bits for every document.
    Dense(Dense<'a>),
}

/// Fewer postings than fill a block.
pub(super) struct Few {
    pub(super) documents: Vec<u32>,
    pub(super) times: Vec<u32>,
}

/// A list of packed blocks.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    pub(super) bound: f32,
    pub(super) n_blocks: usize,
    n_documents: usize,
    directory: &'a [u8],
    packed: &'a [u8],
}

/// A list of two bits for every document.
#[derive(Clone, Copy)]
pub(super) struct Dense<'a> {
    pub(super) bound: f32,
    codes: &'a [u8],
    documents: &'a [u8],
    times: &'a [u8],
}

impl<'a> List<'a> {
    /// Reads what [`ListWriter::write`] wrote for so many documents with the
    /// term, of so many in the index.
    pub(super) fn read(mut bytes: &'a [u8], n_with_term: u32, n_documents: u32) -> Option<Self> {
        let n_with_term = n_with_term as usize;
        if n_with_term < BLOCK {
            return read_few(bytes, n_with_term, n_documents).map(Self::Few);
        }
        let kind = take(&mut bytes, 1)?[0];
        let bound = f32::from_le_bytes(*take(&mut bytes, 4)?.first_chunk()?);
        if !(0.0..=f32::MAX).contains(&bound) {
            return None;
        }
        if kind == KIND_DENSE {
            let n_windows = (n_documents as usize).div_ceil(WINDOW);
            let codes = take(&mut bytes, n_windows * DENSE_WINDOW)?;
            let (documents, times) = bytes.split_at(bytes.len() / 8 * 4);
            return Some(Self::Dense(Dense {
                bound,
                codes,
                documents,
                times,
            }));
        }
        let n_blocks = n_with_term.div_ceil(BLOCK);
        let directory = take(&mut bytes, n_blocks * ENTRY)?;
        (kind == KIND_BLOCKS).then_some(Self::Blocks(Blocks {
            bound,
            n_blocks,
            n_documents: n_with_term,
            directory,
            packed: bytes,
        }))
    }
}

fn read_few(mut bytes: &[u8], n_with_term: usize, n_documents: u32) -> Option<Few> {
    let mut few = Few {
        documents: Vec::with_capacity(n_with_term),
        times: Vec::with_capacity(n_with_term),
    };
    let mut next = 0u32;
    for _ in 0..n_with_term {
        let gap = take_varint(&mut bytes)?;
        let times = match gap & 1 {
            0 => 1,
            _ => take_varint_u32(&mut bytes)?.checked_add(2)?,
        };
        let document = next.checked_add((gap >> 1).try_into().ok()?)?;
        (document < n_documents).then_some(())?;
        few.documents.push(document);
        few.times.push(times);
        next = document + 1;
    }
    Some(few)
}

impl Blocks<'_> {
    /// The last document of a block.
    #[inline]
    pub(super) fn last(&self, block: usize) -> Option<u32> {
        u32_at(self.directory, block * (ENTRY / 4))
    }

    /// The bound of a block.
    #[inline]
    pub(super) fn block_bound(&self, block: usize) -> f32 {
        let part = self.directory.get(block * ENTRY + 8).copied();
        f32::from(part.unwrap_or(u8::MAX)) * (self.bound / PARTS) * ROUNDED_UP
    }

    /// Returns the first block, from `block` on, that ends with a document or
    /// after it; `n_blocks` if none does.
    pub(super) fn seek(&self, mut block: usize, document: u32) -> usize {
        let ends_before = |block| self.last(block).is_some_and(|last| last < document);
        // In steps that double, since most seeks are short; then by halves.
        let mut step = 1;
        while block + step <= self.n_blocks && ends_before(block + step - 1) {
            block += step;
            step *= 2;
        }
        let mut end = self.n_blocks.min(block + step);
        while block < end {
            let middle = block.midpoint(end);
            if ends_before(middle) {
                block = middle + 1;
            } else {
                end = middle;
            }
        }
        block
    }

    /// Unpacks a block, and returns how many postings it has.
    pub(super) fn unpack(
        &self,
        block: usize,
        documents: &mut [u32; BLOCK],
        times: &mut [u32; BLOCK],
    ) -> Option<usize> {
        let entry = self.directory.get(block * ENTRY..)?.get(..ENTRY)?;
        let start = match block {
            0 => 0,
            _ => u32_at(self.directory, (block - 1) * (ENTRY / 4) + 1)? as usize,
        };
        let (gap_width, more_width) = (entry[9], entry[10]);
        let packed = self.packed.get(start..)?;
        unpack(packed, gap_width, documents)?;
        unpack(packed.get(packed_len(gap_width)..)?, more_width, times)?;
        let mut last = match block {
            0 => u32::MAX,
            _ => self.last(block - 1)?,
        };
        for document in documents.iter_mut() {
            last = last.wrapping_add(*document).wrapping_add(1);
            *document = last;
        }
        for times in times.iter_mut() {
            *times = times.wrapping_add(1);
        }
        Some((self.n_documents - block * BLOCK).min(BLOCK))
    }
}

/// Makes up for what products of the parts of a bound lose to rounding.
const ROUNDED_UP: f32 = 1.0 + 4.0 * f32::EPSILON;

impl Dense<'_> {
    fn code(&self, document: u32) -> u32 {
        let byte = self.codes.get(document as usize / 4).copied().unwrap_or(0);
        u32::from(byte >> (document % 4 * 2) & 3)
    }

    /// Returns the codes of 32 documents, the first in the lowest bits.
    #[inline]
    pub(super) fn word(&self, document: u32) -> u64 {
        let word = self.codes.get(document as usize / 4..);
        let word = word.and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }

    /// Returns a number of times that a document does not exceed.
    #[inline]
    pub(super) fn times_max(&self, document: u32) -> u32 {
        Self::times_max_of(u64::from(self.code(document)))
    }

    /// Returns a number of times that no document with a code exceeds.
    #[inline]
    pub(super) fn times_max_of(code: u64) -> u32 {
        const TIMES_MAX: [u32; 4] = [0, 1, 2, u32::MAX];
        TIMES_MAX[code as usize % 4]
    }

    /// Returns how many times the term stands in a document, if at all.
    pub(super) fn times(&self, document: u32) -> Option<u32> {
        let code = self.code(document);
        if code < 3 {
            return (code > 0).then_some(code);
        }
        let (documents, _) = self.documents.as_chunks::<4>();
        let at = documents.binary_search_by_key(&document, |bytes| u32::from_le_bytes(*bytes));
        u32_at(self.times, at.ok()?)
    }
}
