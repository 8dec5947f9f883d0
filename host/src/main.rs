//! `fapo-host`: runs tenants' chains and scorers, and holds every guardrail.
//!
//! The modules stand in the order in which data flows: the operator's home and
//! a tenant's directory, a dataset and what answers the guests, a run that is
//! settled and then evaluated case by case, and what is written and shown of it.

#![deny(unsafe_code)]

mod clock;
mod cores;
mod database;
mod exit;
mod home;
mod ledger;
mod manifest;
mod workspace;

mod dataset;
mod indexes;

mod artifacts;
mod budgets;
mod cache;
mod cassette;
mod journal;
mod model_calls;
mod providers;
mod retrieval;
mod seed;
mod sim_server;
mod spending;

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
use tracing_subscriber::fmt::format::FmtSpan;

/// Hundreds of cases in flight allocate and free on several threads, which
/// takes a third of a case's CPU time with the allocator of glibc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Has the kernel give no huge pages to this process: where it gives them to all
/// memory, the stack and the tables of each guest would get some, and what lay
/// idle in a virtual machine costs more to take in large pieces than they spare.
fn do_without_huge_pages() {
    // A kernel that has none need not be told.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

fn main() -> ExitCode {
    // A child of this program's own: nothing else is set up there.
    if let Some(code) = commands::child_if_asked() {
        return code;
    }
    do_without_huge_pages();
    let cli = commands::Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("FAPO_LOG").unwrap_or_else(|_| EnvFilter::new("warn")),
        )
        // A span is worth telling when it is over: then it knows what came of it.
        .with_span_events(FmtSpan::CLOSE)
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
