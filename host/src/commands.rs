//! The commands, one file each.

mod bench;
mod build;
mod cache;
mod check;
mod compare;
mod compile_child;
mod doctor;
mod eval;
mod index;
mod inspect;
mod limits;
mod new;
mod rescore;
mod run;
mod runs;
mod score;
mod show;
mod sim;
mod spending;
mod split;
mod test;
mod variant;
pub(crate) mod wit;

use std::path::Path;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use fapo_core::config::{EvalConfig, ProviderSettings};
use fapo_core::limits::Limits;
use fapo_core::run::{Status, Summary};
use fapo_core::variant::VariantId;
use fapo_sandbox::Sandbox;
use fapo_sandbox::compile::CompileError;
use fapo_sandbox::sandbox::Component;

use crate::cores;
use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::report;

/// Run tenants' LLM chains as sandboxed WebAssembly components
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Build(build::Args),
    Run(run::Args),
    Check(check::Args),
    Eval(eval::Args),
    Test(test::Args),
    Score(score::Args),
    Rescore(rescore::Args),
    Variant(variant::Args),
    Show(show::Args),
    Runs(runs::Args),
    Compare(compare::Args),
    Split(split::Args),
    Inspect(inspect::Args),
    Index(index::Args),
    Wit(wit::Args),
    Limits(limits::Args),
    Cache(cache::Args),
    Spending(spending::Args),
    Doctor(doctor::Args),
    Sim(sim::Args),
    Bench(bench::Args),
}

/// Runs the command that was asked for.
pub(crate) fn run(cli: Cli) -> CommandResult<Exit> {
    match cli.command {
        Command::New(args) => new::run(&args),
        Command::Build(args) => build::run(&args),
        Command::Run(args) => run::run(args),
        Command::Check(args) => check::run(&args),
        Command::Eval(args) => eval::run(args),
        Command::Test(args) => test::run(args),
        Command::Score(args) => score::run(&args),
        Command::Rescore(args) => rescore::run(&args),
        Command::Variant(args) => variant::run(&args),
        Command::Show(args) => show::run(args),
        Command::Runs(args) => runs::run(&args),
        Command::Compare(args) => compare::run(args),
        Command::Split(args) => split::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Index(args) => index::run(&args),
        Command::Wit(args) => wit::run(&args),
        Command::Limits(args) => limits::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Spending(args) => spending::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Sim(args) => sim::run(args),
        Command::Bench(args) => bench::run(args),
    }
}

/// Does the work of a child process, if that is what this process was started for.
pub(crate) fn child_if_asked() -> Option<std::process::ExitCode> {
    compile_child::run_if_asked().or_else(bench::child_if_asked)
}

/// The runtime that runs guests and serves their imports.
fn runtime() -> CommandResult<tokio::runtime::Runtime> {
    runtime_on(cores::usable())
}

/// Tasks that run, at most, before sockets and timers are looked at.
///
/// Most take some tens of microseconds, and the more of them run in a row, the
/// more of what one needs is still at hand for the next. A guest that is busy
/// takes a few milliseconds before it is sent away, so a crowd of those holds
/// up the sockets for half a second, once.
const LOOK_EVERY: u32 = 128;

/// The runtime for so many cores: one alone is quickest without a change of
/// threads.
fn runtime_on(cores: usize) -> CommandResult<tokio::runtime::Runtime> {
    let mut builder = match cores {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    builder
        .worker_threads(cores)
        .event_interval(LOOK_EVERY)
        .enable_all()
        .build()
        .map_err(|error| {
            CommandError::world("could not start the program's threads").because(error)
        })
}

/// Tells what a run came to, and returns how the program ends after it.
fn tell(summary: &Summary, json: bool) -> Exit {
    match json {
        true => report::json(summary),
        false => report::summary(summary),
    }
    match summary.status {
        Status::Complete | Status::Degraded => Exit::Done,
        Status::Failed => Exit::Failed,
        Status::Budget => Exit::Budget,
        Status::Interrupted => Exit::Stopped,
    }
}

/// Reads a component and makes it ready to run.
async fn load(sandbox: &Sandbox, path: &Path, limits: &Limits) -> CommandResult<Arc<Component>> {
    let bytes = read_component(path, limits)?;
    load_bytes(sandbox, path, &bytes, limits).await
}

/// Makes the bytes of a component ready to run, wherever they come from.
pub(crate) async fn load_bytes(
    sandbox: &Sandbox,
    name: &Path,
    bytes: &[u8],
    limits: &Limits,
) -> CommandResult<Arc<Component>> {
    sandbox
        .load(bytes, limits)
        .await
        .map_err(|error| load_error(name, error))
}

/// Reads a component's bytes, and no more of them than a component may have.
fn read_component(path: &Path, limits: &Limits) -> CommandResult<Vec<u8>> {
    use std::io::Read;
    let file = std::fs::File::open(path).map_err(|error| file_error("open", path, error))?;
    let mut bytes = Vec::new();
    // One byte more than allowed tells the inspection that it is too long.
    file.take(limits.component_bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| file_error("read", path, error))?;
    Ok(bytes)
}

fn load_error(path: &Path, error: CompileError) -> CommandError {
    let what = format!("could not load `{}`", path.display());
    match error {
        CompileError::Refused(refusal) => {
            let hint = refusal.hint();
            CommandError::person(what).because(refusal).hint(hint)
        }
        error => CommandError::world(what)
            .because(error)
            .hint("`fapo-host doctor` looks for the reason"),
    }
}

/// Reads `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("write it as NAME=VALUE".into()),
    }
}

/// Reads how a provider is asked.
fn provider_settings(set: &[(String, String)]) -> CommandResult<ProviderSettings> {
    let config = EvalConfig::read("{}", set).map_err(|error| {
        let hint = error.hint();
        CommandError::person("could not use the values of `--set`")
            .because(error)
            .hint(hint)
    })?;
    Ok(config.provider_settings)
}

/// Reads the id of a variant.
fn variant_id(text: &str) -> Result<VariantId, String> {
    VariantId::try_from(text.to_owned()).map_err(|error| format!("{error}: {}", error.hint()))
}

/// Reads `KEY=NUMBER`.
fn limit(text: &str) -> Result<(String, u64), String> {
    let (key, value) = pair(text)?;
    let value = value
        .replace('_', "")
        .parse()
        .map_err(|_| format!("`{value}` is not a whole number"))?;
    Ok((key, value))
}
