//! What answered a run's model calls.

use serde::{Deserialize, Serialize};

use crate::compare::fact::Dimension;
use crate::config::ProviderSettings;
use crate::policy::{Format, Kind};

/// What answered model calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderRecord {
    /// As the config or the command line names it.
    pub name: String,
    /// Whether no model stands behind it.
    pub simulated: bool,
    /// Whether a person named it, and not the tenant's file.
    #[serde(default)]
    pub by_person: bool,
    /// The interface that it speaks; none for a script.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The format of its requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// The model that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The version of the table that knows its prices; none where nobody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prices: Option<String>,
    /// SHA-256 of the rules of one that answers by rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How it is asked.
    pub settings: ProviderSettings,
}

impl ProviderRecord {
    /// Returns the record of a provider of which nothing is known but its name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            simulated: false,
            by_person: false,
            kind: None,
            base_url: None,
            format: None,
            model: None,
            prices: None,
            digest: None,
            settings: ProviderSettings::default(),
        }
    }

    /// Returns what decides its answers, fact by fact; `of` is the path to it in a config.
    pub(super) fn facts(&self, of: &str, fact: &mut impl FnMut(Dimension, String, String)) {
        let settings = &self.settings;
        let text = |value: Option<&String>| value.cloned().unwrap_or_default();
        let number = |value: Option<String>| value.unwrap_or_default();
        // Where the rules lie decides nothing; what they are does. And a name is
        // the operator's own word for a place.
        let name = match (&self.digest, &self.kind) {
            (Some(digest), None) => digest.clone(),
            (digest, Some(kind)) => format!(
                "{} {}",
                kind.name(),
                digest
                    .as_deref()
                    .or(self.base_url.as_deref())
                    .unwrap_or_default()
            ),
            (None, None) => self.name.clone(),
        };
        fact(Dimension::Model, format!("{of}provider"), name);
        let model = self.model.as_ref().or(settings.model.as_ref());
        let settings_of = format!("{of}provider_settings");
        fact(
            Dimension::Model,
            format!("{settings_of}.model"),
            text(model),
        );
        for (key, value) in [
            (
                "temperature",
                number(settings.temperature.map(|n| n.to_string())),
            ),
            ("top_p", number(settings.top_p.map(|n| n.to_string()))),
            (
                "max_tokens",
                number(settings.max_tokens.map(|n| n.to_string())),
            ),
            ("seed", number(settings.seed.map(|n| n.to_string()))),
            ("reasoning_effort", text(settings.reasoning_effort.as_ref())),
        ] {
            fact(Dimension::Parameter, format!("{settings_of}.{key}"), value);
        }
    }
}
