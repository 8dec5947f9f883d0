//! Looking at runs: what is shown of them, and how they are told.

mod comparing;
mod hidden;

use std::fs::File;
use std::path::Path;

use serde_json::Value;

use crate::program::{Desk, hostile, quickstart};

/// What makes the second half of the cases right when the prompt says so.
const RULES: &str = r#"{"match": "(?s)copy out the one sentence", "reply": "It stands in Rome. MARKER"}
{"match": "(?s)in one word.*Evidence", "reply": "Rome"}
{"match": "(?s)Evidence.*Question: .*[0-4]\\?", "reply": "Rome"}
{"match": "Evidence", "reply": "It is Rome. MARKER"}
"#;

/// A tenant on a desk, whose validation and test cases are marked.
fn tenant() -> Desk {
    let desk = Desk::new();
    let rows = |mark: &str, n: usize| {
        let row = |at: usize| {
            serde_json::json!({
                "case_id": format!("{mark}{at}"),
                "context": {
                    "question": format!("Where is it, {mark}{at}?"),
                    "passage": format!("{mark} It stands in Rome."),
                },
                "expected": "Rome",
            })
        };
        let rows: Vec<_> = (0..n).map(|at| row(at).to_string()).collect();
        rows.join("\n")
    };
    desk.file("t/cases.jsonl", rows("case-", 10));
    desk.file("t/validation.jsonl", rows("MARKER-v", 10));
    desk.file("t/test.jsonl", rows("MARKER-t", 10));
    desk.file("t/script.jsonl", RULES);
    desk.file("t/wrong.jsonl", r#"{"match": "", "reply": "Oslo MARKER"}"#);
    desk.file("t/prompts/one.md", "System:\nAnswer in one word.\n\nUser:\nEvidence: ${steps.find.output}\n\nQuestion: ${question}\n");
    desk.file(
        "t/build/quickstart.wasm",
        std::fs::read(quickstart()).unwrap(),
    );
    desk.file(
        "t/configs/default.json",
        r#"{"provider": "script:script.jsonl"}"#,
    );
    desk.file(
        "t/tenant.toml",
        "id = \"t\"\n[components]\nchain = \"build/quickstart.wasm\"\n[datasets]\ntrain = \"cases.jsonl\"\nvalidation = \"validation.jsonl\"\ntest = \"test.jsonl\"\n",
    );
    desk
}

/// The prompt that makes all cases right.
const ONE_WORD: [&str; 2] = ["--set", "chain.config.prompt_paths.answer=prompts/one.md"];

fn eval(desk: &Desk, more: &[&str]) -> String {
    let run = desk.json(&[&["eval", "t", "--json"], more].concat());
    run["run_dir"].as_str().unwrap().into()
}

/// Returns the records that a page holds.
fn data(page: &str) -> Value {
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap()
}

#[track_caller]
fn acts_on_nothing(text: &str) {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
    };
    assert!(!text.contains(acts), "{text:?}");
}

#[test]
fn runs_are_told_by_how_they_ended_and_only_whole_ones_are_compared() {
    let desk = tenant();
    assert!(desk.run(&["runs", "t"]).out.contains("no runs yet"));
    let whole = eval(&desk, &[]);
    let copy = |name: &str| {
        let to = desk.path("t/evals").join(name);
        std::fs::create_dir(&to).unwrap();
        for file in [
            "run_config.json",
            "results.jsonl",
            "calls.jsonl",
            "timings.jsonl",
        ] {
            std::fs::copy(Path::new(&whole).join(file), to.join(file)).unwrap();
        }
        let state = r#"{"status": "running", "n_rows": 10, "n_done": 4, "score": null, "calls": {"total": 8, "cached": 0, "maybe_paid": 0, "generate": 8, "search": 0, "tool": 0, "artifact": 0}, "cost_usd": 0.0, "at": "2999-01-01T00:00:00Z"}"#;
        std::fs::write(to.join("progress.json"), state).unwrap();
        File::create(to.join(".lock")).unwrap()
    };
    copy("cut");
    let writing = copy("going");
    writing.lock().unwrap();
    std::fs::create_dir(desk.path("t/evals/empty\u{1b}[2J")).unwrap();

    let runs = desk.json(&["runs", "t", "--json"]);
    let told: Vec<_> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            (
                run["name"].as_str().unwrap(),
                run["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("train-000-001", "complete"),
            ("cut", "cut off"),
            ("going", "running"),
            ("empty\u{1b}[2J", "unreadable"),
        ]
    );
    assert_eq!(runs[0]["score"]["mean"], 50.0);
    assert_eq!(runs[0]["simulated"], true);
    let table = desk.run(&["runs", "t"]).out;
    acts_on_nothing(&table);
    for said in [
        "50.0 (",
        "4 of 10",
        "script:script.jsonl (simulated)",
        "`fapo-host eval t --resume cut`",
    ] {
        assert!(table.contains(said), "{said}: {table}");
    }

    for run in ["cut", "going"] {
        let refused = desk.run(&["compare", "--tenant", "t", "train-000-001", run]);
        refused.told(2, "is not finished");
        assert!(refused.err.contains("--resume"), "{}", refused.err);
        let shown = desk.run(&["show", run, "--tenant", "t"]);
        assert!(
            shown.out.contains("4 of 10 rows"),
            "{}{}",
            shown.out,
            shown.err
        );
    }
    desk.run(&["show", "t"]).told(2, "is not a run");
}

#[test]
fn a_run_is_shown_as_a_table_and_a_case_as_a_trace() {
    let desk = tenant();
    let run = eval(&desk, &["--repeats", "2"]);
    let table = desk.run(&["show", &run, "--failed", "--limit", "3"]).out;
    assert!(
        table.contains("case-5") && !table.contains("case-4"),
        "{table}"
    );
    assert!(
        table.contains("… and 7 more") && table.contains("20 rows"),
        "{table}"
    );
    let found = desk.run(&["show", &run, "--step", "find"]).out;
    assert!(found.contains("It stands in Rome. MARKER"), "{found}");

    let trace = desk
        .run(&["show", &run, "--case", "case-7", "--repeat", "2"])
        .out;
    for said in [
        "case case-7 · repeat 2 · score 0.0",
        "1. find · ",
        "model call · ",
        "│ Passage: case- It stands in Rome.",
        "finish stop",
        "2. answer · ",
        "│ Evidence: It stands in Rome. MARKER",
        "verdict: 0.0 · exact 0",
        "feedback",
    ] {
        assert!(trace.contains(said), "{said}: {trace}");
    }
    assert!(!trace.contains("repeat 1"));
    let step = desk
        .run(&["show", &run, "--case", "case-7", "--step", "answer"])
        .out;
    assert!(
        step.contains("2. answer") && !step.contains("1. find"),
        "{step}"
    );

    let record = desk.json(&["show", &run, "--case", "case-7", "--json"]);
    assert_eq!(record["rows"].as_array().unwrap().len(), 2);
    assert_eq!(record["rows"][1]["calls"][1]["step"], "answer");
    assert_eq!(record["rows"][1]["timing"]["repeat"], 2);

    desk.run(&["show", &run, "--case", "none"])
        .told(2, "the run has no case `none`");
    desk.run(&["show", &run, "--case", "case-7", "--step", "fin"])
        .told(2, "no step `fin`");
}

#[test]
fn a_guest_that_failed_is_shown_with_its_limit_and_where_it_was() {
    let desk = Desk::new();
    let case = r#"{"case_id": "x", "context": {"attack": "cpu-loop"}}"#;
    let args = [
        "run",
        &hostile(),
        "--input",
        case,
        "--limit",
        "cpu_ms_max=50",
        "--out",
        "out",
        "--json",
    ];
    desk.json(&args);
    let trace = desk.run(&["show", "out", "--case", "x"]).out;
    for said in [
        "chain failed: cpu",
        "limit cpu_ms_max = 50",
        "backtrace",
        "not scored",
    ] {
        assert!(trace.contains(said), "{said}: {trace}");
    }
}

#[test]
fn a_long_text_is_cut_on_the_terminal_and_says_how_long_it_is() {
    let desk = Desk::new();
    let long = "long ".repeat(2_000);
    let case = serde_json::json!({"case_id": "x", "context": {"question": "q", "passage": long}});
    let rules = desk.file("rules.jsonl", r#"{"match": "", "reply": "a"}"#);
    let provider = format!("script:{rules}");
    let args = [
        "run",
        &quickstart(),
        "--input",
        &case.to_string(),
        "--provider",
        &provider,
        "--out",
        "out",
        "--json",
    ];
    desk.json(&args);
    let cut = desk.run(&["show", "out", "--case", "x"]).out;
    assert!(
        cut.contains("… (cut here; the text has 10") && cut.len() < 9_000,
        "{cut}"
    );
    let full = desk.run(&["show", "out", "--case", "x", "--full"]).out;
    assert!(full.len() > 10_000 && !full.contains("cut here"));
}

#[test]
fn a_page_with_too_many_cases_says_how_many_it_leaves_out_and_keeps_those_that_failed() {
    let desk = Desk::new();
    let row = |at: usize| {
        // The last hundred are wrong.
        let expected = if at < 5_100 { "a" } else { "b" };
        serde_json::json!({"case_id": at.to_string(), "context": {"question": "q", "passage": "p"}, "expected": expected}).to_string()
    };
    let rows: Vec<_> = (0..5_200).map(row).collect();
    let cases = desk.file("cases.jsonl", rows.join("\n"));
    let rules = desk.file("rules.jsonl", r#"{"match": "", "reply": "a"}"#);
    let provider = format!("script:{rules}");
    desk.json(&[
        "run",
        &quickstart(),
        "--cases",
        &cases,
        "--provider",
        &provider,
        "--out",
        "out",
        "--json",
    ]);
    assert_eq!(
        desk.run(&["show", "out", "--html", "page.html"]).code,
        Some(0)
    );
    let page = data(&std::fs::read_to_string(desk.path("page.html")).unwrap());
    let rows = page["rows"].as_array().unwrap();
    assert_eq!(
        (rows.len(), page["n_left_out"].as_u64()),
        (5_000, Some(200))
    );
    assert_eq!(rows.iter().filter(|row| row["failed"] == true).count(), 100);
    assert_eq!(
        (&rows[0]["case_id"], &rows[4_999]["case_id"]),
        (&"0".into(), &"5199".into())
    );
}
