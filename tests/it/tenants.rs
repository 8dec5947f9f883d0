//! Tenants as their authors use them: a directory with components, datasets,
//! configs and variants, evaluated, tested, checked and scored.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::{Desk, Ran};

/// A tenant in a place of its own.
pub(crate) struct Tenant {
    pub(crate) desk: Desk,
}

/// A row of a dataset; the scripted model answers with the word of its question.
pub(crate) fn row(id: &str, word: &str, expected: &str) -> String {
    json!({
        "case_id": id,
        "task_type": "qa",
        "context": {"question": format!("say {word}"), "passage": format!("the passage of {word}")},
        "expected": expected,
    })
    .to_string()
}

/// Rules that find the passage and answer with the word that is asked for.
pub(crate) const RULES: &str = r#"{"match": "copy out the one sentence", "reply": "It says so."}
{"match": "Question: say (\\w+)", "reply": "${1}"}
"#;

const MANIFEST: &str = r#"
id = "acme"
[components]
chain = "build/chain.wasm"
[datasets]
train = "datasets/train.jsonl"
validation = "datasets/validation.jsonl"
test = "datasets/test.jsonl"
"#;

impl Tenant {
    /// Makes a tenant of the quickstart's component, with three cases a split.
    pub(crate) fn new() -> Self {
        let desk = Desk::new();
        desk.file("acme/tenant.toml", MANIFEST);
        let component = std::fs::read(fapo_test_artifacts::path("quickstart")).unwrap();
        desk.file("acme/build/chain.wasm", component);
        desk.file("acme/script.jsonl", RULES);
        let config = r#"{"tenant_id": "acme", "provider": "script:script.jsonl"}"#;
        desk.file("acme/configs/default.json", config);
        for split in ["train", "validation", "test"] {
            let rows = [
                row(
                    &format!("{split}-1"),
                    &format!("{split}one"),
                    &format!("{split}one"),
                ),
                row(
                    &format!("{split}-2"),
                    &format!("{split}two"),
                    &format!("{split}two"),
                ),
                row(
                    &format!("{split}-3"),
                    &format!("{split}three"),
                    "something else",
                ),
            ];
            desk.file(&format!("acme/datasets/{split}.jsonl"), rows.join("\n"));
        }
        Self { desk }
    }

    pub(crate) fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        self.desk.file(&format!("acme/{name}"), text)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.desk.path(&format!("acme/{name}"))
    }

    /// Runs a command on the tenant.
    pub(crate) fn run(&self, command: &str, more: &[&str]) -> Ran {
        self.desk.run(&[&[command, "acme"], more].concat())
    }

    pub(crate) fn json(&self, command: &str, more: &[&str]) -> Value {
        self.desk
            .json(&[&[command, "acme"], more, &["--json"]].concat())
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn run_dir(run: &Value) -> PathBuf {
    run["run_dir"].as_str().unwrap().into()
}

#[test]
fn an_evaluation_leaves_fapos_artifacts_and_what_goes_beyond_them() {
    let tenant = Tenant::new();
    let run = tenant.json("eval", &[]);
    assert_eq!(run["status"], "complete");
    assert_eq!(
        (&run["n_cases"], &run["split"]),
        (&json!(3), &json!("train"))
    );
    let mean = run["score"]["mean"].as_f64().unwrap();
    assert!((mean - 200.0 / 3.0).abs() < 1e-9, "{mean}");
    assert_eq!(run["calls"]["total"], 6);
    assert_eq!(run["calls"]["cached"], 0);
    assert_eq!(run["cost_usd"], 0.0);
    assert!(run["tokens"]["input"].as_u64().unwrap() > 0);
    let dir = run_dir(&run);
    assert!(dir.starts_with(std::fs::canonicalize(tenant.path("evals")).unwrap()));
    for name in [
        "run_config.json",
        "results.jsonl",
        "progress.json",
        "summary.md",
        "calls.jsonl",
        "timings.jsonl",
        "cost.json",
        "summary.json",
        "manifest.json",
    ] {
        assert!(dir.join(name).is_file(), "{name}");
    }
    assert!(
        !dir.join("journal.jsonl").exists(),
        "a run that ended well needs no journal"
    );

    let results = std::fs::read_to_string(dir.join("results.jsonl")).unwrap();
    assert!(
        !results.contains("_us") && !results.contains("span"),
        "{results}"
    );
    assert!(!results.contains(run["run_dir"].as_str().unwrap()));
    let result = &lines(&dir.join("results.jsonl"))[0];
    for key in [
        "case_id",
        "task_type",
        "diagnostics",
        "score_breakdown",
        "composite_score",
        "output_text",
        "step_outputs",
    ] {
        assert!(result.get(key).is_some(), "{key}");
    }
    let call = &lines(&dir.join("calls.jsonl"))[1];
    for (key, value) in [
        ("case_id", json!("train-1")),
        ("repeat", json!(1)),
        ("step", json!("answer")),
        ("visit", json!(1)),
        ("seq", json!(1)),
        ("kind", json!("generate")),
    ] {
        assert_eq!(call[key], value, "{key}");
    }
    assert_eq!(call["receipt"]["attempts"], 1);
    assert!(call["usage"]["output_tokens"].is_u64() && call["request"]["messages"].is_array());

    let config: Value =
        serde_json::from_slice(&std::fs::read(dir.join("run_config.json")).unwrap()).unwrap();
    assert_eq!(config["variant"]["id"], "000");
    assert_eq!(config["provider"]["simulated"], true);
    assert_eq!(config["dataset"]["path"], "datasets/train.jsonl");
    let report = std::fs::read_to_string(dir.join("summary.md")).unwrap();
    for part in [
        "## Score",
        "| find |",
        "p95 ms",
        "A simulator answered",
        "66.67",
    ] {
        assert!(report.contains(part), "{part}:\n{report}");
    }
}

#[test]
fn the_same_answers_give_the_same_bytes_whatever_the_number_of_workers() {
    let tenant = Tenant::new();
    let bytes = |workers| {
        let dir = run_dir(&tenant.json("eval", &["--workers", workers, "--repeats", "3"]));
        ["results.jsonl", "calls.jsonl"].map(|name| std::fs::read(dir.join(name)).unwrap())
    };
    let one = bytes("1");
    assert_eq!(one, bytes("16"));
    let rows = String::from_utf8(one[0].clone()).unwrap();
    let repeats: Vec<_> = rows
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|row| format!("{} {}", row["case_id"].as_str().unwrap(), row["repeat"]))
        .collect();
    assert_eq!(
        repeats[..4],
        ["train-1 1", "train-1 2", "train-1 3", "train-2 1"]
    );
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

#[test]
fn a_variant_runs_with_its_prompts_and_cannot_be_edited() {
    let tenant = Tenant::new();
    let prompt = tenant.desk.file(
        "p.md",
        "User: ${steps.find.output} Question: say always. ${question}",
    );
    let more = [
        "--prompt",
        &format!("answer={prompt}"),
        "--hypothesis",
        "shorter",
    ];
    let variant = tenant.json("variant", &more);
    assert_eq!(
        (&variant["id"], &variant["level"]),
        (&json!("001"), &json!("prompt"))
    );
    let run = tenant.json("eval", &["--variant", "001"]);
    assert_eq!(run["cases"][0]["output_text"], "always");
    let second = tenant.json("variant", &["--parent", "001", "--param", "max_tokens=9"]);
    assert_eq!(
        (&second["parent"], &second["level"]),
        (&json!("001"), &json!("parameter"))
    );
    let run = tenant.json("eval", &["--variant", "002"]);
    assert_eq!(
        run["cases"][0]["output_text"], "always",
        "it has its parent's prompt"
    );
    assert_eq!(
        lines(&run_dir(&run).join("calls.jsonl"))[0]["request"]["params"]["max_tokens"],
        9
    );

    tenant
        .run("variant", &["--param", "max_tokens=0"])
        .told(2, "a whole number from 1 to 4096");
    tenant
        .run("eval", &["--variant", "007"])
        .told(2, "has no variant `007`");
    tenant.file(
        "prompts/answer/variant-001.md",
        "User: ${steps.find.output} ${question}",
    );
    tenant
        .run("eval", &["--variant", "002"])
        .told(2, "is not as it was written");
}

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
        (r#"{"provider": "openai"}"#, "there is no provider `openai`"),
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
fn a_providers_settings_are_in_the_request_where_the_chain_leaves_them_open() {
    let tenant = Tenant::new();
    let run = tenant.json(
        "eval",
        &[
            "--set",
            "provider_settings.top_p=0.5",
            "--set",
            "provider_settings.temperature=1.5",
        ],
    );
    let params = &lines(&run_dir(&run).join("calls.jsonl"))[0]["request"]["params"];
    assert_eq!(params["top_p"], 0.5);
    assert_eq!(params["temperature"], 0.0, "the chain says that itself");
}

#[test]
fn two_splits_become_three_by_seed_and_the_run_says_how() {
    let tenant = Tenant::new();
    let rows: Vec<_> = (0..20)
        .map(|n| row(&format!("d{n}"), &format!("w{n}"), "x"))
        .collect();
    tenant.file("datasets/dev.jsonl", rows.join("\n"));
    let manifest = MANIFEST.replace(
        "train = \"datasets/train.jsonl\"\nvalidation = \"datasets/validation.jsonl\"",
        "dev = \"datasets/dev.jsonl\"",
    ) + "[datasets.derive]\nvalidation = 0.6\nseed = 3\n";
    tenant.file("tenant.toml", manifest);
    let ids = |split: &str| -> Vec<String> {
        let run = tenant.json("eval", &["--split", split]);
        let config: Value =
            serde_json::from_slice(&std::fs::read(run_dir(&run).join("run_config.json")).unwrap())
                .unwrap();
        assert_eq!(config["dataset"]["derived"]["seed"], 3);
        let rows = lines(&run_dir(&run).join("results.jsonl"));
        rows.iter()
            .map(|row| row["case_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (train, validation) = (ids("train"), ids("validation"));
    assert_eq!((train.len(), validation.len()), (8, 12));
    assert!(train.iter().all(|id| !validation.contains(id)));
    assert_eq!(train, ids("train"));
}

#[test]
fn a_failure_of_the_world_is_not_a_wrong_answer() {
    let tenant = Tenant::new();
    let rules = format!("{{\"match\": \"say trainone\", \"status\": 503}}\n{RULES}");
    tenant.file("script.jsonl", rules);
    let more = ["--set", "world_failures_max=0.5"];
    let run = tenant.json("eval", &more);
    assert_eq!(run["status"], "degraded");
    assert_eq!(run["failures"]["world"], 1);
    assert_eq!(run["score"]["mean"], 50.0, "of the two that were answered");
    assert_eq!(run["cases"][0]["composite_score"], Value::Null);
    // One of three is more than the fifth that may fail.
    let failed = tenant.run("eval", &[]);
    assert_eq!(failed.code, Some(4), "{}", failed.err);
    // The key was refused: no case has an answer.
    tenant.file("script.jsonl", r#"{"match": "", "status": 401}"#);
    let failed = tenant.run("eval", &["--json"]);
    assert_eq!(failed.code, Some(4), "{}", failed.err);
    assert!(
        failed.out.contains("\"status\":\"failed\""),
        "{}",
        failed.out
    );
}

#[test]
fn a_provider_that_fails_a_few_times_is_asked_again() {
    let tenant = Tenant::new();
    tenant.file(
        "script.jsonl",
        RULES.replace("\"reply\"", "\"status\": 503, \"fails\": 2, \"reply\""),
    );
    let retry =
        "provider_settings.retry={\"attempts_max\": 3, \"wait_ms_min\": 1, \"wait_ms_max\": 2}";
    let run = tenant.json("eval", &["--set", retry]);
    assert_eq!(run["status"], "complete");
    let calls = lines(&run_dir(&run).join("calls.jsonl"));
    assert!(
        calls.iter().all(|call| call["receipt"]["attempts"] == 3),
        "{calls:?}"
    );
    // What the world failed is asked again by a resumed run, and nothing else is.
    let failed = tenant.run("eval", &["--out", "out"]);
    assert_eq!(failed.code, Some(4), "{}", failed.err);
    let mended = tenant.json("eval", &["--resume", "out", "--set", retry]);
    assert_eq!(mended["status"], "complete");
    assert_eq!(mended["score"], run["score"]);
}

#[test]
fn outputs_are_graded_without_a_chain() {
    let tenant = Tenant::new();
    let rows = [
        json!({"case_id": "train-1", "output_text": "The trainone."}),
        json!({"case_id": "validation-2", "output_text": "no", "step_outputs": {"find": "x"}}),
        json!({"case": {"case_id": "own", "context": {}, "expected": "7"}, "output_text": "7"}),
    ];
    let outputs = rows.map(|row| row.to_string()).join("\n");
    let outputs = tenant.desk.file("outputs.jsonl", outputs);
    let ran = tenant.run("score", &["--outputs", &outputs, "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let graded: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let scores: Vec<_> = graded
        .iter()
        .map(|row| {
            (
                row["case_id"].as_str().unwrap(),
                row["composite_score"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        scores,
        [("train-1", 100.0), ("validation-2", 0.0), ("own", 100.0)]
    );
    assert_eq!(graded[0]["score_breakdown"]["f1"], 1.0);
    for (row, says) in [
        (
            r#"{"case_id": "nobody", "output_text": "x"}"#,
            "no case of train or validation",
        ),
        (r#"{"output_text": "x"}"#, "one of `case` and `case_id`"),
        (r#"{"case_id": "train-1", "output": "x"}"#, "line 1"),
        ("", "holds no output"),
    ] {
        let outputs = tenant.desk.file("bad.jsonl", row);
        tenant.run("score", &["--outputs", &outputs]).told(2, says);
    }
}

#[test]
fn the_standard_scorer_grades_a_tenant_that_has_none() {
    let tenant = Tenant::new();
    let manifest = MANIFEST.replace("[datasets]", "scorer = \"standard\"\n[datasets]")
        + "[metric]\nprofile = { metric = \"contains\" }\n";
    tenant.file("tenant.toml", manifest);
    let run = tenant.json("eval", &[]);
    assert_eq!(run["cases"][0]["composite_score"], 100.0);
    assert_eq!(run["cases"][0]["score_breakdown"]["exact_match"], 1.0);
    let run = tenant.json("eval", &["--set", "scoring_profile=f1"]);
    assert_eq!(run["cases"][2]["composite_score"], 0.0);
    let told = tenant.run("eval", &["--set", "scoring_profile=f2"]);
    told.told(2, "the scorer cannot score these cases");
}

#[test]
fn a_run_is_graded_again_without_asking_the_chains_model() {
    let tenant = Tenant::new();
    let run = tenant.json("eval", &["--out", "acme/evals/first", "--repeats", "2"]);
    tenant.file("script.jsonl", r#"{"match": "", "status": 500}"#);
    let again = tenant.desk.json(&["rescore", "acme/evals/first", "--json"]);
    for name in ["results.jsonl", "calls.jsonl"] {
        let read = |run: &Value| std::fs::read(run_dir(run).join(name)).unwrap();
        assert_eq!(read(&run), read(&again), "{name}");
    }
    let manifest = MANIFEST.replace("[datasets]", "scorer = \"standard\"\n[datasets]");
    tenant.file("tenant.toml", manifest);
    let other = tenant.desk.json(&[
        "rescore",
        "acme/evals/first",
        "--set",
        "scoring_profile=f1",
        "--json",
    ]);
    assert!(other["score_breakdown"].get("format").is_some(), "{other}");
    let config = std::fs::read_to_string(run_dir(&other).join("run_config.json")).unwrap();
    assert!(config.contains("\"rescored_from\": \"first\""), "{config}");
    tenant.json(
        "test",
        &[
            "--out",
            "acme/evals/test",
            "--provider",
            "script:acme/script.jsonl",
            "--set",
            "world_failures_max=1",
        ],
    );
    tenant
        .desk
        .run(&["rescore", "acme/evals/test"])
        .told(6, "graded once");
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

#[test]
fn a_judge_is_asked_only_where_the_manifest_grants_one() {
    let tenant = Tenant::new();
    let profile = "[metric]\nprofile = { metric = \"judge\", rubric = \"Is it right?\", scale = \"yes_no\" }\n";
    let standard = MANIFEST.replace("[datasets]", "scorer = \"standard\"\n[datasets]");
    tenant.file("tenant.toml", format!("{standard}{profile}"));
    tenant.file(
        "script.jsonl",
        format!("{{\"match\": \"Is it right\", \"reply\": \"Verdict: yes\"}}\n{RULES}"),
    );
    let denied = tenant.json("eval", &[]);
    assert_eq!(denied["score"]["mean"], 0.0);
    assert_eq!(denied["cases"][0]["scorer_failure"]["kind"], "error");
    let granted = format!("{standard}{profile}[capabilities]\nscorer = [\"provider\"]\n");
    tenant.file("tenant.toml", granted);
    let judged = tenant.json("eval", &[]);
    assert_eq!(judged["score"]["mean"], 100.0);
    let calls = lines(&run_dir(&judged).join("calls.jsonl"));
    assert_eq!(
        calls.iter().filter(|call| call["role"] == "scorer").count(),
        3
    );
    let cost: Value =
        serde_json::from_slice(&std::fs::read(run_dir(&judged).join("cost.json")).unwrap())
            .unwrap();
    let roles: Vec<_> = cost["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["role"].clone())
        .collect();
    assert_eq!(roles, ["chain", "chain", "scorer"]);
}

#[test]
fn a_case_of_three_megabytes_is_a_case_like_any_other() {
    let tenant = Tenant::new();
    let long = "x".repeat(3 << 20);
    let case = json!({"case_id": "long", "context": {"question": "say so", "passage": long}, "expected": "so"});
    let cases = tenant.desk.file("long.jsonl", case.to_string());
    let run = tenant.json("eval", &["--cases", &cases]);
    assert_eq!(run["score"]["mean"], 100.0);
}
