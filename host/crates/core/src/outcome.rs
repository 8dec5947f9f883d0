//! What became of a case: an outcome, or the failure of a guest.
//!
//! A guest's failure is evidence, not an error: it is scored as empty, with
//! the steps that were traced, and the next case runs.

use serde::{Deserialize, Serialize};

use crate::Untrusted;

/// What a chain made of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The answer that is graded.
    pub output_text: Untrusted,
    /// Names and texts that the author wants to see beside it.
    #[serde(default)]
    pub diagnostics: Vec<(Untrusted, Untrusted)>,
}

/// How a guest failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What ended it.
    pub kind: FailureKind,
    /// The step that was open, or the last that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Untrusted>,
    /// The limit that was hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitHit>,
    /// What happened, in a sentence.
    pub message: Untrusted,
    /// The guest's last lines before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<Untrusted>,
    /// Functions of the guest, the innermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backtrace: Vec<Untrusted>,
}

/// A limit, and what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitHit {
    /// The key in `[limits]`.
    pub key: String,
    /// Its value.
    pub value: u64,
}

impl LimitHit {
    /// Returns a key with its value.
    pub fn new(key: &str, value: u64) -> Self {
        Self {
            key: key.into(),
            value,
        }
    }
}

/// What ended a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// It ran too long.
    Cpu,
    /// It and what it waited for took too long.
    Wall,
    /// It wanted more memory, tables or instances than it may have.
    Memory,
    /// It recursed too deep.
    Stack,
    /// It panicked, aborted, or reached `unreachable`.
    Unreachable,
    /// Another trap of wasm: a division by zero, an access out of bounds.
    Trap,
    /// The host would not do what it asked: a limit of an import was spent.
    Refused,
    /// It called `exit`.
    Exit,
    /// It returned an error of its own.
    Error,
    /// It returned something that cannot be used: a score of 200, a text too long.
    BadAnswer,
    /// Its exports are not those of the contract.
    Contract,
    /// The host itself failed while it served this case.
    Host,
}

impl FailureKind {
    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wall => "wall",
            Self::Memory => "memory",
            Self::Stack => "stack",
            Self::Unreachable => "unreachable",
            Self::Trap => "trap",
            Self::Refused => "refused",
            Self::Exit => "exit",
            Self::Error => "error",
            Self::BadAnswer => "bad_answer",
            Self::Contract => "contract",
            Self::Host => "host",
        }
    }
}
