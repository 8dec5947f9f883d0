//! Datasets: one case a line, read one by one.
//!
//! A file is read twice. The first time every row is checked, so that a row
//! that is no case is found before anything is paid for; the second time the
//! cases stream through, so memory does not grow with the file.

mod lines;

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use fapo_core::case::Case;
use fapo_core::digest::{hex, sha256_hex};
use fapo_core::manifest::WrittenDerive;
use fapo_core::run::DatasetRecord;
use sha2::{Digest, Sha256};

use crate::exit::{CommandError, CommandResult};

pub(crate) use lines::{Lines, Place, groups};

/// Which rows of a file are cases of a run.
#[derive(Clone, Default)]
pub(crate) struct Selection {
    /// One entry a row, where not all are taken.
    pub(crate) taken: Option<Arc<[bool]>>,
    /// How that came about.
    pub(crate) derived: Option<WrittenDerive>,
    /// How many of those are taken, the first ones.
    pub(crate) limit: Option<u64>,
}

/// Where cases come from.
#[derive(Clone)]
pub(crate) enum Source {
    File(Box<Rowed>),
    /// One case of the command line.
    Given(Box<Case>),
}

/// A file whose every row was checked.
#[derive(Clone)]
pub(crate) struct Rowed {
    place: Place,
    selection: Selection,
    record: DatasetRecord,
}

impl Source {
    /// Checks every row of a file, and shows each case that is taken to `look`
    /// with the number of its line.
    pub(crate) fn open(
        place: Place,
        selection: Selection,
        mut look: impl FnMut(&Case, usize) -> CommandResult<()>,
    ) -> CommandResult<Self> {
        let mut ids = Ids::default();
        let mut taken_ids = Sha256::new();
        let mut n_cases = 0;
        let mut lines = Lines::open(&place)?;
        let mut bytes = Vec::new();
        let mut at = 0;
        while let Some(case) = lines.next_case(&mut bytes)? {
            ids.check(&lines, &case)?;
            if selection.takes(at, n_cases) {
                look(&case, lines.number())?;
                n_cases += 1;
                taken_ids.update(case.id.as_str());
                taken_ids.update(b"\n");
            }
            at += 1;
        }
        if n_cases == 0 {
            return Err(
                CommandError::person(format!("`{}` holds no case", place.shown()))
                    .hint("a dataset has one case a line, as JSON"),
            );
        }
        let record = DatasetRecord {
            path: place.shown(),
            digest: lines.digest(),
            n_cases,
            case_ids_digest: hex(&taken_ids.finalize().into()),
            limit: selection.limit,
            derived: selection.derived.clone(),
        };
        Ok(Self::File(Box::new(Rowed {
            place,
            selection,
            record,
        })))
    }

    pub(crate) fn n_cases(&self) -> u64 {
        match self {
            Self::File(file) => file.record.n_cases,
            Self::Given(_) => 1,
        }
    }

    /// Returns what the record of a run says of the cases.
    pub(crate) fn record(&self) -> DatasetRecord {
        match self {
            Self::File(file) => file.record.clone(),
            Self::Given(case) => DatasetRecord {
                path: "--input".into(),
                digest: sha256_hex(&case.context),
                n_cases: 1,
                case_ids_digest: sha256_hex(case.id.as_str()),
                limit: None,
                derived: None,
            },
        }
    }

    /// Returns the cases in order.
    pub(crate) fn cases(&self) -> CommandResult<Cases> {
        Ok(match self {
            Self::File(file) => Cases::File(Box::new(FileCases {
                lines: Lines::open(&file.place)?,
                bytes: Vec::new(),
                selection: file.selection.clone(),
                row: 0,
                n_taken: 0,
            })),
            Self::Given(case) => Cases::Given(Some(case.clone())),
        })
    }
}

impl Selection {
    /// Tells whether a row is taken, after so many others were.
    fn takes(&self, row: usize, n_taken: u64) -> bool {
        let taken = self.taken.as_ref();
        taken.is_none_or(|taken| taken.get(row).copied().unwrap_or(false))
            && self.limit.is_none_or(|limit| n_taken < limit)
    }
}

/// Cases, one after the other.
pub(crate) enum Cases {
    File(Box<FileCases>),
    Given(Option<Box<Case>>),
}

/// The cases of a file that are taken.
pub(crate) struct FileCases {
    lines: Lines,
    bytes: Vec<u8>,
    selection: Selection,
    row: usize,
    n_taken: u64,
}

impl Iterator for Cases {
    type Item = CommandResult<Case>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::File(cases) => cases.next().transpose(),
            Self::Given(case) => Some(Ok(*case.take()?)),
        }
    }
}

impl FileCases {
    fn next(&mut self) -> CommandResult<Option<Case>> {
        // What comes after the last one that is taken is not read again.
        while self
            .selection
            .limit
            .is_none_or(|limit| self.n_taken < limit)
        {
            let Some(case) = self.lines.next_case(&mut self.bytes)? else {
                break;
            };
            let takes = self.selection.takes(self.row, self.n_taken);
            self.row += 1;
            if takes {
                self.n_taken += 1;
                return Ok(Some(case));
            }
        }
        Ok(None)
    }
}

/// The ids of a file's cases, kept as hashes: a hundred thousand of them take
/// a megabyte.
#[derive(Default)]
pub(crate) struct Ids {
    hasher: RandomState,
    seen: HashSet<u64>,
}

impl Ids {
    /// Takes in the id of the case that was read last; one that is there
    /// already is refused.
    pub(crate) fn check(&mut self, lines: &Lines, case: &Case) -> CommandResult<()> {
        if self.seen.insert(self.hasher.hash_one(case.id.as_str())) {
            return Ok(());
        }
        Err(lines
            .refused(format!("it repeats the case_id `{}`", case.id))
            .hint("give each case an id of its own"))
    }
}
