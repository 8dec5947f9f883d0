//! The way of a request: its key, what goes wrong, the quota, the format, the
//! simulator, and back.

use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fapo_core::simulator::{self, Key, simulate};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use super::asked::{Answer, Answered, Asked, Shape, Stamp};
use super::chat::{self, Strictness};
use super::faults::{Fault, RetryAfter};
use super::outgoing::{HUGE_BYTES, Outgoing};
use super::quota::come_back;
use super::route::{self, Route};
use super::settings::Settings;
use super::sigv4::Signed;
use super::state::{Arrived, State};
use super::vendor::{Headers, Refusal, Vendor};
use super::{auth, containers, control, converse, messages, responses};
use crate::clock;

/// The longest request.
const REQUEST_BYTES_MAX: usize = 64 << 20;

/// What the models can hold.
const CONTEXT_TOKENS: usize = 200_000;

/// The connection is cut in place of a reply.
#[derive(Debug)]
pub(super) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut on demand")
    }
}

impl std::error::Error for Cut {}

/// Counts a request in, and out again however it ends.
struct Visit {
    state: Arc<State>,
    arrived: Arrived,
    path: String,
    body: u64,
    became: String,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.state
            .leaves(&self.arrived, &self.path, self.body, &self.became);
    }
}

/// Answers one request.
pub(super) async fn handle(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Outgoing>, Cut> {
    let (head, incoming) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = match Limited::new(incoming, REQUEST_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            return Ok(refused(
                Vendor::OpenAi,
                &Refusal::of(413, "The request is too long, or was cut."),
                "",
                Vec::new(),
            ));
        }
    };
    if path == "/" || path.starts_with("/__") {
        return Ok(control::handle(
            &state,
            &head.method,
            &path,
            head.uri.query(),
            &body,
        ));
    }
    let Some((route, mut vendor)) = route::of(&path) else {
        let why = format!("Invalid URL ({} {path})", head.method);
        return Ok(refused(
            Vendor::OpenAi,
            &Refusal::of(404, why).code("unknown_url"),
            "",
            Vec::new(),
        ));
    };
    if vendor == Vendor::OpenAi && auth::is_baseten(&head.headers) {
        vendor = Vendor::Baseten;
    }
    let lists = matches!(route, Route::Models | Route::Model(_));
    if head.method != if lists { Method::GET } else { Method::POST } {
        let why = format!("Not allowed to {} on {path}.", head.method);
        return Ok(refused(vendor, &Refusal::of(405, why), "", Vec::new()));
    }
    let digest = digest(&path, &body);
    let mut visit = Visit {
        arrived: state.arrives(digest),
        state,
        path,
        body: digest,
        // Whoever asked went away, unless something else is said.
        became: "gone".into(),
    };
    let signed = Signed {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    let reply = reply(&visit, &route, vendor, &signed).await;
    let (reply, became) = match reply {
        Ok(reply) => {
            let became = reply.status().as_u16().to_string();
            (Ok(reply), became)
        }
        Err(cut) => (Err(cut), "reset".to_owned()),
    };
    visit.became = became;
    reply
}

async fn reply(
    visit: &Visit,
    route: &Route,
    vendor: Vendor,
    signed: &Signed<'_>,
) -> Result<Response<Outgoing>, Cut> {
    let Visit { state, arrived, .. } = visit;
    let settings = &*arrived.settings;
    let id = state.id(settings.seed);
    let refuse = |refusal: &Refusal, more: Headers| {
        let mut headers = more;
        if settings.quota_headers {
            headers.extend(state.quota_headers(vendor));
        }
        refused(vendor, refusal, &id, headers)
    };
    if let Err(refusal) = auth::check(
        settings,
        route,
        vendor,
        signed,
        clock::since_1970().as_secs(),
    ) {
        return Ok(refuse(&refusal, Vec::new()));
    }
    if let Some(reply) = catalogue(settings, route, vendor, &id) {
        return Ok(reply);
    }
    let (fault, retry_after) = fault(visit);
    if let Some(fault) = fault {
        state.fails(fault);
    }
    match fault {
        Some(Fault::Reset) => return Err(Cut),
        Some(Fault::StallBefore) => std::future::pending().await,
        _ => {}
    }
    if let Some(refusal) = fault.and_then(Fault::refusal) {
        let headers = retry_after
            .iter()
            .map(|after| after.header(clock::since_1970()))
            .collect();
        return Ok(refuse(&refusal, headers));
    }
    if settings
        .in_flight_max
        .is_some_and(|most| arrived.in_flight > most)
    {
        let why = format!(
            "Too many concurrent requests: {} are under way.",
            arrived.in_flight
        );
        return Ok(refuse(
            &Refusal::of(429, why),
            come_back(vendor, Duration::from_millis(200)),
        ));
    }
    let tokens = signed.body.len().div_ceil(4);
    if let Err(wait) = state.take(settings, tokens as f64) {
        let why = format!(
            "Rate limit reached. Please try again in {}ms.",
            wait.as_millis()
        );
        let headers = match &settings.retry_after {
            Some(after) => vec![after.header(clock::since_1970())],
            None => come_back(vendor, wait),
        };
        return Ok(refuse(&Refusal::of(429, why), headers));
    }
    let asked = match read(settings, route, vendor, signed) {
        Ok(asked) => asked,
        Err(refusal) => return Ok(refuse(&refusal, Vec::new())),
    };
    let latency = settings.latency.at(
        draw(settings, visit, "latency"),
        draw(settings, visit, "latency too"),
    );
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let answer = answer(visit, &asked, fault, &id, latency);
    let mut headers = vendor.headers(&id);
    if settings.quota_headers {
        headers.extend(state.quota_headers(vendor));
    }
    Ok(spoilt(answer, fault, headers))
}

/// Returns what goes wrong with a request: what was planned, or what comes by
/// chance.
fn fault(visit: &Visit) -> (Option<Fault>, Option<RetryAfter>) {
    let settings = &visit.arrived.settings;
    if let Some((fault, after)) = visit.state.planned() {
        return (Some(fault), after.or_else(|| settings.retry_after.clone()));
    }
    let fault = settings.faults.at(draw(settings, visit, "fault"));
    let fault = fault.filter(|_| visit.state.may_fail(visit.body, settings));
    (fault, settings.retry_after.clone())
}

/// Returns a number from 0 to 1 that belongs to an attempt.
fn draw(settings: &Settings, visit: &Visit, what: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(settings.seed);
    hasher.write_u64(visit.body);
    hasher.write_u32(visit.arrived.attempt);
    hasher.write(what.as_bytes());
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

fn digest(path: &str, body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path.as_bytes());
    hasher.write(body);
    hasher.finish()
}

/// Answers what is asked about models.
fn catalogue(
    settings: &Settings,
    route: &Route,
    vendor: Vendor,
    id: &str,
) -> Option<Response<Outgoing>> {
    let model =
        |name: &str| json!({"id": name, "object": "model", "created": 0, "owned_by": "simulator"});
    let found = match route {
        Route::Models => {
            let names: Vec<&str> = match settings.models.as_slice() {
                [] => vec![simulator::MODEL, simulator::REASONER],
                names => names.iter().map(String::as_str).collect(),
            };
            let models: Vec<_> = names.into_iter().map(model).collect();
            json!({"object": "list", "data": models})
        }
        Route::Model(name) if settings.knows(name) => model(name),
        Route::Model(name) => {
            return Some(refused(vendor, &no_model(vendor, name), id, Vec::new()));
        }
        _ => return None,
    };
    Some(whole(200, &found, vendor.headers(id)))
}

fn no_model(vendor: Vendor, model: &str) -> Refusal {
    match vendor {
        Vendor::Anthropic => Refusal::of(404, format!("model: {model}")),
        Vendor::Bedrock => Refusal::of(400, "The provided model identifier is invalid."),
        Vendor::SageMaker => Refusal::of(
            400,
            format!("Endpoint {model} of account 000000000000 not found."),
        ),
        Vendor::Azure => {
            let why = "The API deployment for this resource does not exist.";
            Refusal::of(404, why).code("DeploymentNotFound")
        }
        Vendor::OpenAi | Vendor::Baseten => {
            let why =
                format!("The model `{model}` does not exist or you do not have access to it.");
            Refusal::of(404, why).code("model_not_found")
        }
    }
}

/// Reads a request in its format.
fn read(
    settings: &Settings,
    route: &Route,
    vendor: Vendor,
    signed: &Signed<'_>,
) -> Result<Asked, Refusal> {
    if let Route::Chat {
        deployment: Some(_),
    } = route
        && !signed.query.contains("api-version=")
    {
        return Err(Refusal::of(404, "Resource not found"));
    }
    let body: Value = serde_json::from_slice(signed.body).map_err(|error| {
        let why = format!("We could not parse the JSON body of your request: {error}.");
        match (vendor, route) {
            (Vendor::SageMaker, _) => Refusal::of(424, why).param("400"),
            _ => Refusal::bad(why),
        }
    })?;
    let strictness = match vendor {
        Vendor::OpenAi | Vendor::Azure => Strictness::Own,
        _ => Strictness::Compatible,
    };
    let asked = match route {
        Route::Chat { deployment } => chat::read(&body, deployment.as_deref(), strictness)?,
        Route::Responses => responses::read(&body)?,
        Route::Messages => messages::read(&body)?,
        Route::Converse { model } => converse::read(&body, model)?,
        Route::Invocations { endpoint } => containers::read_endpoint(&body, endpoint)?,
        Route::Predict => containers::read_predict(&body)?,
        Route::Models | Route::Model(_) => return Err(Refusal::of(405, "Not allowed.")),
    };
    let model = match route {
        Route::Chat {
            deployment: Some(name),
        }
        | Route::Invocations { endpoint: name } => name,
        _ => &asked.model,
    };
    if !settings.knows(model) {
        return Err(no_model(vendor, model));
    }
    let tokens = signed.body.len() / 4;
    if tokens > CONTEXT_TOKENS {
        return Err(match vendor {
            Vendor::Anthropic | Vendor::Bedrock => Refusal::bad(format!(
                "prompt is too long: {tokens} tokens > {CONTEXT_TOKENS} maximum"
            )),
            _ => {
                let why = format!(
                    "This model's maximum context length is {CONTEXT_TOKENS} tokens. However, your messages resulted in {tokens} tokens. Please reduce the length of the messages."
                );
                Refusal::bad(why)
                    .param("messages")
                    .code("context_length_exceeded")
            }
        });
    }
    Ok(asked)
}

/// Asks the simulator.
fn answer(visit: &Visit, asked: &Asked, fault: Option<Fault>, id: &str, took: Duration) -> Answer {
    let settings = &*visit.arrived.settings;
    let key = Key {
        repeat: visit.state.sample(visit.body, fault.is_none()),
        seed: settings.seed,
    };
    let completion = if asked.reasons && !asked.model.starts_with(simulator::REASONER) {
        let mut request = asked.request.clone();
        request.model = Some(simulator::REASONER.into());
        simulate(&request, &settings.rates, key)
    } else {
        simulate(&asked.request, &settings.rates, key)
    };
    visit.state.spend(
        settings,
        f64::from(completion.usage.output_tokens.unwrap_or(0)),
    );
    let fingerprint = format!("fp_sim_{:08x}", settings.seed);
    let stamp = Stamp {
        id,
        now: clock::since_1970().as_secs(),
        fingerprint: &fingerprint,
        took_ms: took.as_millis() as u64,
    };
    let answered = Answered {
        asked,
        completion: &completion,
        stamp: &stamp,
    };
    match asked.shape {
        Shape::Chat { tells_usage } => chat::write(&answered, tells_usage),
        Shape::Responses => responses::write(&answered),
        Shape::Messages => messages::write(&answered),
        Shape::Converse => converse::write(&answered),
        Shape::Tgi { details, is_list } => containers::write_tgi(&answered, details, is_list),
        Shape::Predict => containers::write_predict(&answered),
    }
}

/// Sends an answer, or what a fault makes of it.
fn spoilt(answer: Answer, fault: Option<Fault>, headers: Headers) -> Response<Outgoing> {
    let (kind, pieces) = match answer {
        Answer::Json(json) => ("application/json", vec![Bytes::from(json.to_string())]),
        Answer::Events(events) => ("text/event-stream; charset=utf-8", events),
    };
    let joined = || match pieces.as_slice() {
        [whole] => whole.clone(),
        pieces => Bytes::from(pieces.concat()),
    };
    let (kind, body) = match fault {
        Some(Fault::StallAmid) => {
            let whole = joined();
            let claimed = whole.len() as u64;
            (
                kind,
                Outgoing::Stalls {
                    first: Outgoing::half(&whole),
                    claimed,
                },
            )
        }
        Some(Fault::ResetAmid) => {
            let whole = joined();
            let claimed = whole.len() as u64;
            (
                kind,
                Outgoing::Breaks {
                    first: Some(Outgoing::half(&whole)),
                    claimed,
                },
            )
        }
        Some(Fault::CutJson) => (kind, Outgoing::Whole(Outgoing::half(&joined()))),
        Some(Fault::Huge) => (kind, Outgoing::Huge(HUGE_BYTES)),
        Some(Fault::Empty) => (kind, Outgoing::Whole(Bytes::new())),
        Some(Fault::ContentType) => {
            let page =
                "<html><body><h1>It works</h1><p>This is the page of a proxy.</p></body></html>";
            ("text/html", Outgoing::Whole(page.into()))
        }
        _ if pieces.len() > 1 => (kind, Outgoing::Pieces(pieces.into())),
        _ => (kind, Outgoing::Whole(joined())),
    };
    response(200, kind, body, headers)
}

/// Sends a refusal as a vendor does.
fn refused(vendor: Vendor, refusal: &Refusal, id: &str, more: Headers) -> Response<Outgoing> {
    let (body, mut headers) = vendor.refusal(refusal, id);
    headers.extend(vendor.headers(id));
    headers.extend(more);
    whole(refusal.status, &body, headers)
}

/// Sends JSON.
pub(super) fn whole(status: u16, body: &Value, headers: Headers) -> Response<Outgoing> {
    response(
        status,
        "application/json",
        Outgoing::Whole(body.to_string().into()),
        headers,
    )
}

fn response(
    status: u16,
    kind: &'static str,
    body: Outgoing,
    headers: Headers,
) -> Response<Outgoing> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let into = response.headers_mut();
    into.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    into.insert("x-simulator", HeaderValue::from_static("fapo-host"));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            into.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
