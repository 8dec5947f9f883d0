//! What answers model calls.

mod script;
mod stand_in;
mod tuned;
#[expect(dead_code, reason = "no provider speaks over the wire yet")]
mod wire;

use std::sync::Arc;

use fapo_core::config::ProviderSettings;
use fapo_core::digest::sha256_hex;
use fapo_core::run::ProviderRecord;
use fapo_sandbox::imports::Provider;

use crate::exit::{CommandError, CommandResult, file_error};
use crate::workspace::Workspace;

/// A provider, open, and what a run's record says of it.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) record: ProviderRecord,
    /// Whether answers are made in this process, for nothing.
    pub(crate) is_local: bool,
}

impl Opened {
    /// Returns a stand-in for a provider, for what costs nothing.
    pub(crate) fn stand_in() -> Self {
        Self {
            provider: Arc::new(stand_in::StandIn),
            record: ProviderRecord {
                name: "stand-in".into(),
                simulated: true,
                digest: None,
                settings: ProviderSettings::default(),
            },
            is_local: true,
        }
    }
}

/// Tells whether model calls cost nothing: nobody answers them, or this process does.
pub(crate) fn is_free(provider: Option<&Opened>) -> bool {
    provider.is_none_or(|opened| opened.is_local)
}

/// Who names a provider: what a tenant names lies in its directory.
pub(crate) enum Named<'a> {
    ByTenant(&'a Workspace),
    ByPerson,
}

/// Opens the provider that a word names.
pub(crate) fn open(
    name: &str,
    by: &Named<'_>,
    settings: &ProviderSettings,
) -> CommandResult<Opened> {
    let Some(("script", file)) = name.split_once(':') else {
        return Err(
            CommandError::person(format!("there is no provider `{name}`"))
                .hint("write `script:FILE` to answer by the rules in a file"),
        );
    };
    if settings.base_url.is_some() {
        return Err(CommandError::person(
            "the provider `script` has no `base_url`: it answers by itself",
        ));
    }
    let (text, name) = match by {
        Named::ByTenant(workspace) => (workspace.named("provider", file)?.text()?, name.into()),
        Named::ByPerson => {
            // The record names the file wherever it is read from later.
            let path = std::path::absolute(file)
                .map_err(|error| file_error("find", file.as_ref(), error))?;
            let text =
                std::fs::read_to_string(&path).map_err(|error| file_error("read", &path, error))?;
            (text, format!("script:{}", path.display()))
        }
    };
    let script = script::Script::parse(&text, file, settings.model.as_deref())?;
    Ok(Opened {
        provider: tuned::tuned(Arc::new(script), settings),
        record: ProviderRecord {
            name,
            simulated: true,
            digest: Some(sha256_hex(&text)),
            settings: settings.clone(),
        },
        is_local: true,
    })
}
