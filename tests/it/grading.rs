//! Scores: by a tenant's scorer, by the standard one, by a judge, again, and
//! not at all where the world failed.

use serde_json::{Value, json};

use crate::tenants::{MANIFEST, RULES, Tenant, lines, run_dir};

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
fn a_tenant_keeps_the_calls_of_a_case_from_its_scorer() {
    let tenant = Tenant::new();
    let with = tenant.json("eval", &[]);
    let manifest = MANIFEST.to_owned() + "[metric]\nreads_calls = false\n";
    tenant.file("tenant.toml", manifest);
    let without = tenant.json("eval", &[]);
    let record = |run: &Value| -> Value {
        let config = std::fs::read(run_dir(run).join("run_config.json")).unwrap();
        serde_json::from_slice::<Value>(&config).unwrap()["scorer_without_calls"].take()
    };
    assert_eq!(
        (record(&with), record(&without)),
        (Value::Null, true.into())
    );
    // With another course, the same scorer is another one.
    let dirs = [run_dir(&with), run_dir(&without)];
    let dirs = dirs.each_ref().map(|dir| dir.to_str().unwrap());
    let compare = |how: &[&str]| {
        tenant
            .desk
            .run(&[&["compare", dirs[0], dirs[1]], how].concat())
    };
    let refused = compare(&["--varies", "prompt"]);
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.err.contains("scorer_without_calls"),
        "{}",
        refused.err
    );
    assert_eq!(compare(&["--exploratory"]).code, Some(0));
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
    assert!(calls.iter().all(|call| call["attempts"] == 3), "{calls:?}");
    // What the world failed is asked again by a resumed run, and nothing else is.
    let failed = tenant.run("eval", &["--out", "out"]);
    assert_eq!(failed.code, Some(4), "{}", failed.err);
    let mended = tenant.json("eval", &["--resume", "out", "--set", retry]);
    assert_eq!(mended["status"], "complete");
    assert_eq!(mended["score"], run["score"]);
}
