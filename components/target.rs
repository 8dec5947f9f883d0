//! What guests in Rust are compiled for, and how: the same for a customer's
//! tenant, for those that ship inside the host, and for those of the tests.

use std::path::PathBuf;

/// What guests are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Code that runs fast, and function names for backtraces. It is no larger than
/// code that is made to be small, since most of a guest is names and tables.
const PROFILE: [&str; 5] = [
    "profile.release.opt-level=3",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.strip=\"debuginfo\"",
];

/// Returns the settings of cargo that make a guest.
pub(crate) fn settings() -> Vec<String> {
    let mut settings: Vec<_> = PROFILE.map(str::to_owned).into();
    let flags: Vec<_> = [INITIAL_MEMORY.to_owned()]
        .into_iter()
        .chain(remapped_paths())
        .map(|flag| format!("\"{}\"", flag.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    settings.push(format!("target.{TARGET}.rustflags=[{}]", flags.join(", ")));
    settings
}

/// As much memory as most cases need, in bytes. A guest that begins with less
/// grows, and each time is a call of the kernel.
const INITIAL_MEMORY: &str = "-Clink-arg=--initial-memory=2097152";

/// Returns a flag that keeps the place of the builder's registry out of a
/// component: panics name files, and the same sources should be the same bytes.
fn remapped_paths() -> Option<String> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    Some(format!(
        "--remap-path-prefix={}=/cargo",
        cargo_home.display()
    ))
}
