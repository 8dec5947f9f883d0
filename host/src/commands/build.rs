//! `fapo-host build`

use std::path::PathBuf;

use crate::exit::{CommandResult, Exit};
use crate::{guests, report};

/// Build a crate or a tenant with its author's own tools
///
/// A Rust crate is built by cargo for wasm32-wasip2; a tenant whose chain and
/// scorer are crates of their own has both built; a guest in another language
/// brings a build.sh, which finds the contract's files in $FAPO_WIT. The
/// components lie in build/NAME.wasm afterwards, and their paths are printed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The crate's or tenant's directory
    path: PathBuf,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    for component in guests::build(&args.path)? {
        report::line(&component.display().to_string());
    }
    Ok(Exit::Done)
}
