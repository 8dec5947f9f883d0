//! Ranking documents by the words of a query: BM25 as bm25s computes it.
//!
//! Text in, ranked documents out, and files read as plain bytes, so that a host
//! may map them into memory and share them among threads and processes. The
//! modules stand in the order in which data flows: an [`Analyzer`] makes terms of
//! texts; a [`SegmentBuilder`] gathers the terms of as many documents as memory
//! allows; [`write_index`] merges segments into an index file; [`Index`] opens
//! one and searches it; [`DocumentsWriter`] and [`Documents`] keep what is shown
//! of a document that was found.
//!
//! Scores are those of bm25s with 32 bits, to the last one. Documents with equal
//! scores are ranked in the order in which they were added. A document is a hit
//! if a word of the query that is worth anything stands in it, so there may be
//! fewer hits than were asked for; [`Index::search_filled`] adds others, as bm25s
//! does.
//!
//! ```
//! use fapo_core::bm25::{Index, Scratch, SegmentBuilder, Settings, write_index};
//!
//! let settings = Settings::default();
//! let mut segment = SegmentBuilder::new(&settings.analysis);
//! for text in ["the cat sat", "a dog and a cat", "birds sing"] {
//!     segment.add(text)?;
//! }
//! let segment = segment.finish();
//! let mut file = Vec::new();
//! write_index(&settings, 0, &[&segment], &mut file)?;
//!
//! let index = Index::open(file)?;
//! let hits = index.search("Where are the cats?", 2, &mut Scratch::default())?;
//! assert_eq!(hits.iter().map(|hit| hit.document).collect::<Vec<_>>(), [0, 1]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod word;

mod analyzer;
mod method;

mod pack;
mod sealed;

mod list;
mod vocabulary;

mod segment;

mod lengths;
mod merge;

mod index;

mod cursor;
mod search;
mod sums;
mod top;

mod documents;

#[cfg(test)]
mod damage;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use analyzer::{Analysis, Analyzer, STOPWORDS_EN, Stemmer, Stopwords};
pub use documents::{Document, Documents, DocumentsWriter};
pub use index::{Index, Stats};
pub use merge::write_index;
pub use method::{Method, Scoring};
pub use search::{Hit, Scratch};
pub use segment::SegmentBuilder;

/// All that decides which documents a query finds, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How documents are scored.
    pub scoring: Scoring,
    /// How texts become terms.
    pub analysis: Analysis,
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingsError {
    /// A parameter outside of what its formula can bear.
    #[error("`{name}` is {value}, and must be from 0 to {max}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// What it was.
        value: f64,
        /// The largest that it may be.
        max: f64,
    },
    /// BM25L divides by `k1 + delta`.
    #[error("`k1` and `delta` of `bm25l` are both 0")]
    NoWeight,
}

impl SettingsError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::OutOfRange { .. } => {
                "usual values are `k1` 0.9 to 2, `b` 0.4 to 0.75, `delta` 0.5 to 1".to_owned()
            }
            Self::NoWeight => "set one of them above 0, or choose another method".to_owned(),
        }
    }
}

/// Why an index could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Settings that no index can have.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// More documents, or words in one, than are counted in 32 bits.
    #[error("an index holds no more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it holds.
        max: u32,
    },
    /// A segment that is not what a [`SegmentBuilder`] returned.
    #[error("segment {number} is damaged")]
    Segment {
        /// Which one, from 0.
        number: usize,
    },
    /// The file could not be written.
    #[error("could not write the index")]
    Write(#[from] std::io::Error),
}

impl BuildError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Settings(error) => error.hint(),
            Self::TooMany { .. } => "divide the corpus among several indexes".to_owned(),
            Self::Segment { .. } => "build the index again from its corpus".to_owned(),
            Self::Write(_) => "look for free space and permission where it is written".to_owned(),
        }
    }
}

/// Why an index, or the documents of one, could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A file of something else, or one whose end is missing.
    #[error("this is no index, or its end is missing")]
    Foreign,
    /// A format that this program does not know.
    #[error(
        "the index has version {version}, and this program reads {}",
        sealed::VERSION
    )]
    Version {
        /// The version of the file.
        version: u32,
    },
    /// Bytes that are not those that were written.
    #[error("the index is damaged in its {part}")]
    Damaged {
        /// Where it was noticed.
        part: &'static str,
    },
}

impl IndexError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Foreign | Self::Version { .. } | Self::Damaged { .. } => {
                "build the index again from its corpus".to_owned()
            }
        }
    }
}
