//! A folder of texts, each a document.
//!
//! The folder is a capability: what is read lies inside of it, whatever links
//! there are. Links are not followed, so a folder is never read twice.

use std::io::Read;

use cap_std::fs::{Dir, MetadataExt};
use sha2::{Digest, Sha256};

use super::{DOCUMENT_BYTES_MAX, Form, Piece, TooLong};
use crate::exit::{CommandError, CommandResult, file_error};

/// The texts of a folder and of the folders in it, in the order of their paths.
pub(crate) struct Folder {
    dir: Dir,
    shown: String,
    paths: Vec<String>,
    next: usize,
}

/// How deep folders may lie in each other: a path has an end.
const DEPTH_MAX: usize = 32;

impl Folder {
    /// Finds the texts.
    pub(super) fn open(dir: Dir, shown: String) -> CommandResult<Self> {
        let mut paths = Vec::new();
        find(&dir, &shown, "", 0, &mut paths)?;
        paths.sort_unstable();
        Ok(Self {
            dir,
            shown,
            paths,
            next: 0,
        })
    }

    /// Reads the next texts, until they are a piece.
    pub(super) fn next(
        &mut self,
        piece_bytes: usize,
        digest: &mut Sha256,
    ) -> CommandResult<Option<Piece>> {
        let (mut bytes, mut files) = (Vec::new(), Vec::new());
        while bytes.len() < piece_bytes
            && let Some(path) = self.paths.get(self.next)
        {
            let start = bytes.len();
            self.dir
                .open(path)
                .and_then(|file| {
                    file.take(DOCUMENT_BYTES_MAX as u64 + 1)
                        .read_to_end(&mut bytes)
                })
                .map_err(|error| file_error("read", self.inside(path).as_ref(), error))?;
            let text = &bytes[start..];
            if text.len() > DOCUMENT_BYTES_MAX {
                return Err(self.not_usable(path).because(TooLong));
            }
            // With the lengths, no two folders are the same stream of bytes.
            for part in [path.as_bytes(), text] {
                digest.update((part.len() as u64).to_le_bytes());
                digest.update(part);
            }
            files.push((path.clone(), bytes.len()));
            self.next += 1;
        }
        let is_piece = !files.is_empty();
        let form = Form::Files(files);
        Ok(is_piece.then_some(Piece { bytes, form }))
    }

    /// Returns what changes when any of the texts does.
    pub(crate) fn state(&self) -> CommandResult<(String, i128)> {
        let mut state = Sha256::new();
        let mut newest = i128::MIN;
        for path in &self.paths {
            let meta = self.dir.symlink_metadata(path);
            let meta =
                meta.map_err(|error| file_error("read", self.inside(path).as_ref(), error))?;
            let at = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
            let times = [
                at(meta.mtime(), meta.mtime_nsec()),
                at(meta.ctime(), meta.ctime_nsec()),
            ];
            newest = times.into_iter().fold(newest, i128::max);
            let (dev, ino, size) = (meta.dev(), meta.ino(), meta.size());
            state.update(format!(
                "{}:{path} {dev} {ino} {size} {times:?}\n",
                path.len()
            ));
        }
        Ok((fapo_core::digest::hex(&state.finalize().into()), newest))
    }

    /// Returns which folder it is.
    pub(crate) fn which(&self) -> CommandResult<String> {
        let meta = self.dir.dir_metadata();
        let meta = meta.map_err(|error| file_error("read", self.shown.as_ref(), error))?;
        Ok(format!("{} {}", meta.dev(), meta.ino()))
    }

    fn inside(&self, path: &str) -> String {
        format!("{}/{path}", self.shown)
    }

    fn not_usable(&self, path: &str) -> CommandError {
        CommandError::person(format!("could not use `{}`", self.inside(path)))
    }
}

fn find(
    dir: &Dir,
    shown: &str,
    below: &str,
    depth: usize,
    paths: &mut Vec<String>,
) -> CommandResult<()> {
    let here = format!("{shown}/{below}");
    let error = |error| file_error("read", here.as_ref(), error);
    if depth > DEPTH_MAX {
        return Err(CommandError::person(format!(
            "`{here}` lies deeper than {DEPTH_MAX} folders"
        )));
    }
    for entry in dir.entries().map_err(error)? {
        let entry = entry.map_err(error)?;
        let kind = entry.file_type().map_err(error)?;
        let Ok(name) = entry.file_name().into_string() else {
            return Err(CommandError::person(format!(
                "`{here}` holds a name that is not text"
            )));
        };
        let path = format!("{below}{name}");
        if kind.is_dir() {
            let dir = entry.open_dir().map_err(error)?;
            find(&dir, shown, &format!("{path}/"), depth + 1, paths)?;
        } else if kind.is_file() && is_text(&name) {
            paths.push(path);
        }
    }
    Ok(())
}

/// Tells by its name whether a file is a document.
fn is_text(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with(".txt") || name.ends_with(".md")
}
