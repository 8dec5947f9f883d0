//! `provider_settings` of a config: how a provider is asked.

use serde::{Deserialize, Serialize};

use super::{ConfigError, range};

/// How a provider is asked; what is none is the provider's to choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProviderSettings {
    /// The model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Where the provider is; never from a tenant's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// How freely it chooses its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The share of likely words that it chooses from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// The longest answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// What decides its random choices, where it listens to that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// How much it thinks first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// What happens when it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySettings>,
    /// How fast it may be asked.
    #[serde(skip_serializing_if = "RateSettings::is_unbounded")]
    pub rate: RateSettings,
}

/// `provider_settings.retry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetrySettings {
    /// How often one request is sent at most.
    pub attempts_max: u32,
    /// The wait after the first failure; it doubles with each further one.
    pub wait_ms_min: u64,
    /// The longest wait.
    pub wait_ms_max: u64,
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            attempts_max: 6,
            wait_ms_min: 500,
            wait_ms_max: 60_000,
        }
    }
}

/// `provider_settings.rate`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RateSettings {
    /// Requests under way at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_max: Option<u32>,
    /// Requests in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens in a minute, read and written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
}

impl RateSettings {
    pub(super) fn is_unbounded(&self) -> bool {
        *self == Self::default()
    }
}

impl ProviderSettings {
    /// Checks that every number is in its range.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        range(
            self.temperature.is_none_or(|t| (0.0..=10.0).contains(&t)),
            "provider_settings.temperature",
            "from 0 to 10",
        )?;
        range(
            self.top_p.is_none_or(|p| (0.0..=1.0).contains(&p)),
            "provider_settings.top_p",
            "from 0 to 1",
        )?;
        range(
            self.max_tokens != Some(0),
            "provider_settings.max_tokens",
            "at least 1",
        )?;
        range(
            self.retry
                .is_none_or(|retry| (1..=100).contains(&retry.attempts_max)),
            "provider_settings.retry.attempts_max",
            "from 1 to 100",
        )?;
        let rate = &self.rate;
        range(
            rate.in_flight_max != Some(0)
                && rate.requests_per_minute != Some(0)
                && rate.tokens_per_minute != Some(0),
            "provider_settings.rate",
            "numbers of at least 1",
        )
    }
}
