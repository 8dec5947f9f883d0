//! The HotpotQA tenant as it is shipped: what its documents say of it holds,
//! its scorer gives the official verdicts, and its plain prompts are those of
//! the peers that it is measured beside.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::languages::copy_dir;
use crate::program::{Desk, root, skipped};

/// Returns a copy of the tenant, built.
fn copy(desk: &Desk) -> String {
    let copy = desk.path("hotpotqa");
    copy_dir(&root().join("tenants/hotpotqa"), &copy);
    std::fs::create_dir_all(copy.join("build")).unwrap();
    let component = fapo_test_artifacts::bytes("hotpotqa");
    std::fs::write(copy.join("build/hotpotqa.wasm"), component).unwrap();
    copy.to_str().unwrap().into()
}

/// Returns a folder that is no part of the repository and lies beside it, or
/// where a variable says; none where it is not on this machine.
fn beside(variable: &str, folder: &str) -> Option<PathBuf> {
    let set = std::env::var_os(variable).map(PathBuf::from);
    let path = set.unwrap_or_else(|| root().join("../shared").join(folder));
    if path.is_dir() {
        return Some(path);
    }
    skipped(&format!("{} is not on this machine", path.display()));
    None
}

fn mean(run: &Value) -> f64 {
    assert_eq!(run["status"], "complete", "{run}");
    run["score"]["mean"].as_f64().unwrap()
}

#[test]
fn the_variants_score_what_the_change_log_says() {
    let desk = Desk::new();
    let tenant = copy(&desk);
    let change_log =
        std::fs::read_to_string(Path::new(&tenant).join("docs/change-log.md")).unwrap();
    for variant in ["000", "001", "002"] {
        let of = |split| {
            let run = desk.json(&[
                "eval",
                &tenant,
                "--variant",
                variant,
                "--split",
                split,
                "--json",
            ]);
            mean(&run)
        };
        let scores = format!("| {:.1} | {:.1} |", of("train"), of("validation"));
        let row = change_log
            .lines()
            .find(|line| line.starts_with(&format!("| `{variant}`")))
            .unwrap();
        assert!(row.contains(&scores), "{row} {scores}");
    }
}

#[test]
fn a_case_makes_four_calls_and_two_searches_whatever_the_number_of_workers() {
    let desk = Desk::new();
    let tenant = copy(&desk);
    let run = |workers: &str| {
        let args = [
            "eval",
            &tenant,
            "--limit",
            "10",
            "--no-cache",
            "--workers",
            workers,
            "--json",
        ];
        let run = desk.json(&args);
        let rows = desk.rows(&run, "calls.jsonl");
        let calls: Vec<_> = rows
            .into_iter()
            .map(|mut row| {
                row.as_object_mut().unwrap().remove("span");
                row
            })
            .collect();
        (desk.rows(&run, "results.jsonl"), calls)
    };
    let (results, calls) = run("1");
    assert_eq!(calls.len(), 60);
    let of_first = calls
        .iter()
        .filter(|call| call["case_id"] == results[0]["case_id"]);
    let steps: Vec<_> = of_first
        .map(|call| call["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        steps,
        [
            "retrieve_hop1",
            "summarize_hop1",
            "query_hop2",
            "retrieve_hop2",
            "summarize_hop2",
            "answer"
        ]
    );
    for result in &results {
        let passages = result["step_outputs"]["retrieve_hop1"].as_str().unwrap();
        assert_eq!(passages.lines().count(), 7, "{passages}");
        let gold = result["score_breakdown"]["gold_found"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&gold), "{gold}");
    }
    assert_eq!(run("16"), (results, calls));
}

#[test]
fn fusion_and_rescue_search_more_and_find_no_less() {
    let desk = Desk::new();
    let tenant = copy(&desk);
    let run = |variant| {
        let run = desk.json(&["eval", &tenant, "--variant", variant, "--json"]);
        let searches = desk.rows(&run, "calls.jsonl").into_iter();
        let n_searches = searches
            .filter(|call| call["step"].as_str().unwrap().starts_with("retrieve"))
            .count();
        let results = desk.rows(&run, "results.jsonl");
        let gold = results
            .iter()
            .map(|row| row["score_breakdown"]["gold_found"].as_f64().unwrap());
        (n_searches, gold.sum::<f64>() / results.len() as f64)
    };
    let (n_baseline, found_baseline) = run("000");
    let (n_both, found_both) = run("002");
    assert_eq!(n_baseline, 80);
    assert!(n_both > 80 + 40, "{n_both}");
    assert!(found_both > found_baseline, "{found_both} {found_baseline}");
}

#[test]
fn the_tenant_passes_its_check() {
    let desk = Desk::new();
    let tenant = copy(&desk);
    let checked = desk.json(&["check", &tenant, "--json"]);
    assert_eq!(checked["n_errors"], 0, "{checked}");
    assert_eq!(checked["indexes"]["wiki"]["documents"], 312, "{checked}");
    // Of two things that are compared, the question names both: no other leak.
    let findings = checked["findings"].as_array().unwrap();
    for finding in findings {
        assert_eq!(finding["check"], "expected_in_context", "{finding}");
    }
}

#[test]
fn every_verdict_on_an_answer_is_reproduced() {
    let Some(data) = beside("FAPO_DATA", "data") else {
        return;
    };
    let verdicts = std::fs::read_to_string(data.join("hotpotqa/scorer-verdicts.jsonl")).unwrap();
    let verdicts: Vec<Value> = verdicts
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|verdict: &Value| verdict["fn"] == "answer")
        .collect();
    assert!(!verdicts.is_empty());
    let desk = Desk::new();
    let tenant = copy(&desk);
    let outputs: String = (0..)
        .zip(&verdicts)
        .map(|(nth, verdict)| {
            // Both forms of an expected answer, in turn.
            let expected = match nth % 2 {
                0 => verdict["gold"].clone(),
                _ => json!({ "answer": verdict["gold"] }),
            };
            let case = json!({"case_id": verdict["id"], "context": {}, "expected": expected});
            let row = json!({"case": case, "output_text": verdict["prediction"]});
            format!("{row}\n")
        })
        .collect();
    let outputs = desk.file("outputs.jsonl", outputs);
    let ran = desk.run(&["score", &tenant, "--outputs", &outputs, "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let mut n_rows = 0;
    for (line, verdict) in ran.out.lines().zip(&verdicts) {
        let row: Value = serde_json::from_str(line).unwrap();
        assert_eq!(row["case_id"], verdict["id"]);
        let number = |is: &Value| is.as_f64().or(is.as_bool().map(f64::from)).unwrap();
        for (ours, theirs) in [
            (
                &row["composite_score"],
                100.0 * number(&verdict["official"]["em"]),
            ),
            (
                &row["score_breakdown"]["f1"],
                number(&verdict["official"]["f1"]),
            ),
            (
                &row["score_breakdown"]["dspy_em"],
                number(&verdict["dspy"]["em"]),
            ),
        ] {
            assert!((number(ours) - theirs).abs() < 1e-9, "{row} {verdict}");
        }
        n_rows += 1;
    }
    assert_eq!(n_rows, verdicts.len());
}

/// Prints the messages that the peers would send, for each line of step and fields.
const PEERS: &str = "
import json, sys
sys.path.insert(0, sys.argv[1])
import chain
for line in sys.stdin:
    step, fields = json.loads(line)
    print(json.dumps(chain.messages(step, **fields)))
";

#[test]
fn the_plain_prompts_are_what_the_peers_send() {
    let Some(bench) = beside("FAPO_BENCH", "bench") else {
        return;
    };
    let desk = Desk::new();
    let tenant = copy(&desk);
    // Chosen as a variant and by a config, the prompts are the same.
    for choice in [["--variant", "001"], ["--config", "configs/plain.json"]] {
        let run = desk.json(&[&["eval", &tenant, "--limit", "5", "--json"], &choice[..]].concat());
        let results = desk.rows(&run, "results.jsonl");
        let mut asked = Vec::new();
        let mut lines = String::new();
        for call in desk.rows(&run, "calls.jsonl") {
            let step = call["step"].as_str().unwrap().to_owned();
            if step.starts_with("retrieve") {
                continue;
            }
            let result = results
                .iter()
                .find(|row| row["case_id"] == call["case_id"])
                .unwrap();
            lines += &format!("{}\n", fields(&step, result));
            asked.push(call["request"]["messages"].clone());
        }
        let input = desk.file("fields.jsonl", &lines);
        let peers = Command::new("python3")
            .args(["-c", PEERS])
            .arg(bench.join("harness"))
            .stdin(std::fs::File::open(input).unwrap())
            .output();
        let Ok(peers) = peers else {
            skipped("python3 is not on this machine");
            return;
        };
        assert!(
            peers.status.success(),
            "{}",
            String::from_utf8_lossy(&peers.stderr)
        );
        let peers = String::from_utf8(peers.stdout).unwrap();
        assert_eq!((peers.lines().count(), asked.len()), (20, 20));
        for (theirs, ours) in peers.lines().zip(asked) {
            let theirs: Value = serde_json::from_str(theirs).unwrap();
            let ours: Vec<_> = ours
                .as_array()
                .unwrap()
                .iter()
                .map(|message| {
                    let content = message["content"].as_array().unwrap();
                    assert_eq!(content.len(), 1);
                    json!({"role": message["role"], "content": content[0]["text"]})
                })
                .collect();
            assert_eq!(json!(ours), theirs);
        }
    }
}

/// Returns the peers' name of a step, with its fields as they name them.
fn fields(step: &str, result: &Value) -> Value {
    let output = |step: &str| result["step_outputs"][step].clone();
    let question = &question(result);
    match step {
        "summarize_hop1" => json!([
            "summarize1",
            {"question": question, "passages": output("retrieve_hop1")},
        ]),
        "query_hop2" => json!([
            "query",
            {"question": question, "summary_1": output("summarize_hop1")},
        ]),
        "summarize_hop2" => json!([
            "summarize2",
            {
                "question": question,
                "context": output("summarize_hop1"),
                "passages": output("retrieve_hop2"),
            },
        ]),
        _ => json!([
            "answer",
            {
                "question": question,
                "summary_1": output("summarize_hop1"),
                "summary_2": output("summarize_hop2"),
            },
        ]),
    }
}

/// Returns the question of a case of the training split.
fn question(result: &Value) -> Value {
    let path = root().join("tenants/hotpotqa/datasets/train.jsonl");
    let rows = std::fs::read_to_string(path).unwrap();
    let mut rows = rows
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let row = rows
        .find(|row| row["case_id"] == result["case_id"])
        .unwrap();
    row["context"]["question"].clone()
}
