//! Building guests with their authors' own tools: cargo for a crate, or the
//! `build.sh` that a guest in another language brings along.
//!
//! This runs the author's code on the author's machine, as cargo does. Code
//! that an agent wrote is never built here.

mod raw;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::exit::{CommandError, CommandResult, file_error};
use crate::report;

// Shared with the build scripts, which compile guests of this repository.
#[path = "../../components/target.rs"]
mod target;

pub(crate) use target::TARGET;

/// The folders of a tenant that may be crates of their own.
const PARTS: [&str; 2] = ["chain", "scorer"];

/// Builds a crate, a tenant, or a guest with a `build.sh`, and returns the
/// components that now lie in its `build/`.
///
/// A build may do all that its author may, so raw inputs are looked at before
/// and after it, and one that changed them is refused.
pub(crate) fn build(path: &Path) -> CommandResult<Vec<PathBuf>> {
    if !path.is_dir() {
        return Err(
            CommandError::person(format!("`{}` is not a directory", path.display()))
                .hint("name the directory of a crate or a tenant"),
        );
    }
    let before = raw::look(path)?;
    let built = build_parts(path);
    raw::check_same(&before, &raw::look(path)?)?;
    built
}

fn build_parts(path: &Path) -> CommandResult<Vec<PathBuf>> {
    if path.join("Cargo.toml").is_file() {
        return Ok(vec![build_crate(path, path)?]);
    }
    let parts: Vec<_> = PARTS
        .iter()
        .map(|part| path.join(part))
        .filter(|p| p.join("Cargo.toml").is_file())
        .collect();
    if !parts.is_empty() {
        return parts.iter().map(|part| build_crate(part, path)).collect();
    }
    if path.join("build.sh").is_file() {
        return build_script(path);
    }
    Err(
        CommandError::person(format!("there is nothing to build in `{}`", path.display()))
            .hint("a guest has a `Cargo.toml`, crates in `chain/` and `scorer/`, or a `build.sh`"),
    )
}

/// Runs cargo on one crate, and copies the component to the tenant's `build/`.
fn build_crate(krate: &Path, tenant: &Path) -> CommandResult<PathBuf> {
    ensure_target(krate)?;
    let manifest = krate.join("Cargo.toml");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--release",
        "--target",
        TARGET,
        "--message-format",
        "json-render-diagnostics",
    ]);
    cargo
        .arg("--manifest-path")
        .arg(std::path::absolute(&manifest).unwrap_or(manifest));
    // The crate's own settings of cargo hold, not those of where we stand.
    cargo.current_dir(krate);
    for setting in target::settings() {
        cargo.args(["--config", &setting]);
    }
    let built = run(&mut cargo, "cargo")?;
    let component = last_component(&built).ok_or_else(|| {
        CommandError::person(format!("the crate `{}` made no component", krate.display()))
            .hint("its `Cargo.toml` needs `[lib]` with `crate-type = [\"cdylib\"]`")
    })?;
    let name = component
        .file_name()
        .map(OsStr::to_owned)
        .unwrap_or_default();
    let build = tenant.join("build");
    std::fs::create_dir_all(&build).map_err(|error| file_error("make", &build, error))?;
    // Cargo names the file after the library; people know the package's name.
    let place = build.join(name.to_string_lossy().replace('_', "-"));
    std::fs::copy(&component, &place).map_err(|error| file_error("write", &place, error))?;
    Ok(place)
}

/// Returns the last `.wasm` that cargo says it made.
fn last_component(messages: &[u8]) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        #[serde(default)]
        filenames: Vec<PathBuf>,
    }
    let text = String::from_utf8_lossy(messages);
    let files = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok());
    files
        .flat_map(|message| message.filenames)
        .rfind(|file| file.extension() == Some(OsStr::new("wasm")))
}

/// Installs the target for the toolchain that will build the crate.
fn ensure_target(krate: &Path) -> CommandResult<()> {
    if has_target(krate)? {
        return Ok(());
    }
    report::note(&format!("adding the target {TARGET}"));
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(krate);
    run(&mut rustup, "rustup").map(|_| ()).map_err(|error| {
        error.hint(format!(
            "install the target {TARGET} for your Rust toolchain: `rustup target add {TARGET}`"
        ))
    })
}

/// Tells whether the toolchain of a directory can build guests.
pub(crate) fn has_target(dir: &Path) -> CommandResult<bool> {
    let mut rustc = Command::new("rustc");
    rustc
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(dir);
    let libraries = run(&mut rustc, "rustc")?;
    Ok(Path::new(String::from_utf8_lossy(&libraries).trim()).is_dir())
}

fn build_script(path: &Path) -> CommandResult<Vec<PathBuf>> {
    let wit = tempfile::tempdir()
        .map_err(|error| CommandError::world("could not make a directory").because(error))?;
    crate::commands::wit::write(wit.path())?;
    let mut script = Command::new("sh");
    script
        .arg("build.sh")
        .current_dir(path)
        .env("FAPO_WIT", wit.path());
    run(&mut script, "build.sh")?;
    components(path)
}

/// Returns the components in a tenant's `build/`, in the order of names.
fn components(tenant: &Path) -> CommandResult<Vec<PathBuf>> {
    let build = tenant.join("build");
    let entries = std::fs::read_dir(&build).map_err(|error| file_error("read", &build, error))?;
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension() == Some(OsStr::new("wasm")))
        .collect();
    found.sort();
    Ok(found)
}

/// Runs a tool; what it says goes to stderr, what it writes is returned.
fn run(command: &mut Command, name: &str) -> CommandResult<Vec<u8>> {
    let output = command
        .stderr(Stdio::inherit())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| {
            CommandError::world(format!("could not run `{name}`"))
            .because(error)
            .hint("guests are built by the tools of their own language: for Rust, rustup and cargo")
        })?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(CommandError::person(format!(
            "`{name}` failed: {}",
            output.status
        )))
    }
}
