//! Test sets: read once, whoever asks, and refused wherever else they appear.

use serde_json::json;

use crate::program::Ran;
use crate::tenants::{Tenant, row, run_dir};

#[test]
fn a_test_set_is_read_once_whoever_asks() {
    let tenant = Tenant::new();
    let run = tenant.json("test", &[]);
    assert_eq!(
        (&run["split"], &run["test_reads_before"]),
        (&json!("test"), &json!(0))
    );
    assert_eq!(run.get("cases"), None, "what comes back is totals");
    tenant
        .run("test", &["--variant", "000"])
        .told(6, "was read before: 1 time");

    // The same cases in other words: their order, ids and spacing changed.
    let path = tenant.path("datasets/test.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut rows: Vec<_> = text
        .lines()
        .map(|row| row.replace("test-", "other-").replace("\":", "\" :  "))
        .collect();
    rows.reverse();
    std::fs::write(&path, rows.join("\n")).unwrap();
    tenant.run("test", &[]).told(6, "was read before");
    // One of its cases among others is still a reading of it.
    std::fs::write(
        &path,
        format!("{}\n{}\n", rows[0], row("new", "new", "new")),
    )
    .unwrap();
    tenant.run("test", &[]).told(6, "was read before");

    let again = tenant.json("test", &["--override", "a scorer was mended"]);
    assert_eq!(again["test_reads_before"], 1);
    let report = std::fs::read_to_string(run_dir(&again).join("summary.md")).unwrap();
    assert!(
        report.contains("This test set was read 1 time before"),
        "{report}"
    );
    tenant
        .run("test", &["--override", ""])
        .told(2, "--override");
}

#[test]
fn cases_of_a_test_set_are_refused_wherever_else_they_appear() {
    let tenant = Tenant::new();
    tenant.json("eval", &[]);
    let copy = std::fs::read_to_string(tenant.path("datasets/test.jsonl")).unwrap();
    let copy = copy.replace("test-", "renamed-");
    let file = tenant.desk.file("copy.jsonl", &copy);
    tenant
        .run("eval", &["--cases", &file])
        .told(6, "is a case of a test set");
    tenant
        .desk
        .run(&[
            "run",
            &tenant.path("build/chain.wasm").to_string_lossy(),
            "--cases",
            &file,
        ])
        .told(6, "is a case of a test set");
    let first = copy.lines().next().unwrap();
    tenant
        .desk
        .run(&[
            "run",
            &tenant.path("build/chain.wasm").to_string_lossy(),
            "--input",
            first,
        ])
        .told(6, "is a case of a test set");
    let outputs = format!("{{\"case\": {first}, \"output_text\": \"x\"}}\n");
    let outputs = tenant.desk.file("outputs.jsonl", outputs);
    tenant
        .run("score", &["--outputs", &outputs])
        .told(6, "is a case of a test set");
    tenant
        .run("eval", &["--set", "dataset_path=datasets/test.jsonl"])
        .told(6, "held out");
    tenant
        .run("eval", &["--set", "dataset_path=./datasets/test.jsonl"])
        .told(6, "is a case of a test set");
    let told = tenant.run("eval", &["--split", "test"]);
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("fapo-host test"), "{}", told.err);
}

#[test]
fn of_two_that_test_at_once_one_reads() {
    let tenant = Tenant::new();
    let start = |out: &str| {
        let args = ["test", "acme", "--out", out, "--json"];
        let mut command = tenant.desk.command(&args);
        command.stdout(std::process::Stdio::piped());
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let started: Vec<_> = ["a", "b", "c", "d"].map(start).into();
    let mut codes: Vec<_> = started
        .into_iter()
        .map(|child| Ran::of(child.wait_with_output().unwrap()).code)
        .collect();
    codes.sort();
    assert_eq!(codes, [Some(0), Some(6), Some(6), Some(6)]);
}
