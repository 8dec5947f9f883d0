//! How fast the server may be asked, and what it says of that.

use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

use super::vendor::{Headers, Vendor};
use crate::clock;

/// Requests and tokens in a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quota {
    requests: f64,
    /// Requests that may come at once.
    burst: f64,
    tokens: Option<f64>,
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let positive = |text: &str| match text.parse::<f64>() {
            Ok(number) if number >= 1.0 && number.is_finite() => Ok(number),
            _ => Err(format!("`{text}` is not a number from 1")),
        };
        let (rate, tokens) = match text.split_once(",tokens=") {
            Some((rate, tokens)) => (rate, Some(positive(tokens)?)),
            None => (text, None),
        };
        let (requests, burst) = match rate.split_once(':') {
            Some((requests, burst)) => (positive(requests)?, positive(burst)?),
            None => {
                let requests = positive(rate)?;
                (requests, (requests / 60.0).max(1.0))
            }
        };
        Ok(Self {
            requests,
            burst,
            tokens,
        })
    }
}

/// What is left of a quota.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    quota: Quota,
    requests: f64,
    tokens: f64,
    at: Instant,
}

/// The quota that is shown where there is none.
const SHOWN: Quota = Quota {
    requests: 1e6,
    burst: 1e6,
    tokens: Some(1e9),
};

impl Bucket {
    pub(super) fn full(quota: Option<Quota>, now: Instant) -> Self {
        let quota = quota.unwrap_or(SHOWN);
        Self {
            quota,
            requests: quota.burst,
            tokens: quota.tokens.unwrap_or(f64::MAX),
            at: now,
        }
    }

    fn refill(&mut self, now: Instant) {
        let minutes = now.saturating_duration_since(self.at).as_secs_f64() / 60.0;
        self.at = now;
        self.requests = (self.requests + minutes * self.quota.requests).min(self.quota.burst);
        if let Some(tokens) = self.quota.tokens {
            self.tokens = (self.tokens + minutes * tokens).min(tokens);
        }
    }

    /// Takes a request of so many tokens, or tells how long to wait for it.
    pub(super) fn take(&mut self, tokens: f64, now: Instant) -> Result<(), Duration> {
        self.refill(now);
        let lacks_tokens = self.quota.tokens.map_or(0.0, |per_minute| {
            // More than a minute's tokens can only ever go when the bucket is full.
            (tokens.min(per_minute) - self.tokens).max(0.0) / per_minute
        });
        let lacks = ((1.0 - self.requests).max(0.0) / self.quota.requests).max(lacks_tokens);
        if lacks > 0.0 {
            return Err(Duration::from_secs_f64(lacks * 60.0).max(Duration::from_millis(1)));
        }
        self.requests -= 1.0;
        self.spend(tokens);
        Ok(())
    }

    /// Takes the tokens of an answer, which nobody knew before.
    pub(super) fn spend(&mut self, tokens: f64) {
        if self.quota.tokens.is_some() {
            self.tokens -= tokens;
        }
    }

    /// Returns what a vendor says of it with each reply.
    pub(super) fn headers(&self, vendor: Vendor) -> Headers {
        let Quota {
            requests: limit,
            burst,
            tokens,
        } = self.quota;
        let left = self.requests.max(0.0).floor();
        let until_full = |lacks: f64, per_minute: f64| {
            Duration::from_secs_f64((lacks / per_minute * 60.0).max(0.0))
        };
        let reset = until_full(burst - self.requests, limit);
        let tokens_limit = tokens.unwrap_or(1e9);
        let tokens_left = self.tokens.clamp(0.0, tokens_limit).floor();
        let tokens_reset = until_full(tokens_limit - tokens_left, tokens_limit);
        match vendor {
            Vendor::OpenAi | Vendor::Azure | Vendor::Baseten => vec![
                ("x-ratelimit-limit-requests", limit.to_string()),
                ("x-ratelimit-remaining-requests", left.to_string()),
                ("x-ratelimit-reset-requests", short(reset)),
                ("x-ratelimit-limit-tokens", tokens_limit.to_string()),
                ("x-ratelimit-remaining-tokens", tokens_left.to_string()),
                ("x-ratelimit-reset-tokens", short(tokens_reset)),
            ],
            Vendor::Anthropic => vec![
                ("anthropic-ratelimit-requests-limit", limit.to_string()),
                ("anthropic-ratelimit-requests-remaining", left.to_string()),
                ("anthropic-ratelimit-requests-reset", clock::after(reset)),
                ("anthropic-ratelimit-tokens-limit", tokens_limit.to_string()),
                (
                    "anthropic-ratelimit-tokens-remaining",
                    tokens_left.to_string(),
                ),
                (
                    "anthropic-ratelimit-tokens-reset",
                    clock::after(tokens_reset),
                ),
            ],
            Vendor::Bedrock | Vendor::SageMaker => Vec::new(),
        }
    }
}

/// Returns what a vendor says of when to come back.
pub(super) fn come_back(vendor: Vendor, wait: Duration) -> Headers {
    let seconds = wait.as_secs_f64().ceil().max(1.0).to_string();
    match vendor {
        Vendor::OpenAi | Vendor::Azure | Vendor::Baseten => vec![
            ("retry-after-ms", wait.as_millis().max(1).to_string()),
            ("retry-after", seconds),
        ],
        Vendor::Anthropic => vec![("retry-after", seconds)],
        Vendor::Bedrock | Vendor::SageMaker => Vec::new(),
    }
}

/// Writes a duration as OpenAI does: `120ms`, `1.5s`, `6m0s`.
fn short(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{}s", ms as f64 / 1e3),
        _ => format!("{}m{}s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_through_its_burst_and_then_its_rate() {
        let began = Instant::now();
        let mut bucket = Bucket::full(Some("60:3".parse().unwrap()), began);
        let at = |n: u32| began + Duration::from_millis(100) * n;
        let n_taken = (0..100)
            .filter(|n| bucket.take(0.0, at(*n)).is_ok())
            .count();
        // Three at once, and one a second for ten seconds.
        assert!((12..=13).contains(&n_taken), "{n_taken}");
    }

    #[test]
    fn a_wait_is_as_long_as_it_is_said_to_be() {
        let began = Instant::now();
        let mut bucket = Bucket::full(Some("60000,tokens=600".parse().unwrap()), began);
        assert!(bucket.take(600.0, began).is_ok());
        let wait = bucket.take(100.0, began).unwrap_err();
        assert_eq!(wait.as_secs(), 10);
        let early = began + wait - Duration::from_millis(5);
        assert!(bucket.take(100.0, early).is_err());
        assert!(
            bucket
                .take(100.0, began + wait + Duration::from_millis(1))
                .is_ok()
        );
    }

    #[test]
    fn durations_are_written_as_openai_does() {
        for (ms, text) in [(120, "120ms"), (1_500, "1.5s"), (360_000, "6m0s")] {
            assert_eq!(short(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn what_is_no_quota_is_refused() {
        for text in ["", "0", "60:0", "60,tokens=x", "-5", "nan"] {
            assert!(text.parse::<Quota>().is_err(), "{text}");
        }
    }
}
