//! A run that was written, for reading.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fapo_core::run::{FORMAT, RunConfig};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{CONFIG, LOCK};
use crate::exit::{CommandError, CommandResult, file_error};

/// A run's directory, and what the run was made of.
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
