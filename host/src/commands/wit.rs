//! `fapo-host wit`

use std::path::{Path, PathBuf};

use crate::exit::{CommandResult, Exit, file_error};
use crate::report;

/// Write out the contract that tenants are built against
///
/// The files are the package fapo:tenant@0.1.0 in WIT, for the bindings
/// generator of any language. Their comments are the tenant author's manual.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where to write the files
    dir: PathBuf,
}

macro_rules! files {
    ($($name:literal)+) => {
        [$(($name, include_str!(concat!("../../../wit/", $name)))),+]
    };
}

/// The contract, in reading order.
const FILES: [(&str, &str); 10] = files! {
    "types.wit" "provider.wit" "retrieval.wit" "artifacts.wit" "trace.wit"
    "tools.wit" "log.wit" "chain.wit" "scorer.wit" "worlds.wit"
};

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    write(&args.dir)?;
    for (name, _) in FILES {
        report::line(&args.dir.join(name).display().to_string());
    }
    Ok(Exit::Done)
}

/// Writes the contract into a directory.
pub(crate) fn write(dir: &Path) -> CommandResult<()> {
    std::fs::create_dir_all(dir).map_err(|error| file_error("make", dir, error))?;
    for (name, text) in FILES {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|error| file_error("write", &path, error))?;
    }
    Ok(())
}
