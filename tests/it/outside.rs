//! A crate outside this repository, as a tenant's author has it.

use std::process::Command;

use serde_json::Value;

use crate::program::{Desk, example, root, skipped};

/// Writes a tenant that depends on the SDK in this way, builds it, and runs it.
fn builds_and_runs(sdk: &str) {
    let desk = Desk::new();
    desk.file(
        "mine/Cargo.toml",
        format!(
            "[package]\nname = \"my-tenant\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\nfapo-sdk = {sdk}\n\n[workspace]\n"
        ),
    );
    desk.file(
        "mine/src/lib.rs",
        r#"
        use fapo_sdk::prelude::*;

        struct Mine;

        impl Chain for Mine {
            type State = ();

            fn graph() -> Graph<()> {
                let prompt = Prompt::new("ask", "Asks.", "User: Evidence: ${passage} Question: ${question}");
                Graph::new("mine", "Asks once.").step(Llm::new("ask", "Asks.").prompt(prompt))
            }
        }

        export_chain!(Mine);
    "#,
    );
    let built = desk.run(&["build", desk.path("mine").to_str().unwrap()]);
    assert_eq!(built.code, Some(0), "{}", built.err);
    let component = built.out.trim();
    assert!(component.ends_with("build/my-tenant.wasm"), "{component}");
    let rules = desk.file(
        "rules.jsonl",
        "{\"match\": \"Dracula\", \"reply\": \"yes\"}\n{\"match\": \"\", \"reply\": \"no\"}",
    );
    let (cases, provider) = (example("datasets/train.jsonl"), format!("script:{rules}"));
    let run = desk.json(&[
        "run",
        component,
        "--cases",
        &cases,
        "--provider",
        &provider,
        "--json",
    ]);
    assert_eq!(run["cases"][1]["output_text"], "yes");
    assert_eq!(run["score"], Value::Null, "it has no scorer");
}

#[test]
fn a_crate_outside_the_repository_builds_by_path_and_runs() {
    let sdk = root().join("sdk/rust").canonicalize().unwrap();
    builds_and_runs(&format!("{{ path = {sdk:?} }}"));
}

#[test]
fn a_crate_outside_the_repository_builds_by_git_and_runs() {
    let root = root().canonicalize().unwrap();
    if !root.join(".git").exists() {
        skipped("these sources are not a git repository");
        return;
    }
    builds_and_runs(&format!("{{ git = \"file://{}\" }}", root.display()));
}

/// A variant is compiled by the compiler alone, against the SDK's libraries:
/// a procedural macro among them would have to be run on the host.
#[test]
fn no_procedural_macro_is_among_what_the_sdk_depends_on() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = [
        "tree",
        "-p",
        "fapo-sdk",
        "--target",
        "wasm32-wasip2",
        "--edges",
        "normal",
        "--format",
        "{p}",
        "--prefix",
        "none",
    ];
    let output = Command::new(cargo)
        .args(tree)
        .current_dir(root())
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(
        tree.lines().count() >= 4,
        "{tree}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!tree.contains("(proc-macro)"), "{tree}");
}

#[test]
fn what_cannot_be_built_is_said() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("empty")).unwrap();
    for (path, says) in [
        ("empty", "there is nothing to build"),
        ("none", "not a directory"),
    ] {
        let ran = desk.run(&["build", path]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(ran.err.contains(says), "{}", ran.err);
    }
}
