//! The postings of one term, in two layers, each in one of three forms.
//!
//! The documents that have a term once and those that have it more often are
//! lists of their own: the most that a document can get for a term is much less
//! in the first one, and that is where most documents are. A term in fewer than
//! 128 documents has one list for all.
//!
//! - *Few* (fewer than 128): for each document the distance from the last one,
//!   doubled, and with 1 added if the number of times follows; that number less
//!   two.
//! - *Blocks*: twelve bytes for each block of 128 (its last document, where it
//!   ends, how many times the term stands in a document of it at the most, and
//!   two bit widths), then the packed blocks: distances, and times less one.
//! - *Bits* (once in one of [`BITS_ONE_IN`] documents or more): a bit for every
//!   document of the index.

use super::pack::{
    BLOCK, pack, packed_len, put_varint, take, take_varint, take_varint_u32, u32_at, unpack,
    width_of,
};

/// A list with one of so many documents is one of bits: they take no more than
/// about twice the packed blocks, and tell of any document at once.
const BITS_ONE_IN: usize = 12;

const KIND_BLOCKS: u8 = 0;
const KIND_BITS: u8 = 1;

/// The bytes of a directory for each block.
const ENTRY: usize = 12;

/// Appends the lists of a term in an index of so many documents, and returns
/// what is to be known of them.
pub(super) fn write_layers(
    documents: &[u32],
    times: &[u32],
    n_documents: usize,
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
    let is_in = [|times| times == 1, |times| times > 1];
    for (layer, is_in) in is_in.into_iter().enumerate() {
        let start = out.len();
        let postings = documents.iter().zip(times);
        let (documents, times): (Vec<_>, Vec<_>) =
            postings.filter(|(_, times)| is_in(**times)).unzip();
        if documents.len() < BLOCK {
            write_few(&documents, &times, out);
        } else if layer == 0 && documents.len() >= n_documents.div_ceil(BITS_ONE_IN) {
            write_bits(&documents, n_documents, out);
        } else {
            write_blocks(&documents, &times, out);
        }
        layers.n_documents[layer] = documents.len() as u32;
        layers.n_bytes[layer] = out.len() - start;
    }
    layers
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

fn write_blocks(documents: &[u32], times: &[u32], out: &mut Vec<u8>) {
    out.push(KIND_BLOCKS);
    let mut packed = Vec::with_capacity(documents.len() * 2);
    let mut last = u32::MAX;
    for (documents, times) in documents.chunks(BLOCK).zip(times.chunks(BLOCK)) {
        let (mut gaps, mut more) = ([0; BLOCK], [0; BLOCK]);
        for (at, document) in documents.iter().enumerate() {
            gaps[at] = document.wrapping_sub(last);
            more[at] = times[at] - 1;
            last = *document;
        }
        let (gap_width, more_width) = (width_of(&gaps), width_of(&more));
        pack(&gaps, gap_width, &mut packed);
        pack(&more, more_width, &mut packed);
        let times_max = times.iter().max().copied().unwrap_or(0);
        out.extend(last.to_le_bytes());
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend([times_max.min(TIMES_UNTOLD) as u8, gap_width, more_width, 0]);
    }
    out.extend(packed);
}

/// What stands for this number of times, and any greater one.
const TIMES_UNTOLD: u32 = u8::MAX as u32;

fn write_bits(documents: &[u32], n_documents: usize, out: &mut Vec<u8>) {
    out.push(KIND_BITS);
    let start = out.len();
    out.resize(start + bits_len(n_documents), 0);
    for document in documents {
        let at = *document as usize;
        out[start + at / 8] |= 1 << (at % 8);
    }
}

/// Returns the bytes of bits for so many documents: whole words of 64.
fn bits_len(n_documents: usize) -> usize {
    n_documents.div_ceil(64) * 8
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
    // The documents, and then for each of them how many times.
    both: Vec<u32>,
}

impl Few {
    #[inline]
    pub(super) fn documents(&self) -> &[u32] {
        &self.both[..self.both.len() / 2]
    }

    #[inline]
    pub(super) fn times(&self) -> &[u32] {
        &self.both[self.both.len() / 2..]
    }
}

/// A list of packed blocks.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
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
    /// Reads what [`write_layers`] wrote for so many documents with the term,
    /// of so many in the index.
    pub(super) fn read(mut bytes: &'a [u8], n_with_term: u32, n_documents: u32) -> Option<Self> {
        let n_with_term = n_with_term as usize;
        if n_with_term < BLOCK {
            return read_few(bytes, n_with_term, n_documents).map(Self::Few);
        }
        let kind = take(&mut bytes, 1)?[0];
        if kind == KIND_BITS {
            let bits = take(&mut bytes, bits_len(n_documents as usize))?;
            return Some(Self::Bits(Bits { bits }));
        }
        let n_blocks = n_with_term.div_ceil(BLOCK);
        let directory = take(&mut bytes, n_blocks * ENTRY)?;
        (kind == KIND_BLOCKS).then_some(Self::Blocks(Blocks {
            n_blocks,
            n_documents: n_with_term,
            directory,
            packed: bytes,
        }))
    }
}

fn read_few(mut bytes: &[u8], n_with_term: usize, n_documents: u32) -> Option<Few> {
    let mut both = vec![0; 2 * n_with_term];
    let (documents, times) = both.split_at_mut(n_with_term);
    let mut next = 0u32;
    for (document, times) in documents.iter_mut().zip(times) {
        let gap = take_varint(&mut bytes)?;
        *times = match gap & 1 {
            0 => 1,
            _ => take_varint_u32(&mut bytes)?.checked_add(2)?,
        };
        *document = next.checked_add((gap >> 1).try_into().ok()?)?;
        (*document < n_documents).then_some(())?;
        next = *document + 1;
    }
    Some(Few { both })
}

impl Blocks<'_> {
    /// The last document of a block.
    #[inline]
    pub(super) fn last(&self, block: usize) -> Option<u32> {
        u32_at(self.directory, block * (ENTRY / 4))
    }

    /// How many times the term stands in a document of a block at the most.
    #[inline]
    pub(super) fn times_max(&self, block: usize) -> u32 {
        let told = self.directory.get(block * ENTRY + 8).copied();
        let told = told.map_or(TIMES_UNTOLD, u32::from);
        if told < TIMES_UNTOLD { told } else { u32::MAX }
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

    /// Unpacks the documents of a block, and returns how many it has.
    pub(super) fn unpack(&self, block: usize, documents: &mut [u32; BLOCK]) -> Option<usize> {
        let (packed, [gap_width, _]) = self.packed(block)?;
        unpack(packed, gap_width, documents)?;
        let mut last = match block {
            0 => u32::MAX,
            _ => self.last(block - 1)?,
        };
        // The sums within a row do not wait for the row before.
        let (rows, _) = documents.as_chunks_mut::<4>();
        for row in rows {
            let [a, b, c, d] = *row;
            let (ab, cd) = (a.wrapping_add(b), c.wrapping_add(d));
            let sums = [a, ab, ab.wrapping_add(c), ab.wrapping_add(cd)];
            *row = sums.map(|sum| last.wrapping_add(sum));
            last = row[3];
        }
        Some((self.n_documents - block * BLOCK).min(BLOCK))
    }

    /// Unpacks how many times the term stands in each document of a block.
    pub(super) fn unpack_times(&self, block: usize, times: &mut [u32; BLOCK]) -> Option<()> {
        let (packed, [gap_width, more_width]) = self.packed(block)?;
        unpack(packed.get(packed_len(gap_width)..)?, more_width, times)?;
        for times in times.iter_mut() {
            *times = times.wrapping_add(1);
        }
        Some(())
    }

    /// Returns the bytes from where a block begins, and its two bit widths.
    fn packed(&self, block: usize) -> Option<(&[u8], [u8; 2])> {
        let entry = self.directory.get(block * ENTRY..)?.get(..ENTRY)?;
        let start = match block {
            0 => 0,
            _ => u32_at(self.directory, (block - 1) * (ENTRY / 4) + 1)? as usize,
        };
        Some((self.packed.get(start..)?, [entry[9], entry[10]]))
    }
}

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
