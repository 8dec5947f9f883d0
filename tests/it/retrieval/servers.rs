//! Search servers of the operator: what they are asked, how they fail, and that
//! what they found is kept, recorded and replayed.

use serde_json::{Value, json};

use super::{INDEX, config, eval, own, rows, searches, tenant};
use crate::program::Desk;
use crate::servers::{Does, Server, says};
use crate::tenants::Tenant;

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
