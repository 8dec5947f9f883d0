//! A provider on the network: a format, a place, a key.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fapo_core::call::{Completion, FinishReason, GenerateRequest, ProviderError};
use fapo_core::model::{Model, Parameter};
use fapo_core::policy::AuthScheme;
use fapo_sandbox::CallSite;
use reqwest::Url;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue,
};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

use super::gateway::{Backend, Failed, Sending, Sent};
use super::http::{Broken, Http};
use super::limiter::Told;
use super::retry::{self, Again};
use super::secret::Scrub;
use super::sign::{self, Account, Post, Service};
use super::wire::refused::error_of;
use super::wire::{NoAnswer, Reply, Wire};
use crate::clock;

const JSON: &str = "application/json";

/// How a request proves whose it is.
pub(crate) enum Auth {
    None,
    Header(HeaderName, SecretString),
    Signed(Account, Service),
}

impl Auth {
    /// Returns how a key is presented.
    pub(crate) fn of(scheme: AuthScheme, key: &SecretString) -> Self {
        let key = key.expose_secret();
        let (name, value) = match scheme {
            AuthScheme::None | AuthScheme::Sigv4 => return Self::None,
            AuthScheme::Bearer => (AUTHORIZATION, format!("Bearer {key}")),
            AuthScheme::ApiKey => (AUTHORIZATION, format!("Api-Key {key}")),
            AuthScheme::ApiKeyHeader => (HeaderName::from_static("api-key"), key.to_owned()),
            AuthScheme::Elastic => (AUTHORIZATION, format!("ApiKey {key}")),
            AuthScheme::Basic => (AUTHORIZATION, format!("Basic {key}")),
            AuthScheme::XApiKey => (HeaderName::from_static("x-api-key"), key.to_owned()),
        };
        Self::Header(name, SecretString::from(value))
    }
}

/// A provider on the network.
pub(crate) struct Remote {
    pub(crate) wire: Box<dyn Wire>,
    pub(crate) http: Http,
    /// Without a slash at the end.
    pub(crate) base: String,
    pub(crate) query: String,
    pub(crate) auth: Auth,
    pub(crate) scrub: Scrub,
    pub(crate) model: Model,
    /// Headers and fields that every request has.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Map<String, Value>,
}

impl Remote {
    async fn exchange(&self, request: &GenerateRequest) -> Sent {
        let mut left_out = Vec::new();
        let failed = |left_out: Vec<Parameter>, told, failed| Sent {
            outcome: Err(failed),
            left_out,
            told,
        };
        let (url, headers, body) = match self.posted(request, &mut left_out) {
            Ok(posted) => posted,
            Err(error) => return failed(left_out, None, Failed::before(error)),
        };
        let reply = match self.http.post(url, headers, body).await {
            Ok(reply) => reply,
            Err(broken) => return failed(left_out, None, self.broken(broken)),
        };
        let reply = Reply {
            body: self.scrub.body(reply.body),
            ..reply
        };
        let told = Told::read(&reply.headers, clock::system());
        match self.wire.read(&reply) {
            Ok(mut read) => {
                if !self.wire.tells_cuts() {
                    tell_cut(&mut read.completion, request.params.max_tokens);
                }
                Sent {
                    outcome: Ok(read),
                    left_out,
                    told: Some(told),
                }
            }
            Err(no_answer) => {
                let failure = self.no_answer(no_answer, &reply, &told);
                failed(left_out, Some(told), failure)
            }
        }
    }

    /// Returns what is posted for a request, and where.
    fn posted(
        &self,
        request: &GenerateRequest,
        left_out: &mut Vec<Parameter>,
    ) -> Result<(Url, HeaderMap, Bytes), ProviderError> {
        let mut written = self.wire.write(request, &self.model)?;
        *left_out = std::mem::take(&mut written.left_out);
        let (path, of_format) = (&written.path, std::mem::take(&mut written.headers));
        let query = match self.query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        let url = self.http.url(format!("{}{path}{query}", self.base))?;
        let body = Bytes::from(written.json(&self.body));
        let mut headers = self.headers.clone();
        for name in [CONTENT_TYPE, ACCEPT] {
            headers.insert(name, HeaderValue::from_static(JSON));
        }
        for (name, value) in of_format {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        match &self.auth {
            Auth::None => {}
            Auth::Header(name, value) => {
                let value = secret_value(value)
                    .map_err(|_| ProviderError::Denied("the key cannot be sent".into()))?;
                headers.insert(name, value);
            }
            Auth::Signed(account, service) => {
                let post = Post {
                    url: url.as_str(),
                    headers: &[("content-type", JSON.into())],
                    body: &body,
                };
                let cannot = |why: String| ProviderError::Denied(why.into());
                let signed = sign::sign(&post, account, *service, clock::system())
                    .map_err(|error| cannot(error.to_string()))?;
                for (name, value) in signed {
                    let bad = |_| cannot("the signature cannot be sent".into());
                    let name = HeaderName::try_from(name).map_err(|e| bad(e.to_string()))?;
                    headers.insert(name, secret_value(&value).map_err(|e| bad(e.to_string()))?);
                }
            }
        }
        Ok((url, headers, body))
    }

    fn broken(&self, broken: Broken) -> Failed {
        Failed {
            error: ProviderError::Unavailable(self.scrub.text(&broken.why).into()),
            status: None,
            again: match broken.again {
                true => Again::Failed,
                false => Again::Never,
            },
            wait: None,
            overloaded: false,
            had_left: broken.had_left,
            maybe_paid: broken.had_left,
        }
    }

    fn no_answer(&self, no_answer: NoAnswer, reply: &Reply, told: &Told) -> Failed {
        match no_answer {
            NoAnswer::Refused(mut refused) => {
                refused.message = self.scrub.text(&refused.message);
                Failed {
                    error: error_of(&refused, &self.model.name),
                    status: Some(refused.status),
                    again: retry::again(&refused, reply.should_retry()),
                    wait: told.retry_after,
                    overloaded: retry::is_overloaded(&refused),
                    had_left: true,
                    maybe_paid: false,
                }
            }
            NoAnswer::Malformed(why) => Failed {
                error: ProviderError::Unavailable(self.scrub.text(&why).into()),
                status: Some(reply.status),
                again: Again::Failed,
                wait: None,
                overloaded: false,
                had_left: true,
                maybe_paid: true,
            },
        }
    }
}

/// Says of an answer that is as long as it may be that it was cut: a few that
/// end there by themselves are doubted with the others.
fn tell_cut(completion: &mut Completion, max_tokens: Option<u32>) {
    let used = completion.usage.output_tokens;
    if max_tokens.is_none_or(|max| used.is_none_or(|used| used < max)) {
        return;
    }
    for choice in &mut completion.choices {
        if choice.finish_reason == FinishReason::Stop {
            choice.finish_reason = FinishReason::Length;
        }
    }
}

/// Returns a header's value that nothing prints.
pub(crate) fn secret_value(secret: &SecretString) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(secret.expose_secret())?;
    value.set_sensitive(true);
    Ok(value)
}

impl Backend for Remote {
    fn send<'a>(&'a self, _site: &'a CallSite, request: &'a Arc<GenerateRequest>) -> Sending<'a> {
        Box::pin(self.exchange(request))
    }

    fn takes_choices(&self) -> bool {
        self.wire.takes_choices()
    }
}

impl Failed {
    /// Returns the failure of a request that never left.
    fn before(error: ProviderError) -> Self {
        Self {
            error,
            status: None,
            again: Again::Never,
            wait: None::<Duration>,
            overloaded: false,
            had_left: false,
            maybe_paid: false,
        }
    }
}
