//! What a tenant's raw inputs are, so that a change of them is noticed.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::exit::{CommandError, CommandResult, file_error};
use crate::workspace::RAW;

/// Each file and folder of `source_artifacts/`, with the digest of what it holds.
pub(super) type Seen = BTreeMap<PathBuf, String>;

/// Looks at all raw inputs of a tenant; one without any has none.
pub(super) fn look(tenant: &Path) -> CommandResult<Seen> {
    let mut seen = Seen::new();
    let mut places = vec![tenant.join(RAW)];
    while let Some(place) = places.pop() {
        let look = || -> io::Result<(String, Vec<PathBuf>)> {
            let kind = fs::symlink_metadata(&place)?.file_type();
            if kind.is_dir() {
                let inside = fs::read_dir(&place)?.map(|entry| Ok(entry?.path()));
                return Ok(("folder".into(), inside.collect::<io::Result<_>>()?));
            }
            if kind.is_symlink() {
                // A link is what it says; where it leads is not in the tenant's hands.
                let target = fs::read_link(&place)?;
                return Ok((format!("link to {}", target.display()), Vec::new()));
            }
            if !kind.is_file() {
                return Ok(("neither file nor folder".into(), Vec::new()));
            }
            let mut digest = Sha256::new();
            io::copy(&mut File::open(&place)?, &mut digest)?;
            Ok((
                fapo_core::digest::hex(&digest.finalize().into()),
                Vec::new(),
            ))
        };
        match look() {
            Ok((what, inside)) => {
                places.extend(inside);
                seen.insert(place, what);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && seen.is_empty() => {}
            Err(error) => return Err(file_error("read", &place, error)),
        }
    }
    Ok(seen)
}

/// Refuses a build after which raw inputs are not what they were.
pub(super) fn check_same(before: &Seen, after: &Seen) -> CommandResult<()> {
    let mut paths = before.keys().chain(after.keys());
    let Some(changed) = paths.find(|path| before.get(*path) != after.get(*path)) else {
        return Ok(());
    };
    let how = match (before.contains_key(changed), after.contains_key(changed)) {
        (true, true) => "changed",
        (true, false) => "removed",
        (false, _) => "added",
    };
    Err(CommandError::refused(format!(
        "the build {how} `{}`, and what is in `{RAW}` is read-only",
        changed.display()
    ))
    .hint("put it back as it was, and let the build write to another folder"))
}
