//! The lines of a dataset's file, as they are, and the cases on them.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use fapo_core::case::Case;
use fapo_core::digest::{content_digest, hex};
use fapo_core::split::Groups;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Ids;
use crate::exit::{CommandError, CommandResult, file_error};
use crate::workspace::Named;

/// The longest line of a dataset.
///
/// A case is copied into a guest whole; without a bound one line could fill
/// the host's memory.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Where a file is.
#[derive(Clone)]
pub(crate) enum Place {
    /// Where a person says.
    Path(PathBuf),
    /// Where a tenant says, below its directory.
    Tenant(Named),
}

impl Place {
    /// Opens the file.
    pub(crate) fn open(&self) -> CommandResult<File> {
        match self {
            Self::Path(path) => File::open(path).map_err(|error| file_error("open", path, error)),
            Self::Tenant(named) => named.open(),
        }
    }

    /// Opens the folder, if it is one; then nothing outside of it is reached.
    pub(crate) fn open_folder(&self) -> CommandResult<Option<Dir>> {
        match self {
            Self::Path(path) if path.is_dir() => {
                let dir = Dir::open_ambient_dir(path, ambient_authority());
                dir.map(Some)
                    .map_err(|error| file_error("open", path, error))
            }
            Self::Path(_) => Ok(None),
            Self::Tenant(named) => named.open_folder(),
        }
    }

    /// Returns the path for messages and records.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Tenant(named) => named.path.clone(),
        }
    }
}

/// The lines of a file.
pub(crate) struct Lines {
    shown: String,
    file: BufReader<File>,
    number: usize,
    digest: Sha256,
}

impl Lines {
    pub(crate) fn open(place: &Place) -> CommandResult<Self> {
        Ok(Self {
            shown: place.shown(),
            file: BufReader::with_capacity(256 << 10, place.open()?),
            number: 0,
            digest: Sha256::new(),
        })
    }

    /// Reads the next line with its end; false when there is none.
    pub(crate) fn read(&mut self, bytes: &mut Vec<u8>) -> CommandResult<bool> {
        bytes.clear();
        self.number += 1;
        let read = std::io::Read::take(&mut self.file, LINE_BYTES_MAX as u64 + 1)
            .read_until(b'\n', bytes)
            .map_err(|error| file_error("read", self.shown.as_ref(), error))?;
        if read > LINE_BYTES_MAX {
            return Err(self.refused(format!("it is longer than {LINE_BYTES_MAX} bytes")));
        }
        self.digest.update(&bytes);
        Ok(read > 0)
    }

    /// Returns the number of the line that was read last.
    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Returns the digest of all that was read.
    pub(crate) fn digest(&self) -> String {
        hex(&self.digest.clone().finalize().into())
    }

    /// Returns the text of the line that was read last; none of a blank one.
    pub(crate) fn text<'a>(&self, bytes: &'a [u8]) -> CommandResult<Option<&'a str>> {
        let text = std::str::from_utf8(bytes).map_err(|error| self.refused(error))?;
        Ok(Some(text).filter(|text| !text.trim().is_empty()))
    }

    /// Returns the case on the line that was read last; none of a blank one.
    pub(crate) fn case(&self, bytes: &[u8]) -> CommandResult<Option<Case>> {
        let Some(text) = self.text(bytes)? else {
            return Ok(None);
        };
        Case::from_json(text).map(Some).map_err(|error| {
            let hint = error.hint();
            self.refused(error).hint(hint)
        })
    }

    /// Returns the next case with its line, whatever blank lines are before it.
    pub(crate) fn next_case(&mut self, bytes: &mut Vec<u8>) -> CommandResult<Option<Case>> {
        while self.read(bytes)? {
            if let Some(case) = self.case(bytes)? {
                return Ok(Some(case));
            }
        }
        Ok(None)
    }

    /// Returns the error for the line that was read last.
    pub(crate) fn refused(
        &self,
        because: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> CommandError {
        CommandError::person(format!(
            "could not use line {} of `{}`",
            self.number, self.shown
        ))
        .because(because)
    }

    /// Returns the value of a field that names the group of the row on the
    /// line that was read last.
    fn group(&self, bytes: &[u8], key: &str) -> CommandResult<String> {
        let row: Value = serde_json::from_slice(bytes).map_err(|error| self.refused(error))?;
        let value = key.split('.').try_fold(&row, |value, name| value.get(name));
        match value {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
            Some(plain @ (Value::Number(_) | Value::Bool(_))) => Ok(plain.to_string()),
            _ => Err(self
                .refused(format!("it has no text or number at `{key}`"))
                .hint("name as the group a field that every row has")),
        }
    }
}

/// Checks every row of a file, and returns their groups and the digest of the
/// file. Rows that have no group of their own are kept apart by their ids.
pub(crate) fn groups(place: &Place, key: Option<&str>) -> CommandResult<(Groups, String)> {
    let mut lines = Lines::open(place)?;
    let (mut groups, mut ids) = (Groups::new(), Ids::default());
    let mut bytes = Vec::new();
    while let Some(case) = lines.next_case(&mut bytes)? {
        ids.check(&lines, &case)?;
        let content = content_digest(&case);
        match key {
            None => groups.add(case.id.as_str(), content),
            Some(key) => groups.add(&lines.group(&bytes, key)?, content),
        }
    }
    Ok((groups, lines.digest()))
}
