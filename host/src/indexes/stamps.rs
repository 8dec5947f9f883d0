//! Digests of corpora that were read before.
//!
//! Reading a large corpus to learn that it is the same takes seconds. So its
//! digest is kept in the operator's home, with what the file system says of the
//! file: size, and when bytes or names last changed, to the nanosecond. A file
//! that changed just before it was read is not kept, since the clock of a file
//! system may be too coarse to tell the next change from that one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use fapo_core::digest::sha256_hex;
use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Kind};
use crate::clock;
use crate::exit::{CommandResult, file_error};
use crate::home::Home;
use crate::report::Doing;

/// The folder of digests, beside the indexes.
pub(super) const STAMPS: &str = "corpora";

/// The coarsest clock of a file system: that of FAT.
const GRAIN: Duration = Duration::from_secs(2);

/// How much of a corpus is read at once.
const PIECE_BYTES: usize = 1 << 20;

/// What is kept of a corpus.
#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    state: String,
    digest: String,
}

/// What the file system says of a corpus.
#[derive(PartialEq)]
struct Seen {
    /// Which file or folder it is.
    which: String,
    /// What changes when its content does.
    state: String,
    /// When that was last, in nanoseconds since 1970.
    changed: i128,
}

impl Seen {
    fn now(corpus: &Corpus) -> CommandResult<Self> {
        if corpus.kind() == Kind::Folder {
            let folder = corpus.open_folder()?;
            let (state, changed) = folder.state()?;
            return Ok(Self {
                which: format!("folder {}", folder.which()?),
                state,
                changed,
            });
        }
        let meta = corpus.open_file()?.metadata();
        let meta = meta.map_err(|e| file_error("read", corpus.shown().as_ref(), e))?;
        let at = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        let bytes = at(meta.mtime(), meta.mtime_nsec());
        let names = at(meta.ctime(), meta.ctime_nsec());
        Ok(Self {
            which: format!("file {} {}", meta.dev(), meta.ino()),
            state: format!("{} {bytes} {names}", meta.len()),
            changed: bytes.max(names),
        })
    }
}

/// Returns the digest of all that a corpus holds.
pub(super) fn digest(home: &Home, corpus: &Corpus) -> CommandResult<String> {
    let now = clock::since_1970().as_nanos();
    digest_at(&home.indexes().join(STAMPS), corpus, now)
}

/// Does the work of [`digest`], so many nanoseconds after 1970 began.
fn digest_at(dir: &Path, corpus: &Corpus, now: u128) -> CommandResult<String> {
    let seen = Seen::now(corpus)?;
    let path = dir.join(sha256_hex(&seen.which)).with_extension("json");
    if let Some(kept) = kept(&path)
        && kept.state == seen.state
    {
        return Ok(kept.digest);
    }
    let digest = read(corpus)?;
    let settled = now.cast_signed() > seen.changed + GRAIN.as_nanos().cast_signed();
    if settled && Seen::now(corpus)? == seen {
        let stamp = Stamp {
            state: seen.state,
            digest: digest.clone(),
        };
        // What cannot be kept is found out again: a home that is only read does.
        let _ = keep(&path, &stamp);
    }
    Ok(digest)
}

fn read(corpus: &Corpus) -> CommandResult<String> {
    let shown = corpus.shown();
    let doing = Doing::what(format!("reading {shown}"));
    let mut reader = corpus.read(PIECE_BYTES)?;
    while reader.next()?.is_some() {
        doing.now(format!("reading {shown}: {} MB", reader.n_bytes() >> 20));
    }
    Ok(reader.digest())
}

/// Returns what was kept. What cannot be read is not there: it is made again.
fn kept(path: &Path) -> Option<Stamp> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn keep(path: &Path, stamp: &Stamp) -> std::io::Result<()> {
    let dir = path.parent().unwrap_or(path);
    let json = serde_json::to_string(stamp).expect("a stamp is plain data");
    fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    std::io::Write::write_all(&mut file, json.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Place;

    /// A corpus, and the folder where its digest is kept.
    struct Desk {
        dir: tempfile::TempDir,
    }

    impl Desk {
        fn new(text: &str) -> Self {
            let desk = Self {
                dir: tempfile::tempdir().unwrap(),
            };
            desk.write(text);
            desk
        }

        fn write(&self, text: &str) {
            fs::write(self.corpus(), text).unwrap();
        }

        fn corpus(&self) -> std::path::PathBuf {
            self.dir.path().join("corpus.jsonl")
        }

        fn stamps(&self) -> std::path::PathBuf {
            self.dir.path().join("stamps")
        }

        /// Returns the digest, as long after now as is said.
        fn digest(&self, later: Duration) -> String {
            let corpus = Corpus::at(Place::Path(self.corpus())).unwrap();
            let now = clock::since_1970() + later;
            digest_at(&self.stamps(), &corpus, now.as_nanos()).unwrap()
        }

        /// Puts something else in the place of what is kept.
        fn forge(&self) {
            for entry in fs::read_dir(self.stamps()).unwrap() {
                let path = entry.unwrap().path();
                let mut stamp = kept(&path).unwrap();
                stamp.digest = "forged".into();
                keep(&path, &stamp).unwrap();
            }
        }
    }

    #[test]
    fn a_corpus_that_did_not_change_is_not_read_again() {
        let desk = Desk::new("one");
        assert_eq!(desk.digest(GRAIN * 2), sha256_hex("one"));
        desk.forge();
        assert_eq!(desk.digest(GRAIN * 2), "forged");
        // As long as before, and told by its time alone.
        desk.write("two");
        let file = fs::File::options().write(true).open(desk.corpus()).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .unwrap();
        assert_eq!(desk.digest(GRAIN * 2), sha256_hex("two"));
    }

    #[test]
    fn a_corpus_that_has_just_changed_is_read_again() {
        let desk = Desk::new("one");
        assert_eq!(desk.digest(Duration::ZERO), sha256_hex("one"));
        assert!(
            !desk.stamps().exists(),
            "the clock may not tell the next change"
        );
    }

    #[test]
    fn what_is_kept_and_cannot_be_read_is_made_again() {
        let desk = Desk::new("one");
        desk.digest(GRAIN * 2);
        for entry in fs::read_dir(desk.stamps()).unwrap() {
            fs::write(entry.unwrap().path(), "{").unwrap();
        }
        assert_eq!(desk.digest(GRAIN * 2), sha256_hex("one"));
    }
}
