//! What a server tells of its quotas, in the headers of an answer.
//!
//! All of it is untrusted: what cannot be read, or makes no sense, is as good
//! as absent.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

/// The longest header that is read: the words of all servers fit in it.
const HEADER_BYTES_MAX: usize = 64;

/// The longest time that is believed. Quotas are by the minute or the day, and
/// the few by the month still fit.
const TIME_MAX: Duration = Duration::from_secs(31 * 86_400);

/// What a server told with an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Told {
    pub(crate) requests: Option<Quota>,
    /// Tokens of both kinds; Anthropic tells the tightest of its quotas here.
    pub(crate) tokens: Option<Quota>,
    pub(crate) input_tokens: Option<Quota>,
    pub(crate) output_tokens: Option<Quota>,
    /// How long to wait before the next try.
    pub(crate) retry_after: Option<Duration>,
}

/// A quota, as it stood when the server decided on the request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quota {
    /// How much there is when none is used.
    pub(crate) limit: u64,
    /// How much is left.
    pub(crate) remaining: u64,
    /// When none is used again if nobody uses any.
    pub(crate) reset: Option<Duration>,
}

impl Told {
    /// Reads what the headers of an answer tell; `now` is the time of day.
    pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Self {
        // Most servers tell of no quota, and their answers are not searched for each.
        let tells = headers
            .keys()
            .any(|name| name.as_str().contains("ratelimit"));
        // Both families may be there: a proxy adds its own to the vendor's.
        let quota = |kind: &str| {
            if !tells {
                return None;
            }
            let openai = |field: &str| format!("x-ratelimit-{field}-{kind}");
            let anthropic = |field: &str| format!("anthropic-ratelimit-{kind}-{field}");
            quota(headers, openai, now).or_else(|| quota(headers, anthropic, now))
        };
        Self {
            requests: quota("requests"),
            tokens: quota("tokens"),
            input_tokens: quota("input-tokens"),
            output_tokens: quota("output-tokens"),
            retry_after: retry_after(headers, now),
        }
    }
}

/// Returns a quota whose limit and remainder are told.
///
/// Azure writes a limit of `-1` or `0` where there is none, and a remainder
/// without a limit says nothing of how fast it comes back.
fn quota(headers: &HeaderMap, name: impl Fn(&str) -> String, now: SystemTime) -> Option<Quota> {
    let limit = text(headers, &name("limit"))?
        .parse()
        .ok()
        .filter(|n| *n > 0)?;
    let remaining: u64 = text(headers, &name("remaining"))?.parse().ok()?;
    let reset = text(headers, &name("reset"));
    Some(Quota {
        limit,
        remaining: remaining.min(limit),
        reset: reset.and_then(|reset| clock_time(reset).or_else(|| until(reset, now))),
    })
}

/// Returns how long a server asks to wait: in milliseconds, in seconds, or
/// until a date. The most exact word goes first.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let in_ms = || seconds(text(headers, "retry-after-ms")?, 1e-3);
    let in_s = || {
        let text = text(headers, "retry-after")?;
        let date = || believed(since(now, httpdate::parse_http_date(text).ok()?));
        seconds(text, 1.0).or_else(date)
    };
    in_ms().or_else(in_s)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (text.len() <= HEADER_BYTES_MAX).then_some(text)
}

fn believed(time: Duration) -> Option<Duration> {
    (time <= TIME_MAX).then_some(time)
}

/// Returns the time from now to a date; none is left of one that has passed.
fn since(now: SystemTime, date: SystemTime) -> Duration {
    date.duration_since(now).unwrap_or_default()
}

/// Reads a number of units that are so many seconds long.
fn seconds(text: &str, unit: f64) -> Option<Duration> {
    // `parse` takes words too, as `inf` and `nan`.
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let seconds = text.parse::<f64>().ok()? * unit;
    Duration::try_from_secs_f64(seconds).ok().and_then(believed)
}

/// Reads a time as Go writes it, `6m0s` or `120ms`; a bare number is seconds.
fn clock_time(text: &str) -> Option<Duration> {
    if let Some(time) = seconds(text, 1.0) {
        return Some(time);
    }
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(unit_at);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" | "μs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        sum += seconds(number, unit)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum).and_then(believed)
}

/// Reads a date as in RFC 3339, `2026-01-31T23:59:59.5Z`, as the time until it.
fn until(text: &str, now: SystemTime) -> Option<Duration> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, ahead_s) = match time.strip_suffix(['Z', 'z']) {
        Some(time) => (time, 0),
        None => {
            let (time, offset) = time.split_at(time.rfind(['+', '-'])?);
            let (hours, minutes) = offset[1..].split_once(':')?;
            let ahead_s = digits(hours, 2, 23)? * 3_600 + digits(minutes, 2, 59)? * 60;
            let is_behind = offset.starts_with('-');
            (time, if is_behind { -ahead_s } else { ahead_s })
        }
    };
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, seconds(&format!("0.{fraction}"), 1.0)?),
        None => (time, Duration::ZERO),
    };
    let [year, month, day] = fields(date, '-', [(4, 9_999), (2, 12), (2, 31)])?;
    // A leap second is the 60th.
    let [hour, minute, second] = fields(time, ':', [(2, 23), (2, 59), (2, 60)])?;
    let of_day = hour * 3_600 + minute * 60 + second;
    let since_1970 = days_since_1970(year, month, day) * 86_400 + of_day - ahead_s;
    let since_1970 = Duration::from_secs(u64::try_from(since_1970).ok()?) + fraction;
    believed(since(now, SystemTime::UNIX_EPOCH + since_1970))
}

/// Reads three numbers, each of so many digits and of a largest value.
fn fields(text: &str, between: char, shapes: [(usize, i64); 3]) -> Option<[i64; 3]> {
    let mut parts = text.splitn(3, between);
    let mut numbers = [0; 3];
    for (number, (len, max)) in numbers.iter_mut().zip(shapes) {
        *number = digits(parts.next()?, len, max)?;
    }
    Some(numbers)
}

fn digits(text: &str, len: usize, max: i64) -> Option<i64> {
    let is_number = text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    is_number
        .then_some(text)?
        .parse()
        .ok()
        .filter(|n| *n <= max)
}

/// Returns the days from 1970 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March end with the leap day, so months count up evenly.
    let (year, from_march) = match month {
        ..3 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    /// 1994-11-06T08:49:37Z.
    const NOW_S: u64 = 784_111_777;

    fn read(headers: &[(&str, &str)]) -> Told {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        Told::read(&map, SystemTime::UNIX_EPOCH + Duration::from_secs(NOW_S))
    }

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn both_families_of_headers_are_read() {
        let quota = |limit, remaining, reset| {
            Some(Quota {
                limit,
                remaining,
                reset,
            })
        };
        let openai = read(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1s"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        assert_eq!(openai.requests, quota(60, 59, ms(1_000)));
        assert_eq!(openai.tokens, quota(150_000, 149_984, ms(360_000)));
        let anthropic = read(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "0"),
            ("anthropic-ratelimit-requests-reset", "1994-11-06T08:49:39Z"),
            ("anthropic-ratelimit-tokens-limit", "40000"),
            ("anthropic-ratelimit-tokens-remaining", "39000"),
            ("anthropic-ratelimit-input-tokens-limit", "30000"),
            ("anthropic-ratelimit-input-tokens-remaining", "30000"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "1994-11-06T08:49:37Z",
            ),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "7000"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "1994-11-06T09:49:38.25+01:00",
            ),
        ]);
        assert_eq!(anthropic.requests, quota(50, 0, ms(2_000)));
        assert_eq!(anthropic.tokens, quota(40_000, 39_000, None));
        assert_eq!(anthropic.input_tokens, quota(30_000, 30_000, ms(0)));
        assert_eq!(anthropic.output_tokens, quota(8_000, 7_000, ms(1_250)));
    }

    #[test]
    fn a_reset_is_read_in_the_ways_that_servers_write_it() {
        for (text, reset) in [
            ("120ms", ms(120)),
            ("6m0s", ms(360_000)),
            ("1h2m", ms(3_720_000)),
            ("1m30.951s", ms(90_951)),
            ("17us", Some(Duration::from_micros(17))),
            ("2d", ms(172_800_000)),
            ("0s", ms(0)),
            ("12", ms(12_000)),
            ("0.5", ms(500)),
            ("1994-11-06T08:49:38Z", ms(1_000)),
            ("1994-11-06t08:49:38.5z", ms(1_500)),
            ("1994-11-06T02:49:40-06:00", ms(3_000)),
            ("1994-12-01T00:00:00Z", ms((24 * 86_400 + 54_623) * 1_000)),
            // What has passed leaves nothing to wait for.
            ("1994-11-06T08:00:00Z", ms(0)),
            // What makes no sense is as good as absent.
            ("", None),
            ("soon", None),
            ("-5s", None),
            ("5 s", None),
            ("1..2s", None),
            ("ms", None),
            ("5parsec", None),
            ("5s7", None),
            ("99999999999999999999h", None),
            ("1785000000", None),
            ("inf", None),
            ("nan", None),
            ("2994-11-06T08:49:38Z", None),
            ("1994-13-06T08:49:38Z", None),
            ("1994-11-06T08:49:38", None),
            ("1994-11-06T08:49Z", None),
            ("1994-11-06T08:49:38.Z5Z", None),
            ("1994-11-06T08:49:38+é0:00", None),
            ("1994-11-06T08:49:38+", None),
            ("é", None),
        ] {
            let told = read(&[
                ("x-ratelimit-limit-requests", "60"),
                ("x-ratelimit-remaining-requests", "59"),
                ("x-ratelimit-reset-requests", text),
            ]);
            assert_eq!(told.requests.unwrap().reset, reset, "{text}");
        }
    }

    #[test]
    fn a_limit_that_is_none_or_no_number_is_absent() {
        for (limit, remaining) in [
            ("-1", "-1"),
            ("0", "0"),
            ("60", "-1"),
            ("60", "many"),
            ("60.5", "3"),
            ("", ""),
            ("99999999999999999999999", "1"),
        ] {
            let told = read(&[
                ("x-ratelimit-limit-tokens", limit),
                ("x-ratelimit-remaining-tokens", remaining),
            ]);
            assert_eq!(told, Told::default(), "{limit} {remaining}");
        }
        let told = read(&[
            ("x-ratelimit-limit-tokens", "10"),
            ("x-ratelimit-remaining-tokens", "11"),
        ]);
        assert_eq!(told.tokens.unwrap().remaining, 10);
    }

    #[test]
    fn the_wait_that_is_asked_for_is_read_in_its_three_forms() {
        for (name, text, wait) in [
            ("retry-after-ms", "250", ms(250)),
            ("retry-after-ms", "0.5", Some(Duration::from_micros(500))),
            ("retry-after", "2", ms(2_000)),
            ("retry-after", "1.5", ms(1_500)),
            ("retry-after", " 3 ", ms(3_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:49:40 GMT", ms(3_000)),
            ("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT", ms(0)),
            ("retry-after", "-1", None),
            ("retry-after", "NaN", None),
            ("retry-after", "1e9", None),
            ("retry-after", "99999999999", None),
            ("retry-after", "Sun, 06 Nov 2994 08:49:40 GMT", None),
            ("retry-after", &"1".repeat(5_000), None),
            ("retry-after", "later", None),
        ] {
            assert_eq!(read(&[(name, text)]).retry_after, wait, "{text:.80}");
        }
        let both = read(&[("retry-after", "2"), ("retry-after-ms", "1200")]);
        assert_eq!(both.retry_after, ms(1_200));
    }
}
