//! Reading `tenant.toml`, and settling it with the operator's policy.

use std::path::{Path, PathBuf};

use fapo_core::manifest::{Grants, WrittenManifest};
use fapo_core::policy::WrittenPolicy;

use crate::exit::{CommandError, CommandResult, file_error};
use crate::home::Home;

/// The manifest's name in a tenant's directory.
pub(crate) const MANIFEST: &str = "tenant.toml";

/// Returns the manifest of the tenant that a component was built in, if it
/// stands where `fapo-host build` leaves it.
pub(crate) fn beside(component: &Path) -> Option<PathBuf> {
    let build = component.parent()?;
    let manifest = build.parent()?.join(MANIFEST);
    (build.file_name()? == "build" && manifest.is_file()).then_some(manifest)
}

/// Settles what a component may do: by its manifest, if there is one, and the
/// limits of the command line, under the operator's policy.
pub(crate) fn grants(
    home: &Home,
    manifest: Option<&Path>,
    limits: &[(String, u64)],
) -> CommandResult<Grants> {
    let mut written = match manifest {
        Some(path) => read(path)?,
        None => WrittenManifest::default(),
    };
    for (key, value) in limits {
        if !written.limits.set(key, *value) {
            return Err(CommandError::person(format!("there is no limit `{key}`"))
                .hint("`fapo-host limits` lists the keys"));
        }
    }
    settle(&written, &home.policy()?)
}

/// Settles a manifest with the operator's policy.
pub(crate) fn settle(manifest: &WrittenManifest, policy: &WrittenPolicy) -> CommandResult<Grants> {
    Grants::settle(manifest, policy).map_err(|error| {
        let hint = error.hint();
        CommandError::person("could not grant what the tenant asks for")
            .because(error)
            .hint(hint)
    })
}

/// Reads a manifest.
pub(crate) fn read(path: &Path) -> CommandResult<WrittenManifest> {
    let text = std::fs::read_to_string(path).map_err(|error| file_error("read", path, error))?;
    parse(&text, path)
}

/// Reads the text of a manifest.
pub(crate) fn parse(text: &str, path: &Path) -> CommandResult<WrittenManifest> {
    toml::from_str(text).map_err(|error| {
        CommandError::person(format!("could not read the manifest `{}`", path.display()))
            .because(error)
            .hint("`examples/quickstart/tenant.toml` explains every key, and `fapo-host limits` lists those of `[limits]`")
    })
}
