//! The quickstart in other languages, built by their own tools: the same
//! requests and the same results as the one in Rust, under the same limits.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::program::{Desk, example, script, skipped};

/// Builds one of the examples in a copy, so that the tree stays as it is.
fn build(desk: &Desk, name: &str) -> Option<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let copy = desk.path(name);
    copy_dir(&examples.join(name), &copy);
    build_in(desk, copy.to_str().unwrap())
}

/// Builds a guest with the tools of its language, if they are here.
pub(crate) fn build_in(desk: &Desk, dir: &str) -> Option<PathBuf> {
    let ran = desk.run(&["build", dir]);
    if ran.err.contains("exit status: 3") {
        skipped(&format!(
            "the tools for {dir} are not on this machine: {}",
            ran.err
        ));
        return None;
    }
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    Some(PathBuf::from(ran.out.lines().last().unwrap()))
}

/// Copies what belongs to an example: not what its tools put there.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if ["node_modules", ".venv", "build", "evals", "__pycache__"]
            .iter()
            .any(|skipped| name == *skipped)
        {
            continue;
        }
        let place = to.join(&name);
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).unwrap();
        }
    }
}

/// Runs a component over the quickstart's cases, and returns what it was asked
/// for and what came out, without what a clock says.
fn run(desk: &Desk, component: &str) -> (Value, Vec<Value>, Vec<Value>) {
    let (cases, script) = (example("datasets/train.jsonl"), script());
    let run = desk.json(&[
        "run",
        component,
        "--cases",
        &cases,
        "--provider",
        &script,
        "--json",
    ]);
    let read = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(Path::new(run["run_dir"].as_str().unwrap()).join(name))
            .unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let described = desk.json(&["inspect", component, "--json"])["chain"].clone();
    (described, read("results.jsonl"), read("calls.jsonl"))
}

fn gives_the_same_as_rust(name: &str) {
    let desk = Desk::new();
    let Some(component) = build(&desk, name) else {
        return;
    };
    let (described, results, calls) = run(&desk, component.to_str().unwrap());
    let ours = run(&desk, fapo_test_artifacts::path("quickstart"));
    assert_eq!(described, ours.0);
    assert_eq!(results, ours.1);
    assert_eq!(calls, ours.2);
}

/// Tells whether a program is here, and says so if it is not.
pub(crate) fn has(program: &str) -> bool {
    let is_here = Command::new(program).arg("--version").output().is_ok();
    if !is_here {
        skipped(&format!("{program} is not on this machine"));
    }
    is_here
}

#[test]
fn the_quickstart_in_javascript_gives_the_same_as_in_rust() {
    if has("npm") {
        gives_the_same_as_rust("quickstart-js");
    }
}

#[test]
fn the_quickstart_in_python_gives_the_same_as_in_rust() {
    if has("python3") {
        gives_the_same_as_rust("quickstart-py");
    }
}
