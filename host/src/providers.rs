//! What answers model calls.

mod script;

use std::sync::Arc;

use fapo_sandbox::imports::Provider;

use crate::exit::{CommandError, CommandResult};

/// Opens the provider that a word of the command line names.
pub(crate) fn open(name: &str) -> CommandResult<Arc<dyn Provider>> {
    match name.split_once(':') {
        Some(("script", file)) => Ok(Arc::new(script::Script::open(file.as_ref())?)),
        _ => Err(
            CommandError::person(format!("there is no provider `{name}`"))
                .hint("write `script:FILE` to answer by the rules in a file"),
        ),
    }
}
