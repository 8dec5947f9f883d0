//! The postings of one term, in two layers, each in one of three forms.
//!
//! The documents that have a term once and those that have it more often are
//! lists of their own: the most that a document can get for a term is much less
//! in the first one, and that is where most documents are. A term in fewer than
//! 128 documents has one list for all.
//!
//! *Few* (fewer than 128): for each document the distance from the last one,
//! doubled, and with 1 added if the number of times follows; that number less
//! two. *Blocks*: a bound for the list, twelve bytes for each block of 128 (its
//! last document, where it ends, its bound as a part of the list's, and two bit
//! widths), then the packed blocks: distances less one, and times less one.
//! *Bits* (once in one of [`BITS_ONE_IN`] documents or more): a bit for every
//! document of the index.

use super::lengths::Weights;
use super::pack::{
    BLOCK, pack, packed_len, put_varint, take, take_varint, take_varint_u32, u32_at, unpack,
    width_of,
};

/// Documents that are looked at together. A power of two, so that the place of
/// a document in its window is its lower bits.
pub(super) const WINDOW: usize = 1 << 15;

/// Bytes of a list of bits for one window.
const BITS_WINDOW: usize = WINDOW / 8;

/// A list with one of so many documents is one of bits: they take no more than
/// about twice the packed blocks, and tell of any document at once.
const BITS_ONE_IN: usize = 12;

const KIND_BLOCKS: u8 = 0;
const KIND_BITS: u8 = 1;

/// The bytes of a directory for each block.
const ENTRY: usize = 12;

/// What lists are written with.
pub(super) struct ListWriter<'a> {
    pub(super) classes: &'a [u8],
    pub(super) weights: &'a Weights,
}

impl ListWriter<'_> {
    /// Appends the lists of a term, and returns what is to be known of them.
    pub(super) fn write_layers(
        &self,
        documents: &[u32],
        times: &[u32],
        out: &mut Vec<u8>,
    ) -> Layers {
        let start = out.len();
        if documents.len() < BLOCK {
            write_few(documents, times, out);
            return Layers {
                n_documents: [documents.len() as u32, 0],
                n_bytes: [out.len() - start, 0],
            };
        }
        let mut layers = Layers::default();
        for (layer, is_in) in [|times| times == 1, |times| times > 1]
            .into_iter()
            .enumerate()
        {
            let start = out.len();
            let postings = || {
                documents
                    .iter()
                    .zip(times)
                    .filter(|(_, times)| is_in(**times))
            };
            let documents: Vec<_> = postings().map(|(document, _)| *document).collect();
            let times: Vec<_> = postings().map(|(_, times)| *times).collect();
            if documents.len() < BLOCK {
                write_few(&documents, &times, out);
            } else if layer == 0 && documents.len() >= self.classes.len().div_ceil(BITS_ONE_IN) {
                self.write_bits(&documents, out);
            } else {
                self.write_blocks(&documents, &times, out);
            }
            layers.n_documents[layer] = documents.len() as u32;
            layers.n_bytes[layer] = out.len() - start;
        }
        layers
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

    fn write_bits(&self, documents: &[u32], out: &mut Vec<u8>) {
        out.push(KIND_BITS);
        let start = out.len();
        let n_windows = self.classes.len().div_ceil(WINDOW);
        out.resize(start + n_windows * BITS_WINDOW, 0);
        for document in documents {
            let at = *document as usize;
            out[start + at / 8] |= 1 << (at % 8);
        }
    }
}

/// What must be known to read the lists of a term: that of documents with it
/// once, and that of those with it more often.
#[derive(Clone, Copy, Default)]
pub(super) struct Layers {
    pub(super) n_documents: [u32; N_LAYERS],
    pub(super) n_bytes: [usize; N_LAYERS],
}

/// How many lists a term has.
pub(super) const N_LAYERS: usize = 2;

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
    /// A bit for every document.
    Bits(Bits<'a>),
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

/// A list of a bit for every document, all with the term once.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bits: &'a [u8],
}

impl<'a> List<'a> {
    /// Reads what a [`ListWriter`] wrote for so many documents with the term,
    /// of so many in the index.
    pub(super) fn read(mut bytes: &'a [u8], n_with_term: u32, n_documents: u32) -> Option<Self> {
        let n_with_term = n_with_term as usize;
        if n_with_term < BLOCK {
            return read_few(bytes, n_with_term, n_documents).map(Self::Few);
        }
        let kind = take(&mut bytes, 1)?[0];
        if kind == KIND_BITS {
            let n_windows = (n_documents as usize).div_ceil(WINDOW);
            let bits = take(&mut bytes, n_windows * BITS_WINDOW)?;
            return Some(Self::Bits(Bits { bits }));
        }
        let bound = f32::from_le_bytes(*take(&mut bytes, 4)?.first_chunk()?);
        if !(0.0..=f32::MAX).contains(&bound) {
            return None;
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
        // The sums within a row do not wait for the row before.
        let (rows, _) = documents.as_chunks_mut::<4>();
        for row in rows {
            let [a, b, c, d] = row.map(|gap| gap.wrapping_add(1));
            let (ab, cd) = (a.wrapping_add(b), c.wrapping_add(d));
            let sums = [a, ab, ab.wrapping_add(c), ab.wrapping_add(cd)];
            *row = sums.map(|sum| last.wrapping_add(sum));
            last = row[3];
        }
        for times in times.iter_mut() {
            *times = times.wrapping_add(1);
        }
        Some((self.n_documents - block * BLOCK).min(BLOCK))
    }
}

/// Makes up for what products of the parts of a bound lose to rounding.
const ROUNDED_UP: f32 = 1.0 + 4.0 * f32::EPSILON;

impl Bits<'_> {
    /// Returns how many times the term stands in a document: once, or not.
    #[inline]
    pub(super) fn times(&self, document: u32) -> u32 {
        let byte = self.bits.get(document as usize / 8).copied().unwrap_or(0);
        u32::from(byte >> (document % 8) & 1)
    }

    /// Returns the bits of 64 documents, the first in the lowest one.
    #[inline]
    pub(super) fn word(&self, document: u32) -> u64 {
        let word = self.bits.get(document as usize / 8..);
        let word = word.and_then(<[u8]>::first_chunk);
        word.map_or(0, |word| u64::from_le_bytes(*word))
    }
}
