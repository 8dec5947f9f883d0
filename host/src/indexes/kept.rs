//! The indexes that were built on demand, in the hands of their owner.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::info::Info;
use super::open::{OpenIndex, is_index};
use crate::clock;
use crate::exit::{CommandError, CommandResult, file_error};
use crate::home::Home;

/// An index in the operator's home. Its fields are promised to scripts.
#[derive(Serialize)]
pub(crate) struct Kept {
    pub(crate) name: String,
    dir: PathBuf,
    pub(crate) bytes: u64,
    /// When a run last opened it.
    pub(crate) used: String,
    #[serde(skip)]
    pub(crate) used_s: u64,
    /// None if it cannot be opened.
    pub(crate) info: Option<Info>,
}

/// Returns all of them, in the order of their names; with what stopped builds
/// left behind.
pub(crate) fn list(home: &Home) -> CommandResult<Vec<Kept>> {
    let all = home.indexes();
    let error = |error| file_error("read", &all, error);
    let entries = match fs::read_dir(&all) {
        Ok(entries) => entries,
        Err(none) if none.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(other) => return Err(error(other)),
    };
    let mut kept = Vec::new();
    for entry in entries {
        let entry = entry.map_err(error)?;
        let dir = entry.path();
        // Anything else there is not ours to touch.
        if entry.file_name() == super::stamps::STAMPS
            || !entry.file_type().map_err(error)?.is_dir()
            || !is_index(&dir)?
        {
            continue;
        }
        // Nor is what somebody is building just now.
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_hidden && File::open(&dir).map_err(error)?.try_lock().is_err() {
            continue;
        }
        let used_s = entry.metadata().map_err(error)?.mtime();
        let used_s = u64::try_from(used_s).unwrap_or(0);
        kept.push(Kept {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes: disk_bytes(&dir)?,
            used: clock::written(used_s),
            used_s,
            info: OpenIndex::open(&dir).ok().map(|index| index.info().clone()),
            dir,
        });
    }
    kept.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(kept)
}

impl Kept {
    /// Removes the index, unless somebody is building it just now.
    pub(crate) fn remove(&self) -> CommandResult<()> {
        let error = |error| file_error("remove", &self.dir, error);
        let lock = File::open(&self.dir).map_err(error)?;
        if lock.try_lock().is_err() {
            return Err(CommandError::world(format!(
                "`{}` is being built just now",
                self.dir.display()
            ))
            .hint("try again when it is done"));
        }
        fs::remove_dir_all(&self.dir).map_err(error)
    }
}

/// Notes that an index was used. An old note is no reason to fail.
pub(super) fn touch(dir: &Path) {
    let _ = File::open(dir).and_then(|dir| dir.set_modified(clock::system()));
}

/// Returns the length of a directory's files.
fn disk_bytes(dir: &Path) -> CommandResult<u64> {
    let error = |error| file_error("read", dir, error);
    let mut bytes = 0;
    for entry in fs::read_dir(dir).map_err(error)? {
        bytes += entry
            .and_then(|entry| entry.metadata())
            .map_err(error)?
            .len();
    }
    Ok(bytes)
}
