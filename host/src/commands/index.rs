//! `fapo-host index`

mod build;
mod info;
mod kept;
mod search;
mod settings;

pub(crate) use settings::SettingsArgs;

use std::path::PathBuf;

use clap::Subcommand;

use crate::exit::{CommandResult, Exit};

/// Build and search indexes of documents, ranked as bm25s ranks them
///
/// An index is a directory. It is mapped into memory and shared by all who
/// search it, and is opened in milliseconds whatever its size. Those that
/// tenants name are built when a run first needs them, in FAPO_HOME/indexes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Args),
    Info(info::Args),
    Verify(info::VerifyArgs),
    Search(search::Args),
    List(kept::ListArgs),
    Prune(kept::PruneArgs),
}

/// An index that a person names.
#[derive(Debug, clap::Args)]
struct DirArgs {
    /// The index's directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    match &args.command {
        Command::Build(args) => build::run(args),
        Command::Info(args) => info::run(args),
        Command::Verify(args) => info::verify(args),
        Command::Search(args) => search::run(args),
        Command::List(args) => kept::list(args),
        Command::Prune(args) => kept::prune(args),
    }
}
