//! A crate outside this repository, as a tenant's author has it.

use std::path::Path;

use crate::program::{Desk, example};

#[test]
fn a_crate_outside_the_repository_builds_by_path_and_runs() {
    let desk = Desk::new();
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../sdk/rust")
        .canonicalize()
        .unwrap();
    desk.file("mine/Cargo.toml", format!(
        "[package]\nname = \"my-tenant\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
         [lib]\ncrate-type = [\"cdylib\"]\n\n[dependencies]\nfapo-sdk = {{ path = {sdk:?} }}\n\n[workspace]\n"
    ));
    desk.file("mine/src/lib.rs", r#"
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
    "#);
    let built = desk.run(&["build", desk.path("mine").to_str().unwrap()]);
    assert_eq!(built.code, Some(0), "{}", built.err);
    let component = built.out.trim();
    assert!(component.ends_with("build/my-tenant.wasm"), "{component}");
    let rules = desk.file(
        "rules.jsonl",
        r#"{"match": "Dracula", "reply": "yes"}
{"match": "", "reply": "no"}"#,
    );
    let run = desk.json(&[
        "run",
        component,
        "--cases",
        &example("cases.jsonl"),
        "--provider",
        &format!("script:{rules}"),
        "--json",
    ]);
    assert_eq!(run["cases"][1]["output_text"], "yes");
    assert_eq!(run["score"], serde_json::Value::Null, "it has no scorer");
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
