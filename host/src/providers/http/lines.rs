//! Lines to a server that is spoken to in plain HTTP/1.1.
//!
//! Who asks drives the line, so a reply wakes nobody but the one who waits for
//! it. A client whose connections are tasks of their own wakes two, and has two
//! to find memory for.

use std::collections::VecDeque;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Mutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper::header::{HOST, HeaderValue};
use hyper::service::Service;
use hyper::{Request, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use reqwest::Url;
use tokio::net::TcpStream;

use super::{Broken, Patience, told};
use crate::providers::wire::Reply;

/// How long a line is kept that nobody uses: servers and what stands before
/// them close theirs after some minutes, and not all of them say so.
const KEPT: Duration = Duration::from_secs(90);

/// The lines to one server.
pub(super) struct Lines {
    server: Uri,
    /// The server, as it is named to itself.
    name: HeaderValue,
    connector: TowerToHyperService<HttpConnector>,
    /// Those that nobody uses, the last one that was used at the end.
    idle: Mutex<VecDeque<Line>>,
}

/// A connection.
struct Line {
    asking: SendRequest<Full<Bytes>>,
    driver: Connection<TokioIo<TcpStream>, Full<Bytes>>,
    is_over: bool,
    used: Instant,
}

/// Why a line has no reply.
enum Cut {
    /// It was closed before the request was written.
    Before(Box<Request<Full<Bytes>>>, hyper::Error),
    Amid(Broken),
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
        mut request: Request<Full<Bytes>>,
        patience: &Patience,
    ) -> Result<Reply, Broken> {
        let host = request.headers_mut().entry(HOST);
        host.or_insert_with(|| self.name.clone());
        loop {
            let (mut line, is_new) = match self.take() {
                Some(line) => (line, false),
                None => (self.connect(patience).await?, true),
            };
            match line.exchange(request, patience).await {
                Ok(reply) => {
                    self.give_back(line);
                    return Ok(reply);
                }
                // The server had closed it while nobody used it.
                Err(Cut::Before(unsent, _)) if !is_new => request = *unsent,
                Err(Cut::Before(_, error)) => {
                    return Err(Broken {
                        had_left: false,
                        ..Broken::amid(&error)
                    });
                }
                Err(Cut::Amid(broken)) => return Err(broken),
            }
        }
    }

    async fn connect(&self, patience: &Patience) -> Result<Line, Broken> {
        let connecting = self.connector.call(self.server.clone());
        let connected = patience.connected(connecting).await?;
        let none = |error: &dyn Error| Broken::unconnected(told("no connection", Some(error)));
        let stream = connected.map_err(|error| none(&error))?;
        let (asking, driver) = http1::Builder::new()
            .handshake(stream)
            .await
            .map_err(|error| none(&error))?;
        Ok(Line {
            asking,
            driver,
            is_over: false,
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
        if line.is_over {
            return;
        }
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

impl Line {
    async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        patience: &Patience,
    ) -> Result<Reply, Cut> {
        let Self {
            asking,
            driver,
            is_over,
            ..
        } = self;
        let mut exchange = pin!(async move {
            let asked = patience.heard(asking.try_send_request(request)).await;
            let response = asked.map_err(Cut::Amid)?.map_err(|mut error| {
                let unsent = error.take_message();
                let error = error.into_error();
                match unsent {
                    Some(request) => Cut::Before(Box::new(request), error),
                    None => Cut::Amid(Broken::amid(&error)),
                }
            })?;
            patience.whole(response).await.map_err(Cut::Amid)
        });
        let mut was_asked = false;
        poll_fn(|context| {
            loop {
                // The exchange is told how the line ended, if it did.
                *is_over = *is_over || Pin::new(&mut *driver).poll(context).is_ready();
                if let Poll::Ready(reply) = exchange.as_mut().poll(context) {
                    return Poll::Ready(reply);
                }
                // A request that was handed over is yet to be written.
                if std::mem::replace(&mut was_asked, true) {
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}
