//! The directory of a run: what it is made of is written first, rows are
//! appended while it runs, in the order of the dataset, and what it came to is
//! written last. Whole files appear under their names at once.

mod resumed;
mod written;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fapo_core::artifact::{CallRow, ResultRow, TimingRow};
use fapo_core::digest::hex;
use fapo_core::json;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::exit::{CommandError, CommandResult, file_error};

pub(crate) use resumed::Finished;
pub(crate) use written::Written;

/// How long rows may lie in memory: a slow run shows each as it comes, and a
/// fast one is not held up by its disk.
const FLUSH_EVERY: Duration = Duration::from_millis(200);

/// Bytes of rows beyond which they are written at once.
const FLUSH_BYTES: usize = 256 << 10;

pub(crate) const CONFIG: &str = "run_config.json";
pub(crate) const RESULTS: &str = "results.jsonl";
pub(crate) const CALLS: &str = "calls.jsonl";
pub(crate) const TIMINGS: &str = "timings.jsonl";
pub(crate) const PROGRESS: &str = "progress.json";
pub(crate) const SUMMARY: &str = "summary.json";
pub(crate) const REPORT: &str = "summary.md";
pub(crate) const COST: &str = "cost.json";
pub(crate) const MANIFEST: &str = "manifest.json";

/// Held by the process that writes the run.
const LOCK: &str = ".lock";

/// How long a lock is tried for.
///
/// A process that was just forked holds what its parent held until it becomes
/// another program: a lock may outlive its owner by a moment.
const LOCK_TRIED_FOR: Duration = Duration::from_secs(1);

/// Takes a lock, unless another process keeps it.
pub(crate) fn locked(lock: &File) -> bool {
    let began = Instant::now();
    while lock.try_lock().is_err() {
        if began.elapsed() > LOCK_TRIED_FOR {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// A directory that is being written.
pub(crate) struct RunDir {
    path: PathBuf,
    flushed: Instant,
    /// In the order in which they are written: a row of results stands for a
    /// case that is done, so it comes after all else that is kept of it.
    files: [Appended; 3],
    /// One process writes a run.
    _lock: File,
}

/// A file that grows, and what is still to be written of it.
struct Appended {
    name: &'static str,
    file: File,
    pending: Vec<u8>,
    /// Of what is written: nobody reads it again for that.
    digest: Sha256,
    bytes: u64,
}

impl Appended {
    fn write_out(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.digest.update(&self.pending);
        self.bytes += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

/// The lines of one row's case, ready to be appended.
///
/// They are made by the task that ran the case, so that the one that writes
/// has nothing to do but write.
#[derive(Default)]
pub(crate) struct Lines {
    calls: Vec<u8>,
    timings: Vec<u8>,
    results: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(result: &ResultRow, timing: &TimingRow, calls: &[CallRow]) -> Self {
        Self {
            calls: written(calls),
            timings: written(std::slice::from_ref(timing)),
            results: written(std::slice::from_ref(result)),
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.results.len() + self.calls.len() + self.timings.len()) as u64
    }
}

/// Returns the lines of some rows, and no byte more than they take.
fn written(rows: &[impl Serialize]) -> Vec<u8> {
    json::scratch(|lines| {
        for row in rows {
            json::append(lines, row);
            lines.push(b'\n');
        }
        lines.as_slice().to_vec()
    })
}

impl RunDir {
    /// Makes a directory for a run; one that already holds a run is refused.
    ///
    /// A process that was killed before it wrote what the run is made of left
    /// nothing that could be lost.
    pub(crate) fn create(path: &Path) -> CommandResult<Self> {
        if path.join(CONFIG).exists() || path.join(RESULTS).metadata().is_ok_and(|m| m.len() > 0) {
            return Err(
                CommandError::person(format!("`{}` already holds a run", path.display())).hint(
                    "name another directory with `--out`, or go on with that run by `--resume`",
                ),
            );
        }
        fs::create_dir_all(path).map_err(|error| file_error("make", path, error))?;
        Self::open(path)
    }

    /// Makes a directory below another, with the next free number.
    pub(crate) fn create_below(parent: &Path, name: &str) -> CommandResult<Self> {
        fs::create_dir_all(parent).map_err(|error| file_error("make", parent, error))?;
        for number in 1..1_000_000 {
            let path = parent.join(format!("{name}-{number:03}"));
            match fs::create_dir(&path) {
                Ok(()) => return Self::create(&path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(file_error("make", &path, error)),
            }
        }
        Err(CommandError::world(format!(
            "`{}` is full of runs",
            parent.display()
        )))
    }

    fn open(path: &Path) -> CommandResult<Self> {
        let path = fs::canonicalize(path).map_err(|error| file_error("find", path, error))?;
        let lock = path.join(LOCK);
        let lock = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&lock)
            .map_err(|error| file_error("write", &lock, error))?;
        if !locked(&lock) {
            return Err(CommandError::person(format!(
                "`{}` is being written by another process",
                path.display()
            ))
            .hint("wait for it, or name another directory with `--out`"));
        }
        let open = |name| {
            let path = path.join(name);
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .open(&path)
                .map_err(|error| file_error("write", &path, error))?;
            Ok(Appended {
                name,
                file,
                pending: Vec::new(),
                digest: Sha256::new(),
                bytes: 0,
            })
        };
        Ok(Self {
            files: [open(CALLS)?, open(TIMINGS)?, open(RESULTS)?],
            path,
            flushed: Instant::now(),
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the last part of the path: the run's name.
    pub(crate) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Appends the lines of one row. Returns whether something was written out.
    pub(crate) fn append(&mut self, lines: &Lines) -> CommandResult<bool> {
        let [calls, timings, results] = &mut self.files;
        calls.pending.extend_from_slice(&lines.calls);
        timings.pending.extend_from_slice(&lines.timings);
        results.pending.extend_from_slice(&lines.results);
        let bytes: usize = self.files.iter().map(|file| file.pending.len()).sum();
        if bytes < FLUSH_BYTES && self.flushed.elapsed() < FLUSH_EVERY {
            return Ok(false);
        }
        self.flush()?;
        Ok(true)
    }

    /// Writes out what is still in memory.
    pub(crate) fn flush(&mut self) -> CommandResult<()> {
        for file in &mut self.files {
            file.write_out()
                .map_err(|error| file_error("write to", &self.path, error))?;
        }
        self.flushed = Instant::now();
        Ok(())
    }

    /// Writes a whole record under its name.
    pub(crate) fn put(&self, name: &str, record: &impl Serialize) -> CommandResult<()> {
        let mut text =
            serde_json::to_string_pretty(record).expect("records of plain data can be written");
        text.push('\n');
        self.put_text(name, &text)
    }

    /// Writes a whole text under its name.
    pub(crate) fn put_text(&self, name: &str, text: &str) -> CommandResult<()> {
        let (temporary, path) = (self.path.join(format!(".{name}")), self.path.join(name));
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|error| file_error("write to", &self.path, error))
    }

    /// Ends the run with the digests of all that it left.
    pub(crate) fn seal(mut self) -> CommandResult<()> {
        #[derive(Serialize)]
        struct Entry {
            file: &'static str,
            bytes: u64,
            sha256: String,
        }
        self.flush()?;
        let mut entries = Vec::new();
        for name in [CONFIG, RESULTS, CALLS, TIMINGS, COST, SUMMARY, REPORT] {
            let appended = self.files.iter().find(|file| file.name == name);
            let (bytes, digest) = match appended {
                Some(file) => (file.bytes, file.digest.clone().finalize()),
                None => {
                    let path = self.path.join(name);
                    let text = fs::read(&path).map_err(|error| file_error("read", &path, error))?;
                    (text.len() as u64, Sha256::digest(&text))
                }
            };
            entries.push(Entry {
                file: name,
                bytes,
                sha256: hex(&digest.into()),
            });
        }
        self.put(MANIFEST, &entries)?;
        let lock = self.path.join(LOCK);
        fs::remove_file(&lock).map_err(|error| file_error("remove", &lock, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Tally;

    fn row(id: &str) -> Lines {
        let case =
            fapo_core::case::Case::from_json(&format!(r#"{{"case_id":"{id}","context":{{}}}}"#))
                .unwrap();
        let mut trace = fapo_core::trace::CaseTrace::default();
        let ran = Ok(fapo_core::outcome::Outcome::default());
        let result = ResultRow::new(&case, 1, (&ran, &mut trace), None, false);
        let timing = TimingRow {
            case_id: case.id.clone(),
            repeat: 1,
            ..TimingRow::default()
        };
        Lines::new(&result, &timing, &[])
    }

    fn text(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap()
    }

    #[test]
    fn a_directory_that_holds_a_run_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::create(dir.path()).unwrap();
        drop(run);
        RunDir::create(dir.path())
            .unwrap()
            .put(CONFIG, &())
            .unwrap();
        assert!(
            RunDir::create(dir.path()).err().unwrap().chain()[0].contains("already holds a run")
        );
    }

    #[test]
    fn a_run_is_written_by_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let _writing = RunDir::create(dir.path()).unwrap();
        let refused = RunDir::resume(dir.path(), &mut Tally::default())
            .err()
            .unwrap();
        assert!(refused.chain()[0].contains("another process"));
    }

    #[test]
    fn runs_below_a_directory_are_numbered() {
        let dir = tempfile::tempdir().unwrap();
        for expected in ["a-001", "a-002"] {
            let run = RunDir::create_below(dir.path(), "a").unwrap();
            assert!(run.path().ends_with(expected));
        }
    }

    #[test]
    fn a_run_is_resumed_where_its_rows_end_wherever_they_were_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut run = RunDir::create(dir.path()).unwrap();
        for id in ["a", "b", "c"] {
            run.append(&row(id)).unwrap();
        }
        run.flush().unwrap();
        drop(run);
        let whole = text(dir.path(), RESULTS);
        for end in 0..=whole.len() {
            fs::write(dir.path().join(RESULTS), &whole[..end]).unwrap();
            let (mut resumed, finished) = RunDir::resume(dir.path(), &mut Tally::default())
                .unwrap_or_else(|error| panic!("{:?}", error.chain()));
            let n_whole = whole[..end].matches('\n').count();
            assert_eq!(finished.n_rows(), n_whole);
            for id in &["a", "b", "c"][n_whole..] {
                resumed.append(&row(id)).unwrap();
            }
            resumed.flush().unwrap();
            assert_eq!(text(dir.path(), RESULTS), whole, "cut at {end}");
            assert_eq!(text(dir.path(), TIMINGS).lines().count(), 3);
        }
    }
}
