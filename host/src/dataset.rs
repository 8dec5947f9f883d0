//! Datasets: one case a line, read one by one.
//!
//! A file is read twice. The first time every row is checked, so that a row
//! that is no case is found before anything is paid for; the second time the
//! cases stream through, so memory does not grow with the file.

use std::collections::HashSet;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use fapo_core::case::Case;

use crate::exit::{CommandError, CommandResult, file_error};

/// The longest line of a dataset.
///
/// A case is copied into a guest whole; without a bound one line could fill
/// the host's memory.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Where cases come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    File {
        path: PathBuf,
        n_cases: usize,
    },
    /// One case of the command line.
    Given(Box<Case>),
}

impl Source {
    /// Checks every row of a file.
    pub(crate) fn open(path: &Path) -> CommandResult<Self> {
        // Ids are kept as hashes: a hundred thousand of them take a megabyte.
        let hasher = RandomState::new();
        let mut seen = HashSet::new();
        let mut n_cases = 0;
        for row in Rows::open(path)? {
            let (line, case) = row?;
            n_cases += 1;
            if !seen.insert(hasher.hash_one(case.id.as_str())) {
                return Err(CommandError::person(format!(
                    "could not use `{}`: line {line} repeats the case_id `{}`",
                    path.display(),
                    case.id
                ))
                .hint("give each case an id of its own"));
            }
        }
        if n_cases == 0 {
            return Err(
                CommandError::person(format!("`{}` holds no case", path.display()))
                    .hint("a dataset has one case a line, as JSON"),
            );
        }
        Ok(Self::File {
            path: path.into(),
            n_cases,
        })
    }

    pub(crate) fn n_cases(&self) -> usize {
        match self {
            Self::File { n_cases, .. } => *n_cases,
            Self::Given(_) => 1,
        }
    }

    /// Returns the cases in order.
    pub(crate) fn cases(&self) -> CommandResult<Box<dyn Iterator<Item = CommandResult<Case>>>> {
        Ok(match self {
            Self::File { path, .. } => {
                Box::new(Rows::open(path)?.map(|row| row.map(|(_, case)| case)))
            }
            Self::Given(case) => Box::new(std::iter::once(Ok((**case).clone()))),
        })
    }
}

/// The rows of a file, with the numbers of their lines.
struct Rows {
    path: PathBuf,
    file: BufReader<File>,
    line: usize,
}

impl Rows {
    fn open(path: &Path) -> CommandResult<Self> {
        let file = File::open(path).map_err(|error| file_error("open", path, error))?;
        Ok(Self {
            path: path.into(),
            file: BufReader::with_capacity(256 << 10, file),
            line: 0,
        })
    }

    fn read(&mut self) -> CommandResult<Option<Case>> {
        let mut text = Vec::new();
        loop {
            text.clear();
            self.line += 1;
            let read = std::io::Read::take(&mut self.file, LINE_BYTES_MAX as u64 + 1)
                .read_until(b'\n', &mut text)
                .map_err(|error| file_error("read", &self.path, error))?;
            if read == 0 {
                return Ok(None);
            }
            let place = || {
                format!(
                    "could not use line {} of `{}`",
                    self.line,
                    self.path.display()
                )
            };
            if read > LINE_BYTES_MAX {
                return Err(CommandError::person(place())
                    .because(format!("it is longer than {LINE_BYTES_MAX} bytes")));
            }
            let line = std::str::from_utf8(&text)
                .map_err(|error| CommandError::person(place()).because(error))?;
            if line.trim().is_empty() {
                continue;
            }
            return Case::from_json(line).map(Some).map_err(|error| {
                let hint = error.hint();
                CommandError::person(place()).because(error).hint(hint)
            });
        }
    }
}

impl Iterator for Rows {
    type Item = CommandResult<(usize, Case)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read()
            .map(|case| case.map(|case| (self.line, case)))
            .transpose()
    }
}
