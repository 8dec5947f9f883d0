//! The directory of a run: rows are appended while it runs, in the order of
//! the dataset, and the summary is written last, under its name at once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fapo_core::artifact::{CallRow, ResultRow, TimingRow};
use fapo_core::case::Case;
use fapo_core::manifest::Role;
use fapo_core::trace::Call;
use serde::Serialize;

use crate::exit::{CommandError, CommandResult, file_error};

/// How long rows may lie in memory: a slow run shows each as it comes, and a
/// fast one is not held up by its disk.
const FLUSH_EVERY: Duration = Duration::from_millis(200);

/// A directory that is being written.
pub(crate) struct RunDir {
    path: PathBuf,
    flushed: Instant,
    results: BufWriter<File>,
    calls: BufWriter<File>,
    timings: BufWriter<File>,
}

/// The lines of one case, ready to be appended.
///
/// They are made by the task that ran the case, so that the one that writes
/// has nothing to do but write.
pub(crate) struct Lines {
    pub(crate) results: Vec<u8>,
    pub(crate) calls: Vec<u8>,
    pub(crate) timings: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(
        case: &Case,
        result: &ResultRow,
        timing: &TimingRow,
        calls: &[(Role, &[Call])],
    ) -> Self {
        let mut lines = Self {
            results: Vec::new(),
            calls: Vec::new(),
            timings: Vec::new(),
        };
        push(&mut lines.results, result);
        push(&mut lines.timings, timing);
        for (role, calls) in calls {
            CallRow::of(&case.id, 1, *role, calls).for_each(|row| push(&mut lines.calls, &row));
        }
        lines
    }
}

impl Lines {
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
    pub(crate) fn create(path: &Path) -> CommandResult<Self> {
        if path.join("results.jsonl").exists() {
            return Err(
                CommandError::person(format!("`{}` already holds a run", path.display()))
                    .hint("name another directory with `--out`"),
            );
        }
        fs::create_dir_all(path).map_err(|error| file_error("make", path, error))?;
        let path = fs::canonicalize(path).map_err(|error| file_error("find", path, error))?;
        let open = |name: &str| {
            let path = path.join(name);
            let file = OpenOptions::new().append(true).create_new(true).open(&path);
            file.map(BufWriter::new)
                .map_err(|error| file_error("write", &path, error))
        };
        Ok(Self {
            results: open("results.jsonl")?,
            calls: open("calls.jsonl")?,
            timings: open("timings.jsonl")?,
            path,
            flushed: Instant::now(),
        })
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

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends the lines of one case.
    pub(crate) fn append(&mut self, lines: &Lines) -> CommandResult<()> {
        let written = self
            .results
            .write_all(&lines.results)
            .and_then(|()| self.calls.write_all(&lines.calls))
            .and_then(|()| self.timings.write_all(&lines.timings));
        written.map_err(|error| file_error("write to", &self.path, error))?;
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes out what is still in memory.
    fn flush(&mut self) -> CommandResult<()> {
        for file in [&mut self.results, &mut self.calls, &mut self.timings] {
            file.flush()
                .map_err(|error| file_error("write to", &self.path, error))?;
        }
        self.flushed = Instant::now();
        Ok(())
    }

    /// Ends the run with its summary.
    pub(crate) fn finish(mut self, summary: &impl Serialize) -> CommandResult<()> {
        self.flush()?;
        let at = |error| file_error("write to", &self.path, error);
        let mut text =
            serde_json::to_vec_pretty(summary).expect("records of plain data can be written");
        text.push(b'\n');
        let (temporary, path) = (
            self.path.join(".summary.json"),
            self.path.join("summary.json"),
        );
        fs::write(&temporary, text)
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_holds_a_run_is_not_written_again() {
        let dir = tempfile::tempdir().unwrap();
        RunDir::create(dir.path()).unwrap().finish(&"done").unwrap();
        assert!(
            RunDir::create(dir.path()).err().unwrap().chain()[0].contains("already holds a run")
        );
    }

    #[test]
    fn runs_below_a_directory_are_numbered() {
        let dir = tempfile::tempdir().unwrap();
        for expected in ["a-001", "a-002"] {
            let run = RunDir::create_below(dir.path(), "a").unwrap();
            assert!(run.path().ends_with(expected));
        }
    }
}
