//! What refusals tell of a server's quota.
//!
//! A server that refuses has nothing left at that moment. So what it let in
//! between two refusals is what its quota grew by in between, whatever it
//! lets in at once after a rest: two refusals are a measurement, and the
//! more is let in between them, the better it is.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How many round trips with a refusal are remembered.
const REFUSALS_MAX: usize = 32;

/// What is remembered at least, be it of a slow server or of a fast one: more
/// measures better, and less follows a quota that changes.
const LET_IN_MIN: f64 = 100.0;
const TIME_MIN: Duration = Duration::from_secs(10);

/// How many requests make a mean of those after the last refusal alone.
const MEAN_OF: f64 = 8.0;

/// The refusals of a server so far.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The last one of each round trip.
    last: VecDeque<Refusal>,
    n_refused: u64,
    /// How many came after something was let in.
    n_fresh: u64,
    /// How many came in a row with nothing let in between.
    n_dry: u32,
}

#[derive(Clone, Copy, Debug)]
struct Refusal {
    number: u64,
    sent_at: Instant,
    /// How many had been refused, itself included.
    n_refused: u64,
    /// How many of them were fresh.
    n_fresh: u64,
}

/// What the refusals before one tell of the quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    /// Requests a second.
    pub(super) per_s: f64,
    /// How many were let in while that was measured.
    pub(super) let_in: f64,
    /// Requests a second since the last refusal, if that makes a mean.
    pub(super) latest_per_s: Option<f64>,
    /// The most that it can be by what was let in since the last refusal;
    /// none if that is so much that it may have been let in for less.
    pub(super) most_per_s: Option<f64>,
}

impl Refusals {
    /// Returns how many came in a row with nothing let in between.
    pub(super) fn n_dry(&self) -> u32 {
        self.n_dry
    }

    /// Takes in a refusal of a round trip that had one before.
    pub(super) fn add(&mut self, number: u64, sent_at: Instant) {
        self.n_refused += 1;
        if let Some(last) = self.last.back_mut() {
            last.n_refused = self.n_refused;
            if number > last.number {
                (last.number, last.sent_at) = (number, sent_at);
            }
        }
    }

    /// Takes in the first refusal of a round trip, and returns what is known
    /// of the quota then.
    pub(super) fn measure(&mut self, number: u64, sent_at: Instant) -> Option<Measured> {
        self.n_refused += 1;
        let refusal = Refusal {
            number,
            sent_at,
            n_refused: self.n_refused,
            n_fresh: self.n_fresh,
        };
        while let Some(first) = self.last.front()
            && self.last.len() > 1
            && (self.last.len() >= REFUSALS_MAX
                || (refusal.let_in(first) > LET_IN_MIN && refusal.time(first) > TIME_MIN))
        {
            self.last.pop_front();
        }
        let is_dry = self
            .last
            .back()
            .is_some_and(|last| refusal.let_in(last) == 0.0);
        self.n_dry = if is_dry { self.n_dry + 1 } else { 0 };
        self.n_fresh += u64::from(!is_dry);
        let refusal = Refusal {
            n_fresh: self.n_fresh,
            ..refusal
        };
        let measured = self.compare(&refusal);
        self.last.push_back(refusal);
        measured
    }

    /// Forgets what was measured so far.
    pub(super) fn forget(&mut self) {
        self.last.clear();
    }

    /// Measures from the oldest refusal, which is best, and corrects that by
    /// the later ones, which show whether it still holds.
    fn compare(&mut self, refusal: &Refusal) -> Option<Measured> {
        let mut measured: Option<Measured> = None;
        let mut outdated = 0;
        for (at, before) in self.last.iter().enumerate() {
            let n = refusal.let_in(before);
            let time_s = refusal.time(before).as_secs_f64();
            if time_s == 0.0 {
                continue;
            }
            // A part of a request may be left over at either end, and if
            // others share the quota, chance decides who gets how much.
            let off = 1.0 + n.sqrt();
            // A server with room for one request alone wastes quota while
            // nobody asks right after a refusal.
            let wasted = (refusal.n_fresh - before.n_fresh) as f64;
            let (least, most) = ((n - off) / time_s, (n + off + wasted) / time_s);
            let measured = measured.get_or_insert(Measured {
                per_s: (n + 0.5) / time_s,
                let_in: n,
                latest_per_s: None,
                most_per_s: None,
            });
            if !(least..=most).contains(&measured.per_s) {
                measured.per_s = measured.per_s.clamp(least, most);
                measured.let_in = n;
                outdated = at;
            }
            // The last one to go through is the latest.
            measured.latest_per_s = (n >= MEAN_OF).then_some(n / time_s);
            measured.most_per_s = (n < MEAN_OF).then_some((n * 1.25 + 1.5) / time_s);
        }
        self.last.drain(..outdated);
        measured
    }
}

impl Refusal {
    /// Returns how many were let in since an earlier refusal, by what is
    /// known now: what is under way counts as let in.
    fn let_in(&self, before: &Self) -> f64 {
        let sent = self.number.saturating_sub(before.number);
        sent.saturating_sub(self.n_refused - before.n_refused) as f64
    }

    fn time(&self, before: &Self) -> Duration {
        self.sent_at.saturating_duration_since(before.sent_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends requests to a server with a quota and a burst, so many times as
    /// fast as it allows, and returns the last measurement.
    fn check(per_s: f64, burst: f64, asked: f64) -> Measured {
        let began = Instant::now();
        let mut refusals = Refusals::default();
        let (mut level, mut measured) = (burst, None);
        for number in 0..(burst * 60.0) as u64 {
            let every_s = 1.0 / (per_s * asked);
            level = (level + every_s * per_s).min(burst);
            if level >= 1.0 {
                level -= 1.0;
            } else {
                let sent_at = began + Duration::from_secs_f64(number as f64 * every_s);
                measured = refusals.measure(number, sent_at).or(measured);
            }
        }
        measured.unwrap()
    }

    #[test]
    fn what_is_let_in_between_refusals_is_the_quota_whatever_the_burst() {
        for per_s in [0.5, 10.0, 1_000.0] {
            for burst in [5.0, 50.0, 500.0] {
                for asked in [1.05, 1.5] {
                    let measured = check(per_s, burst, asked);
                    let share = measured.per_s / per_s;
                    assert!(
                        (0.9..1.1).contains(&share),
                        "{per_s} {burst} {asked}: {share}"
                    );
                }
            }
        }
    }

    #[test]
    fn refusals_with_nothing_between_are_dry_and_bound_the_quota() {
        let mut refusals = Refusals::default();
        let began = Instant::now();
        let at = |s| began + Duration::from_secs(s);
        assert!(refusals.measure(0, began).is_none());
        // Requests 1 and 2 are refused with the first.
        refusals.add(2, began);
        refusals.add(1, began);
        let measured = refusals.measure(3, at(1)).unwrap();
        assert_eq!((refusals.n_dry(), measured.let_in), (1, 0.0));
        let measured = refusals.measure(4, at(4)).unwrap();
        assert!(measured.per_s <= 0.25, "{measured:?}");
        assert_eq!(refusals.n_dry(), 2);
        // Of 5, 6 and 7, the last is refused.
        let measured = refusals.measure(7, at(8)).unwrap();
        assert_eq!((refusals.n_dry(), measured.let_in), (0, 2.0));
    }

    #[test]
    fn a_quota_that_fell_is_seen_after_a_few_requests() {
        let mut refusals = Refusals::default();
        let began = Instant::now();
        let at = |s| began + Duration::from_secs_f64(s);
        // Nine of ten requests are let in, ten a second; then one in ten.
        let mut measured = None;
        for number in (0..100).step_by(10) {
            measured = refusals.measure(number, at(number as f64 / 10.0));
        }
        assert!(
            (8.5..9.5).contains(&measured.unwrap().per_s),
            "{measured:?}"
        );
        for number in (100..150).filter(|number| number % 10 != 5) {
            measured = refusals.measure(number, at(number as f64 / 10.0));
        }
        assert!(measured.unwrap().per_s < 3.0, "{measured:?}");
    }
}
