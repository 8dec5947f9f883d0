//! One exchange: with deadlines, without redirects, and with no more of the reply
//! than it may have.

mod lines;
mod reading;

use std::error::Error;
use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fapo_core::call::ProviderError;
use fapo_core::policy::Deadlines;
use hyper::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Request, Response, Url};
use tokio::time::Instant;

use self::lines::{Asked, Lines};
use super::place::is_here;
use super::wire::Reply;
use crate::exit::{CommandError, CommandResult};

/// What this program calls itself.
const SELF: HeaderValue =
    HeaderValue::from_static(concat!("fapo-host/", env!("CARGO_PKG_VERSION")));

/// A client for one provider.
pub(crate) struct Http {
    way: Way,
    /// The last address that was read: nearly all requests have the same one.
    url: Mutex<Option<(String, Url)>>,
    deadlines: Deadlines,
    answer_bytes_max: u64,
}

/// How a server is spoken to.
enum Way {
    /// Plainly, with nobody between: for this machine, and for one's own network.
    Lines(Box<Lines>),
    /// Over TLS, in HTTP/2 where the server has it, through a proxy.
    Client(Client),
}

/// How long one waits in an exchange, and for how much.
struct Patience {
    connect_max: Duration,
    silence_max: Duration,
    total_max: Duration,
    until: Instant,
    answer_bytes_max: u64,
}

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) why: String,
    /// Whether it may be tried again.
    pub(crate) again: bool,
    /// Whether the request had left, so that the answer may be paid for.
    pub(crate) had_left: bool,
}

impl Http {
    /// Sets up a client for the server at a place.
    pub(crate) fn new(
        base: &str,
        deadlines: &Deadlines,
        answer_bytes_max: u64,
    ) -> CommandResult<Self> {
        let way = match lines(base, &Matcher::from_system()) {
            Some(lines) => Way::Lines(Box::new(lines)),
            None => Way::Client(client(base, deadlines)?),
        };
        Ok(Self::by(way, deadlines, answer_bytes_max))
    }

    fn by(way: Way, deadlines: &Deadlines, answer_bytes_max: u64) -> Self {
        Self {
            way,
            url: Mutex::default(),
            deadlines: *deadlines,
            answer_bytes_max,
        }
    }

    /// Reads an address.
    pub(crate) fn url(&self, text: String) -> Result<Url, ProviderError> {
        let mut last = self.url.lock().expect("nobody panics with it");
        if let Some((of, url)) = last.as_ref()
            && *of == text
        {
            return Ok(url.clone());
        }
        let url = Url::parse(&text).map_err(|error| {
            ProviderError::InvalidRequest(format!("the request has no address: {error}").into())
        })?;
        *last = Some((text, url.clone()));
        Ok(url)
    }

    /// Posts a request, and waits for the whole of the reply.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, Broken> {
        self.send(Method::POST, url, headers, body).await
    }

    /// Sends a request, and waits for the whole of the reply.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Reply, Broken> {
        headers.entry(USER_AGENT).or_insert(SELF);
        let patience = Patience::new(&self.deadlines, self.answer_bytes_max);
        match &self.way {
            Way::Lines(lines) => {
                let asked = Asked {
                    method: &method,
                    url: &url,
                    headers: &headers,
                    body: &body,
                };
                lines.exchange(&asked, &patience).await
            }
            // On the heap, since it takes several times the room of the other way.
            Way::Client(client) => {
                Box::pin(async move {
                    let mut request = Request::new(method, url);
                    *request.headers_mut() = headers;
                    *request.body_mut() = Some(body.into());
                    let response = patience.heard(client.execute(request)).await??;
                    patience.whole(response).await
                })
                .await
            }
        }
    }
}

/// Returns lines to a server, if it speaks plain HTTP and no proxy is wanted.
fn lines(base: &str, proxies: &Matcher) -> Option<Lines> {
    let url = Url::parse(base).ok()?;
    let is_direct = || {
        is_here(base)
            || Uri::try_from(url.as_str()).is_ok_and(|server| proxies.intercept(&server).is_none())
    };
    match url.scheme() == "http" && is_direct() {
        true => Lines::to(&url),
        false => None,
    }
}

/// Returns a client that speaks whatever a server asks for.
fn client(base: &str, deadlines: &Deadlines) -> CommandResult<Client> {
    // The first one decides; another one is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder();
    if base.starts_with("http:") {
        // No certificate will be looked at, and a machine may have none.
        builder = builder.tls_certs_only([]);
    }
    if is_here(base) {
        // No proxy leads back to this machine.
        builder = builder.no_proxy();
    }
    builder
        .redirect(Policy::none())
        .connect_timeout(wait(deadlines.connect_ms))
        .tcp_nodelay(true)
        .build()
        .map_err(|error| {
            CommandError::world("could not set up a client for HTTP")
                .because(told("the request failed", error.source()))
                .hint("the system's root certificates may be missing, as in `apt install ca-certificates`")
        })
}

/// Returns a time to wait. What is longer than a year is for ever, and clocks
/// have an end.
fn wait(ms: u64) -> Duration {
    const YEAR: Duration = Duration::from_hours(24 * 365);
    Duration::from_millis(ms).min(YEAR)
}

impl Patience {
    fn new(deadlines: &Deadlines, answer_bytes_max: u64) -> Self {
        let total_max = wait(deadlines.total_ms);
        Self {
            connect_max: wait(deadlines.connect_ms),
            silence_max: wait(deadlines.idle_ms),
            total_max,
            until: Instant::now() + total_max,
            answer_bytes_max,
        }
    }

    /// Waits for a connection.
    async fn connected<T>(&self, connecting: impl Future<Output = T>) -> Result<T, Broken> {
        let by = self.until.min(Instant::now() + self.connect_max);
        let connected = tokio::time::timeout_at(by, connecting).await;
        connected.map_err(|_| Broken::unconnected("no connection in time".into()))
    }

    /// Waits for something of the server.
    async fn heard<T>(&self, something: impl Future<Output = T>) -> Result<T, Broken> {
        let silent = Instant::now() + self.silence_max;
        let heard = tokio::time::timeout_at(silent.min(self.until), something).await;
        heard.map_err(|_| Broken {
            why: match silent < self.until {
                true => format!(
                    "the server fell silent: nothing came for {} s",
                    self.silence_max.as_secs_f64()
                ),
                false => format!("no whole answer within {} s", self.total_max.as_secs_f64()),
            },
            again: true,
            had_left: true,
        })
    }

    /// Waits for the whole of a reply.
    async fn whole(&self, mut response: Response) -> Result<Reply, Broken> {
        let too_long = || Broken::too_long(self.answer_bytes_max);
        if response.content_length() > Some(self.answer_bytes_max) {
            return Err(too_long());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = self.heard(response.chunk()).await?? {
            if (body.len() + chunk.len()) as u64 > self.answer_bytes_max {
                return Err(too_long());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: body.freeze(),
        })
    }
}

impl Broken {
    /// There is no connection to the server.
    fn unconnected(why: String) -> Self {
        Self {
            why,
            again: true,
            had_left: false,
        }
    }

    /// The connection broke.
    fn amid(why: &str) -> Self {
        Self {
            why: format!("the connection broke: {why}"),
            again: true,
            had_left: true,
        }
    }

    fn too_long(bytes_max: u64) -> Self {
        Self {
            why: format!("the answer is longer than {bytes_max} bytes"),
            again: false,
            had_left: true,
        }
    }
}

impl From<reqwest::Error> for Broken {
    fn from(error: reqwest::Error) -> Self {
        let connecting = error.is_connect();
        let what = match (connecting, error.is_timeout()) {
            (true, true) => "no connection in time",
            (true, false) => "no connection",
            (false, _) => "the connection broke",
        };
        Self {
            // What it says itself has the URL, which a person knows, and which
            // may hold what is not for everyone.
            why: told(what, error.source()),
            again: !error.is_builder(),
            had_left: !connecting && !error.is_builder(),
        }
    }
}

/// Returns what happened, and what an error and its causes say of it.
fn told(what: &str, error: Option<&dyn Error>) -> String {
    let mut told = vec![what.to_owned()];
    let mut source = error;
    while let Some(error) = source {
        let text = error.to_string();
        if told.last() != Some(&text) {
            told.push(text);
        }
        source = error.source();
    }
    told.join(": ")
}

#[cfg(test)]
mod tests;
