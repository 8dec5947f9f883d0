//! `fapo-host bench`
use crate::exit::{CommandResult, Exit};
/// Measure what the host costs
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}
pub(crate) fn run(_args: Args) -> CommandResult<Exit> {
    Ok(Exit::Done)
}
