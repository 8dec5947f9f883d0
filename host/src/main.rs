//! `fapo-host`: runs tenants' chains and scorers, and holds every guardrail.
//!
//! The modules stand in the order in which data flows: the operator's home and
//! a tenant's directory, a dataset and what answers the guests, a run that is
//! settled and then evaluated case by case, and what is written and shown of it.

#![deny(unsafe_code)]

mod clock;
mod exit;
mod home;
mod ledger;
mod manifest;
mod workspace;

mod dataset;

mod artifacts;
mod journal;
mod providers;
mod seed;

mod tenant;

mod prepare;

mod evaluate;
mod in_order;
mod stop;

mod run_dir;
mod tally;

mod report;

mod html;
mod look;

mod commands;

mod guests;
mod shipped;
mod templates;

#[cfg(test)]
mod trial;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // A child of this program's own: nothing else is set up there.
    if let Some(code) = commands::child_if_asked() {
        return code;
    }
    let cli = commands::Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("FAPO_LOG").unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    match commands::run(cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            report::error(&error);
            error.exit().into()
        }
    }
}
