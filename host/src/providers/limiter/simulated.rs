//! Servers with quotas of all kinds, and clients that have to find them.
//!
//! Time is tokio's paused clock and chance is seeded, so that a run is the
//! same each time and takes no time.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::told::{Quota, Told};
use super::{Feedback, Flow, Limiter, Outcome, RateSettings};

/// What a server allows, and how it behaves.
#[derive(Clone, Copy)]
pub(super) struct Server {
    /// Requests a minute; none is no quota.
    pub(super) per_minute: Option<f64>,
    /// How many it lets in at once after a rest.
    pub(super) burst: f64,
    /// How many may be inside; none is as many as like.
    pub(super) places: Option<u32>,
    /// The median time of an answer.
    pub(super) answer_ms: f64,
    /// The way there, and the way back.
    pub(super) network_ms: f64,
    /// How long a refusal takes besides.
    pub(super) refusal_ms: f64,
    pub(super) retry_after: RetryAfter,
    pub(super) tells_quota: bool,
    /// Whether all of the quota comes at once, each minute.
    pub(super) is_by_minute: bool,
    /// The quota that it has after some seconds.
    pub(super) later: Option<(f64, f64)>,
    /// One request in so many is refused since it is in trouble.
    pub(super) overloaded_one_in: Option<u64>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum RetryAfter {
    Untold,
    /// When the next request would be let in.
    Honest,
    /// Always as many seconds.
    Always(f64),
}

impl Server {
    pub(super) fn quota(per_minute: f64, burst: f64, answer_ms: f64) -> Self {
        Self {
            per_minute: Some(per_minute),
            burst,
            places: None,
            answer_ms,
            network_ms: (answer_ms / 20.0).clamp(1.0, 10.0),
            refusal_ms: 0.0,
            retry_after: RetryAfter::Untold,
            tells_quota: false,
            is_by_minute: false,
            later: None,
            overloaded_one_in: None,
        }
    }

    pub(super) fn places(places: u32, answer_ms: f64) -> Self {
        Self {
            per_minute: None,
            places: Some(places),
            ..Self::quota(0.0, 0.0, answer_ms)
        }
    }

    fn per_minute_at(&self, now_s: f64) -> Option<f64> {
        match self.later {
            Some((at_s, later)) if now_s >= at_s => Some(later),
            _ => self.per_minute,
        }
    }

    /// Returns what it lets in until some second, besides its burst, if all
    /// workers ask.
    fn allowed(&self, until_s: f64) -> f64 {
        let mean_ms = self.answer_ms * (SPREAD * SPREAD / 2.0).exp();
        let inside_s = (mean_ms + 2.0 * self.network_ms) / 1e3;
        let most = f64::from(self.places.unwrap_or(N_WORKERS)) / inside_s;
        let per_s = |per_minute: Option<f64>| per_minute.map_or(most, |n| most.min(n / 60.0));
        match self.later {
            Some((at_s, later)) if until_s > at_s => {
                per_s(self.per_minute) * at_s + per_s(Some(later)) * (until_s - at_s)
            }
            _ => per_s(self.per_minute) * until_s,
        }
    }
}

/// How many workers ask a server, of all its clients together.
pub(super) const N_WORKERS: u32 = 256;

/// How far the times of answers are spread (the deviation of their logarithm).
const SPREAD: f64 = 0.5;

/// What went on.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// How many were let in and refused in each second.
    let_in: Vec<u32>,
    refused: Vec<u32>,
    /// What was allowed until each second, and all at once at first.
    allowed: Vec<f64>,
    burst: f64,
    /// When so many more than one were inside first.
    pub(super) crowded_at: Vec<Duration>,
}

impl Run {
    /// Returns the share of the quota that was used from some second on.
    pub(super) fn share(&self, from_s: usize) -> f64 {
        let used: u32 = self.let_in[from_s..].iter().sum();
        let before = match from_s {
            0 => -self.burst,
            _ => self.allowed[from_s],
        };
        f64::from(used) / (self.allowed[self.let_in.len()] - before)
    }

    /// Returns the share of requests that were refused from some second on.
    pub(super) fn refused(&self, from_s: usize) -> f64 {
        let refused: u32 = self.refused[from_s..].iter().sum();
        let let_in: u32 = self.let_in[from_s..].iter().sum();
        f64::from(refused) / f64::from(refused + let_in).max(1.0)
    }

    /// Returns how many were let in within a second, on average of some of them.
    pub(super) fn per_s(&self, seconds: Range<usize>) -> f64 {
        let n = seconds.len() as f64;
        f64::from(self.let_in[seconds].iter().sum::<u32>()) / n
    }

    pub(super) fn refused_in_a_second(&self, from_s: usize) -> u32 {
        self.refused[from_s..].iter().copied().max().unwrap_or(0)
    }
}

struct State {
    server: Server,
    began: Instant,
    level: f64,
    at: Instant,
    inside: u32,
    chance: Chance,
    run: Run,
}

enum Reply {
    Answer(Duration),
    Refusal(Option<Duration>),
    Overloaded,
}

impl State {
    fn decide(&mut self, now: Instant) -> (Reply, Option<Told>) {
        let server = self.server;
        let now_s = (now - self.began).as_secs_f64();
        let per_minute = server.per_minute_at(now_s);
        self.fill(per_minute, now);
        if let Some(n) = server.overloaded_one_in
            && self.chance.one_in(n)
        {
            count(&mut self.run.refused, now_s);
            return (Reply::Overloaded, None);
        }
        let has_place = server.places.is_none_or(|places| self.inside < places);
        let has_quota = per_minute.is_none() || self.level >= 1.0 - 1e-9;
        let reply = if has_place && has_quota {
            self.level -= 1.0;
            self.inside += 1;
            while self.run.crowded_at.len() < self.inside as usize {
                self.run.crowded_at.push(now - self.began);
            }
            count(&mut self.run.let_in, now_s);
            let ms = server.answer_ms * (SPREAD * self.chance.normal()).exp();
            Reply::Answer(Duration::from_secs_f64(ms / 1e3))
        } else {
            count(&mut self.run.refused, now_s);
            let honest_s = match per_minute {
                Some(_) if server.is_by_minute => 60.0 - now_s % 60.0,
                Some(per_minute) => (1.0 - self.level) * 60.0 / per_minute,
                None => server.answer_ms / 1e3,
            };
            Reply::Refusal(match server.retry_after {
                RetryAfter::Untold => None,
                RetryAfter::Honest => Some(Duration::from_secs_f64(honest_s)),
                RetryAfter::Always(s) => Some(Duration::from_secs_f64(s)),
            })
        };
        let told = per_minute.filter(|_| server.tells_quota);
        (reply, told.map(|per_minute| self.told(per_minute, now_s)))
    }

    fn fill(&mut self, per_minute: Option<f64>, now: Instant) {
        let s = |at: Instant| (at - self.began).as_secs_f64();
        let (before_s, now_s) = (s(self.at), s(now));
        self.at = now;
        let Some(per_minute) = per_minute else { return };
        if !self.server.is_by_minute {
            let grown = (now_s - before_s) * per_minute / 60.0;
            self.level = (self.level + grown).min(self.server.burst);
        } else if (now_s / 60.0).floor() > (before_s / 60.0).floor() {
            self.level = per_minute;
        }
    }

    fn told(&self, per_minute: f64, now_s: f64) -> Told {
        let left = self.level.max(0.0);
        let reset_s = match self.server.is_by_minute {
            true => 60.0 - now_s % 60.0,
            false => (self.server.burst - left) * 60.0 / per_minute,
        };
        let requests = Quota {
            limit: self.server.burst as u64,
            remaining: left as u64,
            reset: Some(Duration::from_secs_f64(reset_s)),
        };
        Told {
            requests: Some(requests),
            ..Told::default()
        }
    }
}

fn count(seconds: &mut [u32], now_s: f64) {
    if let Some(n) = seconds.get_mut(now_s as usize) {
        *n += 1;
    }
}

async fn ask(server: &Mutex<State>) -> Feedback {
    let network = || {
        let mut state = server.lock().unwrap();
        let ms = state.server.network_ms * (0.5 + state.chance.unit());
        sleep(Duration::from_secs_f64(ms / 1e3))
    };
    network().await;
    let (reply, told) = server.lock().unwrap().decide(Instant::now());
    let outcome = match reply {
        Reply::Answer(wait) => {
            sleep(wait).await;
            server.lock().unwrap().inside -= 1;
            Outcome::Answered { tokens: None }
        }
        Reply::Overloaded => Outcome::Throttled {
            retry_after: None,
            slow_down: true,
        },
        Reply::Refusal(retry_after) => {
            let refusal_ms = server.lock().unwrap().server.refusal_ms;
            sleep(Duration::from_secs_f64(refusal_ms / 1e3)).await;
            Outcome::Throttled {
                retry_after,
                slow_down: false,
            }
        }
    };
    network().await;
    Feedback { outcome, told }
}

/// Runs some clients, with all workers in even shares, against a server for
/// some seconds.
pub(super) fn run(server: Server, seconds: usize, n_clients: u32, seed: u64) -> Run {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let began = Instant::now();
        let state = Arc::new(Mutex::new(State {
            server,
            began,
            level: server.burst,
            at: began,
            inside: 0,
            chance: Chance(seed),
            run: Run {
                let_in: vec![0; seconds],
                refused: vec![0; seconds],
                allowed: (0..=seconds).map(|s| server.allowed(s as f64)).collect(),
                // The first minute's quota is there at first.
                burst: if server.is_by_minute {
                    0.0
                } else {
                    server.burst
                },
                ..Run::default()
            },
        }));
        let mut workers = JoinSet::new();
        for _ in 0..n_clients {
            let limiter = Limiter::new(RateSettings::default());
            for _ in 0..N_WORKERS / n_clients {
                workers.spawn(work(limiter.clone(), state.clone()));
            }
        }
        sleep(Duration::from_secs(seconds as u64)).await;
        workers.shutdown().await;
        std::mem::take(&mut state.lock().unwrap().run)
    })
}

/// Asks again and again, and comes again after a wait when refused.
async fn work(limiter: Arc<Limiter>, server: Arc<Mutex<State>>) {
    let flow = Flow {
        tenant: "t".into(),
        run: "r".into(),
    };
    let mut n_refused = 0;
    loop {
        let permit = limiter.admit(&flow, 100).await;
        let feedback = ask(&server).await;
        permit.done(feedback);
        let Outcome::Throttled { retry_after, .. } = feedback.outcome else {
            n_refused = 0;
            continue;
        };
        let less = 1.0 - 0.25 * server.lock().unwrap().chance.unit();
        let back_off_s = 0.5 * 2f64.powi(n_refused).min(16.0) * less;
        n_refused += 1;
        sleep(retry_after.unwrap_or(Duration::from_secs_f64(back_off_s))).await;
    }
}

/// Seeded chance (splitmix64).
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.bits().is_multiple_of(n)
    }

    /// Returns a number from 0 up to 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Returns a number with mean 0 and deviation 1.
    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.unit(), self.unit());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }
}
