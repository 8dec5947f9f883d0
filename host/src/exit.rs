//! How the program ends: its exit codes, and the errors that lead to them.

use std::error::Error;
use std::process::ExitCode;

/// What an exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It ran. What happened inside cases is in the report.
    Done = 0,
    /// It ran, and a bar that the caller asked for was not met.
    NotMet = 1,
    /// The person's: flags, files, a component that is not a tenant.
    Person = 2,
    /// The world's: a disk, a program that could not be started.
    World = 3,
    /// The run failed as a whole: the world failed too many of its cases.
    Failed = 4,
    /// A budget ended the run.
    Budget = 5,
    /// A guardrail refused: held-out cases stay held out, and raw inputs as they are.
    Refused = 6,
    /// It was stopped by a signal, as a shell says it.
    Stopped = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What ended a command before its work was done.
#[derive(Debug)]
pub(crate) struct CommandError {
    exit: Exit,
    what: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    hint: Option<String>,
}

pub(crate) type CommandResult<T> = Result<T, CommandError>;

impl CommandError {
    /// An error that the person can mend.
    pub(crate) fn person(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::Person,
            what: what.into(),
            source: None,
            hint: None,
        }
    }

    /// A guardrail's refusal.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            ..Self::person(what)
        }
    }

    /// An error of the world.
    pub(crate) fn world(what: impl Into<String>) -> Self {
        Self {
            exit: Exit::World,
            ..Self::person(what)
        }
    }

    /// Says where it happened: what was said so far becomes the cause.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        let mut what = std::mem::replace(&mut self.what, place.into());
        if let Some(source) = &self.source {
            what = format!("{what}: {source}");
        }
        self.source = Some(what.into());
        self
    }

    /// Says what caused it.
    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the message, then its causes, each once.
    pub(crate) fn chain(&self) -> Vec<String> {
        let mut chain = vec![self.what.clone()];
        let mut source: Option<&dyn Error> =
            self.source.as_deref().map(|source| source as &dyn Error);
        while let Some(error) = source {
            let text = error.to_string();
            if chain.last() != Some(&text) {
                chain.push(text);
            }
            source = error.source();
        }
        chain
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// Turns an error of the file system into one of the world, or of the person
/// who named a file that is not there.
pub(crate) fn file_error(
    what: &str,
    path: &std::path::Path,
    error: std::io::Error,
) -> CommandError {
    let text = format!("could not {what} `{}`", path.display());
    match error.kind() {
        std::io::ErrorKind::NotFound
        | std::io::ErrorKind::IsADirectory
        | std::io::ErrorKind::NotADirectory
        | std::io::ErrorKind::InvalidData
        | std::io::ErrorKind::InvalidInput => CommandError::person(text).because(error),
        std::io::ErrorKind::StorageFull => CommandError::world(text)
            .because(error)
            .hint("free some space, or name another place with `--out`"),
        _ => CommandError::world(text).because(error),
    }
}
