//! An index that is open for reading.

use serde::Serialize;

use super::analyzer::Analyzer;
use super::lengths::{Lengths, RUN};
use super::list::{Layers, List, N_LAYERS};
use super::merge::{BUCKET_UNIT, Layout, MAGIC, bucket_of, mean};
use super::pack::{BLOCK, take, take_varint, take_varint_u32, u32_at};
use super::sealed::{Sealed, VERSION};
use super::segment::hash;
use super::{IndexError, Settings};

/// An index in some bytes: a mapped file, or memory.
///
/// Threads may share it, each with a [`Scratch`](super::Scratch) of its own.
/// Opening reads the end of the file, whatever its size; other parts are checked
/// when a query first reads them, so damage is an error of that query and never
/// a wrong answer.
pub struct Index<B> {
    pub(super) analyzer: Analyzer,
    pub(super) length_mean: f64,
    file: Sealed<B>,
    layout: Layout,
    lengths_at: usize,
    buckets_at: usize,
}

/// What an index is and holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// The version of its format.
    pub version: u32,
    /// How it was built.
    pub settings: Settings,
    /// Documents.
    pub n_documents: u32,
    /// Different terms.
    pub n_terms: u64,
    /// Words of all documents, stop words left out.
    pub n_tokens: u64,
    /// Documents of all terms, added up.
    pub n_postings: u64,
    /// Mean length of documents, in words; 0 if there are none.
    pub length_mean: f64,
    /// Length of the file without its footer.
    pub n_bytes: u64,
    /// What [`Documents::checksum`](super::Documents::checksum) must be.
    pub documents: u32,
}

/// Where terms with the same hash stand.
pub(super) struct Bucket {
    entries_at: usize,
    n_bytes: usize,
}

/// A term that was found.
pub(super) struct Found<'a> {
    pub(super) n_documents: u32,
    /// Its lists by their layers; none of them is empty.
    pub(super) lists: [Option<List<'a>>; N_LAYERS],
}

impl<B: AsRef<[u8]>> Index<B> {
    /// Opens an index that [`write_index`](super::write_index) wrote.
    pub fn open(bytes: B) -> Result<Self, IndexError> {
        let file = Sealed::open(bytes, MAGIC)?;
        let damaged = IndexError::Damaged { part: "layout" };
        let Ok(layout) = serde_json::from_slice::<Layout>(file.what()) else {
            return Err(damaged);
        };
        if layout.settings.scoring.check().is_err() || layout.buckets_bits > 31 {
            return Err(damaged);
        }
        let lengths_at = (layout.n_documents as usize).checked_mul(4);
        let buckets_at = usize::try_from(layout.buckets_at).ok();
        let buckets_at = buckets_at.filter(|at| *at <= file.len());
        let (Some(lengths_at), Some(buckets_at)) = (lengths_at, buckets_at) else {
            return Err(damaged);
        };
        let length_mean = mean(layout.n_tokens, layout.n_documents);
        Ok(Self {
            analyzer: Analyzer::new(&layout.settings.analysis),
            length_mean,
            file,
            layout,
            lengths_at,
            buckets_at,
        })
    }

    /// Checks every byte.
    pub fn verify(&self) -> Result<(), IndexError> {
        self.file.verify()
    }

    /// Returns what the index is and holds.
    pub fn stats(&self) -> Stats {
        let layout = &self.layout;
        Stats {
            version: VERSION,
            settings: layout.settings.clone(),
            n_documents: layout.n_documents,
            n_terms: layout.n_terms,
            n_tokens: layout.n_tokens,
            n_postings: layout.n_postings,
            length_mean: if layout.n_documents == 0 {
                0.0
            } else {
                self.length_mean
            },
            n_bytes: self.file.len() as u64,
            documents: layout.documents,
        }
    }

    /// Returns the settings that it was built with.
    pub fn settings(&self) -> &Settings {
        &self.layout.settings
    }

    /// Returns how many documents it holds.
    pub fn n_documents(&self) -> u32 {
        self.layout.n_documents
    }

    /// Returns the number under which a document was added.
    pub(super) fn number(&self, document: u32) -> Result<u32, IndexError> {
        let bytes = self.file.get(document as usize * 4, 4)?;
        let number = u32_at(bytes, 0).filter(|number| *number < self.n_documents());
        number.ok_or(IndexError::Damaged { part: "numbers" })
    }

    /// Returns the lengths of documents.
    pub(super) fn lengths(&self) -> Result<Lengths<'_>, IndexError> {
        let n_bytes = self.layout.n_lengths as usize * RUN;
        Ok(Lengths::read(self.file.get(self.lengths_at, n_bytes)?))
    }

    /// Returns where a term stands, if it does, with those that share its bucket.
    pub(super) fn bucket(&self, term: &str) -> Result<Option<Bucket>, IndexError> {
        let bucket = bucket_of(hash(term), self.layout.buckets_bits);
        let place = self.file.get(self.buckets_at + bucket * 4, 4)?;
        let place = u64::from(u32_at(place, 0).unwrap_or(0)) * BUCKET_UNIT;
        let Ok(start) = usize::try_from(place) else {
            return Err(IndexError::Damaged { part: "terms" });
        };
        if start >= self.buckets_at {
            return Ok(None);
        }
        let n_bytes = u32_at(self.file.get(start, 4)?, 0).unwrap_or(0);
        Ok(Some(Bucket {
            entries_at: start + 4,
            n_bytes: n_bytes as usize,
        }))
    }

    /// Looks a term up in its bucket.
    pub(super) fn find(
        &self,
        term: &str,
        bucket: &Bucket,
    ) -> Result<Option<Found<'_>>, IndexError> {
        let damaged = IndexError::Damaged { part: "terms" };
        let mut entries = self.file.get(bucket.entries_at, bucket.n_bytes)?;
        let mut list_at = bucket.entries_at + bucket.n_bytes;
        while !entries.is_empty() {
            let (text, layers) = take_entry(&mut entries).ok_or(damaged.clone())?;
            if text == term.as_bytes() {
                return self.read_lists(&layers, list_at).map(Some);
            }
            let n_bytes = layers.n_bytes.into_iter().try_fold(0, usize::checked_add);
            let next = n_bytes.and_then(|n_bytes| list_at.checked_add(n_bytes));
            list_at = next.ok_or(damaged.clone())?;
        }
        Ok(None)
    }

    fn read_lists(&self, layers: &Layers, mut at: usize) -> Result<Found<'_>, IndexError> {
        let damaged = IndexError::Damaged { part: "lists" };
        let mut found = Found {
            n_documents: 0,
            lists: [const { None }; N_LAYERS],
        };
        for layer in 0..N_LAYERS {
            let (n_documents, n_bytes) = (layers.n_documents[layer], layers.n_bytes[layer]);
            if n_documents > 0 {
                let list = List::read(self.file.get(at, n_bytes)?, n_documents, self.n_documents());
                found.lists[layer] = Some(list.ok_or(damaged.clone())?);
                at += n_bytes;
            }
            let sum = found.n_documents.checked_add(n_documents);
            found.n_documents = sum.ok_or(damaged.clone())?;
        }
        if found.n_documents > self.n_documents() {
            return Err(damaged);
        }
        Ok(found)
    }
}

fn take_entry<'a>(entries: &mut &'a [u8]) -> Option<(&'a [u8], Layers)> {
    let n_bytes = take_varint(entries)?.try_into().ok()?;
    let text = take(entries, n_bytes)?;
    let mut layers = Layers::default();
    layers.n_documents[0] = take_varint_u32(entries)?;
    layers.n_bytes[0] = take_varint(entries)?.try_into().ok()?;
    if layers.n_documents[0] as usize >= BLOCK {
        let n_more = take_varint_u32(entries)?;
        layers.n_documents[0] = layers.n_documents[0].checked_sub(n_more)?;
        layers.n_documents[1] = n_more;
        layers.n_bytes[1] = take_varint(entries)?.try_into().ok()?;
    }
    Some((text, layers))
}
