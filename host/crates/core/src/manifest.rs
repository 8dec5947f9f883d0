//! What a tenant's `tenant.toml` asks for, and what the operator's
//! `policy.toml` grants. Both are read as written and then settled once, so
//! that an import has nothing to decide but yes or no.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::limits::{LimitAboveCeiling, Limits, WrittenLimits};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The pipeline under optimization.
    Chain,
    /// What grades its outcomes.
    Scorer,
}

/// `tenant.toml`, as written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenManifest {
    /// The tenant's id.
    pub id: String,
    /// What the components may call.
    #[serde(default)]
    pub capabilities: WrittenCapabilities,
    /// What they may use.
    #[serde(default)]
    pub limits: WrittenLimits,
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

/// `policy.toml`, as written: what the operator allows any tenant at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenPolicy {
    /// Capabilities that may be granted; all of them when it is not written.
    pub capabilities: Option<BTreeSet<Capability>>,
    /// Ceilings of the tenants' limits.
    #[serde(default)]
    pub limits: WrittenLimits,
}

/// What a tenant may do: its manifest where the policy agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Capabilities of the chain.
    pub chain: BTreeSet<Capability>,
    /// Capabilities of the scorer.
    pub scorer: BTreeSet<Capability>,
    /// The limits of both.
    pub limits: Limits,
}

/// Why a manifest cannot be granted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
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
    fn a_scorer_gets_a_judge_only_when_the_manifest_asks() {
        let silent =
            Grants::settle(&WrittenManifest::default(), &WrittenPolicy::default()).unwrap();
        assert!(silent.scorer.is_empty());
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
