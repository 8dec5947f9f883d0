//! `fapo-host doctor --index NAME`: one search, and what it says.

use std::time::Instant;

use fapo_core::Untrusted;
use fapo_core::call::{Found, RetrievalError, SearchRequest};

use super::{Check, Verdict, bad, flow, good, site};
use crate::commands::runtime;
use crate::exit::CommandResult;
use crate::home::Home;
use crate::retrieval::Server;

/// How many passages are asked for.
const K: u32 = 3;

/// Searches once by the server of an index, and tells what was found on the way.
pub(super) fn look(home: &Home, name: &str, query: &str) -> CommandResult<Vec<Check>> {
    let policy = home.policy()?;
    let Some(written) = policy.indexes.get(name) else {
        let known: Vec<_> = policy.indexes.keys().map(String::as_str).collect();
        let hint = match known.is_empty() {
            true => "`[indexes.NAME]` in `policy.toml` puts a search server behind an index".into(),
            false => format!("there are {}", known.join(", ")),
        };
        let check = good("index", format!("the policy has no index `{name}`"));
        return Ok(vec![check.but(Verdict::Bad, hint)]);
    };
    // Somebody sits before the screen: the first answer is the one that counts.
    let mut written = written.clone();
    written.retry.attempts_max = 1;
    let mut checks = vec![good("index", format!("{name}: {}", written.url))];
    let connected = Server::new(name, &written).and_then(|server| {
        server.connect()?;
        Ok(server)
    });
    let server = match connected {
        Ok(server) => server,
        Err(error) => {
            checks.push(bad("table", &error));
            return Ok(checks);
        }
    };
    let request = SearchRequest {
        index: name.into(),
        query: query.into(),
        k: K,
    };
    let began = Instant::now();
    let found = runtime()?.block_on(server.search(&flow(), &site(), &request));
    let took = format!("{:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    checks.push(answered(found, &took));
    Ok(checks)
}

fn answered(found: Found, took: &str) -> Check {
    let passages = match found.answer {
        Ok(passages) => passages,
        Err(error) => {
            let (why, hint) = told(&error);
            return good("answer", why.to_string()).but(Verdict::Bad, hint);
        }
    };
    let n = passages.len();
    let Some(first) = passages.first() else {
        return good("answer", format!("nothing was found, after {took}")).but(
            Verdict::Slow,
            "ask for something that is there with `--query TEXT`; if it is, `hits.at` may be wrong",
        );
    };
    let title = first.title.cut(40);
    let id = first.id.cut(40);
    good(
        "answer",
        format!("{n} passages after {took}, the first `{id}` with the title `{title}`"),
    )
}

fn told(error: &RetrievalError) -> (&Untrusted, &'static str) {
    match error {
        RetrievalError::Denied(why) => (why, "the server does not accept the key"),
        RetrievalError::InvalidRequest(why) => (
            why,
            "the server does not take such requests: check `request` and `query`",
        ),
        RetrievalError::Unavailable(why)
        | RetrievalError::UnknownIndex(why)
        | RetrievalError::UnknownStep(why)
        | RetrievalError::Other(why) => (
            why,
            "check `url`, `hits` and the network, and whether the server is well",
        ),
    }
}
