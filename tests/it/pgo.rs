//! What stands between cargo and the compiler: release builds of the host are
//! given a profile, and nothing else is.

use std::path::Path;
use std::process::Command;

use crate::program::root;

const RELEASE: [&str; 4] = ["--crate-name", "fapo_host", "-C", "opt-level=3"];

/// Returns what a compiler is asked that is called like this, without `args`
/// themselves.
fn added(pgo: &str, args: &[&str]) -> Vec<String> {
    // A compiler that repeats what it is asked, word by word.
    let output = Command::new(root().join("host/pgo/rustc"))
        .args(["printf", "%s\n"])
        .args(args)
        .env("PGO", pgo)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let out = String::from_utf8(output.stdout).unwrap();
    let mut words: Vec<_> = out.lines().map(str::to_owned).collect();
    assert_eq!(words.drain(..args.len()).collect::<Vec<_>>(), args);
    words
}

#[test]
fn release_builds_of_the_host_are_told_what_runs_often() {
    let added = added("", &RELEASE);
    let profile = added
        .iter()
        .find_map(|word| word.strip_prefix("-Cprofile-use="));
    let profile = profile.unwrap_or_else(|| panic!("no profile in {added:?}"));
    assert!(Path::new(profile).is_file(), "{profile}");
}

#[test]
fn guests_and_builds_for_tests_are_compiled_as_asked() {
    let none: [&str; 0] = [];
    for target in [
        &["--target", "wasm32-wasip2"][..],
        &["--target=wasm32-wasip2"],
    ] {
        let guest = [&RELEASE, target].concat();
        assert_eq!(added("", &guest), none);
        assert_eq!(added("count", &guest), none);
    }
    assert_eq!(
        added("", &["--crate-name", "serde", "-C", "opt-level=2"]),
        none
    );
    assert_eq!(added("", &["-vV"]), none);
}

#[test]
fn a_host_that_counts_has_no_profile() {
    let added = added("count", &RELEASE);
    assert!(added.contains(&"-Cprofile-generate=/dev/null".to_owned()));
    assert!(added.iter().all(|word| !word.contains("profile-use")));
}

#[test]
fn the_compiler_has_the_variables_that_cargo_sets() {
    let output = Command::new(root().join("host/pgo/rustc"))
        .args(["env"])
        .env("CARGO_BIN_EXE_any-name", "here")
        .output()
        .unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("CARGO_BIN_EXE_any-name=here\n"), "{out}");
}
