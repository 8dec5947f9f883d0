//! How fast a provider may be asked.
//!
//! There is one limiter for each credential and group of models in a process,
//! and all requests of all runs pass it. It is fair between tenants and
//! between runs, holds what the operator bounded, follows what the server
//! tells of its quotas, and finds by itself what the server does not tell. It
//! sends nothing and retries nothing: who was refused comes again.

mod bucket;
mod gate;
mod pace;
mod queue;
mod refusals;
mod told;
mod window;

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use fapo_core::config::RateSettings;
use tokio::time::{Instant, Sleep, sleep_until};

use gate::{Gate, Ticket, Wait};
use queue::Queue;
pub(crate) use told::Told;

/// How long all others leave the clock to the one who watches it. That may be
/// a future that nobody polls; then another one takes over.
const WATCH_MAX: Duration = Duration::from_secs(1);

/// Whom a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) tenant: Arc<str>,
    pub(crate) run: Arc<str>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The server answered; tokens are those used, if known.
    Answered { tokens: Option<u64> },
    /// It refused because of how fast it is asked.
    Throttled {
        retry_after: Option<Duration>,
        /// Whether it said that everybody should ask less.
        slow_down: bool,
    },
    /// Something else went wrong, which says nothing of how fast to ask.
    Failed,
}

/// What is told of a request when it is done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Feedback {
    pub(crate) outcome: Outcome,
    pub(crate) told: Option<Told>,
}

/// Decides when requests may leave.
pub(crate) struct Limiter {
    state: Mutex<State>,
}

struct State {
    gate: Gate,
    queue: Queue<Waiter>,
    /// Tickets of those who may go and were not polled since.
    let_in: HashMap<u64, Ticket>,
    n_came: u64,
    /// When the first in the queue may go if nobody comes back.
    next_at: Option<Instant>,
    /// Who sleeps until then, so that not everybody has to.
    watch: Option<Watch>,
}

struct Waiter {
    tokens: u64,
    waker: Waker,
}

#[derive(Clone, Copy)]
struct Watch {
    key: u64,
    until: Instant,
}

/// Returns the limiter of a credential, which all runs of this process share,
/// or a new one where nobody shares it. What is local and unbounded needs none.
pub(crate) fn of_process(credential: Option<&str>, rates: &[RateSettings]) -> Option<Arc<Limiter>> {
    static SHARED: Mutex<BTreeMap<String, Weak<Limiter>>> = Mutex::new(BTreeMap::new());
    let bounds = smallest(rates);
    let Some(credential) = credential else {
        return (bounds != RateSettings::default()).then(|| Limiter::new(bounds));
    };
    let mut shared = SHARED.lock().expect("nobody panics with it");
    if let Some(limiter) = shared.get(credential).and_then(Weak::upgrade) {
        return Some(limiter);
    }
    let limiter = Limiter::new(bounds);
    shared.insert(credential.into(), Arc::downgrade(&limiter));
    Some(limiter)
}

/// Returns what all of them allow.
fn smallest(rates: &[RateSettings]) -> RateSettings {
    RateSettings {
        in_flight_max: rates.iter().filter_map(|rate| rate.in_flight_max).min(),
        requests_per_minute: rates
            .iter()
            .filter_map(|rate| rate.requests_per_minute)
            .min(),
        tokens_per_minute: rates.iter().filter_map(|rate| rate.tokens_per_minute).min(),
    }
}

impl Limiter {
    pub(crate) fn new(bounds: RateSettings) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                gate: Gate::new(&bounds, Instant::now()),
                queue: Queue::default(),
                let_in: HashMap::new(),
                n_came: 0,
                next_at: None,
                watch: None,
            }),
        })
    }

    /// Waits until a request that takes so many tokens, by estimate, may leave.
    ///
    /// Who stops waiting gives up the turn.
    pub(crate) async fn admit(self: &Arc<Self>, flow: &Flow, tokens: u64) -> Permit {
        let ticket = match self.try_admit(tokens) {
            Some(ticket) => ticket,
            None => self.queued(flow, tokens).await,
        };
        Permit {
            limiter: self.clone(),
            ticket: Some(ticket),
        }
    }

    fn try_admit(&self, tokens: u64) -> Option<Ticket> {
        let now = Instant::now();
        let mut state = self.state();
        let free = state.queue.len() == 0 && state.gate.wait(tokens, now).is_none();
        free.then(|| state.gate.send(tokens, now))
    }

    fn queued<'a>(&'a self, flow: &'a Flow, tokens: u64) -> Queued<'a> {
        Queued {
            limiter: self,
            flow,
            tokens,
            key: None,
            sleep: Box::pin(sleep_until(Instant::now())),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics with it")
    }

    /// Changes who is under way or waits, lets in who may go then, and wakes them.
    fn change(&self, change: impl FnOnce(&mut State, Instant)) {
        let now = Instant::now();
        let mut wakers = Vec::new();
        {
            let mut state = self.state();
            change(&mut state, now);
            state.let_in(now, &mut wakers);
            state.watch(now, &mut wakers);
        }
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// Lets in all who may go, and adds who has to be told of it.
    fn let_in(&mut self, now: Instant, wakers: &mut Vec<Waker>) {
        self.next_at = None;
        while let Some(first) = self.queue.first() {
            match self.gate.wait(first.tokens, now) {
                Some(Wait::Place) => return,
                Some(Wait::Until(at)) => {
                    self.next_at = Some(at);
                    return;
                }
                None => {}
            }
            let Some((key, waiter)) = self.queue.pop() else {
                return;
            };
            let ticket = self.gate.send(waiter.tokens, now);
            self.let_in.insert(key, ticket);
            self.unwatch(key);
            wakers.push(waiter.waker);
        }
    }

    /// Wakes the first if nobody watches the clock, or not at the right time.
    fn watch(&mut self, now: Instant, wakers: &mut Vec<Waker>) {
        let Some(next_at) = self.next_at else { return };
        let watched = now..=next_at.max(now);
        if self
            .watch
            .is_some_and(|watch| watched.contains(&watch.until))
        {
            return;
        }
        self.watch = None;
        wakers.extend(self.queue.first().map(|first| first.waker.clone()));
    }

    fn unwatch(&mut self, key: u64) {
        self.watch.take_if(|watch| watch.key == key);
    }

    /// Returns until when one who waits has to sleep: until the next may go
    /// if nobody else watches for that.
    fn sleep_until(&mut self, key: u64, now: Instant) -> Instant {
        let Some(next_at) = self.next_at else {
            self.unwatch(key);
            return now + WATCH_MAX;
        };
        match self.watch {
            Some(watch) if watch.key != key && (now..=next_at).contains(&watch.until) => {
                watch.until + WATCH_MAX
            }
            _ => {
                self.watch = Some(Watch {
                    key,
                    until: next_at,
                });
                next_at
            }
        }
    }
}

/// One who waits for a turn.
struct Queued<'a> {
    limiter: &'a Limiter,
    flow: &'a Flow,
    tokens: u64,
    /// None until it is first polled, and again when it is over.
    key: Option<u64>,
    sleep: Pin<Box<Sleep>>,
}

impl Queued<'_> {
    /// Returns the ticket, or until when to sleep.
    fn turn(&mut self, waker: &Waker) -> Result<Ticket, Instant> {
        let now = Instant::now();
        let mut wakers = Vec::new();
        let turn = {
            let mut state = self.limiter.state();
            let key = *self.key.get_or_insert_with(|| {
                state.n_came += 1;
                let (key, tokens) = (state.n_came, self.tokens);
                let waker = waker.clone();
                state.queue.push(self.flow, key, Waiter { tokens, waker });
                key
            });
            state.let_in(now, &mut wakers);
            let turn = state.let_in.remove(&key).ok_or_else(|| {
                if let Some(waiter) = state.queue.get(self.flow, key) {
                    waiter.waker.clone_from(waker);
                }
                state.sleep_until(key, now)
            });
            state.watch(now, &mut wakers);
            turn
        };
        wakers.into_iter().for_each(Waker::wake);
        turn
    }
}

impl Future for Queued<'_> {
    type Output = Ticket;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Ticket> {
        loop {
            match self.turn(context.waker()) {
                Ok(ticket) => {
                    self.key = None;
                    return Poll::Ready(ticket);
                }
                Err(until) => self.sleep.as_mut().reset(until),
            }
            ready!(self.sleep.as_mut().poll(context));
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        self.limiter.change(|state, now| {
            match state.let_in.remove(&key) {
                Some(ticket) => state.gate.back(&ticket, None, now),
                None => drop(state.queue.remove(self.flow, key)),
            }
            state.unwatch(key);
        });
    }
}

/// The right to send one request, now.
#[must_use]
pub(crate) struct Permit {
    limiter: Arc<Limiter>,
    /// None once it is given back.
    ticket: Option<Ticket>,
}

impl Permit {
    /// Gives the place back and tells what became of the request. A permit
    /// that is dropped gives its place back and tells nothing.
    pub(crate) fn done(mut self, feedback: Feedback) {
        self.give_back(Some(&feedback));
    }

    fn give_back(&mut self, feedback: Option<&Feedback>) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter
                .change(|state, now| state.gate.back(&ticket, feedback, now));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.give_back(None);
    }
}
