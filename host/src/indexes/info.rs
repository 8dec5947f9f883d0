//! `info.json`: what an index is, for people and for those who open it.

use std::fs;
use std::io::Read;
use std::path::Path;

use cap_std::fs::Dir;
use fapo_core::bm25::{Settings, Stats};
use fapo_core::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use super::corpus::Kind;
use super::open::{OpenError, file};
use super::rows::Columns;
use super::text::IndexedText;

/// The file's name.
pub(super) const INFO: &str = "info.json";

/// The version of the directory's format, and of how rows become documents.
///
/// It is a part of every recipe's digest, so a higher one has all indexes built
/// anew that were built on demand.
pub(super) const FORMAT: u32 = 2;

/// What an index is. Its fields are promised to scripts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Info {
    pub(crate) format: u32,
    /// The digest of what it was built of and how.
    pub(crate) digest: String,
    pub(crate) corpus: CorpusInfo,
    pub(crate) settings: Settings,
    /// The template of what is found.
    pub(crate) text: IndexedText,
    pub(crate) n_documents: u32,
    pub(crate) n_terms: u64,
    pub(crate) n_tokens: u64,
    pub(crate) n_postings: u64,
    pub(crate) length_mean: f64,
    /// Whether all ids are whole numbers; then they are shown as such.
    pub(crate) ids_are_numbers: bool,
    /// The bytes of the other files.
    pub(crate) index_bytes: u64,
    pub(crate) documents_bytes: u64,
    pub(crate) host_version: String,
}

/// Where the documents were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorpusInfo {
    pub(crate) path: String,
    pub(crate) kind: Kind,
    /// Of a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) columns: Option<Columns>,
    pub(crate) bytes: u64,
    /// The SHA-256 of the file, or of the paths and texts of the folder.
    pub(crate) digest: String,
}

/// The file as it is written: what it says, and the digest of that.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    info: Info,
    seal: String,
}

/// As much as any version of the file has.
#[derive(Deserialize)]
struct AnyVersion {
    info: AnyInfo,
}

#[derive(Deserialize)]
struct AnyInfo {
    format: u32,
}

/// The longest file that is read: paths are short, a list of stop words is not.
const INFO_BYTES_MAX: u64 = 64 << 20;

impl Info {
    pub(super) fn write(&self, dir: &Path) -> std::io::Result<()> {
        let path = dir.join(INFO);
        fs::write(&path, self.sealed())?;
        fs::File::open(path)?.sync_all()
    }

    fn sealed(&self) -> String {
        let sealed = Sealed {
            info: self.clone(),
            seal: self.seal(),
        };
        let mut json = serde_json::to_string_pretty(&sealed).expect("an info is plain data");
        json.push('\n');
        json
    }

    fn seal(&self) -> String {
        sha256_hex(serde_json::to_string(self).expect("an info is plain data"))
    }

    /// Reads and checks the file.
    pub(super) fn read(dir: &Dir) -> Result<Self, OpenError> {
        let damaged = OpenError::Damaged { file: INFO };
        let mut bytes = Vec::new();
        file(dir, INFO)?
            .take(INFO_BYTES_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(OpenError::Read)?;
        if bytes.len() as u64 > INFO_BYTES_MAX {
            return Err(damaged);
        }
        let Ok(any) = serde_json::from_slice::<AnyVersion>(&bytes) else {
            return Err(damaged);
        };
        if any.info.format != FORMAT {
            let version = any.info.format;
            return Err(OpenError::Version { version });
        }
        match serde_json::from_slice::<Sealed>(&bytes) {
            // Not only the values: a file that reads the same is another file.
            Ok(sealed) if sealed.info.sealed().as_bytes() == bytes => Ok(sealed.info),
            _ => Err(damaged),
        }
    }

    /// Tells whether the index beside it is the one that was written with it.
    pub(super) fn describes(&self, stats: &Stats) -> bool {
        (self.n_documents, self.n_terms, self.n_tokens)
            == (stats.n_documents, stats.n_terms, stats.n_tokens)
            && self.settings == stats.settings
    }
}
