//! What a request must get past: the pause, the window, the pace, the bounds
//! of the operator, and the quotas that the server told of. It knows no task
//! and no clock of its own.

use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::pace::{Pace, Sent};
use super::told::{Quota, Told};
use super::window::{Blame, Window};
use super::{Feedback, Outcome, RateSettings};

/// The longest that requests are held back by a server's word alone: then one
/// is let through to see whether it still holds.
const WORD_MAX: Duration = Duration::from_secs(60);

/// How many refusals in a row, with nothing let in between, make a server's
/// word for how long to wait hold for all requests.
///
/// One refusal says nothing of the others: a bucket may be refilled long
/// before the time that its server names, and to stop for each would leave
/// most of its quota unused. When request after request is refused, the word
/// is better than another guess, however long the time is.
const REFUSALS_TO_PAUSE: u32 = 3;

/// How long everybody waits if a server asks to slow down and not for how long.
const SLOW_DOWN: Duration = Duration::from_secs(1);

pub(super) struct Gate {
    in_flight_max: u32,
    pub(super) in_flight: u32,
    /// How many left so far: the number of the next one.
    n_sent: u64,
    tokens_sent: u64,
    /// When the last one left.
    sent_at: Instant,
    /// The first request that left after the last cut. Refusals of those
    /// before it tell of the same congestion.
    uncut: u64,
    paused_until: Option<Instant>,
    window: Window,
    pace: Pace,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    told: [Option<Followed>; 4],
}

/// A quota of the server, as of the newest request that it told of it.
struct Followed {
    bucket: Bucket,
    number: u64,
}

/// What a request takes of the four quotas: requests, and tokens of all kinds,
/// read, and written. Those written are not known before, so that quota only
/// holds requests back when it is used up.
fn charges(tokens: u64) -> [f64; 4] {
    [1.0, tokens as f64, tokens as f64, 0.0]
}

/// Why a request cannot leave yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wait {
    /// It can then, if nothing else happens.
    Until(Instant),
    /// Somebody has to come back first.
    Place,
}

/// What is known of a request under way.
#[derive(Debug)]
pub(super) struct Ticket {
    number: u64,
    sent: Sent,
    tokens: u64,
    /// All tokens sent, its own included.
    tokens_sent: u64,
    /// How many others were under way.
    others: u32,
    was_full: bool,
    was_half_full: bool,
}

impl Gate {
    pub(super) fn new(bounds: &RateSettings, now: Instant) -> Self {
        let bucket = |per_minute| Bucket::by_minute(per_minute, now);
        Self {
            in_flight_max: bounds.in_flight_max.unwrap_or(u32::MAX).max(1),
            in_flight: 0,
            n_sent: 0,
            tokens_sent: 0,
            sent_at: now,
            uncut: 0,
            paused_until: None,
            window: Window::new(now),
            pace: Pace::default(),
            requests: bounds.requests_per_minute.map(|n| bucket(n.into())),
            tokens: bounds.tokens_per_minute.map(bucket),
            told: [const { None }; 4],
        }
    }

    /// Tells what a request of so many tokens has to wait for.
    pub(super) fn wait(&mut self, tokens: u64, now: Instant) -> Option<Wait> {
        if self.in_flight >= self.in_flight_max {
            return Some(Wait::Place);
        }
        if self.in_flight >= self.window.size() {
            match self.window.grows_at() {
                Some(at) if at <= now => self.window.grow(now),
                Some(at) => return Some(Wait::Until(at)),
                None => return Some(Wait::Place),
            }
        }
        let mut wait = self.pace.wait(now);
        if let Some(bucket) = &mut self.requests {
            wait = wait.max(bucket.wait(1.0, now));
        }
        if let Some(bucket) = &mut self.tokens {
            wait = wait.max(bucket.wait(tokens as f64, now));
        }
        let word_until = self.sent_at + WORD_MAX;
        for (followed, charge) in self.told.iter_mut().zip(charges(tokens)) {
            if let Some(Followed { bucket, .. }) = followed {
                let longest = word_until.saturating_duration_since(now);
                wait = wait.max(bucket.wait(charge.max(1.0), now).min(longest));
            }
        }
        if let Some(until) = self.paused_until {
            wait = wait.max(until.saturating_duration_since(now));
        }
        match wait {
            Duration::ZERO => None,
            // A bound may ask for more time than a clock has.
            wait => Some(Wait::Until(now + wait.min(WORD_MAX))),
        }
    }

    /// Lets a request leave.
    pub(super) fn send(&mut self, tokens: u64, now: Instant) -> Ticket {
        let others = self.in_flight;
        let (number, size) = (self.n_sent, self.window.size().min(self.in_flight_max));
        self.in_flight += 1;
        self.n_sent += 1;
        self.sent_at = now;
        self.tokens_sent = self.tokens_sent.saturating_add(tokens);
        self.window.sent(number, others);
        let sent = self.pace.sent(now);
        if let Some(bucket) = &mut self.requests {
            bucket.take(1.0);
        }
        if let Some(bucket) = &mut self.tokens {
            bucket.take(tokens as f64);
        }
        for (followed, charge) in self.told.iter_mut().zip(charges(tokens)) {
            if let Some(Followed { bucket, .. }) = followed {
                bucket.take(charge);
            }
        }
        Ticket {
            number,
            sent,
            tokens,
            tokens_sent: self.tokens_sent,
            others,
            was_full: self.in_flight >= size,
            was_half_full: self.in_flight.saturating_mul(2) >= size,
        }
    }

    /// Takes a request back, with what became of it; none if nobody knows.
    pub(super) fn back(&mut self, ticket: &Ticket, feedback: Option<&Feedback>, now: Instant) {
        self.in_flight -= 1;
        let Some(Feedback { outcome, told }) = feedback else {
            return;
        };
        if let Some(told) = told {
            self.follow(ticket, told, now);
        }
        match *outcome {
            Outcome::Answered { tokens } => {
                self.window.answered(ticket.was_full, ticket.was_half_full);
                self.settle(ticket, tokens.unwrap_or(ticket.tokens));
            }
            Outcome::Throttled {
                retry_after,
                slow_down,
            } => {
                self.settle(ticket, 0);
                let asked = retry_after.or_else(|| told.as_ref()?.retry_after);
                self.refused(ticket, asked, slow_down, now);
            }
            Outcome::Failed => {}
        }
    }

    fn settle(&mut self, ticket: &Ticket, used: u64) {
        if let Some(bucket) = &mut self.tokens {
            bucket.settle(ticket.tokens as f64, used as f64);
        }
    }

    fn refused(&mut self, ticket: &Ticket, asked: Option<Duration>, slow_down: bool, now: Instant) {
        let Ticket { number, sent, .. } = *ticket;
        self.window.refused(number);
        if slow_down {
            // A server in trouble refuses anybody at any pace: to take that
            // for a quota would find ever smaller ones.
            if number >= self.uncut {
                self.uncut = self.n_sent;
                self.window.halve();
                self.pause(asked.unwrap_or(SLOW_DOWN), now);
            }
            return;
        }
        if number < self.uncut {
            return self.pace.refused(number, sent, now);
        }
        self.uncut = self.n_sent;
        let told_per_s = self.told[0]
            .as_ref()
            .map(|followed| followed.bucket.per_s());
        let is_dry = self.pace.congested(number, sent, now);
        let blame = self
            .window
            .congested(number, ticket.others, ticket.was_full, is_dry);
        match blame {
            Blame::Found => self.pace.release(),
            Blame::Window => {}
            Blame::Other => self.pace.cut(sent, told_per_s, now),
        }
        if let Some(asked) = asked
            && self.pace.n_dry() >= REFUSALS_TO_PAUSE
        {
            self.pause(asked, now);
        }
    }

    fn pause(&mut self, wait: Duration, now: Instant) {
        self.paused_until = Some(now + wait.min(WORD_MAX));
    }

    /// Takes over what the server told, unless a later request knew better.
    fn follow(&mut self, ticket: &Ticket, told: &Told, now: Instant) {
        let since = self.n_sent - ticket.number - 1;
        let tokens_since = (self.tokens_sent - ticket.tokens_sent) as f64;
        let quotas: [Option<Quota>; 4] = [
            told.requests,
            told.tokens,
            told.input_tokens,
            told.output_tokens,
        ];
        let since = [since as f64, tokens_since, tokens_since, 0.0];
        for ((followed, quota), since) in self.told.iter_mut().zip(quotas).zip(since) {
            let Some(quota) = quota else { continue };
            if followed
                .as_ref()
                .is_some_and(|known| known.number > ticket.number)
            {
                continue;
            }
            let before = followed.as_ref().map(|known| &known.bucket);
            *followed = Some(Followed {
                bucket: Bucket::told(quota, since, before, now),
                number: ticket.number,
            });
        }
    }
}
