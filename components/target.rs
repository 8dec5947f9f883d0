//! What guests in Rust are compiled for, and how: the same for a customer's
//! tenant, for those that ship inside the host, and for those of the tests.

use std::path::PathBuf;

/// What guests are compiled for.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// Small code that is fast to start, and function names for backtraces.
const PROFILE: [&str; 5] = [
    "profile.release.opt-level=\"s\"",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.panic=\"abort\"",
    "profile.release.strip=\"debuginfo\"",
];

/// Returns the settings of cargo that make a guest.
pub(crate) fn settings() -> Vec<String> {
    let mut settings: Vec<_> = PROFILE.map(str::to_owned).into();
    settings.extend(remapped_paths());
    settings
}

/// Returns a setting that keeps the place of the builder's registry out of a
/// component: panics name files, and the same sources should be the same bytes.
fn remapped_paths() -> Option<String> {
    let cargo_home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?;
    let remap = format!("--remap-path-prefix={}=/cargo", cargo_home.display());
    let remap = remap.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("target.{TARGET}.rustflags=[\"{remap}\"]"))
}
