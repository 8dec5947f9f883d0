//! `fapo-host bench`

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
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    match args.what {
        What::Sandbox(args) => sandbox::run(&args),
    }
}
