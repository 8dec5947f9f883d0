//! Both ways to a server, against servers that do as they are told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What a server does with each request on a connection, in order; after the
/// last it closes the connection.
type Script = &'static [&'static str];

const WHOLE: &str = "HTTP/1.1 200 OK\r\nx-mark: 1\r\ncontent-length: 5\r\n\r\nhello";
const IN_CHUNKS: &str =
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
const AFTER_HINTS: &str =
    "HTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const TO_THE_END: &str = "HTTP/1.1 200 OK\r\n\r\nhello";
const LAST: &str = "HTTP/1.1 429 Slow\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";
const CUT: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nhello";
const SILENT: &str = "";
const SILENT_AMID: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\nhel";

/// A byte of its body follows from time to time.
const TRICKLE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n";

struct Server {
    base: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Starts a server that goes through a script on each connection.
async fn server(script: Script) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server {
        base: format!("http://{}", listener.local_addr().unwrap()),
        connections: Arc::default(),
        requests: Arc::default(),
    };
    let (connections, requests) = (server.connections.clone(), server.requests.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, SeqCst);
            let requests = requests.clone();
            tokio::spawn(async move {
                for reply in script {
                    let Some(request) = read(&mut stream).await else {
                        return;
                    };
                    requests.lock().unwrap().push(request);
                    stream.write_all(reply.as_bytes()).await.unwrap();
                    if [SILENT, SILENT_AMID].contains(reply) {
                        std::future::pending::<()>().await;
                    }
                    if *reply == TRICKLE {
                        while stream.write_all(b".").await.is_ok() {
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        return;
                    }
                }
            });
        }
    });
    server
}

/// Reads one request.
async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split_once("content-length: ").map_or(0, |(_, rest)| {
                let digits = rest.split("\r\n").next().unwrap();
                digits.parse().unwrap()
            });
            if body.len() == length {
                return Some(text);
            }
        }
        match stream.read_buf(&mut read).await {
            Ok(0) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

const BYTES_MAX: u64 = 20;

const DEADLINES: Deadlines = Deadlines {
    connect_ms: 2_000,
    idle_ms: 200,
    total_ms: 5_000,
};

/// Both ways to a place.
fn ways(base: &str, deadlines: &Deadlines) -> [Http; 2] {
    let lines = lines(base, &Matcher::builder().build()).unwrap();
    [
        Way::Lines(Box::new(lines)),
        Way::Client(client(base, deadlines).unwrap()),
    ]
    .map(|way| Http::by(way, deadlines, BYTES_MAX))
}

async fn ask(http: &Http, base: &str) -> Result<Reply, Broken> {
    let url = http.url(format!("{base}/v1/a%20b?x=1")).unwrap();
    let headers = HeaderMap::from_iter([(
        reqwest::header::ACCEPT,
        HeaderValue::from_static("application/json"),
    )]);
    http.post(url, headers, Bytes::from_static(b"asked")).await
}

#[tokio::test]
async fn replies_come_whole_and_a_connection_serves_many() {
    let server = server(&[WHOLE, IN_CHUNKS, AFTER_HINTS, TO_THE_END]).await;
    for (nth, http) in ways(&server.base, &DEADLINES).iter().enumerate() {
        for _ in 0..4 {
            let reply = ask(http, &server.base).await.unwrap();
            assert_eq!((reply.status, &reply.body[..]), (200, &b"hello"[..]));
        }
        assert_eq!(server.connections.load(SeqCst), nth + 1);
    }
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests.len(), 8);
    let name = server.base.strip_prefix("http://").unwrap();
    for request in requests.iter() {
        assert!(
            request.starts_with("post /v1/a%20b?x=1 http/1.1\r\n"),
            "{request}"
        );
        for header in [
            format!("host: {name}"),
            format!("user-agent: fapo-host/{}", env!("CARGO_PKG_VERSION")),
            "accept: application/json".into(),
            "content-length: 5".into(),
        ] {
            assert_eq!(
                request.matches(&format!("\r\n{header}\r\n")).count(),
                1,
                "{request}"
            );
        }
        assert!(request.ends_with("\r\n\r\nasked"));
    }
}

#[tokio::test]
async fn a_server_can_be_named_otherwise_than_where_it_is() {
    let server = server(&[WHOLE]).await;
    for http in ways(&server.base, &DEADLINES) {
        let url = http.url(server.base.clone()).unwrap();
        let named = HeaderValue::from_static("models.example");
        let headers = HeaderMap::from_iter([(reqwest::header::HOST, named)]);
        http.post(url, headers, Bytes::new()).await.unwrap();
    }
    for request in server.requests.lock().unwrap().iter() {
        assert!(request.starts_with("post / http/1.1\r\n"), "{request}");
        assert_eq!(request.matches("\r\nhost: ").count(), 1, "{request}");
        assert!(
            request.contains("\r\nhost: models.example\r\n"),
            "{request}"
        );
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    // The first server says nothing of it, the second one does, and the third
    // one's reply has no other end.
    for script in [&[WHOLE], &[LAST], &[TO_THE_END]] {
        let server = server(script).await;
        for http in ways(&server.base, &DEADLINES) {
            for _ in 0..3 {
                let reply = ask(&http, &server.base).await.unwrap();
                assert_eq!(&reply.body[..], b"hello");
                // For the end of the connection to be heard of.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        assert_eq!(server.connections.load(SeqCst), 6);
    }
}

#[tokio::test]
async fn a_request_of_any_length_is_written() {
    const BYTES: usize = 20 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let slowly = tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut piece, mut n_left) = (vec![0; 1 << 20], BYTES);
            while n_left > 0 {
                n_left = n_left.saturating_sub(stream.read(&mut piece).await.unwrap());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stream.write_all(LAST.as_bytes()).await.unwrap();
        }
    });
    let deadlines = Deadlines {
        idle_ms: 5_000,
        ..DEADLINES
    };
    for http in ways(&base, &deadlines) {
        let url = http.url(base.clone()).unwrap();
        let body = vec![b'x'; BYTES].into();
        let reply = http.post(url, HeaderMap::new(), body).await.unwrap();
        assert_eq!((reply.status, &reply.body[..]), (429, &b"hello"[..]));
    }
    slowly.await.unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_hear_all_of_a_request_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let impatient = tokio::spawn(async move {
        let mut streams = Vec::new();
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut [0; 1_000]).await.unwrap();
            stream.write_all(WHOLE.as_bytes()).await.unwrap();
            streams.push(stream);
        }
    });
    let [http, _] = ways(&base, &DEADLINES);
    for _ in 0..2 {
        let url = http.url(base.clone()).unwrap();
        let body = vec![b'x'; 20 << 20].into();
        let reply = http.post(url, HeaderMap::new(), body).await.unwrap();
        assert_eq!((reply.status, &reply.body[..]), (200, &b"hello"[..]));
    }
    impatient.await.unwrap();
}

#[tokio::test]
async fn what_is_broken_off_may_be_paid_for() {
    for (script, why) in [
        (&[CUT], "the connection broke: "),
        (&[SILENT], "the server fell silent: nothing came for 0.2 s"),
        (
            &[SILENT_AMID],
            "the server fell silent: nothing came for 0.2 s",
        ),
    ] as [(&[&str; 1], &str); 3]
    {
        let server = server(script).await;
        for http in ways(&server.base, &DEADLINES) {
            let broken = ask(&http, &server.base).await.unwrap_err();
            assert!(broken.why.starts_with(why), "{broken:?}");
            assert!(broken.again && broken.had_left, "{broken:?}");
        }
    }
}

#[tokio::test]
async fn a_trickle_is_waited_for_no_longer_than_an_answer_may_take() {
    let server = server(&[TRICKLE]).await;
    let deadlines = Deadlines {
        connect_ms: 2_000,
        idle_ms: 200,
        total_ms: 500,
    };
    for http in ways(&server.base, &deadlines) {
        let broken = ask(&http, &server.base).await.unwrap_err();
        assert_eq!(broken.why, "no whole answer within 0.5 s");
        assert!(broken.again && broken.had_left, "{broken:?}");
    }
}

#[tokio::test]
async fn one_can_wait_for_ever() {
    let server = server(&[WHOLE]).await;
    let deadlines = Deadlines {
        connect_ms: u64::MAX,
        idle_ms: u64::MAX,
        total_ms: u64::MAX,
    };
    for http in ways(&server.base, &deadlines) {
        assert!(ask(&http, &server.base).await.is_ok());
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for http in ways(&base, &DEADLINES) {
        let broken = ask(&http, &base).await.unwrap_err();
        assert!(broken.why.starts_with("no connection: "), "{broken:?}");
        assert!(broken.why.contains("refused"), "{broken:?}");
        assert!(!broken.why.contains("a%20b"), "{broken:?}");
        assert!(broken.again && !broken.had_left, "{broken:?}");
    }
}

#[tokio::test]
async fn no_more_of_a_reply_is_read_than_it_may_have() {
    const LONG: &str = "HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n123456789012345678901";
    const ENDLESS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nf\r\n123456789012345\r\nf\r\n123456789012345\r\n";
    for script in [&[LONG], &[ENDLESS]] {
        let server = server(script).await;
        for http in ways(&server.base, &DEADLINES) {
            let broken = ask(&http, &server.base).await.unwrap_err();
            assert_eq!(broken.why, "the answer is longer than 20 bytes");
            assert!(!broken.again && broken.had_left);
        }
    }
}

#[tokio::test]
async fn who_stops_waiting_leaves_no_line_behind() {
    let server = server(&[SILENT]).await;
    for http in ways(&server.base, &DEADLINES) {
        let asked = ask(&http, &server.base);
        let waited = tokio::time::timeout(Duration::from_millis(50), asked).await;
        assert!(waited.is_err());
        // A reply to the first request would be taken for one to this.
        let broken = ask(&http, &server.base).await.unwrap_err();
        assert!(broken.why.contains("fell silent"), "{broken:?}");
    }
    assert_eq!(server.connections.load(SeqCst), 4);
}

#[test]
fn lines_go_where_http_is_plain_and_nobody_stands_between() {
    let proxies = |of: &str| Matcher::builder().http(of).no("near.example").build();
    let has_lines = |base, of| lines(base, &proxies(of)).is_some();
    for base in [
        "http://127.0.0.1:8000/v1",
        "http://[::1]:80",
        "http://localhost",
    ] {
        assert!(has_lines(base, "http://proxy.example:3128"), "{base}");
    }
    assert!(has_lines("http://far.example/v1", ""));
    assert!(!has_lines("http://far.example/v1", "http://proxy.example"));
    assert!(has_lines("http://near.example/v1", "http://proxy.example"));
    assert!(!has_lines("https://127.0.0.1:8000/v1", ""));
}
