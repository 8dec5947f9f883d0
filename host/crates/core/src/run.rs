//! What a run was made of, and what it came to: `run_config.json`,
//! `summary.json` and `cost.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Untrusted;
use crate::artifact::ResultRow;
use crate::compare::fact::{Dimension, Fact};
use crate::config::{ProviderSettings, RateSettings};
use crate::digest::sha256_hex;
use crate::limits::Limits;
use crate::manifest::{Capability, Role, WrittenDerive};
use crate::settings::Settings;
use crate::split::Split;
use crate::stats::mean::Interval;
use crate::variant::VariantId;

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
    /// The share of cases that the world may fail.
    pub world_failures_max: f64,
    /// Cases in flight. It decides nothing but speed.
    pub max_workers: u16,
    /// What the chain was granted.
    pub capabilities: Vec<Capability>,
    /// What the scorer was granted.
    pub scorer_capabilities: Vec<Capability>,
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

/// What answered model calls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProviderRecord {
    /// As the config or the command line names it.
    pub name: String,
    /// Whether no model stands behind it.
    pub simulated: bool,
    /// SHA-256 of the rules of one that answers by rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// How it is asked.
    pub settings: ProviderSettings,
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
        let Some(provider) = &self.provider else {
            fact(Dimension::Model, "provider", "none".into());
            return facts;
        };
        // Where the rules lie decides nothing; what they are does.
        let name = match &provider.digest {
            Some(digest) => digest.clone(),
            None => provider.name.clone(),
        };
        fact(Dimension::Model, "provider", name);
        let settings = &provider.settings;
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        fact(
            Dimension::Model,
            "provider_settings.model",
            text(&settings.model),
        );
        fact(
            Dimension::Model,
            "provider_settings.base_url",
            text(&settings.base_url),
        );
        let number = |value: Option<String>| value.unwrap_or_default();
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
            ("reasoning_effort", text(&settings.reasoning_effort)),
        ] {
            fact(
                Dimension::Parameter,
                &format!("provider_settings.{key}"),
                value,
            );
        }
        facts
    }

    /// Returns the record without what differs between a run and its own
    /// continuation: none of it decides what a case comes to.
    pub fn decisive(&self) -> Self {
        let mut decisive = self.clone();
        decisive.max_workers = 0;
        decisive.run_id = String::new();
        if let Some(provider) = &mut decisive.provider {
            provider.settings.retry = None;
            provider.settings.rate = RateSettings::default();
        }
        decisive
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every case ran.
    #[default]
    Complete,
    /// Every case ran, and the world failed some of them.
    Degraded,
    /// The world failed more of them than it may.
    Failed,
    /// A budget ended it.
    Budget,
    /// It was stopped.
    Interrupted,
}

impl Status {
    /// Tells whether every case ran, and no more of them failed than may.
    pub fn has_all_rows(self) -> bool {
        matches!(self, Self::Complete | Self::Degraded)
    }

    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Degraded => "degraded",
            Self::Failed => "failed",
            Self::Budget => "budget",
            Self::Interrupted => "interrupted",
        }
    }
}

/// `summary.json`, and what `--json` prints last: what a run came to. Its
/// fields are promised to scripts that read them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Where the run is.
    pub run_dir: String,
    /// How it ended.
    pub status: Status,
    /// The tenant; empty when a component was run by itself.
    pub tenant_id: String,
    /// The split.
    pub split: Option<Split>,
    /// The variant.
    pub variant: Option<VariantId>,
    /// Cases that ran.
    pub n_cases: u64,
    /// Rows: cases, each as often as it ran.
    pub n_rows: u64,
    /// The mean score, with its 95 % interval.
    pub score: Option<Interval>,
    /// The mean of each part of the score.
    pub score_breakdown: BTreeMap<String, Interval>,
    /// Points earned, of those possible.
    pub points: Option<(f64, f64)>,
    /// Cases that have no score as they should.
    pub failures: Failures,
    /// Calls of imports.
    pub calls: Calls,
    /// Tokens as far as providers counted them.
    pub tokens: Tokens,
    /// What model calls cost; none is unknown.
    pub cost_usd: Option<f64>,
    /// CPU of the guests.
    pub guest_cpu_s: f64,
    /// CPU of the whole process.
    pub cpu_s: f64,
    /// From the first case to the last.
    pub wall_s: f64,
    /// What answered model calls.
    pub provider: Option<String>,
    /// Whether no model stands behind it.
    pub simulated: bool,
    /// How often the test set was read before this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_reads_before: Option<u64>,
    /// The first rows, where a person may see them; all are in `results.jsonl`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<ResultRow>,
}

/// Rows that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// Rows in which a guest failed.
    pub guest: u64,
    /// Rows that a failure of the world touched.
    pub world: u64,
    /// Guests' failures by kind.
    pub kinds: BTreeMap<String, u64>,
}

/// Calls of imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the imports by their names")]
pub struct Calls {
    pub total: u64,
    /// Model calls whose answer was kept from before.
    pub cached: u64,
    /// Model calls that were under way when an earlier process of this run was
    /// killed: they were sent again, and may have been paid for twice.
    pub maybe_paid: u64,
    pub generate: u64,
    pub search: u64,
    pub tool: u64,
    pub artifact: u64,
}

/// Tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// In requests.
    pub input: u64,
    /// In answers.
    pub output: u64,
    /// Model calls whose tokens nobody counted.
    pub unknown: u64,
}

/// `cost.json`: what a run took, and where.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Calls by the role and the step that made them.
    pub steps: Vec<StepCost>,
    /// The time of all rows together.
    pub time: TimeSplit,
    /// How long each step took, visit by visit.
    pub step_timings: Vec<StepTiming>,
    /// How long a row took.
    pub row_timing: StepTiming,
}

/// The calls of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepCost {
    /// Chain or scorer.
    pub role: Role,
    /// The step.
    pub step: Untrusted,
    /// Its calls.
    pub calls: Calls,
    /// How often requests were sent.
    pub attempts: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// What they cost; none is unknown.
    pub cost_usd: Option<f64>,
}

/// Where the time of all rows went, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TimeSplit {
    /// From start to end, all rows added up.
    pub rows_s: f64,
    /// Waiting for answers.
    pub provider_wait_s: f64,
    /// Guests at work.
    pub guest_cpu_s: f64,
    /// What is left: the host, and waiting for a core.
    pub host_s: f64,
    /// Waiting for a place to run, before the start.
    pub queue_s: f64,
}

/// How long something took, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StepTiming {
    pub step: Untrusted,
    pub n: u64,
    pub mean_ms: f64,
    pub p50_ms: f64,
    pub p95_ms: f64,
}
