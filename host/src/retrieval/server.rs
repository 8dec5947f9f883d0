//! A search server that the operator put behind an index: its place, its key,
//! and another attempt where that helps. A search is sent as a model call is,
//! and by the same parts, but for budgets: what searches cost is not counted.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fapo_core::Untrusted;
use fapo_core::call::{Found, Passage, RetrievalError, SearchRequest};
use fapo_core::digest::{canonical_json, sha256_hex};
use fapo_core::policy::{Asks, AuthScheme, WrittenEndpoint};
use fapo_core::run::IndexRecord;
use fapo_sandbox::CallSite;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::shape::Shape;
use crate::clock;
use crate::exit::{CommandError, CommandResult};
use crate::providers::Flow;
use crate::providers::connect::{headers, is_secret, strike_out};
use crate::providers::http::{Broken, Http};
use crate::providers::limiter::{self, Feedback, Limiter, Outcome, Told};
use crate::providers::place;
use crate::providers::remote::{Auth, secret_value};
use crate::providers::retry::{self, Again, Tries};
use crate::providers::secret::{self, Scrub};
use crate::providers::wire::{NoAnswer, Refused, Reply};

/// Said of what is wrong with the table of a server.
const HINT: &str = "`host/README.md` shows how search servers are written down";

/// A search server.
pub(crate) struct Server {
    name: String,
    written: WrittenEndpoint,
    shape: Shape,
    url: Url,
    /// The way there, once it is connected.
    way: OnceLock<Way>,
}

/// The way to a server.
struct Way {
    http: Http,
    headers: HeaderMap,
    scrub: Scrub,
    limiter: Option<Arc<Limiter>>,
}

/// An attempt that gave nothing.
struct Failed {
    error: RetrievalError,
    status: Option<u16>,
    again: Again,
    wait: Option<Duration>,
    overloaded: bool,
}

impl Server {
    /// Checks what the operator wrote of a server; nothing is sent or read for it.
    pub(crate) fn new(name: &str, written: &WrittenEndpoint) -> CommandResult<Self> {
        let bad = |why: String| {
            CommandError::person(format!("could not use `[indexes.{name}]` of `policy.toml`"))
                .because(why)
                .hint(HINT)
        };
        let url = place::address(&written.url).map_err(bad)?;
        let shape = Shape::new(written).map_err(|error| bad(error.to_string()))?;
        let rate = &written.rate;
        let is_zero = rate.in_flight_max == Some(0) || rate.requests_per_minute == Some(0);
        if is_zero || written.retry.attempts_max == 0 {
            return Err(bad("`rate` and `retry.attempts_max` are at least 1".into()));
        }
        if written.auth == Some(AuthScheme::Sigv4) {
            return Err(bad("`auth = \"sigv4\"` is for models alone".into()));
        }
        headers(name, &written.headers)?;
        Ok(Self {
            name: name.into(),
            written: written.clone(),
            shape,
            url,
            way: OnceLock::new(),
        })
    }

    /// Returns what a run's record says of it, which is no secret.
    pub(crate) fn record(&self) -> IndexRecord {
        let written = &self.written;
        let told = |(name, value): (&String, &String)| {
            let value = if is_secret(name) { "" } else { value.as_str() };
            (name.clone(), value.into())
        };
        let all = json!({
            "url": written.url,
            "method": written.asks(),
            "headers": written.headers.iter().map(told).collect::<serde_json::Map<_, _>>(),
            "query": written.query.iter().map(told).collect::<serde_json::Map<_, _>>(),
            "request": written.request,
            "hits": written.hits,
        });
        IndexRecord {
            digest: sha256_hex(canonical_json(&all)),
            url: Some(written.url.clone()),
            ..IndexRecord::default()
        }
    }

    /// Gets ready to ask: reads the key, and sets up a client.
    pub(crate) fn connect(&self) -> CommandResult<()> {
        if self.way.get().is_none() {
            let _ = self.way.set(self.new_way()?);
        }
        Ok(())
    }

    fn new_way(&self) -> CommandResult<Way> {
        let (written, name) = (&self.written, &self.name);
        let mut scrub = Scrub::default();
        let mut headers = headers(name, &written.headers)?;
        strike_out(written.headers.iter().chain(&written.query), &mut scrub);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut credential = String::new();
        if let Some(source) = &written.key {
            let what = format!("the key of the index `{name}`");
            let key = secret::read(source, &what).map_err(|error| {
                error.hint(format!(
                    "`[indexes.{name}]` in `policy.toml` says where it is"
                ))
            })?;
            scrub.add(&key);
            if let Auth::Header(header, value) =
                Auth::of(written.auth.unwrap_or(AuthScheme::Bearer), &key)
            {
                headers.insert(header, sent(name, &value)?);
            }
            credential = sha256_hex(key.expose_secret());
        }
        let credential = format!("search {} {credential}", written.url);
        Ok(Way {
            http: Http::new(&written.url, &written.deadlines, written.answer_bytes_max)?,
            headers,
            scrub,
            limiter: limiter::of_process(Some(&credential), &[written.rate]),
        })
    }

    /// Searches, until there is an answer or no use in trying.
    pub(crate) async fn search(
        &self,
        flow: &Flow,
        site: &CallSite,
        request: &SearchRequest,
    ) -> Found {
        let Some(way) = self.way.get() else {
            let error = RetrievalError::Unavailable("nothing is sent in this run".into());
            return Err(error).into();
        };
        let (mut tries, mut requests) = (Tries::default(), 0);
        loop {
            let permit = match &way.limiter {
                Some(limiter) => Some(limiter.admit(flow, 0).await),
                None => None,
            };
            requests += 1;
            let (outcome, told) = self.ask(way, request).await;
            let fed_back = match &outcome {
                Ok(_) => Outcome::Answered { tokens: None },
                Err(failed) if failed.again == Again::Throttled || failed.overloaded => {
                    Outcome::Throttled {
                        retry_after: failed.wait,
                        slow_down: failed.overloaded,
                    }
                }
                Err(_) => Outcome::Failed,
            };
            if let Some(permit) = permit {
                permit.done(Feedback {
                    outcome: fed_back,
                    told,
                });
            }
            let failed = match outcome {
                Ok(passages) => {
                    return Found::from(Ok(passages)).after(requests);
                }
                Err(failed) => failed,
            };
            match tries.next(failed.again, failed.wait, &self.written.retry, site) {
                Ok(wait) => {
                    tracing::debug!(
                        attempt = requests,
                        status = failed.status,
                        wait_ms = wait.as_millis() as u64,
                        "a search is tried again"
                    );
                    tokio::time::sleep(wait).await;
                }
                Err(given_up) => {
                    let answer = Err(match (failed.error, given_up.more(requests)) {
                        (RetrievalError::Unavailable(why), Some(more)) => {
                            RetrievalError::Unavailable(format!("{}; {more}", why.as_str()).into())
                        }
                        (error, _) => error,
                    });
                    return Found::from(answer).after(requests);
                }
            }
        }
    }

    /// Asks once.
    async fn ask(
        &self,
        way: &Way,
        request: &SearchRequest,
    ) -> (Result<Vec<Passage>, Failed>, Option<Told>) {
        let mut url = self.url.clone();
        let query = self.shape.query(request);
        if !query.is_empty() {
            url.set_query(Some(&query));
        }
        let method = match self.written.asks() {
            Asks::Get => Method::GET,
            Asks::Post => Method::POST,
        };
        let body = self.shape.body(request).unwrap_or_default().into();
        let sent = way.http.send(method, url, way.headers.clone(), body).await;
        let reply = match sent {
            Ok(reply) => reply,
            Err(broken) => return (Err(self.broken(way, &broken)), None),
        };
        let reply = Reply {
            body: way.scrub.body(reply.body),
            ..reply
        };
        let told = Told::read(&reply.headers, clock::system());
        let read = self.shape.read(&reply, request.k);
        let outcome = read.map_err(|no_answer| self.no_answer(way, no_answer, &reply, &told));
        (outcome, Some(told))
    }

    fn broken(&self, way: &Way, broken: &Broken) -> Failed {
        Failed {
            error: RetrievalError::Unavailable(self.says(way, &broken.why)),
            status: None,
            again: match broken.again {
                true => Again::Failed,
                false => Again::Never,
            },
            wait: None,
            overloaded: false,
        }
    }

    fn no_answer(&self, way: &Way, no_answer: NoAnswer, reply: &Reply, told: &Told) -> Failed {
        match no_answer {
            NoAnswer::Refused(refused) => Failed {
                error: error_of(&refused, self.says(way, &refused.message)),
                status: Some(refused.status),
                again: retry::again(&refused, reply.should_retry()),
                wait: told.retry_after,
                overloaded: retry::is_overloaded(&refused),
            },
            NoAnswer::Malformed(why) => Failed {
                error: RetrievalError::Unavailable(self.says(way, &why)),
                status: Some(reply.status),
                again: Again::Failed,
                wait: None,
                overloaded: false,
            },
        }
    }

    /// Puts the index before what went wrong, and strikes out what is secret.
    fn says(&self, way: &Way, why: &str) -> Untrusted {
        format!("the server of `{}`: {}", self.name, way.scrub.text(why)).into()
    }
}

/// Maps a refusal to the error that a chain sees. A server that does not know
/// its own address, or refuses the key, is the operator's to mend, and so the
/// world's failure; what the server says of the query is the chain's.
fn error_of(refused: &Refused, message: Untrusted) -> RetrievalError {
    let why = format!("{} (status {})", message.as_str(), refused.status).into();
    match refused.status {
        401..=403 => RetrievalError::Denied(why),
        400 | 413 | 414 | 422 => RetrievalError::InvalidRequest(why),
        _ => RetrievalError::Unavailable(why),
    }
}

/// Returns the header with the key.
fn sent(name: &str, value: &SecretString) -> CommandResult<HeaderValue> {
    secret_value(value).map_err(|_| {
        CommandError::person(format!("the key of the index `{name}` cannot be sent"))
            .hint("a header holds no control characters and no letters beyond ASCII")
    })
}

#[cfg(test)]
mod tests {
    use fapo_core::policy::WrittenPolicy;

    use super::*;

    fn written(toml: &str) -> WrittenPolicy {
        toml::from_str(toml).unwrap_or_else(|error| panic!("{error}\n{toml}"))
    }

    #[test]
    fn the_servers_in_the_manual_can_be_used() {
        let manual = include_str!("../../README.md");
        let blocks = manual.split("```toml\n").skip(1);
        let blocks = blocks.filter_map(|rest| rest.split("```").next());
        let mut n = 0;
        for block in blocks.filter(|block| block.contains("[indexes.") && block.contains("url =")) {
            for (name, written) in written(block).indexes {
                Server::new(&name, &written).unwrap_or_else(|e| panic!("{:?}", e.chain()));
                n += 1;
            }
        }
        assert_eq!(n, 2);
    }

    #[test]
    fn a_record_tells_one_server_from_another_and_holds_no_secret() {
        let record = |more: &str| {
            let toml = format!(
                "[indexes.wiki]\nurl = \"http://a.example\"\n{more}\nrequest = [\"${{query}}\"]"
            );
            let server = Server::new("wiki", &written(&toml).indexes["wiki"]);
            server
                .unwrap_or_else(|e| panic!("{:?}", e.chain()))
                .record()
        };
        let plain = record("");
        assert_ne!(plain, record("hits = { at = \"/hits\" }"));
        assert_ne!(plain, record("query = { index = \"2017\" }"));
        // How it is asked, and by whom, decides no answer.
        assert_eq!(
            plain,
            record("rate = { in_flight_max = 2 }\nkey = { env = \"A\" }")
        );
        let with_key = |key: &str| record(&format!("query = {{ api-key = \"{key}\" }}"));
        assert_eq!(with_key("planted-1"), with_key("planted-2"));
    }
}
