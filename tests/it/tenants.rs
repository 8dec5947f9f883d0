//! Tenants as their authors use them: a directory with components, datasets,
//! configs and variants, evaluated, tested, checked and scored.

use std::path::{Path, PathBuf};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
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

pub(crate) const MANIFEST: &str = r#"
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

pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn run_dir(run: &Value) -> PathBuf {
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
    assert_eq!(call["attempts"], 1);
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
fn the_same_answers_give_the_same_bytes_whatever_the_number_of_workers_and_cores() {
    let tenant = Tenant::new();
    let bytes = |workers| {
        let dir = run_dir(&tenant.json("eval", &["--workers", workers, "--repeats", "3"]));
        ["results.jsonl", "calls.jsonl"].map(|name| std::fs::read(dir.join(name)).unwrap())
    };
    let one = bytes("1");
    assert_eq!(one, bytes("16"));
    // What is started from here has one core, too.
    let all = sched_getaffinity(None).unwrap();
    let first = (0..CpuSet::MAX_CPU).find(|core| all.is_set(*core)).unwrap();
    let mut single = CpuSet::new();
    single.set(first);
    sched_setaffinity(None, &single).unwrap();
    assert_eq!(one, bytes("16"));
    sched_setaffinity(None, &all).unwrap();
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
fn a_case_of_three_megabytes_is_a_case_like_any_other() {
    let tenant = Tenant::new();
    let long = "x".repeat(3 << 20);
    let case = json!({"case_id": "long", "context": {"question": "say so", "passage": long}, "expected": "so"});
    let cases = tenant.desk.file("long.jsonl", case.to_string());
    let run = tenant.json("eval", &["--cases", &cases]);
    assert_eq!(run["score"]["mean"], 100.0);
}
