//! The directory of a run: what it is made of is written first, rows are
//! appended while it runs, in the order of the dataset, and what it came to is
//! written last. Whole files appear under their names at once.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fapo_core::artifact::{CallRow, ResultRow, TimingRow};
use fapo_core::case::CaseId;
use fapo_core::digest::hex;
use fapo_core::run::{FORMAT, RunConfig};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::exit::{CommandError, CommandResult, file_error};
use crate::tally::Tally;

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
    file: File,
    pending: Vec<u8>,
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
        let mut lines = Self::default();
        push(&mut lines.results, result);
        push(&mut lines.timings, timing);
        calls.iter().for_each(|row| push(&mut lines.calls, row));
        lines
    }

    pub(crate) fn bytes(&self) -> u64 {
        (self.results.len() + self.calls.len() + self.timings.len()) as u64
    }
}

fn push(lines: &mut Vec<u8>, row: &impl Serialize) {
    serde_json::to_writer(&mut *lines, row).expect("records of plain data can be written");
    lines.push(b'\n');
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

    /// Opens a run to go on with it, adds up what it has, and returns what is
    /// finished: rows that were written in part are taken away.
    pub(crate) fn resume(path: &Path, tally: &mut Tally) -> CommandResult<(Self, Finished)> {
        let mut dir = Self::open(path)?;
        let mut finished = Finished::default();
        let [calls, timings, results] = &mut dir.files;
        let io = |error| file_error("read", path, error);
        cut(&mut results.file, |line| {
            let row: Option<ResultRow> = serde_json::from_slice(line).ok();
            // What the world failed is asked again, and all after it comes from
            // the journal.
            row.filter(|row| row.world_failure.is_none())
                .is_some_and(|row| {
                    finished.add(&row.case_id, row.repeat);
                    tally.add(&row);
                    true
                })
        })
        .map_err(io)?;
        let mut n_timings = 0;
        cut(&mut timings.file, |line| {
            let row: Option<TimingRow> = serde_json::from_slice(line).ok();
            row.filter(|_| n_timings < finished.n_rows())
                .is_some_and(|row| {
                    n_timings += 1;
                    tally.add_timing(&row);
                    true
                })
        })
        .map_err(io)?;
        cut(&mut calls.file, |line| {
            let row: Option<CallRow> = serde_json::from_slice(line).ok();
            row.filter(|row| finished.has(&row.case_id, row.repeat))
                .is_some_and(|row| {
                    tally.add_call(&row);
                    true
                })
        })
        .map_err(io)?;
        if n_timings < finished.n_rows() {
            return Err(CommandError::person(format!(
                "`{}` cannot be resumed: `{TIMINGS}` has fewer rows than `{RESULTS}`",
                path.display()
            ))
            .hint("run it anew"));
        }
        Ok((dir, finished))
    }

    fn open(path: &Path) -> CommandResult<Self> {
        let path = fs::canonicalize(path).map_err(|error| file_error("find", path, error))?;
        let lock = path.join(LOCK);
        let lock = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&lock)
            .map_err(|error| file_error("write", &lock, error))?;
        if lock.try_lock().is_err() {
            return Err(CommandError::person(format!(
                "`{}` is being written by another process",
                path.display()
            ))
            .hint("wait for it, or name another directory with `--out`"));
        }
        let open = |name: &str| {
            let path = path.join(name);
            let file = OpenOptions::new()
                .read(true)
                .append(true)
                .create(true)
                .open(&path)
                .map_err(|error| file_error("write", &path, error))?;
            Ok(Appended {
                file,
                pending: Vec::new(),
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
        for Appended { file, pending } in &mut self.files {
            file.write_all(pending)
                .map_err(|error| file_error("write to", &self.path, error))?;
            pending.clear();
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
    pub(crate) fn seal(self) -> CommandResult<()> {
        #[derive(Serialize)]
        struct Entry {
            file: &'static str,
            bytes: u64,
            sha256: String,
        }
        let mut entries = Vec::new();
        for name in [CONFIG, RESULTS, CALLS, TIMINGS, COST, SUMMARY, REPORT] {
            let path = self.path.join(name);
            let (bytes, sha256) =
                digest_of(&path).map_err(|error| file_error("read", &path, error))?;
            entries.push(Entry {
                file: name,
                bytes,
                sha256,
            });
        }
        self.put(MANIFEST, &entries)?;
        let lock = self.path.join(LOCK);
        fs::remove_file(&lock).map_err(|error| file_error("remove", &lock, error))
    }
}

/// The rows that an earlier process of a run has finished, as hashes: a hundred
/// thousand of them take a megabyte.
#[derive(Default)]
pub(crate) struct Finished {
    hasher: RandomState,
    rows: HashSet<u64>,
}

impl Finished {
    fn hash(&self, case: &CaseId, repeat: u32) -> u64 {
        self.hasher.hash_one((case.as_str(), repeat))
    }

    fn add(&mut self, case: &CaseId, repeat: u32) {
        self.rows.insert(self.hash(case, repeat));
    }

    /// Tells whether a row is there.
    pub(crate) fn has(&self, case: &CaseId, repeat: u32) -> bool {
        !self.rows.is_empty() && self.rows.contains(&self.hash(case, repeat))
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.rows.len()
    }
}

/// Keeps the lines of a file up to the first that is not wanted, and stands at
/// their end.
fn cut(file: &mut File, mut keep: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    file.seek(io::SeekFrom::Start(0))?;
    let mut reader = BufReader::new(&*file);
    let (mut line, mut kept) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 || line.last() != Some(&b'\n') || !keep(&line) {
            break;
        }
        kept += read as u64;
    }
    file.set_len(kept)?;
    file.seek(io::SeekFrom::End(0)).map(|_| ())
}

fn digest_of(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&digest.finalize().into())));
        }
        bytes += read as u64;
        digest.update(&buffer[..read]);
    }
}

/// A run that was written, for reading.
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) config: RunConfig,
}

impl Written {
    /// Opens a run's directory.
    pub(crate) fn open(path: &Path) -> CommandResult<Self> {
        let config: RunConfig = read_record(&path.join(CONFIG)).map_err(|error| {
            error.at(format!("`{}` is not a run", path.display())).hint(
                "name the directory of a run; `fapo-host runs TENANT` lists those of a tenant",
            )
        })?;
        if config.format != FORMAT {
            return Err(CommandError::person(format!(
                "`{}` is a run of format {}, and this host reads format {FORMAT}",
                path.display(),
                config.format
            )));
        }
        Ok(Self {
            path: path.into(),
            config,
        })
    }

    /// Reads a whole record of the run.
    pub(crate) fn record<T: DeserializeOwned>(&self, name: &str) -> CommandResult<T> {
        read_record(&self.path.join(name))
    }

    /// Reads the rows of a file, one by one.
    pub(crate) fn rows<T: DeserializeOwned>(
        &self,
        name: &str,
    ) -> CommandResult<impl Iterator<Item = CommandResult<T>> + use<T>> {
        Ok(self.lines(name)?.map(|line| line?.row::<T>()))
    }

    /// Reads the lines of a file, one by one.
    ///
    /// A last line without an end is still being written, and is left out.
    pub(crate) fn lines(
        &self,
        name: &str,
    ) -> CommandResult<impl Iterator<Item = CommandResult<Line>> + use<>> {
        let path: Arc<Path> = self.path.join(name).into();
        let file = File::open(&path).map_err(|error| file_error("open", &path, error))?;
        let mut reader = BufReader::with_capacity(256 << 10, file);
        let mut number = 0;
        Ok(std::iter::from_fn(move || {
            let mut bytes = Vec::new();
            number += 1;
            match reader.read_until(b'\n', &mut bytes) {
                Err(error) => Some(Err(file_error("read", &path, error))),
                Ok(_) if bytes.last() != Some(&b'\n') => None,
                Ok(_) => Some(Ok(Line {
                    bytes,
                    number,
                    path: path.clone(),
                })),
            }
        }))
    }

    /// Tells whether a process is writing the run now.
    ///
    /// The lock is had for an instant where nobody has it: a process that would
    /// go on with the run just then is told to wait, and loses nothing.
    pub(crate) fn is_being_written(&self) -> bool {
        let lock = File::open(self.path.join(LOCK));
        lock.is_ok_and(|lock| lock.try_lock_shared().is_err())
    }
}

/// A line of a run's file.
pub(crate) struct Line {
    bytes: Vec<u8>,
    number: usize,
    path: Arc<Path>,
}

impl Line {
    /// Reads the row that it is.
    pub(crate) fn row<'l, T: Deserialize<'l>>(&'l self) -> CommandResult<T> {
        // What serde says of it may quote a case that is held out.
        serde_json::from_slice(&self.bytes).map_err(|_| {
            CommandError::person(format!(
                "line {} of `{}` is not as a run writes it",
                self.number,
                self.path.display()
            ))
            .hint("a run that was cut off can be finished with `--resume`")
        })
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

fn read_record<T: DeserializeOwned>(path: &Path) -> CommandResult<T> {
    let text = fs::read(path).map_err(|error| file_error("read", path, error))?;
    serde_json::from_slice(&text).map_err(|error| {
        CommandError::person(format!("could not read `{}`", path.display())).because(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str) -> Lines {
        let case =
            fapo_core::case::Case::from_json(&format!(r#"{{"case_id":"{id}","context":{{}}}}"#))
                .unwrap();
        let trace = fapo_core::trace::CaseTrace::default();
        let ran = Ok(fapo_core::outcome::Outcome::default());
        let result = ResultRow::new(&case, 1, (&ran, &trace), None, false);
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
