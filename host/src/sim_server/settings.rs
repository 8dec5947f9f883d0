//! What the server was told to be like.

use std::str::FromStr;
use std::time::Duration;

use fapo_core::model::fits;
use fapo_core::simulator::Rates;

use super::faults::{Faults, RetryAfter};
use super::quota::Quota;
use super::sigv4::AwsKey;

/// The server's settings; some can be changed while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) rates: Rates,
    pub(crate) latency: Latency,
    pub(crate) faults: Faults,
    /// How often the same body fails by chance, at most.
    pub(crate) fault_attempts: Option<u32>,
    pub(crate) retry_after: Option<RetryAfter>,
    pub(crate) quota: Option<Quota>,
    /// Whether replies say what is left of the quota.
    pub(crate) quota_headers: bool,
    pub(crate) in_flight_max: Option<u32>,
    /// Names of models; any where there is none.
    pub(crate) models: Vec<String>,
    pub(crate) api_key: Option<String>,
    pub(crate) aws_key: Option<AwsKey>,
}

impl Settings {
    pub(super) fn knows(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|pattern| fits(pattern, model))
    }

    /// Changes a setting that can be changed while the server runs.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        fn read<T: FromStr>(value: &str) -> Result<T, String> {
            value
                .parse()
                .map_err(|_| format!("`{value}` cannot be read"))
        }
        // An empty text takes a setting away.
        fn maybe<T>(
            value: &str,
            read: impl Fn(&str) -> Result<T, String>,
        ) -> Result<Option<T>, String> {
            if value.is_empty() {
                Ok(None)
            } else {
                read(value).map(Some)
            }
        }
        match name {
            "seed" => self.seed = read(value)?,
            "latency" => self.latency = value.parse()?,
            "faults" => self.faults = value.parse()?,
            "fault_attempts" => self.fault_attempts = maybe(value, read)?,
            "retry_after" => self.retry_after = maybe(value, str::parse)?,
            "quota" => self.quota = maybe(value, str::parse)?,
            "quota_headers" => self.quota_headers = read(value)?,
            "max_in_flight" => self.in_flight_max = maybe(value, read)?,
            _ => return Err(format!("there is no setting `{name}`")),
        }
        Ok(())
    }
}

/// How long an answer takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Latency {
    #[default]
    None,
    Fixed(Duration),
    LogNormal {
        median_ms: f64,
        sigma: f64,
    },
}

/// Nothing takes longer.
const LATENCY_MAX_MS: f64 = 3_600_000.0;

impl Latency {
    /// Returns the latency that belongs to two numbers from 0 to 1.
    pub(crate) fn at(self, one: f64, other: f64) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(latency) => latency,
            Self::LogNormal { median_ms, sigma } => {
                // Box and Muller's way to a normal number.
                let normal = (-2.0 * (1.0 - one).max(1e-12).ln()).sqrt()
                    * (std::f64::consts::TAU * other).cos();
                let ms = median_ms * (sigma * normal).exp();
                Duration::from_secs_f64(ms.clamp(0.0, LATENCY_MAX_MS) / 1e3)
            }
        }
    }
}

impl FromStr for Latency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| match text.parse::<f64>() {
            Ok(number) if (0.0..=LATENCY_MAX_MS).contains(&number) => Ok(number),
            _ => Err(format!(
                "`{text}` is not a number of milliseconds within an hour"
            )),
        };
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("fixed", ms)) => Ok(Self::Fixed(Duration::from_secs_f64(number(ms)? / 1e3))),
            Some(("lognormal", rest)) => {
                let (median, sigma) = rest
                    .split_once(',')
                    .ok_or("write it as lognormal:MEDIAN_MS,SIGMA")?;
                Ok(Self::LogNormal {
                    median_ms: number(median)?,
                    sigma: number(sigma)?,
                })
            }
            _ => Err("write it as none, fixed:MS or lognormal:MEDIAN_MS,SIGMA".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_spread_around_their_median() {
        let latency: Latency = "lognormal:100,0.5".parse().unwrap();
        let mut all: Vec<_> = (0..1_000)
            .map(|n| latency.at(f64::from(n * 37 % 1_000) / 1e3, f64::from(n) / 1e3))
            .collect();
        all.sort();
        let (low, median, high) = (all[50], all[500], all[950]);
        assert!((90..112).contains(&median.as_millis()), "{median:?}");
        assert!(
            low < median / 2 + Duration::from_millis(10)
                && high > median * 2 - Duration::from_millis(20)
        );
    }

    #[test]
    fn what_is_no_latency_is_refused() {
        for text in [
            "",
            "fast",
            "fixed:-1",
            "fixed:x",
            "lognormal:5",
            "lognormal:1,nan",
        ] {
            assert!(text.parse::<Latency>().is_err(), "{text}");
        }
    }
}
