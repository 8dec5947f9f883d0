//! Where documents come from: a file of JSON lines, a table, or a folder.
//!
//! A corpus is read once from front to back, in pieces of whole rows, so memory
//! does not grow with it. What the rows mean is `rows.rs`.

mod folder;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use fapo_core::digest::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(super) use folder::Folder;

use super::rows::Columns;
use crate::dataset::Place;
use crate::exit::{CommandError, CommandResult, file_error};

/// The documents of an index, before they are read.
#[derive(Clone)]
pub(crate) struct Corpus {
    place: Place,
    kind: Kind,
}

/// What a corpus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// An object a line, with `id`, `title`, `text` and `metadata`.
    Jsonl,
    /// A document a line, its fields divided by tabs.
    Tsv,
    /// A document a file, those whose names end with `.txt` or `.md`.
    Folder,
}

/// The longest document, as it stands in a corpus.
///
/// A document is in memory whole while it is read. The bound keeps a file
/// without line breaks from filling it.
pub(super) const DOCUMENT_BYTES_MAX: usize = 16 << 20;

/// Some rows of a corpus.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) form: Form,
}

/// How the rows of a piece are told apart.
pub(super) enum Form {
    Jsonl {
        first_line: u64,
    },
    Tsv {
        first_line: u64,
        columns: Columns,
    },
    /// Each file with its path and where it ends.
    Files(Vec<(String, usize)>),
}

impl Corpus {
    /// Finds out what is there.
    pub(crate) fn at(place: Place) -> CommandResult<Self> {
        let shown = place.shown();
        let ends_with = |ending| shown.to_lowercase().ends_with(ending);
        let kind = if place.open_folder()?.is_some() {
            Kind::Folder
        } else if ends_with(".tsv") {
            Kind::Tsv
        } else if ends_with(".jsonl") || ends_with(".ndjson") {
            Kind::Jsonl
        } else {
            // A file that is not there is the first thing to say.
            place.open()?;
            return Err(CommandError::person(format!(
                "the name of the corpus `{shown}` does not tell what is in it"
            ))
            .hint("name a file that ends with `.jsonl` or `.tsv`, or a folder of `.txt` and `.md` files"));
        };
        Ok(Self { place, kind })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the path for messages and records.
    pub(crate) fn shown(&self) -> String {
        self.place.shown()
    }

    /// Opens the file, if the corpus is one.
    pub(crate) fn open_file(&self) -> CommandResult<File> {
        self.place.open()
    }

    /// Opens the folder, which the corpus is.
    pub(super) fn open_folder(&self) -> CommandResult<Folder> {
        match self.place.open_folder()? {
            Some(dir) => Folder::open(dir, self.shown()),
            None => Err(CommandError::person(format!(
                "`{}` is no folder any more",
                self.shown()
            ))),
        }
    }

    /// Starts to read in pieces of about so many bytes.
    ///
    /// Where a piece ends does not depend on anything else, so neither does the
    /// index that comes of them.
    pub(super) fn read(&self, piece_bytes: usize) -> CommandResult<Reader> {
        let shown = self.shown();
        let source = match self.kind {
            Kind::Folder => Source::Folder(self.open_folder()?),
            kind => Source::Lines(Lines {
                file: BufReader::with_capacity(256 << 10, self.open_file()?),
                is_table: kind == Kind::Tsv,
                columns: None,
                n_lines: 0,
            }),
        };
        Ok(Reader {
            shown,
            source,
            piece_bytes,
            digest: Sha256::new(),
            n_bytes: 0,
        })
    }
}

/// A corpus that is being read.
pub(super) struct Reader {
    shown: String,
    source: Source,
    piece_bytes: usize,
    digest: Sha256,
    n_bytes: u64,
}

enum Source {
    Lines(Lines),
    Folder(Folder),
}

struct Lines {
    file: BufReader<File>,
    is_table: bool,
    /// Of a table, known once its first line was read.
    columns: Option<Columns>,
    /// Lines of all pieces so far.
    n_lines: u64,
}

impl Reader {
    /// Reads the next piece; none at the end.
    pub(super) fn next(&mut self) -> CommandResult<Option<Piece>> {
        match &mut self.source {
            Source::Lines(lines) => {
                let bytes = lines.read(&self.shown, self.piece_bytes)?;
                if bytes.is_empty() {
                    return Ok(None);
                }
                self.digest.update(&bytes);
                self.n_bytes += bytes.len() as u64;
                lines.piece(&self.shown, bytes).map(Some)
            }
            Source::Folder(folder) => {
                let piece = folder.next(self.piece_bytes, &mut self.digest)?;
                self.n_bytes += piece.as_ref().map_or(0, |piece| piece.bytes.len() as u64);
                Ok(piece)
            }
        }
    }

    /// Returns how many bytes were read.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Returns the digest of all that was read.
    pub(super) fn digest(&self) -> String {
        hex(&self.digest.clone().finalize().into())
    }

    /// Returns how the columns of a table are called, as far as it was read.
    pub(super) fn columns(&self) -> Option<Columns> {
        match &self.source {
            Source::Lines(lines) => lines.columns,
            Source::Folder(_) => None,
        }
    }
}

impl Lines {
    /// Reads so many bytes, and on to the end of a line; nothing at the end.
    fn read(&mut self, shown: &str, n_bytes: usize) -> CommandResult<Vec<u8>> {
        let mut bytes = Vec::with_capacity(n_bytes + (64 << 10));
        let read = |error| file_error("read", shown.as_ref(), error);
        self.file
            .by_ref()
            .take(n_bytes as u64)
            .read_to_end(&mut bytes)
            .map_err(read)?;
        if !bytes.is_empty() && !bytes.ends_with(b"\n") {
            let max = DOCUMENT_BYTES_MAX as u64 + 1;
            let rest = self
                .file
                .by_ref()
                .take(max)
                .read_until(b'\n', &mut bytes)
                .map_err(read)?;
            if rest as u64 == max {
                let line = self.n_lines + n_lines_in(&bytes) + 1;
                return Err(not_usable(shown, line).because(TooLong));
            }
        }
        Ok(bytes)
    }

    fn piece(&mut self, shown: &str, mut bytes: Vec<u8>) -> CommandResult<Piece> {
        let mut first_line = self.n_lines + 1;
        self.n_lines += n_lines_in(&bytes);
        if first_line == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if !self.is_table {
            let form = Form::Jsonl { first_line };
            return Ok(Piece { bytes, form });
        }
        let columns = match self.columns {
            Some(columns) => columns,
            None => {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let n_first = end.map_or(bytes.len(), |end| end + 1);
                let columns = Columns::of(&bytes[..n_first])
                    .map_err(|why| not_usable(shown, 1).because(why).hint(TABLE_HINT))?;
                if columns.has_header {
                    bytes.drain(..n_first);
                    first_line += 1;
                }
                *self.columns.insert(columns)
            }
        };
        let form = Form::Tsv {
            first_line,
            columns,
        };
        Ok(Piece { bytes, form })
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What to do about a table that cannot be read.
const TABLE_HINT: &str = "a table has the columns `text`, or `id` and `text`, or `id`, `title` and `text`, or any order of these and `metadata` under a first line that names them";

fn n_lines_in(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Returns the error for a line of a corpus.
pub(super) fn not_usable(shown: &str, line: u64) -> CommandError {
    CommandError::person(format!("could not use line {line} of `{shown}`"))
}

/// Why a document cannot be used that is too long.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it is longer than {DOCUMENT_BYTES_MAX} bytes")]
pub(super) struct TooLong;
