//! What is found before anything is paid for.

use serde_json::{Value, json};

use crate::tenants::{MANIFEST, Tenant, lines, row, run_dir};

#[test]
fn nothing_that_a_tenant_names_leads_out_of_its_directory() {
    let tenant = Tenant::new();
    tenant.desk.file("outside.jsonl", row("a", "a", "a"));
    tenant.desk.file("outside.md", "User: ${question}");
    std::os::unix::fs::symlink("../outside.jsonl", tenant.path("link.jsonl")).unwrap();
    let absolute = tenant.desk.path("outside.jsonl");
    let absolute = absolute.to_str().unwrap();
    for path in [
        "../outside.jsonl",
        absolute,
        "link.jsonl",
        "datasets/../../outside.jsonl",
    ] {
        for (key, manifest) in [
            (
                "datasets.train",
                MANIFEST.replace("datasets/train.jsonl", path),
            ),
            (
                "datasets.test",
                MANIFEST.replace("datasets/test.jsonl", path),
            ),
            (
                "components.chain",
                MANIFEST.replace("build/chain.wasm", path),
            ),
            (
                "components.scorer",
                MANIFEST.replace("[datasets]", &format!("scorer = \"{path}\"\n[datasets]")),
            ),
        ] {
            tenant.file("tenant.toml", manifest);
            let told = tenant.run("eval", &[]);
            told.told(2, &format!("`{key}` is"));
            assert!(told.err.contains("leads out"), "{}", told.err);
        }
        tenant.file("tenant.toml", MANIFEST);
        for (key, config) in [
            ("dataset.path", json!({"dataset": {"path": path}})),
            ("chain.component", json!({"chain": {"component": path}})),
            ("provider", json!({"provider": format!("script:{path}")})),
            ("output_dir", json!({"output_dir": path})),
            (
                "chain.config.prompt_paths.find",
                json!({"chain": {"config": {"prompt_paths": {"find": path}}}}),
            ),
        ] {
            // A link to a file is no directory, whatever it leads to.
            if key == "output_dir" && path == "link.jsonl" {
                continue;
            }
            let config = tenant.file("configs/bad.json", config.to_string());
            let told = tenant.run("eval", &["--config", &config]);
            told.told(2, &format!("`{key}` is"));
        }
        let variant = json!({"id": "001", "parent": "000", "prompts": {"find": path}});
        tenant.file("variants/001.json", variant.to_string());
        tenant
            .run("eval", &["--variant", "001"])
            .told(2, "leads out");
    }
}

#[test]
fn a_config_that_cannot_be_meant_is_refused_with_what_could_be() {
    let tenant = Tenant::new();
    for (config, says) in [
        (r#"{"max_worker": 4}"#, "did you mean `max_workers`?"),
        (r#"{"chain": {"path": "chain.py"}}"#, "`chain.component`"),
        (r#"{"chain": {"fn": "build"}}"#, "`chain.component`"),
        (r#"{"mcp": {}}"#, "`tools`"),
        (
            r#"{"provider_settings": {"base_url": "http://10.0.0.1"}}"#,
            "--set",
        ),
        (r#"{"tenant_id": "other"}"#, "is for the tenant `other`"),
        (
            r#"{"chain": {"config": {"max_tokn": 1}}}"#,
            "the chain has no parameter `max_tokn`",
        ),
        (r#"{"provider": "opnai"}"#, "did you mean `openai`?"),
    ] {
        let config = tenant.file("configs/bad.json", config);
        tenant.run("eval", &["--config", &config]).told(2, says);
    }
    let run = tenant.json(
        "eval",
        &[
            "--set",
            "chain.config.max_tokens=17",
            "--set",
            "run_id=mine",
        ],
    );
    assert!(run_dir(&run).ends_with("evals/mine"));
    let calls = lines(&run_dir(&run).join("calls.jsonl"));
    assert_eq!(calls[0]["request"]["params"]["max_tokens"], 17);
}

#[test]
fn a_check_finds_what_is_wrong_and_where_and_pays_for_nothing() {
    let tenant = Tenant::new();
    let good = tenant.json("check", &[]);
    assert_eq!(
        (&good["ok"], &good["n_errors"]),
        (&json!(true), &json!(0)),
        "{good}"
    );
    assert_eq!(good["n_cases"]["train"], 3);
    assert!(good["digests"]["datasets.train"].is_string());

    let mut rows = vec![
        row("a", "alpha", "x"),
        row("a", "beta", "x"),
        "{\"case_id\": \"b\"}".into(),
        "not json".into(),
        String::new(),
        r#"{"case_id": "c", "context": {}, "expected": "x"}"#.into(),
        r#"{"case_id": "d", "context": {"question": "q", "passage": "p"}, "expected": 3}"#.into(),
        r#"{"case_id": "e", "context": {"question": "x"}, "expected": "x", "answer": 1}"#.into(),
    ];
    rows.push(row("copy", "validationone", "x"));
    tenant.file("datasets/train.jsonl", rows.join("\n"));
    tenant.file(
        "variants/001.json",
        r#"{"id": "001", "parent": "042", "parameters": {"max_tokens": 0}}"#,
    );
    tenant.file("configs/bad.json", r#"{"max_worker": 1}"#);
    let ran = tenant.run("check", &["--json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let told: Value = serde_json::from_str(&ran.out).unwrap();
    let findings: Vec<String> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            format!(
                "{} {}",
                finding["place"].as_str().unwrap(),
                finding["message"].as_str().unwrap()
            )
        })
        .collect();
    let all = findings.join("\n");
    for says in [
        "line 2 of `train`",
        "line 3 of `train`",
        "line 4 of `train`",
        "line 8 of `train`",
        "line 6 of `train`",
        "its case_id is also that of line 1 of `train`",
        "is also line 9 of `train`",
        "there is no parent `042`",
        "a whole number from 1 to 4096",
        "there is no key `max_worker`",
    ] {
        assert!(all.contains(says), "{says}:\n{all}");
    }
    // The scorer is asked once the rows are cases.
    tenant.file("datasets/train.jsonl", rows[6].clone());
    let ran = tenant.run("check", &[]);
    assert!(ran.out.contains("`expected` must be a text"), "{}", ran.out);
    tenant
        .run("eval", &[])
        .told(2, "the scorer cannot score these cases");
}

#[test]
fn a_dry_run_counts_what_would_be_asked_and_asks_nothing() {
    let tenant = Tenant::new();
    tenant.file("script.jsonl", r#"{"match": "", "status": 500}"#);
    let told = tenant.json("eval", &["--dry-run", "--repeats", "2"]);
    assert_eq!((&told["n_rows"], &told["calls"]), (&json!(6), &json!(12)));
    assert_eq!(told["output_tokens_max"], 12 * 256);
    assert!(told["input_tokens"].as_u64().unwrap() > 100);
    assert_eq!(told["cost_usd"], 0.0);
    assert!(!tenant.path("evals").exists());
}
