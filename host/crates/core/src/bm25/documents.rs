//! What is shown of documents, in a file beside the index.
//!
//! The indexed text and the shown one may differ, and an index answers queries
//! without this file. It holds the documents one after the other, each as four
//! texts with their lengths, then the place of each.

use std::io::Write;

use serde::{Deserialize, Serialize};

use super::pack::{put_varint, take_varint};
use super::sealed::{Sealed, Sealer};
use super::{BuildError, IndexError};

/// A document as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Document<'a> {
    /// Its name in the corpus.
    pub id: &'a str,
    /// Its title, or nothing.
    pub title: &'a str,
    /// Its text.
    pub text: &'a str,
    /// What else is known of it: JSON, or nothing.
    pub metadata: &'a str,
}

/// Writes documents to a file from front to back.
pub struct DocumentsWriter<W> {
    sealer: Sealer<W>,
    n_documents: u32,
    // Eight bytes for each document.
    places: Vec<u8>,
    record: Vec<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    n_documents: u32,
    places_at: u64,
}

const MAGIC: [u8; 8] = *b"fapodocs";

impl<W: Write> DocumentsWriter<W> {
    /// Starts a file.
    pub fn new(out: W) -> Self {
        Self {
            sealer: Sealer::new(out),
            n_documents: 0,
            places: Vec::new(),
            record: Vec::new(),
        }
    }

    /// Writes the next document.
    ///
    /// Its number is that of the text that a
    /// [`SegmentBuilder`](super::SegmentBuilder) was given at the same time.
    pub fn add(&mut self, document: &Document<'_>) -> Result<(), BuildError> {
        self.places.extend(self.sealer.position().to_le_bytes());
        self.record.clear();
        for text in [
            document.id,
            document.title,
            document.text,
            document.metadata,
        ] {
            put_varint(text.len() as u64, &mut self.record);
            self.record.extend(text.as_bytes());
        }
        self.sealer.write(&self.record)?;
        self.n_documents = self.n_documents.checked_add(1).ok_or(BuildError::TooMany {
            what: "documents",
            max: u32::MAX,
        })?;
        Ok(())
    }

    /// Ends the file, and returns the checksum that
    /// [`write_index`](super::write_index) wants.
    pub fn finish(mut self) -> Result<u32, BuildError> {
        let layout = Layout {
            n_documents: self.n_documents,
            places_at: self.sealer.position(),
        };
        self.sealer.write(&self.places)?;
        let layout = serde_json::to_vec(&layout).expect("a layout is plain data");
        Ok(self.sealer.finish(MAGIC, &layout)?)
    }
}

/// Documents in some bytes: a mapped file, or memory.
///
/// ```
/// use fapo_core::bm25::{Document, Documents, DocumentsWriter};
///
/// let mut file = Vec::new();
/// let mut writer = DocumentsWriter::new(&mut file);
/// let document = Document { id: "7", title: "Cats", text: "They purr.", metadata: "" };
/// writer.add(&document)?;
/// let checksum = writer.finish()?;
///
/// let documents = Documents::open(file)?;
/// assert_eq!(documents.get(0)?, document);
/// assert_eq!(documents.checksum(), checksum);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Documents<B> {
    file: Sealed<B>,
    n_documents: u32,
    places_at: usize,
}

impl<B: AsRef<[u8]>> Documents<B> {
    /// Opens a file that [`DocumentsWriter`] wrote.
    pub fn open(bytes: B) -> Result<Self, IndexError> {
        let file = Sealed::open(bytes, MAGIC)?;
        let damaged = IndexError::Damaged { part: "layout" };
        let Ok(layout) = serde_json::from_slice::<Layout>(file.what()) else {
            return Err(damaged);
        };
        let Ok(places_at) = usize::try_from(layout.places_at) else {
            return Err(damaged);
        };
        Ok(Self {
            file,
            n_documents: layout.n_documents,
            places_at,
        })
    }

    /// Returns how many there are.
    pub fn n_documents(&self) -> u32 {
        self.n_documents
    }

    /// Returns the checksum that stands for the whole file.
    ///
    /// An index whose [`Stats::documents`](super::Stats::documents) is another
    /// one belongs to other documents.
    pub fn checksum(&self) -> u32 {
        self.file.checksum()
    }

    /// Checks every byte.
    pub fn verify(&self) -> Result<(), IndexError> {
        self.file.verify()
    }

    /// Returns a document by its number.
    pub fn get(&self, document: u32) -> Result<Document<'_>, IndexError> {
        let outside = IndexError::Damaged {
            part: "number of documents",
        };
        if document >= self.n_documents {
            return Err(outside);
        }
        let place_at = (document as usize)
            .checked_mul(8)
            .and_then(|before| before.checked_add(self.places_at));
        let place = self.file.get(place_at.ok_or(outside)?, 8)?;
        let place = place.first_chunk().copied().map(u64::from_le_bytes);
        let mut at = place
            .and_then(|place| usize::try_from(place).ok())
            .unwrap_or(usize::MAX);
        Ok(Document {
            id: self.take_text(&mut at)?,
            title: self.take_text(&mut at)?,
            text: self.take_text(&mut at)?,
            metadata: self.take_text(&mut at)?,
        })
    }

    fn take_text(&self, at: &mut usize) -> Result<&str, IndexError> {
        let n_left = self.places_at.checked_sub(*at).ok_or_else(damaged)?;
        let mut head = self.file.get(*at, n_left.min(VARINT_MAX))?;
        let n_head = head.len();
        let n_bytes = take_varint(&mut head).and_then(|n_bytes| usize::try_from(n_bytes).ok());
        let start = *at + n_head - head.len();
        let text = self.file.get(start, n_bytes.ok_or_else(damaged)?)?;
        *at = start + text.len();
        std::str::from_utf8(text).map_err(|_| damaged())
    }
}

fn damaged() -> IndexError {
    IndexError::Damaged { part: "documents" }
}

/// The most bytes that a length takes.
const VARINT_MAX: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(n_documents: usize) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = DocumentsWriter::new(&mut file);
        for at in 0..n_documents {
            let (id, text) = (at.to_string(), "wort ".repeat(at * 7 % 50));
            let document = Document {
                id: &id,
                title: "Ä",
                text: &text,
                metadata: "{}",
            };
            writer.add(&document).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    #[test]
    fn every_document_comes_back() {
        let documents = Documents::open(file(100)).unwrap();
        assert!(documents.verify().is_ok());
        assert_eq!(documents.n_documents(), 100);
        for at in 0..100u32 {
            let document = documents.get(at).unwrap();
            assert_eq!(document.id, at.to_string());
            assert_eq!(document.text.len(), at as usize * 7 % 50 * 5);
            assert_eq!((document.title, document.metadata), ("Ä", "{}"));
        }
        assert!(documents.get(100).is_err());
        assert!(documents.get(u32::MAX).is_err());
    }

    #[test]
    fn no_documents_are_a_file_too() {
        let documents = Documents::open(file(0)).unwrap();
        assert_eq!(documents.n_documents(), 0);
        assert!(documents.get(0).is_err());
    }

    #[test]
    fn every_flipped_byte_is_an_error() {
        let whole = file(5);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            let read = Documents::open(bytes)
                .and_then(|documents| (0..5).try_for_each(|at| documents.get(at).map(drop)));
            assert!(read.is_err(), "{at}");
        }
    }
}
