//! What the server knows while it runs: its settings, what it counted, and
//! what it still has to do wrong.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::faults::{Fault, Planned, RetryAfter};
use super::quota::Bucket;
use super::settings::Settings;
use super::vendor::{Headers, Vendor};

/// Rows of the log that are kept.
const LOG_ROWS_MAX: usize = 10_000;
/// Bodies that are told from one another.
const BODIES_MAX: usize = 1 << 20;
/// Seconds that are counted apart.
const SECONDS_MAX: usize = 3_600;

/// All of it, shared by connections.
pub(super) struct State {
    counted: Mutex<Counted>,
    /// For the names of answers.
    n_answers: AtomicU64,
}

struct Counted {
    settings: Arc<Settings>,
    began: Instant,
    n_requests: u64,
    by_status: BTreeMap<String, u64>,
    by_fault: BTreeMap<String, u64>,
    in_flight: u32,
    in_flight_max: u32,
    bodies: HashMap<u64, Body>,
    planned: VecDeque<Planned>,
    bucket: Bucket,
    accepted: VecDeque<u64>,
    log: VecDeque<Row>,
}

/// How often a body came, and failed by chance.
#[derive(Clone, Copy, Default)]
struct Body {
    n_seen: u32,
    n_failed: u32,
    n_answered: u32,
}

/// A request, in the log.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    at_ms: u64,
    path: String,
    /// What was answered, or how it was not.
    status: String,
    body: String,
}

/// A request that has arrived.
pub(super) struct Arrived {
    pub(super) settings: Arc<Settings>,
    /// How often this body came, this time too.
    pub(super) attempt: u32,
    pub(super) in_flight: u32,
    at: Instant,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        Self {
            counted: Mutex::new(Counted {
                bucket: Bucket::full(settings.quota, now),
                settings: Arc::new(settings),
                began: now,
                n_requests: 0,
                by_status: BTreeMap::new(),
                by_fault: BTreeMap::new(),
                in_flight: 0,
                in_flight_max: 0,
                bodies: HashMap::new(),
                planned: VecDeque::new(),
                accepted: VecDeque::new(),
                log: VecDeque::new(),
            }),
            n_answers: AtomicU64::new(0),
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().expect("nobody panics with it")
    }

    /// Returns digits that no other answer has.
    pub(super) fn id(&self, seed: u64) -> String {
        let n = self.n_answers.fetch_add(1, Relaxed);
        format!("{seed:012x}{n:012x}")
    }

    pub(super) fn arrives(&self, body: u64) -> Arrived {
        let mut counted = self.counted();
        counted.n_requests += 1;
        counted.in_flight += 1;
        counted.in_flight_max = counted.in_flight_max.max(counted.in_flight);
        let is_known = counted.bodies.contains_key(&body);
        let attempt = if is_known || counted.bodies.len() < BODIES_MAX {
            let body = counted.bodies.entry(body).or_default();
            body.n_seen += 1;
            body.n_seen
        } else {
            1
        };
        Arrived {
            settings: counted.settings.clone(),
            attempt,
            in_flight: counted.in_flight,
            at: Instant::now(),
        }
    }

    /// Says what became of a request.
    pub(super) fn leaves(&self, arrived: &Arrived, path: &str, body: u64, status: &str) {
        let mut counted = self.counted();
        counted.in_flight = counted.in_flight.saturating_sub(1);
        match counted.by_status.get_mut(status) {
            Some(n) => *n += 1,
            None => drop(counted.by_status.insert(status.into(), 1)),
        }
        let at = arrived.at.saturating_duration_since(counted.began);
        if status == "200" {
            let second = at.as_secs() as usize;
            if second < SECONDS_MAX {
                if counted.accepted.len() <= second {
                    counted.accepted.resize(second + 1, 0);
                }
                counted.accepted[second] += 1;
            }
        }
        if counted.log.len() == LOG_ROWS_MAX {
            counted.log.pop_front();
        }
        counted.log.push_back(Row {
            at_ms: at.as_millis() as u64,
            path: path.chars().take(200).collect(),
            status: status.into(),
            body: format!("{body:016x}"),
        });
    }

    /// Returns the fault that was planned for the next request.
    pub(super) fn planned(&self) -> Option<(Fault, Option<RetryAfter>)> {
        let mut counted = self.counted();
        while let Some(next) = counted.planned.front_mut() {
            if next.times == 0 {
                counted.planned.pop_front();
                continue;
            }
            next.times -= 1;
            return Some((next.fault, next.retry_after.clone()));
        }
        None
    }

    /// Counts a fault that is made.
    pub(super) fn fails(&self, fault: Fault) {
        *self.counted().by_fault.entry(fault.name()).or_default() += 1;
    }

    pub(super) fn plan(&self, faults: Vec<Planned>) {
        self.counted().planned.extend(faults);
    }

    /// Tells whether a body may fail by chance once more, and counts that.
    pub(super) fn may_fail(&self, body: u64, settings: &Settings) -> bool {
        let Some(most) = settings.fault_attempts else {
            return true;
        };
        let mut counted = self.counted();
        match counted.bodies.get_mut(&body) {
            Some(body) if body.n_failed < most => {
                body.n_failed += 1;
                true
            }
            _ => false,
        }
    }

    /// Returns which answer to a body the next one is, from 1: those that do
    /// not arrive do not count, so that whoever tries again gets the same one.
    pub(super) fn sample(&self, body: u64, arrives: bool) -> u32 {
        let mut counted = self.counted();
        let Some(body) = counted.bodies.get_mut(&body) else {
            return 1;
        };
        let sample = body.n_answered + 1;
        body.n_answered += u32::from(arrives);
        sample
    }

    /// Takes a request off the quota; an error is how long to wait.
    pub(super) fn take(&self, settings: &Settings, tokens: f64) -> Result<(), Duration> {
        if settings.quota.is_none() {
            return Ok(());
        }
        self.counted().bucket.take(tokens, Instant::now())
    }

    pub(super) fn spend(&self, settings: &Settings, tokens: f64) {
        if settings.quota.is_some() {
            self.counted().bucket.spend(tokens);
        }
    }

    pub(super) fn quota_headers(&self, vendor: Vendor) -> Headers {
        let bucket = self.counted().bucket;
        bucket.headers(vendor)
    }

    /// Changes settings: all that are named, or none.
    pub(super) fn set(&self, changes: &serde_json::Map<String, Value>) -> Result<(), String> {
        let mut counted = self.counted();
        let mut settings = (*counted.settings).clone();
        for (name, value) in changes {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            settings
                .set(name, &value)
                .map_err(|why| format!("`{name}`: {why}"))?;
        }
        if settings.quota != counted.settings.quota {
            counted.bucket = Bucket::full(settings.quota, Instant::now());
        }
        counted.settings = Arc::new(settings);
        Ok(())
    }

    /// Forgets what was counted and planned.
    pub(super) fn reset(&self) {
        let mut counted = self.counted();
        let now = Instant::now();
        counted.bucket = Bucket::full(counted.settings.quota, now);
        counted.began = now;
        counted.n_requests = 0;
        counted.by_status.clear();
        counted.by_fault.clear();
        counted.in_flight_max = counted.in_flight;
        counted.bodies.clear();
        counted.planned.clear();
        counted.accepted.clear();
        counted.log.clear();
    }

    pub(super) fn stats(&self) -> Value {
        let counted = self.counted();
        let mut by_attempts: BTreeMap<u32, u64> = BTreeMap::new();
        for body in counted.bodies.values() {
            *by_attempts.entry(body.n_seen).or_default() += 1;
        }
        json!({
            "requests": counted.n_requests,
            "by_status": counted.by_status,
            "by_fault": counted.by_fault,
            "in_flight": counted.in_flight,
            "in_flight_max": counted.in_flight_max,
            "bodies": counted.bodies.len(),
            "attempts_max": by_attempts.keys().next_back().copied().unwrap_or(0),
            "bodies_by_attempts": by_attempts,
            "accepted_per_second": counted.accepted,
            "faults_planned": counted.planned.iter().map(|planned| u64::from(planned.times)).sum::<u64>(),
            "elapsed_s": counted.began.elapsed().as_secs_f64(),
        })
    }

    /// Returns the last rows of the log, oldest first.
    pub(super) fn log(&self, n: usize) -> Value {
        let counted = self.counted();
        let from = counted.log.len().saturating_sub(n);
        json!(counted.log.range(from..).collect::<Vec<_>>())
    }
}
