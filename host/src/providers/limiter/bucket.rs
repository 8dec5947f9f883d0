//! A token bucket: so much at once, so much a second.

use std::time::Duration;

use tokio::time::Instant;

use super::told::Quota;

/// The largest debt, in minutes of the whole quota: so that a size that
/// somebody made up does not stop everybody for good.
const DEBT_MINUTES_MAX: f64 = 10.0;

/// The shortest time to a reset from which a rate is taken: less is lost in
/// how servers round it.
const RESET_MIN: Duration = Duration::from_millis(100);

/// How far a level may be off for rounding alone.
const ROUNDING: f64 = 1e-6;

/// A bucket that fills with time and is emptied by requests. Its level may be
/// a debt: a request that is larger than the bucket waits for a full one only.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    level: f64,
    capacity: f64,
    per_s: f64,
    at: Instant,
}

impl Bucket {
    /// Returns a full bucket for a bound by the minute that holds one second's
    /// worth: a server may allow a burst, but no bound promises that it does.
    pub(super) fn by_minute(per_minute: u64, now: Instant) -> Self {
        let per_s = per_minute.max(1) as f64 / 60.0;
        let capacity = per_s.max(1.0);
        Self {
            level: capacity,
            capacity,
            per_s,
            at: now,
        }
    }

    /// Returns the bucket that a server keeps, by what it told. `since` is
    /// what left after the request that it told this with.
    ///
    /// Nobody tells how fast a quota fills. A minute for all of it is usual.
    /// If most of it is used, the time to the reset is a better word, be the
    /// quota by the day or by the second.
    pub(super) fn told(quota: Quota, since: f64, before: Option<&Self>, now: Instant) -> Self {
        let capacity = quota.limit as f64;
        let used = quota.limit.saturating_sub(quota.remaining) as f64;
        let known = before.filter(|before| before.capacity == capacity);
        let per_s = match quota.reset {
            Some(reset) if reset >= RESET_MIN && used * 2.0 >= capacity => {
                used / reset.as_secs_f64()
            }
            _ => known.map_or(capacity / 60.0, |known| known.per_s),
        };
        Self {
            level: (quota.remaining as f64).min(capacity) - since,
            capacity,
            per_s,
            at: now,
        }
    }

    /// Returns how long it takes until a request may go.
    pub(super) fn wait(&mut self, need: f64, now: Instant) -> Duration {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.per_s).min(self.capacity);
        self.at = now;
        let short = need.min(self.capacity) - self.level;
        if short <= ROUNDING {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(short / self.per_s).unwrap_or(Duration::MAX)
    }

    pub(super) fn take(&mut self, amount: f64) {
        self.settle(0.0, amount);
    }

    /// Takes what was used instead of what had been taken.
    pub(super) fn settle(&mut self, taken: f64, used: f64) {
        let least = -self.per_s * 60.0 * DEBT_MINUTES_MAX;
        self.level = (self.level + taken - used).clamp(least, self.capacity);
    }

    pub(super) fn per_s(&self) -> f64 {
        self.per_s
    }
}
