//! One exchange: with deadlines, without redirects, and with no more of the reply
//! than it may have.

use std::sync::Mutex;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use fapo_core::call::ProviderError;
use fapo_core::policy::Deadlines;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Body, Client, Method, Request, Url};

use super::place::is_here;
use super::wire::Reply;
use crate::exit::{CommandError, CommandResult};

/// A client for one provider.
pub(crate) struct Http {
    client: Client,
    /// The last address that was read: nearly all requests have the same one.
    url: Mutex<Option<(String, Url)>>,
    total: Duration,
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
        let client = builder
            .redirect(Policy::none())
            .connect_timeout(Duration::from_millis(deadlines.connect_ms))
            .read_timeout(Duration::from_millis(deadlines.idle_ms))
            .tcp_nodelay(true)
            .user_agent(concat!("fapo-host/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                CommandError::world("could not set up a client for HTTP")
                    .because(told(&error))
                    .hint("the system's root certificates may be missing, as in `apt install ca-certificates`")
            })?;
        Ok(Self {
            client,
            url: Mutex::default(),
            total: Duration::from_millis(deadlines.total_ms),
            answer_bytes_max,
        })
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
        self.send(Method::POST, url, headers, Some(body)).await
    }

    /// Sends a request, and waits for the whole of the reply.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Option<Bytes>,
    ) -> Result<Reply, Broken> {
        let mut request = Request::new(method, url);
        *request.headers_mut() = headers;
        *request.body_mut() = body.map(Body::from);
        let exchange = self.exchange(request);
        match tokio::time::timeout(self.total, exchange).await {
            Ok(reply) => reply,
            Err(_) => Err(Broken {
                why: format!("no whole answer within {} s", self.total.as_secs_f64()),
                again: true,
                had_left: true,
            }),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Reply, Broken> {
        let mut response = self.client.execute(request).await.map_err(broken)?;
        let too_long = || Broken {
            why: format!("the answer is longer than {} bytes", self.answer_bytes_max),
            again: false,
            had_left: true,
        };
        if response.content_length() > Some(self.answer_bytes_max) {
            return Err(too_long());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
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

fn broken(error: reqwest::Error) -> Broken {
    let connecting = error.is_connect();
    let what = match (connecting, error.is_timeout()) {
        (true, true) => "no connection in time",
        (true, false) => "no connection",
        (false, true) => "the server fell silent",
        (false, false) => "the connection broke",
    };
    Broken {
        why: format!("{what}: {}", told(&error)),
        again: !error.is_builder(),
        had_left: !connecting && !error.is_builder(),
    }
}

/// Returns what an error says, its causes included, and the URL left out: a
/// person knows it, and it may hold what is not for everyone.
fn told(error: &reqwest::Error) -> String {
    let mut told = Vec::new();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        let text = error.to_string();
        if told.last() != Some(&text) {
            told.push(text);
        }
        source = error.source();
    }
    match told.is_empty() {
        true => "the request failed".into(),
        false => told.join(": "),
    }
}
