//! How many requests a second may leave, found from nothing but refusals.
//!
//! Before the first refusal there is no pace at all. From what the refusals
//! measure, the pace climbs until the next one: slowly as far as the
//! measurement may be wrong, and ever steeper beyond, for then the quota must
//! be another one.

use std::time::Duration;

use tokio::time::Instant;

use super::refusals::{Measured, Refusals};

/// The slowest pace, requests a second: it takes a refusal to find that there
/// is still nothing, and nobody finds anything without asking.
const PER_S_MIN: f64 = 0.1;

/// The fastest one, which bounds no server.
const PER_S_MAX: f64 = 1e6;

/// How late a request may leave and the next one still make up for it. Timers
/// are late by a millisecond, and by more on a busy machine.
const LATE_S: f64 = 0.01;

/// The least share by which a measurement may be wrong.
const DOUBT_MIN: f64 = 0.02;

/// The share by which it may be wrong if the pace had climbed far beyond it.
const DOUBT_MAX: f64 = 0.25;

/// In how many requests the pace climbs through the least doubt at least, so
/// that one in thirty is refused, or fewer.
const CLIMB_REQUESTS: f64 = 30.0;

/// How long it takes for that at least, so that a fast server does not refuse
/// many times a second.
const CLIMB_S: f64 = 3.0;

/// How long it takes at least until the pace is twice as fast.
const DOUBLE_S: f64 = 0.5;

/// How much of the pace is left at least after one refusal.
const CUT: f64 = 0.5;

/// How much is left if nothing was measured.
const CUT_BLIND: f64 = 0.85;

/// How many requests must be let in for a measurement to begin with.
const LET_IN_TO_BEGIN: f64 = 10.0;

/// How new the time that a refusal took counts against those before.
const ROUND_TRIP_WEIGHT: f64 = 0.25;

#[derive(Debug, Default)]
pub(super) struct Pace {
    climb: Option<Climb>,
    refusals: Refusals,
    /// As of the last refusal.
    measured: Option<Measured>,
    /// How long a refusal takes.
    round_trip_s: Option<f64>,
}

/// When a request left, and at what pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at: Instant,
    per_s: Option<f64>,
}

/// A pace that climbs.
#[derive(Debug)]
struct Climb {
    /// What it climbs from, by what share that may be wrong, and in how many
    /// requests it climbs through this.
    base_per_s: f64,
    doubt: f64,
    n_careful: f64,
    per_s: f64,
    /// Requests that left since, and those that could have but were not there.
    n_left: f64,
    n_unused: f64,
    /// How many may leave at once, as of some time.
    level: f64,
    filled_at: Instant,
    sent_at: Instant,
}

impl Pace {
    /// Returns how long it takes until a request may leave.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        let Some(climb) = &mut self.climb else {
            return Duration::ZERO;
        };
        climb.fill(now);
        match 1.0 - climb.level {
            // The level is off by rounding.
            ..1e-6 => Duration::ZERO,
            short => Duration::from_secs_f64(short / climb.per_s),
        }
    }

    /// Takes note of a request that leaves.
    pub(super) fn sent(&mut self, now: Instant) -> Sent {
        let per_s = self.climb.as_ref().map(|climb| climb.per_s);
        let sent = Sent { at: now, per_s };
        let round_trip_s = self.round_trip_s();
        let Some(climb) = &mut self.climb else {
            return sent;
        };
        let n_unused = climb.n_unused;
        climb.fill(now);
        climb.level -= 1.0;
        // Only who waited for the pace has tried it.
        if climb.n_unused == n_unused {
            climb.go_on(round_trip_s, now);
        }
        climb.sent_at = now;
        if climb.n_unused > 2.0 + climb.n_left * 0.1 {
            // Who has less to ask than he may measures nothing but himself.
            self.refusals.forget();
            climb.restart(climb.per_s, climb.doubt, climb.n_careful);
        }
        sent
    }

    /// Takes note of a refusal in a round trip that had one before.
    pub(super) fn refused(&mut self, number: u64, sent: Sent, now: Instant) {
        self.time(sent, now);
        self.refusals.add(number, sent.at);
    }

    /// Takes note of the first refusal in a round trip, and tells whether
    /// nothing was let in since the one before.
    pub(super) fn congested(&mut self, number: u64, sent: Sent, now: Instant) -> bool {
        self.time(sent, now);
        self.measured = self.refusals.measure(number, sent.at);
        self.refusals.n_dry() > 0
    }

    /// Returns how many refusals came in a row with nothing let in between.
    pub(super) fn n_dry(&self) -> u32 {
        self.refusals.n_dry()
    }

    /// Holds nobody back any more, until it is found to be to blame again.
    pub(super) fn release(&mut self) {
        self.climb = None;
    }

    /// Goes back to what was measured at the last refusal, that of a request
    /// that was sent then. `told_per_s` is what the server told of its quota.
    pub(super) fn cut(&mut self, sent: Sent, told_per_s: Option<f64>, now: Instant) {
        let measured = self.measured.take();
        let n_dry = self.refusals.n_dry();
        let round_trip_s = self.round_trip_s();
        let Some(climb) = &mut self.climb else {
            // One request in a round trip is a start if nothing is known.
            let known = measured.filter(|measured| measured.let_in >= LET_IN_TO_BEGIN);
            let known = known.map(|measured| measured.per_s);
            let per_s = told_per_s.or(known).unwrap_or(1.0 / round_trip_s);
            self.climb = Some(Climb::new(per_s, now));
            return;
        };
        climb.fill(now);
        let sent_per_s = sent.per_s.unwrap_or(climb.per_s);
        let found = match &measured {
            Some(measured) if n_dry == 0 => measured.corrected(sent_per_s),
            Some(measured) => measured.per_s,
            None => sent_per_s * CUT_BLIND,
        };
        let from = match n_dry {
            0 => sent_per_s,
            _ => sent_per_s.min(climb.base_per_s),
        };
        let most = measured.and_then(|measured| measured.most_per_s);
        let least = (from * CUT).min(most.unwrap_or(f64::INFINITY));
        let base_per_s = found.clamp(least, from);
        // A part of one request may be off, and all of what is beyond what
        // was measured.
        let let_in = measured.map_or(LET_IN_TO_BEGIN, |measured| measured.let_in);
        let beyond = (sent_per_s / found - 1.0) / 4.0;
        let doubt = (1.0 / let_in.max(1.0))
            .max(beyond.min(DOUBT_MAX))
            .max(DOUBT_MIN);
        let n_careful = match doubt > DOUBT_MIN {
            true => (0.5 / doubt).max(2.0).max(base_per_s * 0.1),
            false => CLIMB_REQUESTS.max(base_per_s * CLIMB_S),
        };
        climb.restart(base_per_s, doubt, n_careful);
        // A request that was refused took nothing, and what it asked for is
        // nearly there if the pace is nearly right. If another one left
        // meanwhile, it has taken that already.
        climb.level = match n_dry {
            0 if climb.sent_at == sent.at => 1.0 - (doubt * 4.0).clamp(0.25, 0.75),
            0 => climb.level,
            _ => climb.level.min(0.0),
        };
    }

    fn round_trip_s(&self) -> f64 {
        self.round_trip_s.unwrap_or(LATE_S)
    }

    fn time(&mut self, sent: Sent, now: Instant) {
        let took = now.saturating_duration_since(sent.at).as_secs_f64();
        let took = took.max(1e-3);
        let known = self.round_trip_s.unwrap_or(took);
        self.round_trip_s = Some(known + (took - known) * ROUND_TRIP_WEIGHT);
    }
}

impl Measured {
    /// Returns the pace to go back to from the one that was refused.
    ///
    /// What is let in while the pace climbs is less than the quota if the
    /// server keeps little of what is left over meanwhile. So if the pace had
    /// climbed far, the quota is taken to lie in the middle; if it does not,
    /// the next refusal is near.
    fn corrected(&self, refused_per_s: f64) -> f64 {
        let mean = self.per_s.max(self.latest_per_s.unwrap_or(0.0));
        let beyond = refused_per_s - mean * (1.0 + 2.0 * DOUBT_MIN);
        let middle = mean + beyond.max(0.0) / 2.0;
        let most = self.most_per_s.unwrap_or(f64::INFINITY);
        middle.min(most).max(self.per_s)
    }
}

impl Climb {
    /// Starts from a guess: nothing speaks for it but that one has to start.
    fn new(per_s: f64, now: Instant) -> Self {
        let mut climb = Self {
            base_per_s: per_s,
            doubt: 1.0,
            n_careful: 2.0,
            per_s,
            n_left: 0.0,
            n_unused: 0.0,
            level: 0.0,
            filled_at: now,
            sent_at: now,
        };
        climb.restart(per_s, 1.0, 2.0);
        climb
    }

    fn restart(&mut self, base_per_s: f64, doubt: f64, n_careful: f64) {
        self.base_per_s = base_per_s.clamp(PER_S_MIN, PER_S_MAX);
        self.doubt = doubt;
        self.n_careful = n_careful;
        self.n_left = 0.0;
        self.n_unused = 0.0;
        self.per_s = self.target_per_s();
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at);
        let level = self.level + passed.as_secs_f64() * self.per_s;
        let full = 1.0 + self.per_s * LATE_S;
        self.n_unused += (level - full).max(0.0);
        self.level = level.min(full);
        self.filled_at = now;
    }

    /// Climbs by one request.
    fn go_on(&mut self, round_trip_s: f64, now: Instant) {
        self.n_left += 1.0;
        // What becomes of a request is known a round trip later: who climbs
        // faster runs far beyond the quota before anything tells him.
        let double_s = (round_trip_s * 2.0).max(DOUBLE_S);
        let passed = now.saturating_duration_since(self.sent_at);
        let fastest = self.per_s * (passed.as_secs_f64() / double_s).exp2();
        self.per_s = self.target_per_s().min(fastest).max(PER_S_MIN);
    }

    /// Returns the pace after so many requests: from a little below the base
    /// through the doubt above it, and then ever steeper.
    fn target_per_s(&self) -> f64 {
        let through = self.n_left / self.n_careful;
        let beyond = (through - 1.0).max(0.0).powi(3);
        let per_s = self.base_per_s * (1.0 + self.doubt * (through + beyond - 0.3));
        per_s.clamp(PER_S_MIN, PER_S_MAX)
    }
}
