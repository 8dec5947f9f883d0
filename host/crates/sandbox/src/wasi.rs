//! What stands behind WASI: a clock that no wall drives, seeded randomness,
//! output that is captured, and nothing else.
//!
//! A standard library imports files and sockets even where a program uses
//! none, so they are linked, to a world without a directory or a network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use tokio::io::AsyncWrite;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, OutputStream, Pollable, StreamResult, subscribe};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView,
};

use crate::guest::Guest;
use crate::recorder::Recorder;

/// When every case begins, by its own clock: 2026-01-01T00:00:00Z.
const EPOCH: Duration = Duration::from_secs(1_767_225_600);

/// What the clock moves on by each time it is read, so that a loop that waits
/// for time to pass comes to an end.
const READING_NS: u64 = 1_000;

/// The clock of one case. It moves when it is read or slept on.
#[derive(Clone, Default)]
pub(crate) struct VirtualClock(Arc<AtomicU64>);

impl VirtualClock {
    /// Moves on and returns the time; at the end of time it stands.
    fn read(&self) -> u64 {
        let later = |ns: u64| Some(ns.saturating_add(READING_NS));
        let before = self
            .0
            .fetch_update(Relaxed, Relaxed, later)
            .unwrap_or_else(|same| same);
        before.saturating_add(READING_NS)
    }

    fn advance_to(&self, ns: u64) {
        self.0.fetch_max(ns, Relaxed);
    }
}

impl HostWallClock for VirtualClock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(READING_NS)
    }

    fn now(&self) -> Duration {
        EPOCH + Duration::from_nanos(self.read())
    }
}

impl HostMonotonicClock for VirtualClock {
    fn resolution(&self) -> u64 {
        READING_NS
    }

    fn now(&self) -> u64 {
        self.read()
    }
}

/// WASI's state of one instance, made when the guest first asks for it: most
/// chains never do.
pub(crate) struct Wasi {
    made: Option<WasiCtx>,
    clock: VirtualClock,
    seed: u64,
    random_bytes_max: u64,
    recorder: Arc<Recorder>,
}

impl Wasi {
    pub(crate) fn new(seed: u64, random_bytes_max: u64, recorder: Arc<Recorder>) -> Self {
        Self {
            made: None,
            clock: VirtualClock::default(),
            seed,
            random_bytes_max,
            recorder,
        }
    }

    fn context(&mut self) -> &mut WasiCtx {
        self.made.get_or_insert_with(|| {
            let mut seeds = Xoshiro256PlusPlus::seed_from_u64(self.seed);
            WasiCtxBuilder::new()
                .wall_clock(self.clock.clone())
                .monotonic_clock(self.clock.clone())
                .secure_random(Xoshiro256PlusPlus::seed_from_u64(seeds.next_u64()))
                .insecure_random(Xoshiro256PlusPlus::seed_from_u64(seeds.next_u64()))
                .insecure_random_seed(u128::from(seeds.next_u64()))
                .max_random_size(self.random_bytes_max)
                .allow_tcp(false)
                .allow_udp(false)
                .stdout(Captured(self.recorder.clone()))
                .stderr(Captured(self.recorder.clone()))
                .build()
        })
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: self.wasi.context(),
            table: &mut self.table,
        }
    }
}

/// Links all of WASI that a component may import.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<Guest, HasSelf<Guest>>(linker, |guest| guest)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Sleeping moves the virtual clock and is over at once.
impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.wasi.clock.read())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(READING_NS)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.wasi.clock.advance_to(when);
        let passed = self.table.push(Passed)?;
        subscribe(&mut self.table, passed)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let when = self.wasi.clock.read().saturating_add(duration);
        monotonic_clock::Host::subscribe_instant(self, when)
    }
}

/// A moment that has come.
struct Passed;

#[wasmtime_wasi::async_trait]
impl Pollable for Passed {
    async fn ready(&mut self) {}
}

/// Standard output and error: kept with the case, as far as there is room.
#[derive(Clone)]
struct Captured(Arc<Recorder>);

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // The streams of WASI 0.2 below are the only ones that are linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Captured {
    async fn ready(&mut self) {}
}

impl OutputStream for Captured {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0.stdio(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 << 10)
    }
}
