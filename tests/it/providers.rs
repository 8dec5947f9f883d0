//! Model calls over the network: what leaves, what comes back, and what is
//! made of a server that fails.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::Ran;
use crate::servers::{Does, Request, Server, chat, refuses, says};
use crate::tenants::{Tenant, lines, row, run_dir};

/// A key that must be found nowhere.
const KEY: &str = "sk-planted/0123456789+abcdef";

/// Grants a tenant a provider at a server, with a key and further lines.
fn grant(tenant: &Tenant, kind: &str, url: &str, more: &str) {
    let policy = format!(
        "[providers.main]\nkind = \"{kind}\"\nbase_url = \"{url}\"\nmodel = \"m\"\nregion = \"eu-west-1\"\n\
         key = {{ env = \"PLANTED_KEY\" }}\naccess_key_id = {{ env = \"PLANTED_ID\" }}\n\
         secret_access_key = {{ env = \"PLANTED_KEY\" }}\n{more}\n"
    );
    tenant.desk.file("home/policy.toml", policy);
    let config = json!({
        "tenant_id": "acme",
        "provider": "main",
        "provider_settings": {"retry": {"attempts_max": 3, "wait_ms_min": 1, "wait_ms_max": 20}},
    });
    tenant.file("configs/default.json", config.to_string());
}

fn run(tenant: &Tenant, args: &[&str]) -> Ran {
    let args = [&["eval", "acme"], args].concat();
    let mut command = tenant.desk.command(&args);
    command
        .env("PLANTED_KEY", KEY)
        .env("PLANTED_ID", "AKIDPLANTED");
    Ran::of(command.output().unwrap())
}

/// Runs a tenant's training cases, and returns what the run came to.
fn eval(tenant: &Tenant, code: i32, args: &[&str]) -> Value {
    let ran = run(tenant, &[args, &["--json"]].concat());
    assert_eq!(ran.code, Some(code), "{}{}", ran.out, ran.err);
    serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.err))
}

/// A tenant with one case.
fn one_case() -> Tenant {
    let tenant = Tenant::new();
    tenant.file("datasets/train.jsonl", row("a", "one", "one"));
    tenant
}

/// A tenant with so many cases, no two alike.
fn many_cases(n: usize) -> Tenant {
    let tenant = Tenant::new();
    let rows: Vec<_> = (0..n)
        .map(|n| row(&format!("c{n}"), &format!("word{n}"), "x"))
        .collect();
    tenant.file("datasets/train.jsonl", rows.join("\n"));
    tenant
}

/// How each vendor answers with a text, and where it is asked.
fn vendors() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let responses = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "m-2026",
        "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "said", "annotations": []}]}],
        "usage": {"input_tokens": 100, "output_tokens": 10, "total_tokens": 110,
            "input_tokens_details": {"cached_tokens": 40}, "output_tokens_details": {"reasoning_tokens": 4}},
    });
    let messages = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m-2026",
        "content": [{"type": "text", "text": "said"}], "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 60, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 0, "output_tokens": 10},
    });
    let converse = json!({
        "output": {"message": {"role": "assistant", "content": [{"text": "said"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110},
        "metrics": {"latencyMs": 7},
    });
    let tgi = json!([{"generated_text": "said", "details": {"finish_reason": "eos_token", "generated_tokens": 10}}]);
    let template = "[providers.main.template]\nrequest = { prompt = \"${prompt}\" }\ntext = \"/out\"\n\
                    input_tokens = \"/in\"\noutput_tokens = \"/n\"";
    vec![
        ("openai", "", "/chat/completions", chat("said")),
        ("openai", "format = \"responses\"", "/responses", responses),
        ("baseten", "", "/chat/completions", chat("said")),
        (
            "baseten",
            template,
            "/predict",
            json!({"out": "said", "in": 100, "n": 10}),
        ),
        ("sagemaker", "", "/endpoints/m/invocations", chat("said")),
        (
            "sagemaker",
            "format = \"tgi\"",
            "/endpoints/m/invocations",
            tgi,
        ),
        ("anthropic", "", "/v1/messages", messages),
        ("bedrock", "auth = \"sigv4\"", "/model/m/converse", converse),
    ]
}

#[test]
fn every_vendor_is_asked_in_its_own_words_and_understood() {
    for (kind, more, path, answer) in vendors() {
        let server = Server::script(vec![says(&answer)]);
        let tenant = one_case();
        grant(&tenant, kind, &server.url(""), more);
        let summary = eval(&tenant, 0, &["--no-cache"]);
        let what = format!("{kind} {more}");
        assert_eq!(summary["status"], "complete", "{what}");
        let dir = run_dir(&summary);
        assert_eq!(
            lines(&dir.join("results.jsonl"))[0]["output_text"],
            "said",
            "{what}"
        );
        let asked = server.asked();
        assert_eq!(asked.len(), 2, "{what}: the chain has two steps");
        assert_eq!(asked[0].path, path, "{what}");
        let is_tgi = more.contains("tgi");
        let tokens = if is_tgi { json!(0) } else { json!(200) };
        assert_eq!(summary["tokens"]["input"], tokens, "{what}");
        assert_eq!(
            summary["tokens"]["unknown"],
            json!(if is_tgi { 2 } else { 0 }),
            "{what}"
        );
        assert_eq!(
            summary["cost_usd"],
            Value::Null,
            "{what}: nobody knows the price"
        );
        let calls = lines(&dir.join("calls.jsonl"));
        assert_eq!(calls[0]["attempts"], 1, "{what}");
        assert!(
            authorised(kind, more, &asked[0]),
            "{what}: {}",
            asked[0].head
        );
    }
}

/// Tells whether a request proves whose it is, as its vendor wants it.
fn authorised(kind: &str, more: &str, request: &Request) -> bool {
    let authorization = request.header("authorization").unwrap_or_default();
    match kind {
        "baseten" => authorization == format!("Api-Key {KEY}"),
        "anthropic" => request.header("x-api-key") == Some(KEY) && authorization.is_empty(),
        "sagemaker" => authorization.contains("Credential=AKIDPLANTED/"),
        "bedrock" => {
            more.contains("sigv4") && authorization.contains("/eu-west-1/bedrock/aws4_request")
        }
        _ => authorization == format!("Bearer {KEY}"),
    }
}

/// What is to be made of a server that first does this, and then answers.
struct Fault {
    does: Does,
    /// How often each call is sent.
    attempts: u64,
    /// The least wait before the second attempt.
    waits_ms: u64,
    /// The error, where it stays one.
    error: Option<&'static str>,
}

fn fault(does: Does, attempts: u64, waits_ms: u64, error: Option<&'static str>) -> Fault {
    Fault {
        does,
        attempts,
        waits_ms,
        error,
    }
}

#[test]
fn each_fault_of_a_server_is_tried_again_or_told() {
    let refused = |status| refuses(status, &[]);
    let waits = |value: &str| refuses(429, &[("retry-after", value)]);
    let faults = [
        fault(refused(400), 1, 0, Some("invalid_request")),
        fault(refused(401), 1, 0, Some("denied")),
        fault(refused(403), 1, 0, Some("denied")),
        fault(refused(404), 1, 0, Some("denied")),
        fault(refused(302), 1, 0, Some("unavailable")),
        fault(refused(408), 2, 0, None),
        fault(refused(409), 2, 0, None),
        fault(refused(429), 2, 0, None),
        fault(waits("0.3"), 2, 300, None),
        fault(
            refuses(429, &[("retry-after-ms", "120"), ("retry-after", "9")]),
            2,
            120,
            None,
        ),
        fault(waits("Wed, 21 Oct 2015 07:28:00 GMT"), 2, 0, None),
        fault(waits("3600"), 1, 0, Some("unavailable")),
        fault(refused(500), 2, 0, None),
        fault(
            refuses(500, &[("x-should-retry", "false")]),
            1,
            0,
            Some("unavailable"),
        ),
        fault(refused(529), 2, 0, None),
        fault(Does::HangsUp, 2, 0, None),
        fault(Does::Stalls, 2, 0, None),
        fault(Does::StallsAmid, 2, 0, None),
        fault(Does::CutsOff, 2, 0, None),
        fault(
            Does::Says(200, vec![], "{\"choices\": [{".into()),
            2,
            0,
            None,
        ),
        fault(
            Does::Says(
                200,
                vec![("content-type", "text/html".into())],
                "<html>hello".into(),
            ),
            2,
            0,
            None,
        ),
        fault(
            Does::Floods {
                bytes: 100 << 20,
                says_so: true,
            },
            1,
            0,
            Some("unavailable"),
        ),
        fault(
            Does::Floods {
                bytes: 100 << 20,
                says_so: false,
            },
            1,
            0,
            Some("unavailable"),
        ),
    ];
    for Fault {
        does,
        attempts,
        waits_ms,
        error,
    } in faults
    {
        let what = format!("{does:?}");
        let first = does.clone();
        // Each of the two calls meets the fault once.
        let server = Server::start(move |nth, _| match (nth as u64).is_multiple_of(attempts) {
            true => first.clone(),
            false => says(&chat("said")),
        });
        let tenant = one_case();
        grant(
            &tenant,
            "openai",
            &server.url("/v1"),
            "deadlines = { idle_ms = 300 }",
        );
        let is_of_the_world = matches!(error, Some("denied" | "unavailable"));
        let summary = eval(
            &tenant,
            if is_of_the_world { 4 } else { 0 },
            &["--no-cache"],
        );
        let calls = lines(&run_dir(&summary).join("calls.jsonl"));
        assert_eq!(calls[0]["attempts"], attempts, "{what}");
        let row = &lines(&run_dir(&summary).join("results.jsonl"))[0];
        assert_eq!(
            row["world_failure"].is_object(),
            is_of_the_world,
            "{what}: {row}"
        );
        assert_eq!(
            row["composite_score"].is_null(),
            is_of_the_world,
            "{what}: no score of 0"
        );
        match error {
            Some(error) => assert!(calls[0]["error"][error].is_string(), "{what}: {}", calls[0]),
            None => {
                assert_eq!(summary["status"], "complete", "{what}");
                assert_eq!(server.n_asked() as u64, 2 * attempts, "{what}");
                let asked = server.asked();
                let waited = asked[1].at.duration_since(asked[0].at);
                assert!(
                    waited >= Duration::from_millis(waits_ms),
                    "{what}: {waited:?}"
                );
            }
        }
    }
}

/// How each vendor words a refusal.
fn refusal(kind: &str, status: u16) -> Does {
    let body = match kind {
        "anthropic" => json!({"type": "error", "error": {"type": "told", "message": "told"}}),
        "bedrock" | "sagemaker" => json!({"message": "told"}),
        "baseten" => json!({"error": "told"}),
        _ => json!({"error": {"message": "told", "type": "told", "code": null}}),
    };
    Does::Says(status, vec![], body.to_string())
}

#[test]
fn faults_of_any_vendor_leave_a_run_degraded_and_no_case_wrong() {
    // Each case meets its fault first, and then an answer: how often its first
    // call is sent, and whether there is an answer in the end.
    let faults = |kind: &str| {
        let refused = |status| refusal(kind, status);
        let wait = |value: &str| match refused(429) {
            Does::Says(status, _, body) => {
                Does::Says(status, vec![("retry-after", value.to_owned())], body)
            }
            other => other,
        };
        vec![
            (refused(401), 1, false),
            (refused(404), 1, false),
            (refused(409), 2, true),
            (wait("0.1"), 2, true),
            (wait("1"), 2, true),
            (wait("Wed, 21 Oct 2015 07:28:00 GMT"), 2, true),
            (refused(500), 2, true),
            (refused(529), 2, true),
            (Does::HangsUp, 2, true),
            (Does::Stalls, 2, true),
            (Does::StallsAmid, 2, true),
            (Does::CutsOff, 2, true),
            (Does::Says(200, vec![], "{\"a\": [{".into()), 2, true),
            (
                Does::Says(
                    200,
                    vec![("content-type", "text/html".into())],
                    "<p>hello".into(),
                ),
                2,
                true,
            ),
            (
                Does::Floods {
                    bytes: 20 << 20,
                    says_so: false,
                },
                1,
                false,
            ),
        ]
    };
    for (kind, more, _, answer) in vendors() {
        let (table, expected) = (faults(kind), faults(kind));
        let met = Mutex::new(vec![false; table.len()]);
        let server = Server::start(move |_, request| {
            let body = request.body.to_string();
            let nth = (0..table.len()).find(|nth| body.contains(&format!("word{nth} ")));
            let nth = nth.expect("every request is of a case");
            let first = !std::mem::replace(&mut met.lock().unwrap()[nth], true);
            if first {
                table[nth].0.clone()
            } else {
                says(&answer)
            }
        });
        let tenant = Tenant::new();
        let rows: Vec<_> = (0..expected.len())
            .map(|n| row(&format!("c{n}"), &format!("word{n} "), "x"))
            .collect();
        tenant.file("datasets/train.jsonl", rows.join("\n"));
        let deadlines = "deadlines = { idle_ms = 300 }\n";
        grant(
            &tenant,
            kind,
            &server.url(""),
            &format!("{deadlines}{more}"),
        );
        let summary = eval(
            &tenant,
            0,
            &["--no-cache", "--set", "world_failures_max=0.5"],
        );
        let what = format!("{kind} {more}");
        assert_eq!(summary["status"], "degraded", "{what}");
        let dir = run_dir(&summary);
        let rows = lines(&dir.join("results.jsonl"));
        let calls = lines(&dir.join("calls.jsonl"));
        for (nth, (does, attempts, answered)) in expected.iter().enumerate() {
            let what = format!("{what}: {does:?}");
            let call = calls
                .iter()
                .find(|call| call["case_id"] == rows[nth]["case_id"]);
            assert_eq!(call.unwrap()["attempts"], *attempts, "{what}");
            assert_eq!(rows[nth]["world_failure"].is_null(), *answered, "{what}");
            assert_eq!(rows[nth]["composite_score"].is_null(), !answered, "{what}");
        }
    }
}

#[test]
fn an_answer_that_was_cut_by_its_length_says_so() {
    let mut cut = chat("sai");
    cut["choices"][0]["finish_reason"] = json!("length");
    let server = Server::script(vec![says(&cut)]);
    let tenant = one_case();
    grant(&tenant, "openai", &server.url("/v1"), "");
    let summary = eval(&tenant, 0, &["--no-cache"]);
    let calls = lines(&run_dir(&summary).join("calls.jsonl"));
    assert_eq!(calls[0]["answer"]["choices"][0]["finish_reason"], "length");
}

#[test]
fn an_answer_as_long_as_it_may_be_is_doubted_where_servers_do_not_tell() {
    // As llama.cpp says it: `completed`, whatever happened.
    let (kind, more, _, answer) = vendors().remove(1);
    let server = Server::script(vec![says(&answer)]);
    let tenant = one_case();
    grant(&tenant, kind, &server.url(""), more);
    for (max_tokens, finish_reason) in [(10, "length"), (11, "stop")] {
        let bound = format!("chain.config.max_tokens={max_tokens}");
        let summary = eval(&tenant, 0, &["--no-cache", "--set", &bound]);
        let calls = lines(&run_dir(&summary).join("calls.jsonl"));
        let choice = &calls[0]["answer"]["choices"][0];
        assert_eq!(choice["finish_reason"], finish_reason, "{max_tokens}");
    }
}

#[test]
fn some_calls_that_a_server_fails_leave_a_run_degraded() {
    let tenant = many_cases(10);
    let server = Server::start(
        |_, request| match request.body.to_string().contains("word7") {
            true => refuses(500, &[]),
            false => says(&chat("said")),
        },
    );
    grant(&tenant, "openai", &server.url("/v1"), "");
    let summary = eval(&tenant, 0, &[]);
    assert_eq!(summary["status"], "degraded");
    assert_eq!(
        (&summary["failures"]["world"], &summary["n_rows"]),
        (&json!(1), &json!(10))
    );
    assert_eq!(
        summary["failures"]["calls"],
        json!({"unavailable (500)": 1})
    );
}

#[test]
fn a_key_is_found_in_nothing_that_a_run_leaves() {
    let tenant = many_cases(6);
    let echo = json!({"error": {"message": format!("Incorrect API key provided: {KEY}."), "code": "invalid_api_key"}});
    let escaped = echo.to_string().replace('/', "\\/");
    let mut told = chat(&format!("your key is {KEY}"));
    told["system_fingerprint"] = json!(KEY);
    let server = Server::start(move |nth, _| match nth % 4 {
        0 => Does::Says(401, vec![("x-request-id", KEY.into())], echo.to_string()),
        1 => Does::Says(500, vec![], escaped.clone()),
        2 => Does::Says(
            200,
            vec![("content-type", "text/html".into())],
            format!("<p>{KEY}"),
        ),
        _ => says(&told),
    });
    grant(&tenant, "openai", &server.url("/v1"), "");
    let mut command = tenant.desk.command(&[
        "eval",
        "acme",
        "--set",
        "world_failures_max=1",
        "--record",
        "tape.jsonl",
    ]);
    command
        .env("PLANTED_KEY", KEY)
        .env("FAPO_LOG", "trace")
        .env("FAPO_LOG_CONTENT", "1");
    let ran = Ran::of(command.output().unwrap());
    assert!(server.n_asked() >= 6, "{}", ran.err);
    for text in [&ran.out, &ran.err] {
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(ran.err.contains("gen_ai.request.model"), "{}", ran.err);
    search(tenant.desk.path("").as_path());
}

#[test]
fn a_key_that_stands_in_the_policy_itself_is_not_repeated() {
    let tenant = one_case();
    for policy in [
        format!("[providers.main]\nkind = \"openai\"\nkey = \"{KEY}\""),
        format!("[providers.main]\nkind = \"openai\"\nkey = {{ value = \"{KEY}\" }}"),
        format!("[providers.main]\nkind = \"openai\"\nkey = \"{KEY}"),
        format!(
            "[providers.main]\nkind = \"openai\"\nbase_url = \"https://me:{KEY}@a.example\"\nmodel = \"m\""
        ),
    ] {
        tenant.desk.file("home/policy.toml", policy);
        let ran = tenant.run("eval", &["--provider", "main"]);
        assert_eq!(ran.code, Some(2), "{}", ran.err);
        assert!(!ran.err.contains("planted"), "{}", ran.err);
    }
    let server = Server::script(vec![Does::Says(401, vec![], format!("you sent {KEY}"))]);
    let headers = format!("auth = \"none\"\nheaders = {{ x-api-token = \"Bearer {KEY}\" }}");
    grant(&tenant, "openai", &server.url("/v1"), &headers);
    eval(&tenant, 4, &[]);
    assert_eq!(
        server.asked()[0].header("x-api-token"),
        Some(&*format!("Bearer {KEY}"))
    );
    search(&tenant.path("evals"));
}

/// Looks for the key in every file below a directory, however JSON spells it.
fn search(dir: &Path) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path);
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for spelled in [KEY.to_owned(), KEY.replace('/', "\\/")] {
            let found = bytes
                .windows(spelled.len())
                .any(|w| w == spelled.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}

#[test]
fn a_tenant_asks_what_it_was_granted_and_nothing_else() {
    let server = Server::script(vec![says(&chat("said"))]);
    let tenant = one_case();
    grant(&tenant, "openai", &server.url("/v1"), "models = [\"m*\"]");
    let config = |text: &str| {
        tenant.file("configs/default.json", text);
        run(&tenant, &["--json"])
    };
    config(r#"{"provider": "openai"}"#).told(6, "does not grant the provider `openai`");
    config(r#"{"provider": "mian"}"#).told(2, "there is no provider `mian`");
    config(r#"{"provider": "main", "provider_settings": {"model": "o3"}}"#)
        .told(6, "does not grant the model `o3`");
    let place = server.url("/elsewhere");
    config(&format!(
        r#"{{"provider": "main", "provider_settings": {{"base_url": "{place}"}}}}"#
    ))
    .told(2, "cannot set `provider_settings.base_url`");
    config(&format!(
        r#"{{"roles": {{"judge": {{"provider_settings": {{"base_url": "{place}"}}}}}}}}"#
    ))
    .told(2, "cannot set `provider_settings.base_url`");
    grant(
        &tenant,
        "openai",
        &server.url("/v1"),
        "tenants = [\"other\"]",
    );
    run(&tenant, &[]).told(6, "does not grant the provider `main` to the tenant `acme`");
    assert_eq!(server.n_asked(), 0);
    // A person may ask anything, by naming it.
    let base_url = format!("provider_settings.base_url={}", server.url("/v1"));
    let named = [
        "--set",
        "provider=openai",
        "--set",
        &base_url,
        "--set",
        "provider_settings.model=x",
    ];
    assert_eq!(eval(&tenant, 0, &named)["status"], "complete");
}

#[test]
fn a_missing_key_or_a_damaged_cache_reads_no_test_set() {
    let tenant = one_case();
    let server = Server::script(vec![says(&chat("said"))]);
    grant(&tenant, "openai", &server.url("/v1"), "");
    for command in ["eval", "test"] {
        let ran = tenant.run(command, &[]);
        ran.told(2, "the environment has no variable `PLANTED_KEY`");
    }
    assert!(!tenant.path("evals").exists());
    tenant.desk.file("home/cache.sqlite", "no database at all, and longer than a header of one is: 100 bytes and a few more, to be sure of it");
    let mut command = tenant.desk.command(&["test", "acme"]);
    let ran = Ran::of(command.env("PLANTED_KEY", KEY).output().unwrap());
    ran.told(3, "is damaged");
    std::fs::remove_file(tenant.desk.path("home/cache.sqlite")).unwrap();
    let mut command = tenant.desk.command(&["test", "acme", "--json"]);
    let ran = Ran::of(command.env("PLANTED_KEY", KEY).output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let summary: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(summary["test_reads_before"], 0);
}

#[test]
fn the_second_run_of_a_variant_asks_nothing_and_a_changed_step_alone_is_asked_again() {
    let tenant = many_cases(5);
    let server = Server::start(|_, request| {
        let text = request.body["messages"].to_string();
        says(&chat(&format!("{}", text.len())))
    });
    grant(&tenant, "openai", &server.url("/v1"), "");
    let first = eval(&tenant, 0, &[]);
    assert_eq!(
        (server.n_asked(), &first["cache"]["misses"]),
        (10, &json!(10))
    );
    let second = eval(&tenant, 0, &[]);
    assert_eq!(
        (server.n_asked(), &second["cache"]["hits"]),
        (10, &json!(10))
    );
    let results = |summary: &Value| std::fs::read(run_dir(summary).join("results.jsonl")).unwrap();
    assert_eq!(results(&first), results(&second));
    // The last step's prompt alone is another one.
    tenant.file(
        "answer.md",
        "Answer in one word: ${steps.find.output} ${question}",
    );
    let changed = ["--set", "chain.config.prompt_paths.answer=answer.md"];
    let third = eval(&tenant, 0, &changed);
    assert_eq!((server.n_asked(), &third["cache"]["hits"]), (15, &json!(5)));
    let bypassed = eval(&tenant, 0, &["--no-cache"]);
    assert_eq!(
        (server.n_asked(), &bypassed["cache"]["bypassed"]),
        (25, &json!(10))
    );
    drop(server);
    assert_eq!(eval(&tenant, 0, &["--cache-only"])["cache"]["hits"], 10);
    let other = ["--cache-only", "--set", "provider_settings.top_p=0.5"];
    assert_eq!(eval(&tenant, 4, &other)["status"], "failed");
    // With fewer that may fail, the run would end at one or at a few.
    let all = [&other[..], &["--set", "world_failures_max=1"]].concat();
    assert_eq!(eval(&tenant, 0, &all)["failures"]["world"], 5);
}

#[test]
fn a_budget_for_a_hundred_calls_lets_a_hundred_leave_in_one_process_and_in_two() {
    let slowly = || {
        Server::start(|_, _| Does::Later(Duration::from_millis(20), Box::new(says(&chat("said")))))
    };
    let server = slowly();
    let tenant = many_cases(256);
    grant(&tenant, "openai", &server.url("/v1"), "");
    let wide = ["--set", "max_workers=256", "--no-cache", "--json"];
    let summary = eval(
        &tenant,
        5,
        &[&wide[..3], &["--set", "budgets.run.calls_max=100"]].concat(),
    );
    assert_eq!(
        (server.n_asked(), &summary["status"]),
        (100, &json!("budget"))
    );
    let server = slowly();
    grant(
        &tenant,
        "openai",
        &server.url("/v1"),
        "[budgets.day]\ncalls_max = 100",
    );
    let start = |out: &str| {
        let args = [&["eval", "acme", "--out", out], &wide[..]].concat();
        let mut command = tenant.desk.command(&args);
        command
            .env("PLANTED_KEY", KEY)
            .stdout(std::process::Stdio::piped());
        command
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    for child in [start("a"), start("b")] {
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(5), "{}{}", ran.out, ran.err);
    }
    assert_eq!(server.n_asked(), 100);
}

#[test]
fn a_run_that_a_budget_ended_goes_on_when_it_is_raised() {
    let server = Server::script(vec![says(&chat("said"))]);
    let tenant = many_cases(20);
    grant(&tenant, "openai", &server.url("/v1"), "");
    let base = [
        "--no-cache",
        "--out",
        "run",
        "--set",
        "budgets.run.calls_max=15",
    ];
    let ended = eval(&tenant, 5, &base);
    assert_eq!((&ended["status"], server.n_asked()), (&json!("budget"), 15));
    let same = eval(&tenant, 5, &["--resume", "run"]);
    assert_eq!(
        same["cache"]["mode"], "bypass",
        "as it was told when it began"
    );
    assert_eq!((&same["status"], server.n_asked()), (&json!("budget"), 15));
    let raised = [
        "--resume",
        "run",
        "--no-cache",
        "--set",
        "budgets.run.calls_max=40",
    ];
    let whole = eval(&tenant, 0, &raised);
    assert_eq!(
        (&whole["status"], &whole["n_rows"]),
        (&json!("complete"), &json!(20))
    );
    assert_eq!(server.n_asked(), 40, "what was paid for is not asked again");
}

#[test]
fn money_needs_a_price_and_a_price_makes_a_cost() {
    let server = Server::script(vec![says(&chat("said"))]);
    let tenant = many_cases(4);
    let budget = "[budgets.run]\nusd_max = 1.0";
    grant(&tenant, "openai", &server.url("/v1"), budget);
    run(&tenant, &[]).told(6, "nobody knows what `m` costs");
    assert_eq!(server.n_asked(), 0);
    let price = format!(
        "{budget}\n[models.m]\nprice = {{ input = 1.0, output = 10.0 }}\noutput_tokens_max = 1000"
    );
    grant(&tenant, "openai", &server.url("/v1"), &price);
    let summary = eval(&tenant, 0, &[]);
    // 8 calls of 100 tokens in and 10 out.
    let cost = summary["cost_usd"].as_f64().unwrap();
    assert!((cost - 8.0 * 200e-6).abs() < 1e-12, "{cost}");
    let again = eval(&tenant, 0, &[]);
    assert_eq!(again["cost_usd"], 0.0);
    assert_eq!(again["uncached_usd"], summary["cost_usd"]);
    let told: Value =
        serde_json::from_str(&std::fs::read_to_string(run_dir(&again).join("cost.json")).unwrap())
            .unwrap();
    assert_eq!(
        (&told["paid_usd"], &told["uncached_usd"]),
        (&json!(0.0), &summary["cost_usd"])
    );
    assert!(told["prices"].is_string());
}

#[test]
fn a_recorded_run_is_repeated_without_a_network_or_a_key() {
    let server = Server::start(|nth, _| says(&chat(&format!("said {nth}"))));
    let tenant = many_cases(3);
    grant(&tenant, "openai", &server.url("/v1"), "");
    let recorded = eval(&tenant, 0, &["--no-cache", "--record", "tape.jsonl"]);
    drop(server);
    let replayed = tenant.json("eval", &["--replay", "tape.jsonl"]);
    let results = |summary: &Value| std::fs::read(run_dir(summary).join("results.jsonl")).unwrap();
    assert_eq!(results(&recorded), results(&replayed));
    tenant.file("answer.md", "Another ${steps.find.output} ${question}");
    let other = [
        "--replay",
        "tape.jsonl",
        "--set",
        "chain.config.prompt_paths.answer=answer.md",
    ];
    let ran = tenant.run("eval", &other);
    assert_ne!(ran.code, Some(0));
    assert!(
        ran.err.contains("step `answer`") && ran.err.contains("messages"),
        "{}",
        ran.err
    );
}

#[test]
fn what_answers_is_told_when_it_changes_amid_a_run() {
    let server = Server::start(|nth, _| {
        let mut answer = chat("said");
        answer["system_fingerprint"] = json!(format!("fp_{}", nth / 5));
        says(&answer)
    });
    let tenant = many_cases(4);
    grant(&tenant, "openai", &server.url("/v1"), "");
    let summary = eval(&tenant, 0, &["--workers", "1"]);
    assert_eq!(summary["served"].as_array().unwrap().len(), 2);
    let warning = summary["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("`fp_0`") && warning.contains("`fp_1`"),
        "{warning}"
    );
    let report = std::fs::read_to_string(run_dir(&summary).join("summary.md")).unwrap();
    assert!(report.contains("fp_1"), "{report}");
}

#[test]
fn a_roles_provider_is_in_the_record_of_the_run() {
    let server = Server::script(vec![says(&chat("said"))]);
    let tenant = one_case();
    grant(&tenant, "openai", &server.url("/v1"), "");
    let role = json!({"judge": {"provider_settings": {"model": "other"}}});
    let config = json!({"provider": "main", "roles": role});
    tenant.file("configs/default.json", config.to_string());
    let summary = eval(&tenant, 0, &[]);
    let config = std::fs::read_to_string(run_dir(&summary).join("run_config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["provider"]["model"], "m");
    assert_eq!(config["roles"]["judge"]["model"], "other");
    let unknown = json!({"roles": {"judge": {"model": "other"}}});
    tenant.file("configs/default.json", unknown.to_string());
    run(&tenant, &[]).told(2, "there is no key `roles.judge.model`");
}

#[test]
fn doctor_asks_a_provider_once_and_says_what_is_wrong() {
    let tenant = one_case();
    let look = |does: Does, key: &str| {
        let server = Server::script(vec![does]);
        grant(&tenant, "openai", &server.url("/v1"), "");
        let mut command = tenant
            .desk
            .command(&["doctor", "--provider", "main", "--json"]);
        command.env("PLANTED_KEY", key);
        let ran = Ran::of(command.output().unwrap());
        (ran, server.n_asked())
    };
    let (ran, n_asked) = look(says(&chat("ok")), KEY);
    assert_eq!((ran.code, n_asked), (Some(0), 1), "{}{}", ran.out, ran.err);
    let (ran, n_asked) = look(refuses(401, &[]), KEY);
    assert_eq!((ran.code, n_asked), (Some(1), 1), "{}", ran.out);
    assert!(ran.out.contains("does not accept the key"), "{}", ran.out);
    let (ran, n_asked) = look(says(&chat("ok")), " ");
    assert_eq!((ran.code, n_asked), (Some(1), 0), "{}", ran.out);
    assert!(ran.out.contains("is empty"), "{}", ran.out);
}

#[test]
fn a_key_in_the_policy_itself_is_refused_and_not_repeated() {
    let tenant = one_case();
    for (written, why) in [
        (
            format!("key = \"{KEY}\""),
            "line 4: a secret does not stand in this file",
        ),
        (
            format!("key = {{ value = \"{KEY}\" }}"),
            "line 4: a secret does not stand in this file",
        ),
        (
            format!("headers = {{ a = \"{KEY}\", b = 1 }}"),
            "line 4: invalid type",
        ),
    ] {
        let policy = format!("[providers.main]\nkind = \"openai\"\nmodel = \"m\"\n{written}\n");
        tenant.desk.file("home/policy.toml", policy);
        let ran = tenant.run("eval", &["--provider", "main"]);
        ran.told(2, why);
        assert!(!ran.err.contains(KEY), "{}", ran.err);
    }
}

#[test]
fn a_key_that_cannot_be_read_is_told_by_its_provider_and_place() {
    let tenant = one_case();
    for (source, why) in [
        ("{ file = \"/nowhere/key\" }", "the file `/nowhere/key`"),
        (
            "{ command = [\"/nowhere/pass\"] }",
            "could not start `/nowhere/pass`",
        ),
    ] {
        let policy =
            format!("[providers.main]\nkind = \"openai\"\nmodel = \"m\"\nkey = {source}\n");
        tenant.desk.file("home/policy.toml", policy);
        let ran = tenant.run("eval", &["--provider", "main"]);
        ran.told(2, "could not read the key of `main`");
        ran.told(2, why);
        ran.told(2, "hint: `[providers.NAME]`");
    }
}
