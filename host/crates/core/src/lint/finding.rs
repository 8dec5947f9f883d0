//! What a lint says: one record for each thing that a person may want to mend.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Untrusted;
use crate::case::CaseId;

/// One thing that is wrong, or looks wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked for.
    pub check: Check,
    /// Where it is; none when it counts findings that are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The other one of a pair, which came first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<Place>,
    /// The case at `place`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case_id: Option<CaseId>,
    /// What is wrong, in a sentence. What it quotes of the data is tamed.
    pub message: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Scores on this data would mislead, or it cannot be used at all.
    Error,
    /// It may be meant.
    Warning,
}

impl Level {
    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A split, and a line of its file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// `train`, `validation`, `test`, `dev`, or the name of a file.
    pub split: Untrusted,
    /// The line, from 1; none when the split as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line} of `{}`", self.split),
            None => write!(f, "`{}`", self.split),
        }
    }
}

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $check:ident = $name:literal, $level:ident, $hint:literal;)+) => {
        /// What the lint looks for, in the order in which it is told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Check {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $check,)+
        }

        impl Check {
            /// Every check, the errors first.
            pub const ALL: &[Self] = &[$(Self::$check),+];

            /// The word in records and tables.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$check => $name,)+
                }
            }

            /// How bad its findings are.
            pub fn level(self) -> Level {
                match self {
                    $(Self::$check => Level::$level,)+
                }
            }

            /// What to do about its findings.
            pub fn hint(self) -> &'static str {
                match self {
                    $(Self::$check => $hint,)+
                }
            }
        }
    };
}

checks! {
    /// A row that is no case.
    UnreadableRow = "unreadable_row", Error, "mend the row, or take it out";
    /// An id twice in a split.
    DuplicateId = "duplicate_id", Error, "give each case an id of its own";
    /// An id in two splits.
    IdInTwoSplits = "id_in_two_splits", Error, "give each case an id of its own, and keep it in one split";
    /// What a chain sees of a case is in two splits.
    ContentInTwoSplits = "content_in_two_splits", Error, "keep copies in one split; `fapo-host split` does";
    /// What a chain sees of a case is twice in a split.
    DuplicateContent = "duplicate_content", Warning, "take the copies out, or each of them counts in the mean";
    /// Two cases of two splits have nearly the same texts.
    NearDuplicate = "near_duplicate", Warning, "if they stem from one source, name it in the rows and split with `--group`";
    /// A field of the context is the expected text, and nothing else.
    ExpectedIsField = "expected_is_field", Warning, "take the field out of the context unless the task is to find it";
    /// The expected text stands somewhere in the context.
    ExpectedInContext = "expected_in_context", Warning, "all is well if answers are to be taken from the context, and it is a leak if not";
    /// A chain learns nothing from the case.
    EmptyContext = "empty_context", Warning, "give the case a context, or take it out";
    /// A case without an expected value.
    NoExpected = "no_expected", Warning, "a scorer that compares with `expected` has nothing to compare with";
}

/// How many findings of one check are listed.
///
/// A file with one mistake in each row would make as many findings as rows,
/// and nobody reads the fifty-first.
pub const LISTED_MAX: usize = 50;

/// The findings of one check, the first of them listed and the rest counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    findings: Vec<Finding>,
    n_more: u64,
}

impl Listed {
    /// Takes a finding in; it is made only if there is room for it.
    pub(super) fn push(&mut self, finding: impl FnOnce() -> Finding) {
        if self.findings.len() < LISTED_MAX {
            self.findings.push(finding());
        } else {
            self.n_more += 1;
        }
    }

    /// Takes in one that sums others up, which nothing may push out.
    pub(super) fn push_always(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Returns what is listed, and a last finding that counts the rest.
    pub(super) fn finish(self, check: Check) -> impl Iterator<Item = Finding> {
        let rest = (self.n_more > 0).then(|| Finding {
            level: check.level(),
            check,
            place: None,
            other: None,
            case_id: None,
            message: format!("{} more like these are not listed", self.n_more),
        });
        self.findings.into_iter().chain(rest)
    }
}
