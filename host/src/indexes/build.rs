//! From a corpus to an index directory.
//!
//! One thread reads pieces of the corpus, others make documents and segments of
//! them, and this one takes those in the order of the corpus: it refuses ids that
//! come twice, writes the documents, and puts the segments into a file without a
//! name. In the end the segments are merged. What comes out depends neither on
//! how many threads there are, nor on which of them was faster.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use fapo_core::Untrusted;
use fapo_core::bm25::{BuildError, Document, DocumentsWriter, Index, write_index};

use super::corpus::{Reader, not_usable};
use super::info::{CorpusInfo, FORMAT, Info};
use super::map::Map;
use super::open::{DOCUMENTS, INDEX};
use super::rows::{BadRow, Batch, Id, Place};
use super::site::Site;
use super::threads::each_in_order;
use super::{Recipe, recipe_digest};
use crate::cores;
use crate::exit::{CommandError, CommandResult};
use crate::report::{Doing, counted};

/// How an index is built. It finds the same whatever this is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Threads that make segments. The bytes do not depend on them.
    pub(crate) threads: usize,
    /// How much of the corpus is read at once, before the last row is completed.
    piece_bytes: usize,
}

/// As much as keeps threads busy, and little beside what a segment takes.
const PIECE_BYTES: usize = 16 << 20;

impl Default for How {
    fn default() -> Self {
        Self {
            // Each takes memory, and one thread cannot read for very many.
            threads: cores::usable().min(8),
            piece_bytes: PIECE_BYTES,
        }
    }
}

impl How {
    /// Returns how it is built with so many threads, or with as many as there
    /// are cores.
    pub(crate) fn on(threads: Option<u16>) -> Self {
        let usual = Self::default();
        Self {
            threads: threads.map_or(usual.threads, usize::from),
            ..usual
        }
    }
}

/// Builds an index in a directory of its own, which then takes its place: if
/// a digest is wanted, only an index that has it.
pub(super) fn build_at(
    recipe: &Recipe,
    site: Site,
    how: How,
    wanted: Option<&str>,
) -> CommandResult<Info> {
    recipe.check()?;
    let shown = recipe.corpus.shown();
    let doing = Doing::what(format!("indexing {shown}"));
    let mut written = Written::new(&site, &shown)?;
    let mut reader = recipe.corpus.read(how.piece_bytes)?;
    each_in_order(
        how.threads,
        || {
            let piece = reader.next()?;
            Ok(piece.map(|piece| (piece, reader.n_bytes())))
        },
        |(piece, n_bytes)| (Batch::read(recipe, &piece), n_bytes),
        |(batch, n_bytes)| {
            written.add(batch.map_err(|bad| bad_row(bad, &shown))?)?;
            doing.now(format!(
                "indexing {shown}: {}, {} MB",
                counted(u64::from(written.n_documents), "document"),
                n_bytes >> 20
            ));
            Ok(())
        },
    )?;
    if written.n_documents == 0 {
        return Err(
            CommandError::person(format!("`{shown}` holds no document")).hint(
                "a corpus is a file of JSON lines, a table, or a folder of `.txt` and `.md` files",
            ),
        );
    }
    doing.now(format!(
        "merging {}",
        counted(u64::from(written.n_documents), "document")
    ));
    let info = written.finish(recipe, &reader)?;
    if wanted.is_some_and(|wanted| wanted != info.digest) {
        return Err(
            CommandError::world(format!("`{shown}` changed while it was indexed"))
                .hint("run it again when nobody writes there"),
        );
    }
    info.write(site.dir())
        .map_err(|error| site.not_written(error))?;
    site.finish()?;
    Ok(info)
}

fn bad_row(bad: BadRow, shown: &str) -> CommandError {
    let error = match &bad.place {
        Place::Line(line) => not_usable(shown, *line),
        Place::File(path) => CommandError::person(format!(
            "could not use `{}` in `{shown}`",
            Untrusted::from(path.as_str())
        )),
    };
    let error = error.because(bad.why);
    match bad.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What is on disk so far.
struct Written<'a> {
    site: &'a Site,
    shown: &'a str,
    documents: DocumentsWriter<BufWriter<File>>,
    ids: Ids,
    n_documents: u32,
    ids_are_numbers: bool,
    segments: BufWriter<File>,
    /// Where each segment ends.
    ends: Vec<usize>,
}

impl<'a> Written<'a> {
    fn new(site: &'a Site, shown: &'a str) -> CommandResult<Self> {
        let documents = File::create(site.dir().join(DOCUMENTS));
        let documents = documents.map_err(|error| site.not_written(error))?;
        let segments = tempfile::tempfile_in(site.dir());
        let segments = segments.map_err(|error| site.not_written(error))?;
        Ok(Self {
            site,
            shown,
            documents: DocumentsWriter::new(BufWriter::with_capacity(1 << 20, documents)),
            ids: Ids::default(),
            n_documents: 0,
            ids_are_numbers: true,
            segments: BufWriter::with_capacity(1 << 20, segments),
            ends: Vec::new(),
        })
    }

    fn add(&mut self, batch: Batch) -> CommandResult<()> {
        for read in batch.documents() {
            let number = self.n_documents.to_string();
            let id = match read.id {
                Id::None => &number,
                Id::Number | Id::Text => read.document.id,
            };
            self.ids_are_numbers &= read.id != Id::Text;
            if !self.ids.insert(id) {
                let id = Untrusted::from(id);
                let error = not_usable(self.shown, read.place);
                return Err(error
                    .because(format!("it repeats the id `{id}`"))
                    .hint("give each document an id of its own, or none an id"));
            }
            let document = Document {
                id,
                ..read.document
            };
            let added = self.documents.add(&document);
            added.map_err(|error| not_built(self.site, error))?;
            self.n_documents += 1;
        }
        for segment in &batch.segments {
            let before = self.ends.last().copied().unwrap_or(0);
            let written = self.segments.write_all(segment);
            written.map_err(|error| self.site.not_written(error))?;
            self.ends.push(before + segment.len());
        }
        Ok(())
    }

    /// Merges the segments, and returns what the index is then.
    fn finish(self, recipe: &Recipe, reader: &Reader) -> CommandResult<Info> {
        let site = self.site;
        let not_written = |error| site.not_written(error);
        let checksum = self.documents.finish();
        let checksum = checksum.map_err(|error| not_built(site, error))?;
        let segments = self
            .segments
            .into_inner()
            .map_err(|e| not_written(e.into_error()))?;
        let segments = Map::of(&segments).map_err(not_written)?;
        let mut start = 0;
        let parts: Vec<_> = self
            .ends
            .iter()
            .map(|end| &segments.as_ref()[std::mem::replace(&mut start, *end)..*end])
            .collect();
        let path = site.dir().join(INDEX);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(not_written)?;
        let documents_path = site.dir().join(DOCUMENTS);
        let documents_bytes = std::thread::scope(|scope| {
            // The documents go to the disk while the segments are merged.
            let syncing = scope.spawn(|| -> io::Result<u64> {
                let documents = File::open(&documents_path)?;
                documents.sync_all()?;
                Ok(documents.metadata()?.len())
            });
            let mut out = Forgetting {
                out: BufWriter::with_capacity(1 << 20, &file),
                segments: &segments,
                n_bytes: 0,
            };
            let merged = write_index(&recipe.settings, checksum, &parts, &mut out);
            let synced = syncing.join().expect("syncing does not panic");
            merged.map_err(|error| not_built(site, error))?;
            out.flush().map_err(not_written)?;
            drop(out);
            synced.map_err(not_written)
        })?;
        file.sync_all().map_err(not_written)?;
        let index = Index::open(Map::of(&file).map_err(not_written)?);
        let index = index.map_err(|error| {
            let hint = error.hint();
            CommandError::world("could not open the index that was written")
                .because(error)
                .hint(hint)
        })?;
        let stats = index.stats();
        let digest = reader.digest();
        Ok(Info {
            format: FORMAT,
            digest: recipe_digest(recipe, &digest),
            corpus: CorpusInfo {
                path: self.shown.into(),
                kind: recipe.corpus.kind(),
                columns: reader.columns(),
                bytes: reader.n_bytes(),
                digest,
            },
            settings: recipe.settings.clone(),
            text: recipe.text.clone(),
            n_documents: stats.n_documents,
            n_terms: stats.n_terms,
            n_tokens: stats.n_tokens,
            n_postings: stats.n_postings,
            length_mean: stats.length_mean,
            ids_are_numbers: self.ids_are_numbers,
            index_bytes: file.metadata().map_err(not_written)?.len(),
            documents_bytes,
            host_version: env!("CARGO_PKG_VERSION").into(),
        })
    }
}

fn not_built(site: &Site, error: BuildError) -> CommandError {
    match error {
        BuildError::Write(error) => site.not_written(error),
        error => {
            let hint = error.hint();
            CommandError::person("could not build the index")
                .because(error)
                .hint(hint)
        }
    }
}

/// Ids that were seen, as hashes: 9 to 18 bytes each, so a million of them
/// take 19 MB.
#[derive(Default)]
struct Ids {
    hasher: RandomState,
    seen: HashSet<u64>,
}

impl Ids {
    /// Takes an id in; false if it is there already.
    fn insert(&mut self, id: &str) -> bool {
        self.seen.insert(self.hasher.hash_one(id))
    }
}

/// Lets go of the pages of segments now and then.
///
/// Segments are read from front to back, all at once. Pages that were read count
/// as memory of this process until the kernel wants them back, so without this a
/// build would seem to need as much memory as the segments take on disk.
struct Forgetting<'a, W> {
    out: W,
    segments: &'a Map,
    n_bytes: usize,
}

/// How much of an index is written before pages of the segments are let go.
const FORGET_EVERY: usize = 16 << 20;

impl<W: Write> Write for Forgetting<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.n_bytes += n;
        if self.n_bytes >= FORGET_EVERY {
            self.n_bytes = 0;
            self.segments.forget();
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Builds an index at a path, which it takes if there is none or an index.
pub(crate) fn build(recipe: &Recipe, dir: &Path, how: How) -> CommandResult<Info> {
    let (site, _) = Site::take(dir)?;
    build_at(recipe, site, how, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset;
    use crate::indexes::{Corpus, IndexedText, OpenIndex};
    use std::fs;

    /// Builds an index of a few thousand documents, and returns its files.
    fn files(threads: usize, piece_bytes: usize) -> Vec<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        let corpus = dir.path().join("corpus.jsonl");
        let rows: String = (0..3000u64)
            .map(|n| {
                format!(
                    "{{\"text\": \"{} word{} {}\"}}\n",
                    n % 7,
                    n * n % 101,
                    "x ".repeat(n as usize % 9)
                )
            })
            .collect();
        fs::write(&corpus, rows).unwrap();
        let recipe = Recipe {
            corpus: Corpus::at(dataset::Place::Path(corpus)).unwrap(),
            settings: fapo_core::bm25::Settings::default(),
            text: IndexedText::default(),
        };
        let target = dir.path().join("ix");
        let how = How {
            threads,
            piece_bytes,
        };
        let info = build(&recipe, &target, how).unwrap();
        assert_eq!(info.n_documents, 3000);
        let index = OpenIndex::open(&target).unwrap();
        let found = index.search("word5", 5).unwrap();
        assert!(
            found
                .iter()
                .all(|passage| passage.text.as_str().contains(" word5 "))
        );
        assert_eq!(found.len(), 5);
        [INDEX, DOCUMENTS]
            .map(|file| fs::read(target.join(file)).unwrap())
            .into()
    }

    #[test]
    fn an_index_is_the_same_bytes_whatever_the_threads() {
        let one = files(1, 4000);
        assert!(files(2, 4000) == one);
        assert!(files(5, 4000) == one);
        // In one piece, what is shown is the same as well.
        assert!(files(2, PIECE_BYTES)[1] == one[1]);
    }
}
