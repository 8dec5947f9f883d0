//! Compiles guests of this repository, for build scripts: the host's, which
//! ships some, and that of the tests, which run others.
//!
//! They are compiled by the same cargo that runs the script, into a target
//! directory of their own: the outer build holds the lock of the other one.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

mod target;

use target::TARGET;

/// Tells cargo to run the script again when a file or folder has changed.
pub(crate) fn rerun_if_changed(root: &Path, path: &str) {
    println!("cargo::rerun-if-changed={}", root.join(path).display());
}

/// Compiles packages, each with its folder, and returns where their components
/// are. Tells cargo what they are made of, so that nothing is done again before
/// some of it has changed.
pub(crate) fn build<'a>(
    root: &Path,
    packages: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<PathBuf> {
    for shared in [
        "Cargo.lock",
        "Cargo.toml",
        "sdk/rust/Cargo.toml",
        "sdk/rust/src",
    ] {
        rerun_if_changed(root, shared);
    }
    println!("cargo::rerun-if-env-changed=CARGO_TARGET_DIR");
    install_target();
    let target_dir = match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir),
        None => root.join("target"),
    };
    let target_dir = target_dir.join("tenants");
    let built = target_dir.join(TARGET).join("release");
    let mut cargo = command("CARGO");
    cargo
        .current_dir(root)
        .arg("build")
        .args(["--target", TARGET, "--release", "--locked"]);
    cargo.arg("--target-dir").arg(&target_dir);
    for setting in target::settings() {
        cargo.args(["--config", &setting]);
    }
    let mut components = Vec::new();
    for (package, folder) in packages {
        rerun_if_changed(root, &format!("{folder}/Cargo.toml"));
        rerun_if_changed(root, &format!("{folder}/src"));
        // Prompts are compiled into a chain.
        let prompts = format!("{folder}/prompts");
        if root.join(&prompts).is_dir() {
            rerun_if_changed(root, &prompts);
        }
        cargo.args(["--package", package]);
        components.push(built.join(package.replace('-', "_")).with_extension("wasm"));
    }
    run(cargo);
    components
}

/// Installs the target that the guests are compiled for, where rustup has not
/// read `rust-toolchain.toml`: nobody should have to do it by hand.
fn install_target() {
    let mut rustc = command("RUSTC");
    rustc.args(["--print", "sysroot"]);
    let sysroot = run(rustc);
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib").join(TARGET);
    if !libraries.is_dir() {
        let mut rustup = Command::new("rustup");
        rustup.args(["target", "add", TARGET]);
        run(rustup);
    }
}

/// Returns a tool of the toolchain that runs this script, without what the
/// outer build told it: with the flags or the wrapper of a `cargo clippy`, the
/// guests would be compiled again each time that the tools take turns.
fn command(tool: &str) -> Command {
    let mut command = Command::new(env::var_os(tool).expect("cargo sets it"));
    for (name, _) in env::vars_os() {
        if is_of_outer_build(&name) {
            command.env_remove(name);
        }
    }
    command
}

fn is_of_outer_build(variable: &OsStr) -> bool {
    const NAMES: [&str; 6] = [
        "CARGO_ENCODED_RUSTFLAGS",
        "CLIPPY_ARGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTC_WRAPPER",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
    ];
    const PREFIXES: [&str; 3] = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"];
    let Some(variable) = variable.to_str() else {
        return false;
    };
    NAMES.contains(&variable) || PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
}

/// Runs a command to its end, and returns what it printed.
fn run(mut command: Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed:\n{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
