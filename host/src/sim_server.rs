//! A server that simulates models: the simulator over HTTP, in the formats of
//! the vendors that this program speaks to, with their refusals and their
//! headers, and with faults on demand.
//!
//! It shares no code with the program's own clients of these formats: the two
//! are written from the vendors' documents and check one another. It needs no
//! account, sends nothing anywhere, and says in each reply that it is a
//! simulator.

mod route;
mod settings;
mod vendor;

mod auth;
mod sigv4;

mod asked;
mod chat;
mod containers;
mod converse;
mod messages;
mod responses;

mod faults;
mod outgoing;
mod quota;

mod answer;
mod control;
mod state;

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stop::Stop;

pub(crate) use faults::{Faults, RetryAfter};
pub(crate) use quota::Quota;
pub(crate) use settings::{Latency, Settings};
pub(crate) use sigv4::AwsKey;
use state::State;

/// How long requests under way have to end once the server is to stop.
const GRACE: Duration = Duration::from_secs(2);

/// Pause after the system had no place for a connection.
const BREATH: Duration = Duration::from_millis(20);

/// Serves until it is asked to stop.
pub(crate) async fn serve(listener: TcpListener, settings: Settings, stop: &mut Stop) {
    let state = Arc::new(State::new(settings));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.asked() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, state.clone(), stopped.clone()))),
                // Too many files are open, most likely: some will be closed.
                Err(_) => tokio::time::sleep(BREATH).await,
            },
        }
    }
    drop(listener);
    let _ = stopping.send(true);
    let _ = tokio::time::timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
    connections.shutdown().await;
}

/// Serves one connection.
async fn connection(stream: TcpStream, state: Arc<State>, mut stopped: watch::Receiver<bool>) {
    // Answers are small; none waits for another.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer::handle(state.clone(), request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut is_stopping = false;
    let ended = loop {
        tokio::select! {
            ended = &mut connection => break ended,
            _ = stopped.changed(), if !is_stopping => {
                is_stopping = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    if ended.is_err() {
        // A reply that was refused to be made cuts the connection, and the
        // client is told so by the system.
        let stream = connection.into_parts().io.into_inner();
        let _ = stream.set_zero_linger();
    }
}
