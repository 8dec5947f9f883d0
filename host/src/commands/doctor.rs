//! `fapo-host doctor`
use crate::exit::{CommandResult, Exit};
/// Check what this machine offers, and say what to mend
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(long)]
    json: bool,
}
pub(crate) fn run(_args: &Args) -> CommandResult<Exit> {
    Ok(Exit::Done)
}
