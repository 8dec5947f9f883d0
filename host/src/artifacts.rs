//! Named blobs on disk: the run's inputs, and a directory for each case.
//!
//! All is opened relative to two directories through cap-std, which follows no
//! link out of them; names were checked before they come here.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use fapo_core::call::{ArtifactError, ArtifactInfo, is_artifact_name};
use fapo_core::case::CaseId;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, ArtifactStore};
use sha2::{Digest, Sha256};

/// Blobs below two directories.
pub(crate) struct DiskArtifacts(Arc<Dirs>);

struct Dirs {
    /// What every case can read and none can write.
    inputs: Option<Dir>,
    /// One directory for each case that wrote something.
    cases: Dir,
}

impl DiskArtifacts {
    /// Opens the inputs, if there are any, and the directory for the cases.
    pub(crate) fn open(inputs: Option<&Path>, cases: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(cases)?;
        let open = |path: &Path| Dir::open_ambient_dir(path, ambient_authority());
        Ok(Self(Arc::new(Dirs {
            inputs: inputs.map(open).transpose()?,
            cases: open(cases)?,
        })))
    }

    /// Forgets what a case has written, so that it can run anew.
    pub(crate) fn forget(&self, case: &CaseId, repeat: u32) -> io::Result<()> {
        match self.0.cases.remove_dir_all(folder(case, repeat)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Runs blocking work where it holds up nobody.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Dirs) -> Result<T, ArtifactError> + Send + 'static,
    ) -> Answer<Result<T, ArtifactError>> {
        let dirs = self.0.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(&dirs)).await;
            done.unwrap_or_else(|error| Err(ArtifactError::Unavailable(error.to_string().into())))
        })
    }
}

impl ArtifactStore for DiskArtifacts {
    fn read(&self, site: CallSite, name: String) -> Answer<Result<Vec<u8>, ArtifactError>> {
        self.ask(move |dirs| {
            for dir in [dirs.inputs.as_ref(), dirs.of(&site)?.as_ref()]
                .into_iter()
                .flatten()
            {
                match dir.read(&name) {
                    Ok(data) => return Ok(data),
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    Err(error) => return Err(unavailable(error)),
                }
            }
            Err(ArtifactError::NotFound(name.into()))
        })
    }

    fn write(
        &self,
        site: CallSite,
        name: String,
        data: Vec<u8>,
    ) -> Answer<Result<(), ArtifactError>> {
        self.ask(move |dirs| {
            if dirs
                .inputs
                .as_ref()
                .is_some_and(|inputs| inputs.symlink_metadata(&name).is_ok())
            {
                return Err(ArtifactError::ReadOnly(name.into()));
            }
            let case = folder(&site.case, site.repeat);
            let written = (|| {
                dirs.cases.create_dir_all(&case)?;
                let dir = dirs.cases.open_dir(&case)?;
                // No blob begins with a dot, so this name is free.
                dir.write(".writing", &data)?;
                dir.rename(".writing", &dir, &name)
            })();
            written.map_err(unavailable)
        })
    }

    fn list(&self, site: CallSite) -> Answer<Result<Vec<ArtifactInfo>, ArtifactError>> {
        self.ask(move |dirs| {
            let mut infos = Vec::new();
            for (dir, read_only) in [
                (dirs.inputs.as_ref(), true),
                (dirs.of(&site)?.as_ref(), false),
            ] {
                let Some(dir) = dir else { continue };
                for entry in dir.entries().map_err(unavailable)? {
                    let entry = entry.map_err(unavailable)?;
                    let meta = entry.metadata().map_err(unavailable)?;
                    let name = entry.file_name().to_string_lossy().into_owned();
                    if meta.is_file() && is_artifact_name(&name) {
                        infos.push(ArtifactInfo {
                            name,
                            size: meta.len(),
                            read_only,
                        });
                    }
                }
            }
            infos.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(infos)
        })
    }
}

impl Dirs {
    /// Returns the directory of a case, if it has written anything.
    fn of(&self, site: &CallSite) -> Result<Option<Dir>, ArtifactError> {
        match self.cases.open_dir(folder(&site.case, site.repeat)) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}

/// Returns the name of a case's directory: an id may hold anything, its digest
/// is always a name, and no two ids share one. Each repeat has its own.
fn folder(case: &CaseId, repeat: u32) -> String {
    let digest = Sha256::digest(case.as_str().as_bytes());
    if repeat == 1 {
        format!("{digest:x}")
    } else {
        format!("{digest:x}-{repeat}")
    }
}

fn unavailable(error: io::Error) -> ArtifactError {
    ArtifactError::Unavailable(error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::site;

    #[tokio::test]
    async fn a_case_reads_back_its_own_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = DiskArtifacts::open(None, &dir.path().join("cases")).unwrap();
        store
            .write(site("a"), "x".into(), b"1".into())
            .await
            .unwrap();
        store
            .write(site("a"), "x".into(), b"2".into())
            .await
            .unwrap();
        assert_eq!(store.read(site("a"), "x".into()).await.unwrap(), b"2");
        let foreign = store.read(site("b"), "x".into()).await;
        assert_eq!(foreign, Err(ArtifactError::NotFound("x".into())));
        assert_eq!(store.list(site("b")).await.unwrap(), []);
    }

    #[tokio::test]
    async fn each_repeat_of_a_case_has_a_space_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = DiskArtifacts::open(None, &dir.path().join("cases")).unwrap();
        let again = CallSite {
            repeat: 2,
            ..site("a")
        };
        store
            .write(site("a"), "x".into(), b"1".into())
            .await
            .unwrap();
        assert_eq!(store.list(again).await.unwrap(), []);
        store.forget(&"a".into(), 2).unwrap();
        store.forget(&"a".into(), 1).unwrap();
        assert_eq!(store.list(site("a")).await.unwrap(), []);
    }

    #[tokio::test]
    async fn inputs_can_be_read_by_all_and_written_by_none() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::fs::write(dir.path().join("in/x"), b"given").unwrap();
        let store =
            DiskArtifacts::open(Some(&dir.path().join("in")), &dir.path().join("cases")).unwrap();
        assert_eq!(store.read(site("a"), "x".into()).await.unwrap(), b"given");
        let refused = store.write(site("a"), "x".into(), b"mine".into()).await;
        assert_eq!(refused, Err(ArtifactError::ReadOnly("x".into())));
        let listed = store.list(site("a")).await.unwrap();
        assert_eq!((listed.len(), listed[0].read_only), (1, true));
    }

    #[tokio::test]
    async fn a_link_out_of_the_inputs_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), b"secret").unwrap();
        std::fs::create_dir(dir.path().join("in")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), dir.path().join("in/x")).unwrap();
        let store =
            DiskArtifacts::open(Some(&dir.path().join("in")), &dir.path().join("cases")).unwrap();
        assert!(matches!(
            store.read(site("a"), "x".into()).await,
            Err(ArtifactError::Unavailable(_))
        ));
    }
}
