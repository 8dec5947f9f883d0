//! Going on with a run: where its rows end, and what they came to.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Seek};
use std::path::Path;

use fapo_core::artifact::{CallRow, ResultRow, TimingRow};
use fapo_core::case::CaseId;
use sha2::Digest;

use super::{Appended, RESULTS, RunDir, TIMINGS};
use crate::exit::{CommandError, CommandResult, file_error};
use crate::tally::Tally;

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

impl RunDir {
    /// Opens a run to go on with it, adds up what it has, and returns what is
    /// finished: rows that were written in part are taken away.
    pub(crate) fn resume(path: &Path, tally: &mut Tally) -> CommandResult<(Self, Finished)> {
        let mut dir = Self::open(path)?;
        let mut finished = Finished::default();
        let [calls, timings, results] = &mut dir.files;
        let io = |error| file_error("read", path, error);
        cut(results, |line| {
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
        cut(timings, |line| {
            let row: Option<TimingRow> = serde_json::from_slice(line).ok();
            row.filter(|_| n_timings < finished.n_rows())
                .is_some_and(|row| {
                    n_timings += 1;
                    tally.add_timing(&row);
                    true
                })
        })
        .map_err(io)?;
        cut(calls, |line| {
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
}

/// Keeps the lines of a file up to the first that is not wanted, and stands at
/// their end.
fn cut(appended: &mut Appended, mut keep: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let Appended {
        file,
        digest,
        bytes,
        ..
    } = appended;
    file.seek(io::SeekFrom::Start(0))?;
    let mut reader = BufReader::new(&*file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 || line.last() != Some(&b'\n') || !keep(&line) {
            break;
        }
        digest.update(&line);
        *bytes += read as u64;
    }
    file.set_len(*bytes)?;
    file.seek(io::SeekFrom::End(0)).map(|_| ())
}
