//! Servers of model calls that do as they are told: they answer in a vendor's
//! words, fail as servers do, and write down what they were asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers with a status, headers and a body.
    Says(u16, Vec<(&'static str, String)>, String),
    /// Answers after this long.
    Later(Duration, Box<Does>),
    /// Closes the connection, with the question unanswered.
    HangsUp,
    /// Says nothing at all.
    Stalls,
    /// Stops in the middle of its answer, and keeps the connection.
    StallsAmid,
    /// Closes the connection in the middle of its answer.
    CutsOff,
    /// Answers with so many bytes, and says so or not.
    Floods { bytes: usize, says_so: bool },
}

/// One request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Request {
    /// Returns a header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines();
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

type Decide = dyn Fn(usize, &Request) -> Does + Send + Sync;

/// A server on a port of its own, as long as this lives.
pub(crate) struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server that decides by the number of a request, from 0, and the request.
    pub(crate) fn start(decide: impl Fn(usize, &Request) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (log, decide): (_, Arc<Decide>) = (asked.clone(), Arc::new(decide));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), log, decide) = (stream, log.clone(), decide.clone()) else {
                    continue;
                };
                std::thread::spawn(move || serve(stream, &log, &*decide));
            }
        });
        Self { port, asked }
    }

    /// Starts a server that does these things in order, and the last one for ever.
    pub(crate) fn script(does: Vec<Does>) -> Self {
        Self::start(move |nth, _| does[nth.min(does.len() - 1)].clone())
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn n_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// Serves one connection: one request after the other, until one side has enough.
fn serve(mut stream: TcpStream, log: &Mutex<Vec<Request>>, decide: &Decide) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = read(&mut reader)?;
        let nth = {
            let mut log = log.lock().unwrap();
            log.push(request.clone());
            log.len() - 1
        };
        act(&mut stream, decide(nth, &request))?;
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let mut request = Request {
        at: Instant::now(),
        path: head.split(' ').nth(1)?.into(),
        head,
        body: Value::Null,
    };
    // Who asks by an address alone sends no body.
    if let Some(length) = request.header("content-length") {
        let mut body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        request.body = serde_json::from_slice(&body).ok()?;
    }
    Some(request)
}

fn act(stream: &mut TcpStream, does: Does) -> Option<()> {
    match does {
        Does::Says(status, headers, body) => {
            let mut head = format!(
                "HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n",
                body.len()
            );
            if !headers.iter().any(|(name, _)| *name == "content-type") {
                head.push_str("content-type: application/json\r\n");
            }
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            write(stream, &format!("{head}\r\n{body}"))
        }
        Does::Later(wait, does) => {
            std::thread::sleep(wait);
            act(stream, *does)
        }
        Does::HangsUp => None,
        Does::Stalls => hold(stream),
        Does::StallsAmid => {
            write(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"choices\":",
            )?;
            hold(stream)
        }
        Does::CutsOff => {
            write(
                stream,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"choices\":",
            )?;
            None
        }
        Does::Floods { bytes, says_so } => {
            let length = match says_so {
                true => format!("content-length: {bytes}\r\n"),
                false => "connection: close\r\n".into(),
            };
            write(
                stream,
                &format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n"),
            )?;
            let chunk = vec![b' '; 1 << 16];
            for _ in 0..bytes / chunk.len() {
                stream.write_all(&chunk).ok()?;
            }
            None
        }
    }
}

fn write(stream: &mut TcpStream, text: &str) -> Option<()> {
    stream.write_all(text.as_bytes()).ok()
}

/// Waits until the other side has had enough.
fn hold(stream: &mut TcpStream) -> Option<()> {
    let mut byte = [0];
    while stream.read(&mut byte).ok()? > 0 {}
    None
}

/// Answers with a body.
pub(crate) fn says(body: &Value) -> Does {
    Does::Says(200, vec![], body.to_string())
}

/// Refuses with a status, as OpenAI words it.
pub(crate) fn refuses(status: u16, headers: &[(&'static str, &str)]) -> Does {
    let body =
        json!({"error": {"message": format!("told to say {status}"), "type": "t", "code": "c"}});
    let headers = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    Does::Says(status, headers.collect(), body.to_string())
}

/// An answer of Chat Completions.
pub(crate) fn chat(text: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "model": "m-2026-01-01",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    })
}
