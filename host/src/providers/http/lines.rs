//! Lines to a server that is spoken to in plain HTTP/1.1.
//!
//! Who asks drives the line, so a reply wakes nobody but the one who waits for
//! it, and a line has no memory of its own: what is written and read is in that
//! of the thread, unless it goes or comes in pieces.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};
use std::{io, iter};

use bytes::{Buf, Bytes};
use fapo_core::json;
use hyper::Uri;
use hyper::service::Service;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::service::TowerToHyperService;
use reqwest::header::{
    CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use reqwest::{Method, Url};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::reading::{Progress, Reading};
use super::{Broken, Patience, told};
use crate::providers::wire::Reply;

/// How long a line is kept that nobody uses: servers and what stands before
/// them close theirs after some minutes, and not all of them say so.
const KEPT: Duration = Duration::from_secs(90);

/// How much is read at once.
const PIECE_BYTES: usize = 64 << 10;

/// The lines to one server.
pub(super) struct Lines {
    server: Uri,
    /// The server, as it is named to itself.
    name: HeaderValue,
    connector: TowerToHyperService<HttpConnector>,
    /// Those that nobody uses, the last one that was used at the end.
    idle: Mutex<VecDeque<Line>>,
}

/// What a server is asked.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) url: &'a Url,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// A connection.
struct Line {
    stream: TcpStream,
    used: Instant,
}

/// A line over which a request goes, or its reply comes.
struct Begun {
    line: Line,
    unwritten: Bytes,
    reading: Reading,
}

impl Lines {
    /// Returns the lines to the server of an address.
    pub(super) fn to(server: &Url) -> Option<Self> {
        let host = server.host_str()?;
        let name = match server.port() {
            None => host.to_owned(),
            Some(port) => format!("{host}:{port}"),
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Some(Self {
            server: Uri::try_from(format!("http://{name}")).ok()?,
            name: HeaderValue::from_str(&name).ok()?,
            connector: TowerToHyperService::new(connector),
            idle: Mutex::default(),
        })
    }

    /// Asks the server, on a line that is there or on a new one.
    pub(super) async fn exchange(
        &self,
        asked: &Asked<'_>,
        patience: &Patience,
    ) -> Result<Reply, Broken> {
        let write = |line: Line| {
            json::scratch(|request| {
                asked.append(request, &self.name);
                let reading = Reading::of(asked.method, patience.answer_bytes_max);
                line.begin(request, reading)
            })
        };
        // Those that the server closed while nobody used them are left out.
        let begun = iter::from_fn(|| self.take()).find_map(|line| write(line).ok());
        let begun = match begun {
            Some(begun) => begun,
            None => write(self.connect(patience).await?).map_err(|error| Broken {
                had_left: false,
                ..Broken::amid(&error.to_string())
            })?,
        };
        let (reply, line) = begun.end(patience).await?;
        if let Some(line) = line {
            self.give_back(line);
        }
        Ok(reply)
    }

    async fn connect(&self, patience: &Patience) -> Result<Line, Broken> {
        let connecting = self.connector.call(self.server.clone());
        let connected = patience.connected(connecting).await?;
        let stream = connected
            .map_err(|error| Broken::unconnected(told("no connection", Some(&error))))?
            .into_inner();
        Ok(Line {
            stream,
            used: Instant::now(),
        })
    }

    fn take(&self) -> Option<Line> {
        let mut idle = self.idle();
        let line = idle.pop_back()?;
        if line.used.elapsed() < KEPT {
            return Some(line);
        }
        // All others were used before it.
        idle.clear();
        None
    }

    fn give_back(&self, mut line: Line) {
        line.used = Instant::now();
        let mut idle = self.idle();
        while idle
            .front()
            .is_some_and(|first| first.used.elapsed() >= KEPT)
        {
            idle.pop_front();
        }
        idle.push_back(line);
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Line>> {
        self.idle.lock().expect("nobody panics with it")
    }
}

impl Asked<'_> {
    /// Appends what goes over a line to a server of that name.
    fn append(&self, request: &mut Vec<u8>, name: &HeaderValue) {
        let mut put = |parts: &[&[u8]]| {
            for part in parts {
                request.extend_from_slice(part);
            }
        };
        let (method, path) = (self.method.as_str(), self.url.path());
        put(&[method.as_bytes(), b" ", path.as_bytes()]);
        if let Some(query) = self.url.query() {
            put(&[b"?", query.as_bytes()]);
        }
        put(&[b" HTTP/1.1\r\n"]);
        let mut header = |name: &HeaderName, value: &HeaderValue| {
            put(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
        };
        if !self.headers.contains_key(HOST) {
            header(&HOST, name);
        }
        for (name, value) in self.headers {
            // How long the body is, is not for others to say.
            if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
                header(name, value);
            }
        }
        if !self.body.is_empty() || self.method != Method::GET {
            header(&CONTENT_LENGTH, &self.body.len().into());
        }
        put(&[b"\r\n", self.body]);
    }
}

impl Line {
    /// Begins to write a request; the error is why nothing of it has left.
    fn begin(mut self, request: &[u8], reading: Reading) -> io::Result<Begun> {
        // Nobody waits here: what has come is known without asking the system.
        let mut unasked = [0];
        let mut nobody = Context::from_waker(Waker::noop());
        let stream = Pin::new(&mut self.stream);
        match stream.poll_read(&mut nobody, &mut ReadBuf::new(&mut unasked)) {
            Poll::Pending => {}
            Poll::Ready(Err(error)) => return Err(error),
            Poll::Ready(Ok(())) => return Err(io::Error::other("it was closed, or out of step")),
        }
        let written = match self.stream.try_write(request) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            written => written?,
        };
        Ok(Begun {
            line: self,
            unwritten: Bytes::copy_from_slice(&request[written..]),
            reading,
        })
    }
}

impl Begun {
    /// Waits for the reply, and returns the line with it if it can be used again.
    async fn end(mut self, patience: &Patience) -> Result<(Reply, Option<Line>), Broken> {
        loop {
            let went_on = poll_fn(|context| self.poll_on(context));
            if let Progress::Whole(reply, keeps_on) = patience.heard(went_on).await?? {
                let keeps_on = keeps_on && self.unwritten.is_empty();
                return Ok((reply, keeps_on.then_some(self.line)));
            }
        }
    }

    fn poll_on(&mut self, context: &mut Context<'_>) -> Poll<Result<Progress, Broken>> {
        let mut stream = Pin::new(&mut self.line.stream);
        if !self.unwritten.is_empty()
            && let Poll::Ready(written) = stream.as_mut().poll_write(context, &self.unwritten)
        {
            // A server that takes no more may have said why.
            self.unwritten
                .advance(written.unwrap_or(self.unwritten.len()));
            return Poll::Ready(Ok(Progress::Some));
        }
        json::scratch(|piece| {
            piece.reserve(PIECE_BYTES);
            let mut piece = ReadBuf::uninit(piece.spare_capacity_mut());
            let read = ready!(stream.poll_read(context, &mut piece));
            Poll::Ready(match (read, piece.filled()) {
                (Err(error), _) => Err(Broken::amid(&error.to_string())),
                (Ok(()), []) => self
                    .reading
                    .end()
                    .map(|reply| Progress::Whole(reply, false)),
                (Ok(()), came) => self.reading.take(came),
            })
        })
    }
}
