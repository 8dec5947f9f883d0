//! Corpora that are searched here: whose they are, when they are indexed, and
//! what becomes of guests that ask too much of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use fapo_core::call::{Found, SearchRequest};
use fapo_core::case::Case;
use fapo_core::limits::{Limits, WrittenLimits};
use fapo_core::manifest::Grants;
use fapo_core::outcome::FailureKind;
use fapo_core::settings::{Overrides, Settings};
use fapo_sandbox::imports::{Answer, Retriever};
use fapo_sandbox::{Attempt, CallSite, Imports};
use serde_json::{Value, json};

use super::{DOCUMENTS, INDEX, RULES, config, eval, own, rows, searches};
use crate::fakes;
use crate::program::{Desk, hostile};

#[test]
fn a_chain_searches_the_tenants_corpus_and_the_run_says_what_it_was() {
    let tenant = own();
    let run = eval(&tenant, &[]);
    assert_eq!(run["status"], "complete", "{run}");
    assert_eq!(run["calls"]["search"], 4);
    let searches = searches(&tenant.desk, &run);
    let first = &searches[0];
    assert_eq!(
        first["request"]["query"],
        "Who built the lighthouse on Bell Rock?"
    );
    assert_eq!(first["request"]["index"], INDEX);
    assert_eq!(first["answer"][0]["id"], "d1");
    assert_eq!(first["answer"][0]["title"], "Bell Rock");
    assert_eq!(first["answer"][0]["rank"], 1);
    assert!(first["answer"][0]["score"].as_f64().unwrap() > 0.0);
    assert_eq!(first.get("requests"), None, "no server was asked");
    assert_eq!(searches[1]["answer"][0]["id"], "d2");
    let index = &config(&run)["indexes"][INDEX];
    assert_eq!(index["corpus"]["documents"], 4);
    assert_eq!(index["corpus"]["path"], "corpora/docs.jsonl");
    assert_eq!(index["settings"]["scoring"]["k1"], 0.9);
    // The same again is the same index, and the same bytes.
    let again = eval(&tenant, &[]);
    assert_eq!(config(&again)["indexes"], config(&run)["indexes"]);
    let read = |run: &Value| {
        let dir = run["run_dir"].as_str().unwrap().to_owned();
        std::fs::read_to_string(dir + "/calls.jsonl").unwrap()
    };
    assert_eq!(read(&run), read(&again));
}

#[test]
fn passages_that_are_found_again_at_any_time_are_kept_for_who_reads_them() {
    let tenant = own();
    let first = |run: &Value| searches(&tenant.desk, run)[0]["answer"][0].clone();
    let with = eval(&tenant, &[]);
    assert_eq!(
        first(&with)["text"],
        "A lighthouse on a reef, built by Robert Stevenson."
    );
    let manifest = std::fs::read_to_string(tenant.path("tenant.toml")).unwrap();
    tenant.file(
        "tenant.toml",
        manifest.clone() + "[metric]\nreads_calls = false\n",
    );
    let without = eval(&tenant, &["--out", "acme/evals/without"]);
    let kept = first(&without);
    let names: Vec<_> = kept.as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "title", "score", "rank"]);
    // The chain saw all of them.
    let steps = |run: &Value| tenant.desk.rows(run, "results.jsonl")[0]["step_outputs"].clone();
    assert_eq!(steps(&with), steps(&without));
    // A scorer that would read them comes too late.
    tenant.file("tenant.toml", manifest);
    let refused = tenant.desk.run(&["rescore", "acme/evals/without"]);
    refused.told(2, "did not keep the texts of its passages");
}

#[test]
fn an_index_is_built_anew_when_its_settings_or_its_corpus_change() {
    let tenant = own();
    let digest = |run: &Value| config(run)["indexes"][INDEX]["digest"].clone();
    let first = eval(&tenant, &[]);
    tenant.file(
        "corpora/docs.jsonl",
        format!("{DOCUMENTS}{}", r#"{"text": "One more lighthouse."}"#),
    );
    let more = eval(&tenant, &[]);
    assert_ne!(digest(&first), digest(&more));
    assert_eq!(config(&more)["indexes"][INDEX]["corpus"]["documents"], 5);
    let manifest = std::fs::read_to_string(tenant.path("tenant.toml")).unwrap();
    tenant.file("words.txt", "lighthouse\n  Bridge \n");
    let settings = "method = \"bm25+\"\nk1 = 1.2\nstemmer = \"none\"\nstopwords = \"words.txt\"\ntext = \"{text}\"\n";
    tenant.file("tenant.toml", manifest + settings);
    let other = eval(&tenant, &[]);
    assert_ne!(digest(&more), digest(&other));
    let index = &config(&other)["indexes"][INDEX];
    assert_eq!(index["settings"]["scoring"]["method"], "bm25+");
    assert_eq!(
        index["settings"]["analysis"]["stopwords"]["own"],
        json!(["bridge", "lighthouse"])
    );
    assert_eq!(index["text"], "{text}");
}

#[test]
fn a_run_does_not_go_on_with_another_corpus() {
    let tenant = own();
    let run = eval(&tenant, &[]);
    let dir = run["run_dir"].as_str().unwrap();
    tenant.file("corpora/docs.jsonl", DOCUMENTS.replace("reef", "rock"));
    let ran = tenant.desk.run(&["eval", "acme", "--resume", dir]);
    ran.told(2, "`indexes` changed since it began");
    // Two runs that searched other corpora differ in what a comparison holds fixed.
    let other = eval(&tenant, &[]);
    let (a, b) = (dir, other["run_dir"].as_str().unwrap());
    tenant
        .desk
        .run(&["compare", a, b])
        .told(2, "add `index` to `--varies`");
}

#[test]
fn a_person_may_put_another_corpus_in_the_place_of_the_tenants() {
    let tenant = own();
    let file = tenant.desk.file(
        "other.jsonl",
        r#"{"id": "o1", "text": "Another lighthouse, bridge and engineer."}"#,
    );
    let run = eval(&tenant, &["--corpus", &file]);
    assert_eq!(searches(&tenant.desk, &run)[0]["answer"][0]["id"], "o1");
    let index = &config(&run)["indexes"][INDEX]["corpus"];
    assert_eq!(
        (&index["path"], &index["by_person"]),
        (&json!(file), &json!(true))
    );
    // Where it is gone on with, the corpus is the person's again.
    let dir = run["run_dir"].as_str().unwrap();
    let again = tenant
        .desk
        .json(&["eval", "acme", "--resume", dir, "--json"]);
    assert_eq!(again["status"], "complete");
    let named = format!("{INDEX}={file}");
    eval(&tenant, &["--corpus", &named]);
    for (given, says) in [
        (vec![format!("other={file}")], "the tenant names `corpus`"),
        (
            vec![file.clone(), named],
            "two corpora for the index `corpus`",
        ),
        (vec!["none.jsonl".into()], "none.jsonl"),
    ] {
        let mut args = vec!["eval", "acme"];
        for corpus in &given {
            args.extend(["--corpus", corpus]);
        }
        tenant.desk.run(&args).told(2, says);
    }
}

#[test]
fn a_component_can_be_tried_with_a_corpus_and_no_manifest() {
    let desk = Desk::new();
    let (corpus, cases) = (
        desk.file("docs.jsonl", DOCUMENTS),
        desk.file("cases.jsonl", rows()),
    );
    let script = format!("script:{}", desk.file("script.jsonl", RULES));
    let six_step = fapo_test_artifacts::path("six-step");
    let run = desk.json(&[
        "run",
        six_step,
        "--cases",
        &cases,
        "--provider",
        &script,
        "--corpus",
        &corpus,
        "--json",
    ]);
    assert_eq!(searches(&desk, &run).len(), 4);
    assert_eq!(searches(&desk, &run)[2]["answer"][0]["id"], "d3");
    assert_eq!(config(&run)["indexes"]["*"]["corpus"]["documents"], 4);
}

#[test]
fn a_check_tells_of_each_index_and_of_each_bad_row() {
    let tenant = own();
    let checked = tenant.desk.json(&["check", "acme", "--json"]);
    assert_eq!(checked["indexes"][INDEX]["documents"], 4, "{checked}");
    assert_eq!(checked["indexes"][INDEX]["built"], true);
    tenant.file(
        "corpora/docs.jsonl",
        format!("{DOCUMENTS}\n{{\"id\": 5}}\n"),
    );
    let ran = tenant.desk.run(&["check", "acme"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(
        ran.out.contains("line 6 of `corpora/docs.jsonl`"),
        "{}",
        ran.out
    );
    let unserved = super::tenant("");
    let ran = unserved.desk.run(&["check", "acme"]);
    assert!(
        ran.out.contains("nobody serves the index `corpus`"),
        "{}",
        ran.out
    );
    unserved
        .desk
        .run(&["eval", "acme"])
        .told(2, "nobody serves the index `corpus`");
}

#[test]
fn attacks_through_searches_meet_a_real_index() {
    let desk = Desk::new();
    let corpus = format!("docs={}", desk.file("docs.jsonl", DOCUMENTS));
    let attacks = [
        ("retrieval-flood", "retrieval_calls_max"),
        ("retrieval-flood-at-once", "retrieval_calls_max"),
        ("retrieval-k", "invalid-request"),
        ("retrieval-query-bytes", "request_bytes_max"),
        ("retrieval-words", "invalid-request"),
        (
            "retrieval-invalid",
            "invalid-request invalid-request unknown-index unknown-index unknown-index \
             unknown-index unknown-step",
        ),
    ];
    let row = |(name, _): &(&str, &str)| {
        json!({"case_id": name, "context": {"attack": name}}).to_string()
    };
    let rows: Vec<_> = attacks.iter().map(row).collect();
    let cases = desk.file("cases.jsonl", rows.join("\n"));
    let run = desk.json(&[
        "run",
        &hostile(),
        "--cases",
        &cases,
        "--corpus",
        &corpus,
        "--json",
    ]);
    for (row, (name, says)) in desk.rows(&run, "results.jsonl").iter().zip(attacks) {
        assert_eq!(row["case_id"], name);
        assert!(row.to_string().contains(says), "{row}");
        assert_eq!(row.get("world_failure"), None, "{row}");
    }
    let unknown = searches(&desk, &run)
        .into_iter()
        .find_map(|call| call["error"]["unknown_index"].as_str().map(str::to_owned));
    let unknown = unknown.expect("some index was unknown");
    assert!(
        unknown.contains("`other` is no index of this run: it has `docs`"),
        "{unknown}"
    );
}

#[test]
fn an_index_that_is_damaged_is_the_worlds_failure_and_built_again_when_it_is_gone() {
    let tenant = own();
    let filler = |n: usize| {
        let words: Vec<_> = (0..60).map(|word| format!("w{}", n * 31 + word)).collect();
        // What is found lies in the middle of the file.
        let topic = match n {
            900..1_100 => "A lighthouse and a bridge",
            _ => "A page",
        };
        let text = format!("{topic}, {}.", words.join(" "));
        json!({"id": n, "title": format!("Page {n}"), "text": text}).to_string()
    };
    let filler: Vec<_> = (0..2_000).map(filler).collect();
    tenant.file("corpora/docs.jsonl", filler.join("\n"));
    let first = eval(&tenant, &[]);
    let digest = config(&first)["indexes"][INDEX]["digest"].clone();
    let index = tenant
        .desk
        .path("home/indexes")
        .join(digest.as_str().unwrap());
    let documents = index.join("documents");
    let mut bytes = std::fs::read(&documents).unwrap();
    let (from, to) = (bytes.len() / 10, bytes.len() * 9 / 10);
    bytes[from..to]
        .iter_mut()
        .step_by(256)
        .for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&documents, bytes).unwrap();
    // With fewer that may fail, the run would end at one or at the other.
    let all = "world_failures_max=1";
    let ran = tenant.desk.run(&["eval", "acme", "--json", "--set", all]);
    let run: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(run["failures"]["world"], 2, "{run}");
    let place = index.to_str().unwrap();
    assert!(
        ran.err.contains(place) && ran.err.contains("remove that directory"),
        "{}",
        ran.err
    );
    let told = searches(&tenant.desk, &run)[0]["error"].to_string();
    assert!(told.contains("damaged") && !told.contains(place), "{told}");
    std::fs::remove_dir_all(&index).unwrap();
    let again = eval(&tenant, &[]);
    assert_eq!(config(&again)["indexes"], config(&first)["indexes"]);
    assert_eq!(
        searches(&tenant.desk, &again),
        searches(&tenant.desk, &first)
    );
}

/// Works for a millisecond at each search, and counts them.
#[derive(Default)]
struct Working(AtomicU32);

impl Retriever for Working {
    fn search(&self, _: CallSite, _: Arc<SearchRequest>) -> Answer<Found> {
        self.0.fetch_add(1, Relaxed);
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1) {
            std::hint::spin_loop();
        }
        Box::pin(std::future::ready(Ok(Vec::new()).into()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_are_charged_to_the_guest_and_end_with_its_cpu_time() {
    let sandbox = fakes::sandbox();
    let bytes = fapo_test_artifacts::bytes("hostile");
    let component = sandbox.load(&bytes, &Limits::default()).await.unwrap();
    let mut limits = WrittenLimits::default();
    limits.set("cpu_ms_max", 50);
    limits.set("retrieval_calls_max", 20_000);
    let grants = Grants {
        limits: Limits::resolve(&limits, &WrittenLimits::default()).unwrap(),
        ..Grants::default()
    };
    let working = Arc::new(Working::default());
    let imports = Imports {
        retriever: Some(working.clone()),
        ..Imports::default()
    };
    let tenant = sandbox.tenant(component, grants, imports);
    let info = tenant.describe().await.result.unwrap();
    let settings = Settings::resolve(&info, &Overrides::default()).unwrap();
    // Ten thousand searches in one call, within which no engine could stop it.
    let attack = r#"{"case_id": "1", "context": {"attack": "retrieval-flood-at-once"}}"#;
    let case = Case::from_json(attack).unwrap();
    let tenant = tenant.with_steps(&info);
    let ran = tenant
        .run_chain(&case.into(), &settings.into(), Attempt::first(1))
        .await;
    let failure = ran.result.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cpu, "{}", failure.message);
    assert_eq!(failure.limit.unwrap().key, "cpu_ms_max");
    let n = working.0.load(Relaxed);
    assert!(n < 10_000, "all of them were done: {n}");
}
