//! What a tenant's `tenant.toml` asks for, and what the operator's
//! `policy.toml` grants. Both are read as written and then settled once, so
//! that an import has nothing to decide but yes or no.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::Untrusted;
use crate::config::profile_text;
use crate::limits::{LimitAboveCeiling, Limits, WrittenLimits};
use crate::policy::WrittenPolicy;

mod index;

pub use index::{WrittenIndex, is_index_name};

/// A capability that a component may be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Model calls.
    Provider,
    /// Search.
    Retrieval,
    /// Named blobs.
    Artifacts,
    /// Tools of the operator.
    Tools,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 4] = [
        Self::Provider,
        Self::Retrieval,
        Self::Artifacts,
        Self::Tools,
    ];

    /// The word in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Retrieval => "retrieval",
            Self::Artifacts => "artifacts",
            Self::Tools => "tools",
        }
    }
}

/// The part of a component that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The pipeline under optimization.
    Chain,
    /// What grades its outcomes.
    Scorer,
}

impl Role {
    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chain => "chain",
            Self::Scorer => "scorer",
        }
    }
}

/// `tenant.toml`, as written. Paths are relative to the tenant's directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenManifest {
    /// The tenant's id.
    pub id: String,
    /// Its components.
    #[serde(default)]
    pub components: WrittenComponents,
    /// Its cases.
    #[serde(default)]
    pub datasets: WrittenDatasets,
    /// What its chain can search, by name.
    #[serde(default)]
    pub indexes: BTreeMap<String, WrittenIndex>,
    /// What the components may call.
    #[serde(default)]
    pub capabilities: WrittenCapabilities,
    /// What they may use.
    #[serde(default)]
    pub limits: WrittenLimits,
    /// What is to be made better.
    #[serde(default)]
    pub metric: WrittenMetric,
}

/// `[components]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenComponents {
    /// The component of the chain.
    pub chain: Option<String>,
    /// The component of the scorer, or `standard`; the chain's own when it is not written.
    pub scorer: Option<String>,
}

/// `[datasets]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenDatasets {
    /// Cases that a driver may read.
    pub train: Option<String>,
    /// Cases that select, and are seen as totals.
    pub validation: Option<String>,
    /// Cases that are read once, at the end.
    pub test: Option<String>,
    /// Cases that train and validation are made of, in place of both.
    pub dev: Option<String>,
    /// How they are made.
    pub derive: Option<WrittenDerive>,
}

/// `[datasets.derive]`, as written: how `dev` is divided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenDerive {
    /// The share that becomes validation.
    pub validation: f64,
    /// What decides who goes where.
    pub seed: u64,
    /// The path of what keeps cases together, such as `metadata.group`.
    pub group: Option<String>,
}

impl Default for WrittenDerive {
    fn default() -> Self {
        Self {
            validation: 0.5,
            seed: 1,
            group: None,
        }
    }
}

/// `[metric]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenMetric {
    /// How the scorer weighs things: a word, or a table that configures it.
    pub profile: Option<serde_json::Value>,
    /// The mean score at which an optimization may stop.
    pub target: Option<f64>,
    /// Whether the scorer is handed the calls of a case; it is when it is not written.
    pub reads_calls: Option<bool>,
}

/// `[capabilities]`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCapabilities {
    /// Capabilities of the chain; all of them when it is not written.
    pub chain: Option<BTreeSet<Capability>>,
    /// Capabilities of the scorer: none when it is not written, and no other
    /// than `provider`, for a judge.
    pub scorer: Option<BTreeSet<Capability>>,
}

/// What a tenant may do: its manifest where the policy agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Capabilities of the chain.
    pub chain: BTreeSet<Capability>,
    /// Capabilities of the scorer.
    pub scorer: BTreeSet<Capability>,
    /// Whether the scorer is handed the calls of a case.
    pub reads_calls: bool,
    /// The limits of both.
    pub limits: Limits,
}

/// Why a manifest cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// An id that cannot be the name of a folder.
    #[error("the id `{0}` is not 1 to 64 of `a-z 0-9 _ -` that begin with a letter or a digit")]
    Id(Untrusted),
    /// Datasets that say two things, or nothing.
    #[error("{0}")]
    Datasets(&'static str),
    /// A name that no index can have.
    #[error(
        "the index `{0}` is not 1 to 64 of `A-Z a-z 0-9 . _ -` that begin with a letter or a digit"
    )]
    IndexName(Untrusted),
    /// An index that cannot be.
    #[error("`[indexes.{name}]`: {why}")]
    Index {
        /// Its name.
        name: Untrusted,
        /// What is wrong with it.
        why: String,
    },
    /// A number out of range.
    #[error("`{key}` must be {expects}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it may be.
        expects: &'static str,
    },
    /// A limit above the operator's ceiling.
    #[error(transparent)]
    Limit(#[from] LimitAboveCeiling),
    /// A scorer that asks for more than a judge.
    #[error("a scorer cannot be granted `{}`", .0.name())]
    ScorerCapability(Capability),
    /// A capability that the operator does not grant.
    #[error("the operator does not grant `{}` to tenants", .0.name())]
    NotGranted(Capability),
}

impl ManifestError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Id(_) => "give the tenant a short id of its own, such as `acme-qa`",
            Self::Datasets(_) => {
                "`[datasets]` names `train`, `validation` and `test`, or `dev` and `test`"
            }
            Self::IndexName(_) => "give the index a short name, such as `wiki`",
            Self::Index { .. } => {
                "usual values are `k1` 0.9 to 2, `b` 0.4 to 0.75, `delta` 0.5 to 1"
            }
            Self::Range { .. } => "mend the value in `tenant.toml`",
            Self::Limit(_) => {
                "lower the key in `tenant.toml`, or ask the operator to raise it in `policy.toml`"
            }
            Self::ScorerCapability(_) => {
                "a scorer may have `provider`, for a judge, and nothing else"
            }
            Self::NotGranted(_) => {
                "take it out of `[capabilities]`, or ask the operator to allow it in `policy.toml`"
            }
        }
    }
}

impl WrittenManifest {
    /// Checks what can be checked without a file or a component.
    pub fn check(&self) -> Result<(), ManifestError> {
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let fits = (1..=64).contains(&self.id.len())
            && self
                .id
                .bytes()
                .all(|b| letter(b) || matches!(b, b'_' | b'-'))
            && letter(self.id.as_bytes()[0]);
        if !fits {
            return Err(ManifestError::Id(self.id.as_str().into()));
        }
        let datasets = &self.datasets;
        if datasets.dev.is_some() && (datasets.train.is_some() || datasets.validation.is_some()) {
            return Err(ManifestError::Datasets(
                "`datasets.dev` takes the place of `train` and `validation`, and one of them is there, too",
            ));
        }
        if datasets.dev.is_none() && datasets.derive.is_some() {
            return Err(ManifestError::Datasets(
                "`[datasets.derive]` says how `datasets.dev` is divided, and there is none",
            ));
        }
        for (name, index) in &self.indexes {
            index.check(name)?;
        }
        let range = |fits: bool, key, expects| match fits {
            true => Ok(()),
            false => Err(ManifestError::Range { key, expects }),
        };
        let share = datasets
            .derive
            .as_ref()
            .map_or(0.5, |derive| derive.validation);
        range(
            0.0 < share && share < 1.0,
            "datasets.derive.validation",
            "a share between 0 and 1",
        )?;
        range(
            self.metric
                .target
                .is_none_or(|target| (0.0..=100.0).contains(&target)),
            "metric.target",
            "a score from 0 to 100",
        )
    }

    /// Returns the profile that the tenant scores by; empty is the scorer's usual one.
    pub fn profile(&self) -> String {
        self.metric
            .profile
            .as_ref()
            .map(profile_text)
            .unwrap_or_default()
    }
}

impl Grants {
    /// Settles what a tenant may do.
    ///
    /// What the manifest names and the policy withholds is an error; what the
    /// manifest gets by default is just not granted.
    pub fn settle(
        manifest: &WrittenManifest,
        policy: &WrittenPolicy,
    ) -> Result<Self, ManifestError> {
        let allowed = policy
            .capabilities
            .clone()
            .unwrap_or_else(|| Capability::ALL.into());
        let settle =
            |asked: &Option<BTreeSet<Capability>>, default: BTreeSet<Capability>| match asked {
                Some(asked) => match asked.difference(&allowed).next() {
                    Some(missing) => Err(ManifestError::NotGranted(*missing)),
                    None => Ok(asked.clone()),
                },
                None => Ok(default.intersection(&allowed).copied().collect()),
            };
        let scorer = settle(&manifest.capabilities.scorer, BTreeSet::new())?;
        if let Some(beyond) = scorer.iter().find(|c| **c != Capability::Provider) {
            return Err(ManifestError::ScorerCapability(*beyond));
        }
        Ok(Self {
            chain: settle(&manifest.capabilities.chain, Capability::ALL.into())?,
            scorer,
            reads_calls: manifest.metric.reads_calls.unwrap_or(true),
            limits: Limits::resolve(&manifest.limits, &policy.limits)?,
        })
    }

    /// Returns the capabilities of a role.
    pub fn of(&self, role: Role) -> &BTreeSet<Capability> {
        match role {
            Role::Chain => &self.chain,
            Role::Scorer => &self.scorer,
        }
    }
}

impl Default for Grants {
    fn default() -> Self {
        Self {
            chain: Capability::ALL.into(),
            scorer: BTreeSet::new(),
            reads_calls: true,
            limits: Limits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(chain: &[Capability], scorer: &[Capability]) -> WrittenManifest {
        WrittenManifest {
            capabilities: WrittenCapabilities {
                chain: Some(chain.iter().copied().collect()),
                scorer: Some(scorer.iter().copied().collect()),
            },
            ..WrittenManifest::default()
        }
    }

    #[test]
    fn an_id_can_be_the_name_of_a_folder() {
        let check = |id: &str| {
            let manifest = WrittenManifest {
                id: id.into(),
                ..WrittenManifest::default()
            };
            manifest.check()
        };
        for good in ["a", "acme-qa_2", "7"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "..", "a/b", "A", "-a", "\u{1b}"] {
            assert!(matches!(check(bad), Err(ManifestError::Id(_))), "{bad:?}");
        }
    }

    #[test]
    fn dev_takes_the_place_of_train_and_validation() {
        let check = |datasets| {
            let manifest = WrittenManifest {
                id: "a".into(),
                datasets,
                ..WrittenManifest::default()
            };
            manifest.check()
        };
        let dev = WrittenDatasets {
            dev: Some("dev.jsonl".into()),
            ..WrittenDatasets::default()
        };
        assert_eq!(check(dev.clone()), Ok(()));
        let both = WrittenDatasets {
            train: Some("train.jsonl".into()),
            ..dev.clone()
        };
        assert!(matches!(check(both), Err(ManifestError::Datasets(_))));
        let all = WrittenDatasets {
            derive: Some(WrittenDerive {
                validation: 1.0,
                ..WrittenDerive::default()
            }),
            ..dev
        };
        assert!(matches!(check(all), Err(ManifestError::Range { .. })));
    }

    #[test]
    fn a_scorer_gets_a_judge_only_when_the_manifest_asks() {
        let silent =
            Grants::settle(&WrittenManifest::default(), &WrittenPolicy::default()).unwrap();
        assert!(silent.scorer.is_empty());
        assert!(silent.reads_calls);
        let asking = Grants::settle(
            &asks(&[], &[Capability::Provider]),
            &WrittenPolicy::default(),
        )
        .unwrap();
        assert!(asking.of(Role::Scorer).contains(&Capability::Provider));
    }

    #[test]
    fn a_scorer_never_gets_more_than_a_judge() {
        let refused = Grants::settle(
            &asks(&[], &[Capability::Retrieval]),
            &WrittenPolicy::default(),
        );
        assert_eq!(
            refused,
            Err(ManifestError::ScorerCapability(Capability::Retrieval))
        );
    }

    #[test]
    fn both_manifest_and_policy_must_agree() {
        let policy = WrittenPolicy {
            capabilities: Some([Capability::Provider].into()),
            ..WrittenPolicy::default()
        };
        let refused = Grants::settle(&asks(&[Capability::Tools], &[]), &policy);
        assert_eq!(refused, Err(ManifestError::NotGranted(Capability::Tools)));
        let silent = Grants::settle(&WrittenManifest::default(), &policy).unwrap();
        assert_eq!(silent.chain, [Capability::Provider].into());
    }
}
