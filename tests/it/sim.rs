//! `fapo-host sim serve`, asked over plain HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::Desk;

/// A server, and the place where it was started.
struct Served {
    child: Child,
    port: u16,
    banner: String,
    _desk: Desk,
}

/// A reply.
struct Reply {
    status: u16,
    head: String,
    body: Vec<u8>,
}

const PROMPT: &str = "Answer only with the name. Always answer.\n\nTarn | Tarn is the capital of Vell.\nOrn | Orn is a river in Vell.\n\nQuestion: What is the capital of Vell?";

/// A simulator that does nothing wrong of itself.
const HONEST: [&str; 4] = ["--rate", "ignores=0", "--rate", "careless=0"];

impl Served {
    fn start(args: &[&str]) -> Self {
        let desk = Desk::new();
        let file = desk.path("port");
        let path = file.to_str().unwrap();
        let mut all = vec!["sim", "serve", "--port-file", path];
        all.extend(args);
        let mut child = desk.command(&all).stderr(Stdio::piped()).spawn().unwrap();
        // The banner comes once the port is open and written.
        let mut banner = String::new();
        BufReader::new(child.stderr.take().unwrap())
            .read_line(&mut banner)
            .unwrap();
        let port = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        Self {
            child,
            port,
            banner,
            _desk: desk,
        }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> std::io::Result<Reply> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\ncontent-length: {}\r\n",
            body.len()
        );
        for header in headers {
            request.push_str(header);
            request.push_str("\r\n");
        }
        stream.write_all(format!("{request}\r\n{body}").as_bytes())?;
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply)?;
        let end = reply.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        let head = String::from_utf8_lossy(&reply[..end]).into_owned();
        Ok(Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head,
            body: reply[end + 4..].to_vec(),
        })
    }

    fn post(&self, path: &str, headers: &[&str], body: &Value) -> Reply {
        self.send("POST", path, headers, &body.to_string()).unwrap()
    }

    fn get(&self, path: &str) -> Value {
        self.send("GET", path, &[], "").unwrap().json()
    }

    fn chat(&self) -> Reply {
        self.post("/v1/chat/completions", &[], &chat(PROMPT))
    }

    fn plan(&self, faults: &Value) {
        assert_eq!(self.post("/__faults", &[], faults).status, 200);
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&self.body)))
    }

    fn has(&self, header: &str) -> bool {
        self.head
            .lines()
            .any(|line| line.to_lowercase().starts_with(header))
    }
}

fn chat(prompt: &str) -> Value {
    json!({"model": "sim-1", "messages": [{"role": "user", "content": prompt}]})
}

const VERSION: &str = "anthropic-version: 2023-06-01";

#[test]
fn every_format_gets_the_same_answer() {
    let served = Served::start(&HONEST);
    let user = json!([{"role": "user", "content": PROMPT}]);
    let converse = json!({"messages": [{"role": "user", "content": [{"text": PROMPT}]}]});
    let message = "/choices/0/message/content";
    for (path, headers, body, at, says) in [
        (
            "/v1/chat/completions",
            "",
            chat(PROMPT),
            message,
            "x-ratelimit-remaining-requests",
        ),
        (
            "/chat/completions",
            "",
            chat(PROMPT),
            message,
            "openai-version",
        ),
        (
            "/openai/deployments/d/chat/completions?api-version=1",
            "",
            json!({"messages": user}),
            message,
            "apim-request-id",
        ),
        (
            "/v1/chat/completions",
            "authorization: Api-Key k",
            chat(PROMPT),
            message,
            "x-baseten-request-id",
        ),
        (
            "/v1/responses",
            "",
            json!({"model": "m", "input": PROMPT}),
            "/output/0/content/0/text",
            "x-request-id",
        ),
        (
            "/v1/messages",
            VERSION,
            json!({"model": "m", "max_tokens": 99, "messages": user}),
            "/content/0/text",
            "anthropic-ratelimit-requests-reset",
        ),
        (
            "/model/a%3Ab/converse",
            "",
            converse,
            "/output/message/content/0/text",
            "x-amzn-requestid",
        ),
        (
            "/endpoints/e/invocations",
            "",
            json!({"messages": user}),
            message,
            "x-amzn-invoked-production-variant",
        ),
        (
            "/endpoints/e/invocations",
            "",
            json!({"inputs": PROMPT}),
            "/0/generated_text",
            "x-amzn-requestid",
        ),
        (
            "/environments/production/predict",
            "",
            json!({"prompt": PROMPT}),
            "/output/text",
            "x-baseten-request-id",
        ),
        (
            "/predict",
            "",
            json!({"prompt": PROMPT}),
            "/output/text",
            "x-baseten-request-id",
        ),
    ] {
        let headers: Vec<_> = Some(headers)
            .filter(|header| !header.is_empty())
            .into_iter()
            .collect();
        let reply = served.post(path, &headers, &body);
        let json = reply.json();
        assert_eq!(json.pointer(at), Some(&json!("Tarn")), "{path}: {json}");
        assert!(
            reply.has(says) && reply.has("x-simulator: fapo-host"),
            "{path}: {}",
            reply.head
        );
    }
    assert!(served.banner.contains("simulator"), "{}", served.banner);
    let stats = served.get("/__stats");
    assert_eq!(stats["by_status"], json!({"200": 11}));
    assert_eq!(served.get("/v1/models")["data"][0]["id"], "sim-1");
}

#[test]
fn streams_say_what_bodies_say() {
    let served = Served::start(&HONEST);
    let mut body = chat(PROMPT);
    body["stream"] = true.into();
    let reply = served.post("/v1/chat/completions", &[], &body);
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(
        reply.has("content-type: text/event-stream"),
        "{}",
        reply.head
    );
    assert!(
        text.contains("\"content\":\"Tarn\"") && text.contains("data: [DONE]"),
        "{text}"
    );
}

#[test]
fn what_the_real_servers_refuse_is_refused_in_their_words() {
    let served = Served::start(&["--models", "sim*,o3"]);
    let reasons = |extra: Value| {
        let mut body = chat("Hi?");
        body["model"] = "o3".into();
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    let messages = |extra: Value| {
        let mut body = json!({"model": "sim-1", "messages": [{"role": "user", "content": "Hi?"}]});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    let open = json!({"type": "json_schema", "json_schema": {"name": "a", "strict": true, "schema": {"type": "object"}}});
    for (path, body, status, at, code) in [
        (
            "/v1/chat/completions",
            reasons(json!({"max_tokens": 5})),
            400,
            "/error/param",
            "max_tokens",
        ),
        (
            "/v1/chat/completions",
            reasons(json!({"temperature": 0.5})),
            400,
            "/error/code",
            "unsupported_value",
        ),
        (
            "/v1/chat/completions",
            reasons(json!({"response_format": open})),
            400,
            "/error/code",
            "invalid_json_schema",
        ),
        (
            "/v1/chat/completions",
            json!({"model": "other", "messages": [{"role": "user", "content": "a"}]}),
            404,
            "/error/code",
            "model_not_found",
        ),
        (
            "/v1/chat/completions",
            json!({"messages": 1, "model": "o3"}),
            400,
            "/error/param",
            "messages",
        ),
        (
            "/v1/responses",
            json!({"model": "sim-1", "input": "a", "seed": 1}),
            400,
            "/error/param",
            "seed",
        ),
        (
            "/v1/messages",
            messages(json!({})),
            400,
            "/error/message",
            "max_tokens: Field required",
        ),
        (
            "/v1/messages",
            messages(json!({"max_tokens": 5, "n": 2})),
            400,
            "/error/type",
            "invalid_request_error",
        ),
        (
            "/v1/messages",
            json!({"model": "sim-1", "max_tokens": 5, "messages": [{"role": "system", "content": "a"}]}),
            400,
            "/type",
            "error",
        ),
    ] {
        let reply = served.post(path, &[VERSION], &body);
        let json = reply.json();
        assert_eq!(
            (reply.status, json.pointer(at)),
            (status, Some(&json!(code))),
            "{path} {body}: {json}"
        );
    }
    let reply = served.post("/endpoints/sim-1/invocations", &[], &json!({"text": 1}));
    assert_eq!(
        (reply.status, &reply.json()["OriginalStatusCode"]),
        (424, &json!(422))
    );
    let reply = served
        .send("POST", "/v1/chat/completions", &[], "{\"model\":")
        .unwrap();
    assert_eq!(reply.status, 400);
    assert_eq!(
        served.send("GET", "/v1/messages", &[], "").unwrap().status,
        405
    );
    assert_eq!(
        served.send("POST", "/nowhere", &[], "{}").unwrap().status,
        404
    );
}

#[test]
fn without_the_key_nothing_is_answered() {
    let served = Served::start(&["--api-key", "planted", "--aws-key", "id:secret"]);
    let body =
        json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "a"}]});
    for (path, header, status) in [
        ("/v1/chat/completions", "a: b", 401),
        ("/v1/chat/completions", "authorization: Bearer wrong", 401),
        (
            "/v1/chat/completions",
            "authorization: Api-Key planted",
            200,
        ),
        ("/v1/chat/completions", "authorization: Bearer planted", 200),
        (
            "/openai/deployments/d/chat/completions?api-version=1",
            "api-key: planted",
            200,
        ),
        (
            "/openai/deployments/d/chat/completions?api-version=1",
            "api-key: wrong",
            401,
        ),
        ("/v1/messages", "x-api-key: wrong", 401),
        ("/v1/messages", "x-api-key: planted", 200),
        ("/model/m/converse", "a: b", 403),
        (
            "/endpoints/m/invocations",
            "authorization: Bearer planted",
            403,
        ),
        ("/predict", "authorization: Bearer planted", 401),
    ] {
        let reply = served.post(path, &[VERSION, header], &body);
        assert_eq!(reply.status, status, "{path} {header}");
        assert!(
            !String::from_utf8_lossy(&reply.body).contains("planted"),
            "{path}"
        );
    }
}

#[test]
fn planned_faults_come_in_order_and_then_answers() {
    let served = Served::start(&HONEST);
    served.plan(&json!([
        {"fault": "429", "retry_after": "1.5", "times": 2},
        {"fault": "529", "retry_after": "ms:250"},
        {"fault": "quota-spent"},
        {"fault": "reset"},
        {"fault": "reset-amid"},
        {"fault": "cut-json"},
        {"fault": "content-type"},
        {"fault": "empty"},
    ]));
    for _ in 0..2 {
        let reply = served.chat();
        assert!(
            reply.status == 429 && reply.has("retry-after: 1.5"),
            "{}",
            reply.head
        );
    }
    let reply = served.chat();
    assert!(
        reply.status == 529 && reply.has("retry-after-ms: 250"),
        "{}",
        reply.head
    );
    assert_eq!(served.chat().json()["error"]["code"], "insufficient_quota");
    for _ in 0..2 {
        let reply = served.send(
            "POST",
            "/v1/chat/completions",
            &[],
            &chat(PROMPT).to_string(),
        );
        assert!(reply.is_err(), "the connection was to be cut");
    }
    assert!(serde_json::from_slice::<Value>(&served.chat().body).is_err());
    assert!(served.chat().has("content-type: text/html"));
    assert!(served.chat().body.is_empty());
    assert_eq!(
        served.chat().json()["choices"][0]["message"]["content"],
        "Tarn"
    );
    let stats = served.get("/__stats");
    assert_eq!(
        (&stats["attempts_max"], &stats["faults_planned"]),
        (&json!(10), &json!(0))
    );
    assert_eq!(stats["by_fault"]["429"], 2);
    let log = served.get("/__log?n=3");
    assert_eq!(log.as_array().unwrap().len(), 3);
    assert_eq!(log[2]["path"], "/v1/chat/completions");
    let refused = served.post("/__faults", &[], &json!([{"fault": "nonsense"}]));
    assert_eq!(refused.status, 400);
    assert_eq!(served.post("/__reset", &[], &json!({})).status, 200);
    assert_eq!(served.get("/__stats")["requests"], 0);
}

#[test]
fn faults_by_chance_fail_a_body_no_more_often_than_allowed() {
    let served = Served::start(&[
        "--faults",
        "500:1",
        "--fault-attempts",
        "2",
        "--retry-after",
        "1",
    ]);
    let statuses: Vec<_> = (0..4).map(|_| served.chat().status).collect();
    assert_eq!(statuses, [500, 500, 200, 200]);
    let reply = served.post("/__config", &[], &json!({"faults": "", "quota": "60:2"}));
    assert_eq!(reply.status, 200);
    let statuses: Vec<_> = (0..3).map(|_| served.chat().status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let reply = served.chat();
    assert!(
        reply.has("x-ratelimit-limit-requests: 60") && reply.has("retry-after: 1"),
        "{}",
        reply.head
    );
    let refused = served.post("/__config", &[], &json!({"latency": "soon"}));
    assert_eq!(refused.status, 400);
}

#[test]
fn a_body_that_does_not_end_is_as_long_as_it_says() {
    let served = Served::start(&[]);
    served.plan(&json!([{"fault": "huge"}]));
    let reply = served.chat();
    assert!(reply.has("content-length: 104857600"), "{}", reply.head);
    assert_eq!(reply.body.len(), 100 << 20);
}

#[test]
fn samples_differ_and_come_again_after_a_reset_or_a_fault() {
    let served = Served::start(&["--seed", "7"]);
    let prompt = PROMPT.replace("Answer only with the name. Always answer.\n\n", "");
    let post = || served.post("/v1/chat/completions", &[], &chat(&prompt));
    let sample = |fault: Option<&str>| -> Vec<String> {
        served.post("/__reset", &[], &json!({}));
        (0..12)
            .map(|_| {
                if let Some(fault) = fault {
                    served.plan(&json!([{"fault": fault}]));
                    post();
                }
                let text = &post().json()["choices"][0]["message"]["content"];
                text.as_str().unwrap().to_owned()
            })
            .collect()
    };
    let one = sample(None);
    assert!(one.iter().any(|text| *text != one[0]), "{one:?}");
    for fault in [None, Some("500"), Some("cut-json"), Some("content-type")] {
        assert_eq!(sample(fault), one, "{fault:?}");
    }
}

#[test]
fn what_cannot_be_served_is_told() {
    let desk = Desk::new();
    desk.run(&["sim", "serve", "--listen", "nowhere:x"])
        .told(2, "could not listen");
    desk.run(&["sim", "serve", "--rate", "wit=1"])
        .told(2, "there is no rate `wit`");
    for args in [
        ["--latency", "soon"],
        ["--faults", "429"],
        ["--quota", "0"],
        ["--aws-key", "id"],
    ] {
        let ran = desk.run(&["sim", "serve", args[0], args[1]]);
        assert_eq!(ran.code, Some(2), "{args:?}");
    }
}
