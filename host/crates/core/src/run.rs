//! What a run was made of, and what it came to: `run_config.json`,
//! `summary.json` and `cost.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Untrusted;
use crate::compare::fact::{Dimension, Fact};
use crate::config::{BudgetsConfig, RateSettings};
use crate::digest::sha256_hex;
use crate::limits::Limits;
use crate::manifest::{Capability, WrittenDerive};
use crate::settings::Settings;
use crate::split::Split;
use crate::variant::VariantId;

mod cost;
mod index;
mod provider;
mod summary;

pub use cost::{
    CacheMode, CacheUse, Calls, Cost, ServedBy, StepCost, StepTiming, TimeSplit, Tokens,
};
pub use index::{CorpusRecord, IndexRecord};
pub use provider::ProviderRecord;
pub use summary::{Failures, Status, Summary};

/// The version of these records. A run of another version is not read.
pub const FORMAT: u32 = 1;

/// `run_config.json`: all that decides a run, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunConfig {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of the host.
    pub host_version: String,
    /// The run's name.
    pub run_id: String,
    /// The tenant; empty when a component was run by itself.
    pub tenant_id: String,
    /// The split; none for cases of another file.
    pub split: Option<Split>,
    /// The variant.
    pub variant: Option<VariantRecord>,
    /// The cases.
    pub dataset: DatasetRecord,
    /// How often each case runs.
    pub repeats: u32,
    /// The chain.
    pub chain: ComponentRecord,
    /// The scorer.
    pub scorer: Option<ComponentRecord>,
    /// How the scorer weighs things.
    pub scoring_profile: String,
    /// Every prompt, by name.
    pub prompts: BTreeMap<String, PromptRecord>,
    /// Every parameter, by name.
    pub parameters: Map<String, Value>,
    /// What answers model calls.
    pub provider: Option<ProviderRecord>,
    /// What answers for model roles other than the first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, ProviderRecord>,
    /// What answers searches, by the names of the indexes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, IndexRecord>,
    /// What the run may spend, by its config. It decides nothing but how far the run gets.
    #[serde(default)]
    pub budgets: BudgetsConfig,
    /// Whether a recording answered in the provider's place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replayed: bool,
    /// Whether it was to use no answer that was kept from another run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_cache: bool,
    /// The share of cases that the world may fail.
    pub world_failures_max: f64,
    /// Cases in flight. It decides nothing but speed.
    pub max_workers: u16,
    /// What the chain was granted.
    pub capabilities: Vec<Capability>,
    /// What the scorer was granted.
    pub scorer_capabilities: Vec<Capability>,
    /// Whether the scorer was handed no calls of a case.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scorer_without_calls: bool,
    /// What both may use.
    pub limits: Limits,
    /// Set on a run that graded the outputs of another one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rescored_from: Option<String>,
}

/// The variant that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariantRecord {
    /// Its id.
    pub id: VariantId,
    /// Its digest.
    pub digest: String,
    /// Whether the config put other prompts or parameters over it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changed_by_config: bool,
}

/// The cases of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// The file.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// How many of its cases are run.
    pub n_cases: u64,
    /// SHA-256 of their ids, in order.
    pub case_ids_digest: String,
    /// How many of the first cases, where not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// How the split was made of `dev`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived: Option<WrittenDerive>,
}

/// A component that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentRecord {
    /// The file, or a word for one that ships with the host.
    pub component: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// How many steps it declares; zero for a scorer.
    #[serde(default)]
    pub steps: u64,
}

/// A prompt that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptRecord {
    /// SHA-256 of the template.
    pub digest: String,
    /// The template.
    pub template: Untrusted,
}

/// Returns the records of a chain's settings.
pub fn setting_records(
    settings: &Settings,
) -> (BTreeMap<String, PromptRecord>, Map<String, Value>) {
    let prompt = |(name, template): &(Untrusted, Untrusted)| {
        let record = PromptRecord {
            digest: sha256_hex(template.as_str()),
            template: template.clone(),
        };
        (name.as_str().to_owned(), record)
    };
    let parameter = |(name, value): &(Untrusted, Untrusted)| {
        let value = serde_json::from_str(value.as_str()).unwrap_or(Value::Null);
        (name.as_str().to_owned(), value)
    };
    (
        settings.prompts.iter().map(prompt).collect(),
        settings.parameters.iter().map(parameter).collect(),
    )
}

impl RunConfig {
    /// Returns what the run was made of, fact by fact, for comparing it.
    pub fn facts(&self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let mut fact = |dimension, key: &str, value: String| {
            facts.push(Fact {
                dimension,
                key: key.into(),
                value: value.into(),
            });
        };
        fact(Dimension::Dataset, "tenant_id", self.tenant_id.clone());
        fact(
            Dimension::Dataset,
            "dataset.digest",
            self.dataset.digest.clone(),
        );
        fact(
            Dimension::Split,
            "split",
            self.split.map_or("none", Split::name).into(),
        );
        fact(
            Dimension::Cases,
            "dataset.case_ids_digest",
            self.dataset.case_ids_digest.clone(),
        );
        fact(Dimension::Cases, "repeats", self.repeats.to_string());
        let scorer = self.scorer.as_ref().map_or("none", |scorer| &scorer.digest);
        fact(Dimension::Scorer, "scorer.digest", scorer.into());
        fact(
            Dimension::Scorer,
            "scoring_profile",
            self.scoring_profile.clone(),
        );
        fact(
            Dimension::Scorer,
            "scorer_without_calls",
            self.scorer_without_calls.to_string(),
        );
        fact(
            Dimension::Structure,
            "chain.digest",
            self.chain.digest.clone(),
        );
        for (name, prompt) in &self.prompts {
            fact(
                Dimension::Prompt,
                &format!("prompts.{name}"),
                prompt.digest.clone(),
            );
        }
        for (name, value) in &self.parameters {
            fact(
                Dimension::Parameter,
                &format!("parameters.{name}"),
                value.to_string(),
            );
        }
        for (name, index) in &self.indexes {
            index.facts(name, &mut fact);
        }
        let Some(provider) = &self.provider else {
            fact(Dimension::Model, "provider", "none".into());
            return facts;
        };
        let mut fact = |dimension, key: String, value: String| fact(dimension, &key, value);
        provider.facts("", &mut fact);
        for (role, provider) in &self.roles {
            provider.facts(&format!("roles.{role}."), &mut fact);
        }
        facts
    }

    /// Returns the record without what differs between a run and its own
    /// continuation: none of it decides what a case comes to.
    pub fn decisive(&self) -> Self {
        let mut decisive = self.clone();
        decisive.max_workers = 0;
        decisive.run_id = String::new();
        decisive.budgets = BudgetsConfig::default();
        decisive.replayed = false;
        decisive.no_cache = false;
        for provider in decisive
            .provider
            .iter_mut()
            .chain(decisive.roles.values_mut())
        {
            provider.settings.retry = None;
            provider.settings.rate = RateSettings::default();
            provider.prices = None;
        }
        decisive
    }
}
