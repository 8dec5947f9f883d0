//! `fapo-host bench`

mod bm25;
mod native;
mod sandbox;

pub(crate) use native::child_if_asked;

use clap::Subcommand;

use crate::exit::{CommandResult, Exit};

/// Measure what the host costs on this machine
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Sandbox(sandbox::Args),
    Bm25(bm25::Args),
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    match args.what {
        What::Sandbox(args) => sandbox::run(&args),
        What::Bm25(args) => bm25::run(&args),
    }
}
