//! From segments to the file of an index.
//!
//! Inside of an index, documents stand in the order of their lengths, those of
//! equal length in the order in which they were added: so documents that stand
//! together get about the same for a term, bounds for them are tight, and the
//! short documents, which get most, are looked at first.
//!
//! The file holds, in this order: the number under which each document was added
//! (4 bytes), the runs of equal lengths, the buckets of terms, then where each
//! bucket is (4 bytes, in units of 16). Terms stand in the order of their hashes,
//! whose upper bits are the number of the bucket, so a term is found at the price
//! of one bucket. A bucket is the length of its entries, the entries (a term, in
//! how many documents it is, and the sizes of its lists), and the lists.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::lengths::{RUN, runs};
use super::list::write_layers;
use super::pack::{BLOCK, put_varint};
use super::sealed::Sealer;
use super::segment::{COUNT_MAX, Segment, SegmentTerm};
use super::{BuildError, Settings};

/// What the footer of an index says of its data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Layout {
    pub(super) settings: Settings,
    /// The checksum of the documents that belong to the index.
    pub(super) documents: u32,
    pub(super) n_documents: u32,
    /// How many different lengths documents have.
    pub(super) n_lengths: u32,
    pub(super) n_tokens: u64,
    pub(super) n_terms: u64,
    pub(super) n_postings: u64,
    pub(super) buckets_bits: u32,
    pub(super) buckets_at: u64,
}

/// The first bytes of an index, and the last.
pub(super) const MAGIC: [u8; 8] = *b"fapobm25";

/// In what units the places of buckets are told, so that 32 bits of it reach
/// 64 GiB.
pub(super) const BUCKET_UNIT: u64 = 16;

/// How many terms a bucket should have.
const BUCKET_TERMS: u64 = 8;

/// Merges segments into an index, and writes it from front to back.
///
/// Documents are numbered through all segments in the order given. `documents`
/// is what [`DocumentsWriter::finish`](super::DocumentsWriter::finish) returned,
/// or 0 if nothing is shown. The segments may be mapped from files: they are read
/// from front to back, all at once. Besides them it needs twelve bytes for each
/// document, four for each eight terms, and 28 for each posting of the longest
/// list: 40 MB for a million documents, 210 MB for five millions, at the most.
pub fn write_index(
    settings: &Settings,
    documents: u32,
    segments: &[&[u8]],
    out: &mut impl Write,
) -> Result<(), BuildError> {
    settings.scoring.check()?;
    let mut merge = Merge::open(segments)?;
    let lengths = merge.lengths()?;
    let n_documents = lengths.len() as u32;
    let n_tokens = lengths.iter().map(|length| u64::from(*length)).sum();
    let order = in_order_of_length(&lengths);
    drop(lengths);
    let runs = runs(order.iter().map(|place| (place >> u32::BITS) as u32));

    let mut sealer = Sealer::new(out);
    write_numbers(order.iter().map(|place| *place as u32), &mut sealer)?;
    sealer.write(&runs)?;
    // Where each document stands in that order.
    let mut places = vec![0; order.len()];
    for (place, number) in order.iter().enumerate() {
        places[*number as u32 as usize] = place as u32;
    }
    drop(order);
    let buckets_bits = bucket_bits(merge.n_terms_max());
    let mut buckets = Buckets::new(buckets_bits);
    let mut layout = Layout {
        settings: settings.clone(),
        documents,
        n_documents,
        n_lengths: (runs.len() / RUN) as u32,
        n_tokens,
        n_terms: 0,
        n_postings: 0,
        buckets_bits,
        buckets_at: 0,
    };
    let (mut found, mut times, mut sorted) = (Vec::new(), Vec::new(), Vec::new());
    while let Some((hash, text)) = merge.next(&mut found, &mut times)? {
        reorder(&mut found, &mut times, &places, &mut sorted);
        buckets.start(bucket_of(hash, buckets_bits), &mut sealer)?;
        buckets.add(text, &found, &times, places.len());
        layout.n_terms += 1;
        layout.n_postings += found.len() as u64;
    }
    buckets.start(1 << buckets_bits, &mut sealer)?;
    layout.buckets_at = sealer.position();
    sealer.write(&buckets.places)?;
    let layout = serde_json::to_vec(&layout).expect("a layout is plain data");
    sealer.finish(MAGIC, &layout)?;
    Ok(())
}

/// Returns the documents in the order of their lengths, each as its length and,
/// in the lower bits, its number.
fn in_order_of_length(lengths: &[u32]) -> Vec<u64> {
    let numbered = (0u64..).zip(lengths);
    let mut order: Vec<_> = numbered
        .map(|(number, length)| u64::from(*length) << u32::BITS | number)
        .collect();
    order.sort_unstable();
    order
}

/// Puts the postings of a term in the order in which documents stand.
fn reorder(documents: &mut [u32], times: &mut [u32], places: &[u32], sorted: &mut Vec<u64>) {
    sorted.clear();
    sorted.extend(documents.iter().zip(times.iter()).map(|(document, times)| {
        u64::from(places[*document as usize]) << u32::BITS | u64::from(*times)
    }));
    sorted.sort_unstable();
    for (at, posting) in sorted.iter().enumerate() {
        documents[at] = (posting >> u32::BITS) as u32;
        times[at] = *posting as u32;
    }
}

fn write_numbers<W: Write>(
    numbers: impl Iterator<Item = u32>,
    sealer: &mut Sealer<W>,
) -> std::io::Result<()> {
    let mut bytes = Vec::with_capacity(WRITE_BYTES);
    for number in numbers {
        bytes.extend(number.to_le_bytes());
        if bytes.len() == WRITE_BYTES {
            sealer.write(&bytes)?;
            bytes.clear();
        }
    }
    sealer.write(&bytes)
}

/// How much is written at a time.
const WRITE_BYTES: usize = 32 << 10;

/// Returns the mean length of documents.
pub(super) fn mean(n_tokens: u64, n_documents: u32) -> f64 {
    n_tokens as f64 / f64::from(n_documents)
}

/// Returns the bucket of a hash.
pub(super) fn bucket_of(hash: u64, bits: u32) -> usize {
    // In two steps, since a shift by all 64 bits is none.
    (hash >> 1 >> (63 - bits)) as usize
}

fn bucket_bits(n_terms: u64) -> u32 {
    (n_terms / BUCKET_TERMS)
        .checked_ilog2()
        .unwrap_or(0)
        .min(31)
}

/// The bucket that is being filled, and where the ones before it are.
struct Buckets {
    number: usize,
    entries: Vec<u8>,
    lists: Vec<u8>,
    places: Vec<u8>,
}

impl Buckets {
    fn new(bits: u32) -> Self {
        Self {
            number: 0,
            entries: Vec::new(),
            lists: Vec::new(),
            places: Vec::with_capacity(4 << bits),
        }
    }

    /// Writes all buckets before one.
    fn start<W: Write>(&mut self, number: usize, sealer: &mut Sealer<W>) -> Result<(), BuildError> {
        while self.number < number {
            sealer.align(BUCKET_UNIT)?;
            let place = u32::try_from(sealer.position() / BUCKET_UNIT);
            let place = place.map_err(|_| BuildError::TooMany {
                what: "units of 16 bytes",
                max: u32::MAX,
            })?;
            self.places.extend(place.to_le_bytes());
            if !self.entries.is_empty() {
                sealer.write(&(self.entries.len() as u32).to_le_bytes())?;
                sealer.write(&self.entries)?;
                sealer.write(&self.lists)?;
                self.entries.clear();
                self.lists.clear();
            }
            self.number += 1;
        }
        Ok(())
    }

    fn add(&mut self, text: &str, documents: &[u32], times: &[u32], n_documents: usize) {
        let layers = write_layers(documents, times, n_documents, &mut self.lists);
        put_varint(text.len() as u64, &mut self.entries);
        self.entries.extend(text.as_bytes());
        put_varint(documents.len() as u64, &mut self.entries);
        put_varint(layers.n_bytes[0] as u64, &mut self.entries);
        if documents.len() >= BLOCK {
            put_varint(u64::from(layers.n_documents[1]), &mut self.entries);
            put_varint(layers.n_bytes[1] as u64, &mut self.entries);
        }
    }
}

/// Segments that are read side by side.
struct Merge<'a> {
    segments: Vec<Segment<'a>>,
    // The next term of each segment, the least one first.
    heads: BinaryHeap<Reverse<(u64, &'a str, usize)>>,
    terms: Vec<Option<SegmentTerm<'a>>>,
    n_before: Vec<u32>,
}

impl<'a> Merge<'a> {
    fn open(segments: &[&'a [u8]]) -> Result<Self, BuildError> {
        let mut merge = Self {
            segments: Vec::new(),
            heads: BinaryHeap::new(),
            terms: Vec::new(),
            n_before: Vec::new(),
        };
        let mut n_documents = 0u32;
        for (number, bytes) in segments.iter().enumerate() {
            let segment = Segment::open(bytes).ok_or(BuildError::Segment { number })?;
            merge.n_before.push(n_documents);
            let n_more = segment.n_documents;
            let n_all = n_documents
                .checked_add(n_more)
                .filter(|n_all| *n_all <= COUNT_MAX);
            n_documents = n_all.ok_or(BuildError::TooMany {
                what: "documents",
                max: COUNT_MAX,
            })?;
            merge.segments.push(segment);
            merge.terms.push(None);
        }
        for number in 0..segments.len() {
            merge.advance(number)?;
        }
        Ok(merge)
    }

    fn lengths(&self) -> Result<Vec<u32>, BuildError> {
        let mut lengths = Vec::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let start = lengths.len();
            lengths.extend(segment.lengths());
            let n_tokens = lengths[start..]
                .iter()
                .map(|length| u64::from(*length))
                .sum::<u64>();
            if n_tokens != segment.n_tokens {
                return Err(BuildError::Segment { number });
            }
        }
        Ok(lengths)
    }

    /// Returns a number of terms that the segments cannot exceed together.
    fn n_terms_max(&self) -> u64 {
        self.segments.iter().map(|segment| segment.n_terms).sum()
    }

    fn advance(&mut self, number: usize) -> Result<(), BuildError> {
        let damaged = BuildError::Segment { number };
        let Ok(next) = self.segments[number].next() else {
            return Err(damaged);
        };
        if let Some(next) = &next {
            let last = self.terms[number].as_ref();
            if last.is_some_and(|last| (last.hash, last.text) >= (next.hash, next.text)) {
                return Err(damaged);
            }
            self.heads.push(Reverse((next.hash, next.text, number)));
        }
        self.terms[number] = next;
        Ok(())
    }

    /// Reads all postings of the next term.
    fn next(
        &mut self,
        documents: &mut Vec<u32>,
        times: &mut Vec<u32>,
    ) -> Result<Option<(u64, &'a str)>, BuildError> {
        documents.clear();
        times.clear();
        let Some(Reverse((hash, text, _))) = self.heads.peek().copied() else {
            return Ok(None);
        };
        // Equal terms come in the order of their segments.
        while let Some(Reverse((_, next, number))) = self.heads.peek().copied() {
            if next != text {
                break;
            }
            self.heads.pop();
            let n_before = self.n_before[number];
            let n_end = n_before + self.segments[number].n_documents;
            let read = self.terms[number].as_ref();
            let read = read.and_then(|term| term.read(n_before, documents, times));
            if read.is_none() || documents.last().is_some_and(|last| *last >= n_end) {
                return Err(BuildError::Segment { number });
            }
            self.advance(number)?;
        }
        Ok(Some((hash, text)))
    }
}
