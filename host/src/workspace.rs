//! A tenant's directory. Whatever a tenant names is opened relative to it
//! through cap-std, so no key of `tenant.toml`, a config or a variant leads out.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Component as Part, Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use fapo_core::manifest::{Grants, WrittenManifest};
use fapo_core::policy::WrittenPolicy;
use fapo_core::split::Split;

use crate::exit::{CommandError, CommandResult, file_error};
use crate::manifest;

pub(crate) use crate::manifest::MANIFEST;

/// The folder of raw inputs: the host writes nothing there, and nothing that it runs may.
pub(crate) const RAW: &str = "source_artifacts";

/// The folder of runs that nobody gave another place.
pub(crate) const EVALS: &str = "evals";

/// The longest text file that a tenant may name: a prompt, a config, a record.
const TEXT_BYTES_MAX: u64 = 4 << 20;

/// A tenant's directory, open.
#[derive(Clone)]
pub(crate) struct Workspace {
    path: PathBuf,
    dir: Arc<Dir>,
    pub(crate) manifest: WrittenManifest,
}

/// A file that a key of the tenant names.
#[derive(Clone)]
pub(crate) struct Named {
    dir: Arc<Dir>,
    /// The key, for messages.
    key: String,
    /// The path below the tenant's directory.
    pub(crate) path: String,
}

impl Workspace {
    /// Opens the directory and reads its manifest.
    pub(crate) fn open(path: &Path) -> CommandResult<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| {
            file_error("open the tenant", path, error)
                .hint("name the directory that holds the tenant's `tenant.toml`")
        })?;
        let text = match dir.read_to_string(MANIFEST) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(CommandError::person(format!(
                    "`{}` is not a tenant: it has no `{MANIFEST}`",
                    path.display()
                ))
                .hint("`fapo-host new NAME` makes a tenant to begin with"));
            }
            Err(error) => return Err(file_error("read", &path.join(MANIFEST), error)),
        };
        let place = path.join(MANIFEST);
        let manifest = manifest::parse(&text, &place)?;
        manifest.check().map_err(|error| {
            let hint = error.hint();
            CommandError::person(format!("could not use `{}`", place.display()))
                .because(error)
                .hint(hint)
        })?;
        Ok(Self {
            path: path.into(),
            dir: Arc::new(dir),
            manifest,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn id(&self) -> &str {
        &self.manifest.id
    }

    /// Settles what the tenant may do.
    pub(crate) fn grants(&self, policy: &WrittenPolicy) -> CommandResult<Grants> {
        manifest::settle(&self.manifest, policy)
    }

    /// Returns the file that a key names, if its path stays inside.
    pub(crate) fn named(&self, key: &str, path: &str) -> CommandResult<Named> {
        let inside = !path.is_empty()
            && Path::new(path)
                .components()
                .all(|part| matches!(part, Part::Normal(_) | Part::CurDir));
        if !inside {
            return Err(leads_out(key, path));
        }
        Ok(Named {
            dir: self.dir.clone(),
            key: key.into(),
            path: path.into(),
        })
    }

    /// Returns the file of a split, where the manifest names one, and the key
    /// that names it.
    pub(crate) fn dataset(&self, split: Split) -> CommandResult<Option<Named>> {
        let datasets = &self.manifest.datasets;
        let (key, path) = match split {
            Split::Train => ("datasets.train", &datasets.train),
            Split::Validation => ("datasets.validation", &datasets.validation),
            Split::Test => ("datasets.test", &datasets.test),
        };
        path.as_deref()
            .map(|path| self.named(key, path))
            .transpose()
    }

    /// Tells whether there is a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.dir.is_file(path)
    }

    /// Returns the names in a folder of the tenant, in order; none where there is no such folder.
    pub(crate) fn names_in(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = self.dir.read_dir(folder) else {
            return Vec::new();
        };
        let mut names: Vec<_> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    /// Writes a new file, and never one that is there.
    pub(crate) fn write_new(&self, path: &str, text: &str) -> CommandResult<()> {
        let shown = self.path.join(path);
        let written = (|| {
            if let Some(parent) = Path::new(path).parent() {
                self.dir.create_dir_all(parent)?;
            }
            let mut options = cap_std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            let mut file = self.dir.open_with(path, &options)?;
            std::io::Write::write_all(&mut file, text.as_bytes())?;
            file.sync_all()
        })();
        written.map_err(|error| file_error("write", &shown, error))
    }

    /// Returns the directory of a run by its name.
    pub(crate) fn run(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(EVALS).join(name)
    }

    /// Returns where a run goes that was given no other place, as a path of this machine.
    pub(crate) fn runs(&self, output_dir: Option<&str>) -> CommandResult<PathBuf> {
        let folder = output_dir.unwrap_or(EVALS);
        let named = self.named("output_dir", folder)?;
        check_not_raw(&self.path.join(folder))?;
        // A link out of the directory is not followed, as in reading.
        match self.dir.open_dir(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(named.error("open", error));
            }
            _ => {}
        }
        Ok(self.path.join(folder))
    }
}

/// Refuses to write among raw inputs, whatever the way there is called.
pub(crate) fn check_not_raw(dir: &Path) -> CommandResult<()> {
    let find = |error| file_error("find", dir, error);
    let asked = std::path::absolute(dir).map_err(find)?;
    let there = asked
        .ancestors()
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"));
    let rest = asked.strip_prefix(there).unwrap_or(&asked);
    let real = std::fs::canonicalize(there).map_err(find)?.join(rest);
    if real.components().any(|part| part.as_os_str() == RAW) {
        return Err(CommandError::person(format!(
            "could not write to `{}`: what is in `{RAW}` is read-only",
            dir.display()
        ))
        .hint("name another directory"));
    }
    Ok(())
}

fn leads_out(key: &str, path: &str) -> CommandError {
    let path = fapo_core::Untrusted::from(path);
    CommandError::person(format!(
        "`{key}` is `{path}`, which leads out of the tenant's directory"
    ))
    .hint("name a file inside, by a path without `..` that does not begin with `/` and is no link out")
}

impl Named {
    /// Opens the file.
    pub(crate) fn open(&self) -> CommandResult<File> {
        let file = self
            .dir
            .open(&self.path)
            .map_err(|error| self.error("open", error))?;
        let meta = file.metadata().map_err(|error| self.error("open", error))?;
        if !meta.is_file() {
            return Err(CommandError::person(format!(
                "`{}` is `{}`, which is not a file",
                self.key, self.path
            )));
        }
        Ok(file.into_std())
    }

    /// Opens the folder, if it is one.
    pub(crate) fn open_folder(&self) -> CommandResult<Option<Dir>> {
        let meta = self.dir.metadata(&self.path);
        if !meta.map_err(|error| self.error("open", error))?.is_dir() {
            return Ok(None);
        }
        let dir = self.dir.open_dir(&self.path);
        dir.map(Some).map_err(|error| self.error("open", error))
    }

    /// Returns all of the file, and at most so many bytes and one.
    pub(crate) fn bytes(&self, max: u64) -> CommandResult<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open()?
            .take(max + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| self.error("read", error))?;
        Ok(bytes)
    }

    /// Returns the text of the file.
    pub(crate) fn text(&self) -> CommandResult<String> {
        let bytes = self.bytes(TEXT_BYTES_MAX)?;
        if bytes.len() as u64 > TEXT_BYTES_MAX {
            return Err(CommandError::person(format!(
                "`{}` is `{}`, which is longer than {TEXT_BYTES_MAX} bytes",
                self.key, self.path
            )));
        }
        String::from_utf8(bytes).map_err(|error| {
            CommandError::person(format!(
                "`{}` is `{}`, which is not text",
                self.key, self.path
            ))
            .because(error)
        })
    }

    fn error(&self, what: &str, error: std::io::Error) -> CommandError {
        if error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none() {
            // What cap-std says of a link that leads out.
            return leads_out(&self.key, &self.path);
        }
        let inner = file_error(what, Path::new(&self.path), error);
        inner.at(format!("`{}` cannot be used", self.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(manifest: &str) -> (tempfile::TempDir, CommandResult<Workspace>) {
        let dir = tempfile::tempdir().unwrap();
        let tenant = dir.path().join("tenant");
        std::fs::create_dir(&tenant).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        std::fs::write(tenant.join("tenant.toml"), manifest).unwrap();
        std::os::unix::fs::symlink("../secret", tenant.join("link")).unwrap();
        std::fs::create_dir(tenant.join("folder")).unwrap();
        std::os::unix::fs::symlink("../..", tenant.join("folder/up")).unwrap();
        std::fs::write(tenant.join("inside"), "inside").unwrap();
        std::os::unix::fs::symlink("../inside", tenant.join("folder/in")).unwrap();
        let workspace = Workspace::open(&tenant);
        (dir, workspace)
    }

    #[test]
    fn what_leads_out_is_refused_with_its_key() {
        let (dir, workspace) = tenant("id = \"a\"");
        let workspace = workspace.unwrap();
        let absolute = dir.path().join("secret");
        for path in [
            "../secret",
            "folder/../../secret",
            absolute.to_str().unwrap(),
            "link",
            "folder/up/secret",
            "",
        ] {
            let refused = workspace
                .named("datasets.train", path)
                .and_then(|named| named.text())
                .err()
                .unwrap_or_else(|| panic!("`{path}` was read"));
            let told = refused.chain().join(" ");
            assert!(
                told.contains("`datasets.train` is") && told.contains("leads out"),
                "{path}: {told}"
            );
        }
    }

    #[test]
    fn a_link_that_stays_inside_is_followed() {
        let (_dir, workspace) = tenant("id = \"a\"");
        let named = workspace.unwrap().named("x", "folder/in").unwrap();
        assert_eq!(
            named.text().unwrap_or_else(|e| panic!("{:?}", e.chain())),
            "inside"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_named_with_its_key() {
        let (_dir, workspace) = tenant("id = \"a\"");
        let named = workspace.unwrap().named("datasets.test", "none").unwrap();
        let told = named.text().err().unwrap().chain().join(" ");
        assert!(
            told.contains("`datasets.test`") && told.contains("`none`"),
            "{told}"
        );
    }

    #[test]
    fn a_directory_without_a_manifest_and_an_unknown_key_are_no_tenant() {
        let dir = tempfile::tempdir().unwrap();
        let told = Workspace::open(dir.path()).err().unwrap().chain().join(" ");
        assert!(told.contains("is not a tenant"), "{told}");
        let (_dir, workspace) = tenant("id = \"a\"\n[dataset]\ntrain = \"x\"");
        let told = workspace.err().unwrap().chain().join(" ");
        assert!(told.contains("dataset"), "{told}");
    }

    #[test]
    fn a_file_is_written_once() {
        let (_dir, workspace) = tenant("id = \"a\"");
        let workspace = workspace.unwrap();
        workspace.write_new("variants/001.json", "{}").unwrap();
        assert!(workspace.write_new("variants/001.json", "{}").is_err());
        assert_eq!(workspace.names_in("variants"), ["001.json"]);
    }
}
