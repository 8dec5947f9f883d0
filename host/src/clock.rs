//! The clock on the wall: for records of when something happened. No decision
//! about a case reads it.

use std::time::{Duration, SystemTime};

/// Returns the time of day, as in `2026-01-31T23:59:59Z`.
pub(crate) fn now() -> String {
    written(seconds())
}

/// Returns the time of day in a while, as in `2026-01-31T23:59:59Z`.
pub(crate) fn after(wait: Duration) -> String {
    written(since_1970().saturating_add(wait).as_secs())
}

/// Returns the date, as in `2026-01-31`: in UTC, wherever one is.
pub(crate) fn today() -> String {
    let mut now = now();
    now.truncate("2026-01-31".len());
    now
}

/// Returns the seconds since 1970.
pub(crate) fn seconds() -> u64 {
    since_1970().as_secs()
}

/// Returns the time since the year 1970 began.
pub(crate) fn since_1970() -> Duration {
    let since = system().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default()
}

/// Returns the system's own time: for signatures, and for what a server says
/// of its clock.
pub(crate) fn system() -> SystemTime {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that others take"
    )]
    SystemTime::now()
}

/// Writes seconds since 1970 as a date and a time of day.
pub(crate) fn written(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March end with the leap day, so months count up evenly.
    let day = days + 719_468;
    let (era, of_era) = (day / 146_097, day % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_dates() {
        for (seconds, date) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (4_102_444_799, "2099-12-31T23:59:59Z"),
        ] {
            assert_eq!(written(seconds), date);
        }
    }
}
