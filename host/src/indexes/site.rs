//! Where an index is built: a directory beside its place, which it takes whole.
//!
//! The directory is called `.NAME.building` and is locked while somebody builds
//! in it. Whoever is killed leaves a directory that nobody takes for an index,
//! and that the next one to build there clears. Two that build the same index
//! take turns, and no lock file is left behind.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::open::is_index;
use crate::exit::{CommandError, CommandResult, file_error};
use crate::report;

/// A directory that is this builder's alone.
pub(super) struct Site {
    target: PathBuf,
    dir: PathBuf,
    lock: File,
    is_done: bool,
}

/// Whether somebody else built there while one waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Waited,
}

impl Site {
    /// Takes the directory beside a place, once nobody else builds there.
    pub(super) fn take(target: &Path) -> CommandResult<(Self, Turn)> {
        // A link to an index stays, and leads to the new one.
        let target = match fs::canonicalize(target) {
            Ok(real) => real,
            Err(_) => std::path::absolute(target).map_err(|e| file_error("use", target, e))?,
        };
        check_replaceable(&target)?;
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(CommandError::person(format!(
                "`{}` cannot be the name of an index",
                target.display()
            )));
        };
        fs::create_dir_all(parent).map_err(|error| file_error("make", parent, error))?;
        let mut building = std::ffi::OsString::from(".");
        building.push(name);
        building.push(".building");
        let dir = parent.join(building);
        let mut turn = Turn::First;
        loop {
            let lock = locked(&dir, &target, &mut turn)
                .map_err(|error| not_written(error, "make", &dir))?;
            if let Some(lock) = lock {
                let site = Self {
                    target,
                    dir,
                    lock,
                    is_done: false,
                };
                site.clear()?;
                return Ok((site, turn));
            }
        }
    }

    /// Removes what somebody left who was stopped.
    fn clear(&self) -> CommandResult<()> {
        let error = |error| file_error("clear", &self.dir, error);
        for entry in fs::read_dir(&self.dir).map_err(error)? {
            let entry = entry.map_err(error)?;
            match entry.file_type().map_err(error)?.is_dir() {
                true => fs::remove_dir_all(entry.path()),
                false => fs::remove_file(entry.path()),
            }
            .map_err(error)?;
        }
        Ok(())
    }

    /// The directory to build in.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns an error for a file that could not be written there.
    pub(super) fn not_written(&self, error: io::Error) -> CommandError {
        not_written(error, "write", &self.dir)
    }

    /// Puts what was built in its place.
    pub(super) fn finish(mut self) -> CommandResult<()> {
        // Somebody may have put something there meanwhile.
        check_replaceable(&self.target)?;
        let placed = self.place();
        placed.map_err(|error| not_written(error, "write", &self.target))
    }

    fn place(&mut self) -> io::Result<()> {
        self.lock.sync_all()?;
        self.take_place()?;
        let parent = self.target.parent().unwrap_or(Path::new("."));
        File::open(parent)?.sync_all()
    }

    fn take_place(&mut self) -> io::Result<()> {
        loop {
            let old = match File::open(&self.target) {
                Ok(old) => old,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    fs::rename(&self.dir, &self.target)?;
                    self.is_done = true;
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            // Before it stands under the name that we build under, where another
            // builder would take it for one that was left behind.
            old.lock()?;
            match renameat_with(CWD, &self.dir, CWD, &self.target, RenameFlags::EXCHANGE) {
                Ok(()) => {
                    self.is_done = true;
                    // Who reads the old index keeps its files.
                    return fs::remove_dir_all(&self.dir);
                }
                // Somebody removed it while we waited for its lock.
                Err(Errno::NOENT) if !self.target.exists() => {}
                // A file system that cannot exchange names: for a moment there is
                // no index.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                    fs::remove_dir_all(&self.target)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if !self.is_done {
            // What cannot be removed is cleared by the next one to build here.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Makes and locks a directory; none if another one has its name by then.
fn locked(dir: &Path, target: &Path, turn: &mut Turn) -> io::Result<Option<File>> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let lock = match File::open(dir) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            if *turn == Turn::First {
                report::note(&format!(
                    "another process builds `{}`; waiting for it",
                    target.display()
                ));
            }
            *turn = Turn::Waited;
            lock.lock()?;
        }
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    let ours = lock.metadata()?;
    match fs::metadata(dir) {
        Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => Ok(Some(lock)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Refuses a place where something else is than an index.
fn check_replaceable(target: &Path) -> CommandResult<()> {
    let is_replaceable = match fs::metadata(target) {
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(file_error("use", target, error)),
        Ok(meta) if meta.is_dir() => is_index(target)? || is_empty(target)?,
        Ok(_) => false,
    };
    if is_replaceable {
        return Ok(());
    }
    Err(CommandError::person(format!(
        "`{}` is there already, and is not an index",
        target.display()
    ))
    .hint("name a directory that does not exist, or one that holds an index to be replaced"))
}

fn is_empty(dir: &Path) -> CommandResult<bool> {
    let mut entries = fs::read_dir(dir).map_err(|error| file_error("read", dir, error))?;
    Ok(entries.next().is_none())
}

fn not_written(error: io::Error, what: &str, path: &Path) -> CommandError {
    let is_full = matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    );
    let told = file_error(what, path, error);
    match is_full {
        true => told.hint("free some space there: an index and its segments take about twice what the corpus does while it is built"),
        false => told,
    }
}
