//! What the server is told, and tells, beside its work.

use hyper::{Method, Response};
use serde_json::{Value, json};

use super::answer::whole;
use super::faults::{Planned, WrittenFault};
use super::outgoing::Outgoing;
use super::state::State;

/// Rows of the log that are told where nobody says how many.
const LOG_ROWS: usize = 1_000;

/// Faults that are planned at once.
const FAULTS_MAX: usize = 100_000;

/// Answers a request for the server itself.
pub(super) fn handle(
    state: &State,
    method: &Method,
    path: &str,
    query: Option<&str>,
    body: &[u8],
) -> Response<Outgoing> {
    let done = match (method.as_str(), path) {
        ("GET", "/") => Ok(json!({"simulator": "fapo-host", "version": env!("CARGO_PKG_VERSION")})),
        ("GET", "/__stats") => Ok(state.stats()),
        ("GET", "/__log") => {
            let n = query.and_then(|query| query.strip_prefix("n=")?.parse().ok());
            Ok(state.log(n.unwrap_or(LOG_ROWS)))
        }
        ("POST", "/__reset") => {
            state.reset();
            Ok(json!({"reset": true}))
        }
        ("POST", "/__faults") => faults(state, body),
        ("POST", "/__config") => config(state, body),
        (_, "/" | "/__stats" | "/__log" | "/__reset" | "/__faults" | "/__config") => {
            return whole(
                405,
                &json!({"error": format!("{method} is not for {path}")}),
                Vec::new(),
            );
        }
        _ => {
            return whole(
                404,
                &json!({"error": format!("there is no {path}")}),
                Vec::new(),
            );
        }
    };
    match done {
        Ok(done) => whole(200, &done, Vec::new()),
        Err(why) => whole(400, &json!({"error": why}), Vec::new()),
    }
}

fn faults(state: &State, body: &[u8]) -> Result<Value, String> {
    let written: Vec<WrittenFault> = serde_json::from_slice(body)
        .map_err(|error| format!("send a list as [{{\"fault\": \"429\", \"retry_after\": \"1.5\", \"times\": 2}}]: {error}"))?;
    if written.len() > FAULTS_MAX {
        return Err(format!(
            "more than {FAULTS_MAX} faults are not planned at once"
        ));
    }
    let planned = written
        .into_iter()
        .map(Planned::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let n_planned = planned.len();
    state.plan(planned);
    Ok(json!({"planned": n_planned}))
}

fn config(state: &State, body: &[u8]) -> Result<Value, String> {
    let changes: serde_json::Map<String, Value> = serde_json::from_slice(body)
        .map_err(|error| format!("send an object of settings: {error}"))?;
    state.set(&changes)?;
    Ok(json!({"changed": changes.keys().collect::<Vec<_>>()}))
}
