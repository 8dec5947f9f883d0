//! Searches of a run: in a corpus of the tenant's or of a person's, and by a
//! server of the operator's, which is asked, recorded and replayed.

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

use crate::fakes;
use crate::program::{Desk, hostile};
use crate::servers::{Does, Server, says};
use crate::tenants::Tenant;

/// What the chain of six steps calls its index.
const INDEX: &str = "corpus";

const DOCUMENTS: &str = r#"{"id": "d1", "title": "Bell Rock", "text": "A lighthouse on a reef, built by Robert Stevenson."}
{"id": "d2", "title": "Robert Stevenson", "text": "An engineer, and the grandfather of a writer."}
{"id": "d3", "title": "Tower Bridge", "text": "A bridge in London.", "metadata": {"year": 1894}}
{"id": "d4", "title": "Potato", "text": "A root that is eaten."}
"#;

/// Rules that ask for the second hop, and answer whatever else is asked.
const RULES: &str = r#"{"match": "produce the field `query`", "reply": "Robert Stevenson engineer"}
{"match": "", "reply": "an answer"}
"#;

fn rows() -> String {
    let row = |id: &str, question: &str| {
        json!({"case_id": id, "context": {"question": question}, "expected": "x"}).to_string()
    };
    [
        row("one", "Who built the lighthouse on Bell Rock?"),
        row("two", "Which bridge is in London?"),
    ]
    .join("\n")
}

/// Returns a tenant of six steps, with this said of its index.
fn tenant(index: &str) -> Tenant {
    let tenant = Tenant::new();
    let component = std::fs::read(fapo_test_artifacts::path("six-step")).unwrap();
    tenant.file("build/chain.wasm", component);
    tenant.file("script.jsonl", RULES);
    tenant.file("corpora/docs.jsonl", DOCUMENTS);
    tenant.file("datasets/train.jsonl", rows());
    let manifest = format!(
        "id = \"acme\"\n[components]\nchain = \"build/chain.wasm\"\n\
         [datasets]\ntrain = \"datasets/train.jsonl\"\n[indexes.{INDEX}]\n{index}\n"
    );
    tenant.file("tenant.toml", manifest);
    tenant
}

fn own() -> Tenant {
    tenant("corpus = \"corpora/docs.jsonl\"")
}

/// Puts the key of a search server where the operator says it is.
fn with_key(tenant: Tenant) -> Tenant {
    Tenant {
        desk: tenant.desk.with("SEARCH_KEY", "planted-key".into()),
    }
}

/// Writes the operator's policy, with this said of the index.
fn policy(desk: &Desk, index: &str) {
    desk.file("home/policy.toml", format!("[indexes.{INDEX}]\n{index}\n"));
}

/// Says where a plain server is, which is tried no more than twice.
fn plain(server: &Server, more: &str) -> String {
    format!(
        "url = \"{}\"\nrequest = {{ query = \"${{query}}\", k = \"${{k}}\" }}\n\
         retry = {{ attempts_max = 2, wait_ms_min = 1, wait_ms_max = 1 }}\n{more}",
        server.url("/search")
    )
}

/// What a plain server answers.
fn found() -> Does {
    says(&json!([
        {"id": "s1", "title": "Found", "text": "What the server found.", "score": 2.5},
        {"id": 2, "text": "What else it found.", "metadata": {"a": 1}},
    ]))
}

/// Returns the searches of a run.
fn searches(desk: &Desk, run: &Value) -> Vec<Value> {
    let calls = desk.rows(run, "calls.jsonl").into_iter();
    calls.filter(|call| call["kind"] == "search").collect()
}

fn config(run: &Value) -> Value {
    let path = format!("{}/run_config.json", run["run_dir"].as_str().unwrap());
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn eval(tenant: &Tenant, more: &[&str]) -> Value {
    let args = [&["eval", "acme", "--json", "--workers", "1"], more].concat();
    tenant.desk.json(&args)
}

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
    let unserved = self::tenant("");
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
        let text = format!("A lighthouse and a bridge, {}.", words.join(" "));
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
    let ran = tenant.desk.run(&["eval", "acme", "--json"]);
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
    let ran = tenant.run_chain(&case, &settings, Attempt::first(1)).await;
    let failure = ran.result.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Cpu, "{}", failure.message);
    assert_eq!(failure.limit.unwrap().key, "cpu_ms_max");
    let n = working.0.load(Relaxed);
    assert!(n < 10_000, "all of them were done: {n}");
}

#[test]
fn a_server_of_the_operator_takes_the_place_of_the_corpus() {
    let server = Server::script(vec![Does::Says(500, vec![], "{}".into()), found()]);
    let tenant = with_key(own());
    policy(
        &tenant.desk,
        &plain(
            &server,
            "key = { env = \"SEARCH_KEY\" }\nauth = \"elastic\"\nheaders = { x-team = \"a\" }",
        ),
    );
    let run = eval(&tenant, &[]);
    assert_eq!(run["status"], "complete", "{run}");
    // Four searches, and one that was asked for twice.
    assert_eq!(
        (&run["calls"]["search"], &run["calls"]["search_requests"]),
        (&json!(4), &json!(5))
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 5);
    assert_eq!(asked[0].header("authorization"), Some("ApiKey planted-key"));
    assert_eq!(asked[0].header("x-team"), Some("a"));
    assert_eq!(
        asked[0].body,
        json!({"query": "Who built the lighthouse on Bell Rock?", "k": 5})
    );
    let searches = searches(&tenant.desk, &run);
    assert_eq!(searches[0]["requests"], 2);
    let hits = &searches[0]["answer"];
    assert_eq!(
        (&hits[0]["id"], &hits[1]["id"]),
        (&json!("s1"), &json!("2"))
    );
    assert_eq!(
        (&hits[0]["score"], &hits[1]["score"]),
        (&json!(2.5), &json!(0.0))
    );
    assert_eq!(hits[1]["metadata"], "{\"a\":1}");
    let index = &config(&run)["indexes"][INDEX];
    assert_eq!(index["url"], server.url("/search"));
    assert_eq!(index.get("corpus"), None);
    for entry in std::fs::read_dir(run["run_dir"].as_str().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(!text.contains("planted-key"), "{}", path.display());
    }
}

#[test]
fn what_a_server_found_is_recorded_and_replayed_without_it() {
    let server = Server::script(vec![found()]);
    let tenant = tenant("");
    policy(&tenant.desk, &plain(&server, ""));
    let cassette = tenant.desk.path("run.cassette");
    let cassette = cassette.to_str().unwrap();
    let run = eval(&tenant, &["--record", cassette]);
    assert_eq!(server.n_asked(), 4);
    let replayed = eval(&tenant, &["--replay", cassette]);
    assert_eq!(server.n_asked(), 4, "a replay asks nobody");
    assert_eq!(
        searches(&tenant.desk, &replayed),
        searches(&tenant.desk, &run)
    );
    // Even where nobody serves the index any more.
    std::fs::remove_file(tenant.desk.path("home/policy.toml")).unwrap();
    let alone = eval(&tenant, &["--replay", cassette]);
    assert_eq!(searches(&tenant.desk, &alone), searches(&tenant.desk, &run));
    // And another query is not the one that was recorded.
    tenant.file(
        "datasets/train.jsonl",
        rows().replace("Bell Rock", "Skerryvore"),
    );
    let ran = tenant.desk.run(&["eval", "acme", "--replay", cassette]);
    ran.told(2, "does not follow the recording");
    // Searches in a corpus need no recording, and do not break one.
    let own = own();
    let cassette = own.desk.path("own.cassette");
    let cassette = cassette.to_str().unwrap();
    let run = eval(&own, &["--record", cassette]);
    let replayed = eval(&own, &["--replay", cassette]);
    assert_eq!(searches(&own.desk, &replayed), searches(&own.desk, &run));
}

#[test]
fn a_run_that_goes_on_asks_a_server_for_nothing_that_it_answered() {
    let gone = || Does::Says(404, vec![], "{}".into());
    let server = Server::script(vec![found(), found(), found(), gone(), found()]);
    let tenant = tenant("");
    policy(&tenant.desk, &plain(&server, ""));
    let args = ["eval", "acme", "--json", "--workers", "1"];
    let ran = tenant.desk.run(&args);
    let run: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(run["failures"]["world"], 1, "{run}");
    assert_eq!(server.n_asked(), 4);
    let dir = run["run_dir"].as_str().unwrap();
    let again = tenant
        .desk
        .json(&["eval", "acme", "--resume", dir, "--json"]);
    assert_eq!(again["status"], "complete", "{again}");
    assert_eq!(server.n_asked(), 5);
}

#[test]
fn a_server_that_fails_leaves_cases_unscored_and_never_without_passages() {
    let page = |body: &str| Does::Says(200, vec![], body.into());
    let floods = |says_so| Does::Floods {
        bytes: 1 << 20,
        says_so,
    };
    let tenant = with_key(tenant(""));
    for (does, says) in [
        (
            Does::Says(401, vec![], r#"{"error": "bad key planted-key"}"#.into()),
            "denied",
        ),
        (Does::Says(404, vec![], "{}".into()), "status 404"),
        (Does::Says(500, vec![], "{}".into()), "after 2 attempts"),
        (
            Does::Says(
                302,
                vec![("location", "http://x.example/".into())],
                "{}".into(),
            ),
            "status 302",
        ),
        (Does::HangsUp, "after 2 attempts"),
        (Does::CutsOff, "after 2 attempts"),
        (Does::Stalls, "the server fell silent"),
        (Does::StallsAmid, "the server fell silent"),
        (floods(true), "longer than 65536 bytes"),
        (floods(false), "longer than 65536 bytes"),
        (page(""), "is empty"),
        (page("<html><title>x</title></html>"), "not JSON"),
        (page(r#"{"hits": []}"#), "no list"),
        (page(r#"[{"id": 1, "text": 2}]"#), "no text"),
        (
            page(r#"[{"id": 1, "text": "x", "score": "NaN"}]"#),
            "no number",
        ),
    ] {
        let server = Server::script(vec![does.clone()]);
        let more = "key = { env = \"SEARCH_KEY\" }\nanswer_bytes_max = 65536\n\
                    deadlines = { connect_ms = 2000, idle_ms = 300, total_ms = 2000 }";
        policy(&tenant.desk, &plain(&server, more));
        let ran = tenant.desk.run(&["eval", "acme", "--json", "--limit", "1"]);
        let run: Value = serde_json::from_str(&ran.out)
            .unwrap_or_else(|error| panic!("{does:?}: {error}: {}", ran.err));
        assert_eq!(run["failures"]["world"], 1, "{does:?}: {run}");
        assert_eq!(run["status"], "failed", "{does:?}");
        let row = tenant.desk.rows(&run, "results.jsonl").remove(0);
        assert!(row["composite_score"].is_null(), "{does:?}: {row}");
        let told = row["world_failure"].to_string();
        let told = told + &searches(&tenant.desk, &run)[0]["error"].to_string();
        assert!(told.contains(says), "{does:?}: {told}");
        assert!(!told.contains("planted-key"), "{told}");
    }
}

#[test]
fn a_server_says_of_a_query_that_it_is_bad_and_the_chain_is_told() {
    let server = Server::script(vec![Does::Says(
        400,
        vec![],
        r#"{"error": "no such word"}"#.into(),
    )]);
    let tenant = tenant("");
    policy(&tenant.desk, &plain(&server, ""));
    let run = eval(&tenant, &["--limit", "1"]);
    assert_eq!(run["failures"]["world"], 0);
    let error = searches(&tenant.desk, &run)[0]["error"].clone();
    let told = error["invalid_request"].as_str().unwrap();
    assert!(told.contains("no such word"), "{told}");
}

#[test]
fn what_the_operator_does_not_grant_or_cannot_mean_is_refused_before_a_case() {
    let server = Server::script(vec![found()]);
    let tenant = tenant("");
    let url = server.url("/search");
    for (index, code, says) in [
        (
            plain(&server, "tenants = [\"other\"]"),
            6,
            "does not grant the index `corpus`",
        ),
        (format!("url = \"{url}\""), 2, "has a place for the query"),
        (
            format!("url = \"{url}?k=1\"\nquery = {{ q = \"${{query}}\" }}"),
            2,
            "belongs into `query`",
        ),
        (
            "url = \"http://me:planted-key@a.example\"\nquery = { q = \"${query}\" }".into(),
            2,
            "a name or a password",
        ),
        (
            plain(&server, "key = { env = \"FAPO_NO_SUCH_KEY\" }"),
            2,
            "no variable `FAPO_NO_SUCH_KEY`",
        ),
        (
            plain(&server, "key = \"planted-key\""),
            2,
            "a secret does not stand in this file",
        ),
        (
            plain(&server, "rate = { in_flight_max = 0 }"),
            2,
            "at least 1",
        ),
    ] {
        policy(&tenant.desk, &index);
        let ran = tenant.desk.run(&["eval", "acme"]);
        ran.told(code, says);
        assert!(!ran.err.contains("planted-key"), "{}", ran.err);
    }
    assert_eq!(server.n_asked(), 0);
}

#[test]
fn a_dry_run_asks_no_server() {
    let server = Server::script(vec![found()]);
    let tenant = tenant("");
    policy(
        &tenant.desk,
        &plain(&server, "key = { env = \"FAPO_NO_SUCH_KEY\" }"),
    );
    let told = tenant.desk.json(&["eval", "acme", "--dry-run", "--json"]);
    assert_eq!(told["calls"], 8);
    assert_eq!(server.n_asked(), 0);
}

#[test]
fn a_doctor_searches_once_and_says_what_is_wrong() {
    let desk = Desk::new();
    let server = Server::script(vec![
        found(),
        says(&json!([])),
        Does::Says(500, vec![], "{}".into()),
    ]);
    policy(&desk, &plain(&server, ""));
    let ask = |index| desk.run(&["doctor", "--index", index, "--query", "reefs"]);
    let good = ask(INDEX);
    assert_eq!(good.code, Some(0), "{}", good.out);
    assert!(
        good.out.contains("2 passages") && good.out.contains("`s1`"),
        "{}",
        good.out
    );
    assert!(ask(INDEX).out.contains("`hits.at` may be wrong"));
    let bad = ask(INDEX);
    assert_eq!(bad.code, Some(1), "{}", bad.out);
    assert!(
        bad.out.contains("status 500") && server.n_asked() == 3,
        "{}",
        bad.out
    );
    assert!(ask("other").out.contains("there are corpus"));
}

#[test]
fn a_server_that_is_asked_by_its_address_gets_the_query_in_it() {
    let server = Server::start(|_, _| {
        says(
            &json!({"topk": [{"pid": 7, "text": "Bell Rock | A reef.", "score": 20.5, "rank": 1}]}),
        )
    });
    let tenant = tenant("");
    policy(
        &tenant.desk,
        &format!(
            "url = \"{}\"\nquery = {{ query = \"${{query}}\", k = \"${{k}}\" }}\n\
             hits = {{ at = \"/topk\", id = \"/pid\", text = \"/text\", title_end = \" | \", score = \"/score\" }}",
            server.url("/api/search")
        ),
    );
    let run = eval(&tenant, &["--limit", "1"]);
    let hit = searches(&tenant.desk, &run)[0]["answer"][0].clone();
    assert_eq!(
        (&hit["id"], &hit["title"], &hit["text"]),
        (&json!("7"), &json!("Bell Rock"), &json!("A reef."))
    );
    let asked = server.asked();
    assert!(
        asked[0]
            .head
            .starts_with("GET /api/search?k=5&query=Who%20built"),
        "{}",
        asked[0].head
    );
}
