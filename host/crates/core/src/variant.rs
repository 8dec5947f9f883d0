//! Variants: immutable numbered changes of a chain's prompts, parameters or
//! structure. `000` is the baseline.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::Untrusted;
use crate::digest::{canonical_json, sha256_hex};

/// A variant's number, as it is written: three digits or more.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VariantId(String);

impl VariantId {
    /// Returns the baseline's id.
    pub fn baseline() -> Self {
        Self("000".into())
    }

    /// Returns the id of a number.
    pub fn of(number: u32) -> Self {
        Self(format!("{number:03}"))
    }

    /// Returns the number.
    pub fn number(&self) -> u32 {
        self.0.parse().expect("an id is a number")
    }

    /// Returns the id as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for VariantId {
    type Error = VariantError;

    fn try_from(id: String) -> Result<Self, VariantError> {
        let digits = (3..=6).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
        if digits {
            Ok(Self(id))
        } else {
            Err(VariantError::Id(id.into()))
        }
    }
}

impl From<VariantId> for String {
    fn from(id: VariantId) -> Self {
        id.0
    }
}

impl fmt::Display for VariantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How deep a change goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Other words.
    #[default]
    Prompt,
    /// Other values.
    Parameter,
    /// Other steps.
    Structure,
}

impl Level {
    /// The word in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Parameter => "parameter",
            Self::Structure => "structure",
        }
    }
}

/// One record, `variants/NNN.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its number.
    pub id: VariantId,
    /// The variant that it changes; the baseline has none.
    #[serde(default)]
    pub parent: Option<VariantId>,
    /// How deep the change goes.
    #[serde(default)]
    pub level: Level,
    /// Names of prompts, and the files with their templates.
    #[serde(default)]
    pub prompts: BTreeMap<String, String>,
    /// Names of parameters, and their values.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// The component, where it is not the tenant's.
    #[serde(default)]
    pub chain: Option<String>,
    /// Why it should be better.
    #[serde(default)]
    pub hypothesis: Untrusted,
    /// What tells whether the variant is still as it was written.
    #[serde(default)]
    pub digest: Option<String>,
}

/// What is wrong with a variant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariantError {
    /// An id that is no number.
    #[error("`{0}` is not the id of a variant")]
    Id(Untrusted),
    /// The record or one of its prompts was changed.
    #[error(
        "variant `{id}` is not as it was written: its digest is {found}, and the record says {recorded}"
    )]
    Changed {
        /// The variant.
        id: VariantId,
        /// What it comes to now.
        found: String,
        /// What it came to.
        recorded: Untrusted,
    },
    /// The record of one variant under the name of another.
    #[error("the record of variant `{name}` says that it is `{id}`")]
    Name {
        /// The name of the file.
        name: VariantId,
        /// The id in it.
        id: VariantId,
    },
}

impl VariantError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Id(_) => "ids are three digits: 000 is the baseline, 001 the first variant",
            Self::Changed { .. } => {
                "a variant is written once: undo the change, and write a new variant with `fapo-host variant`"
            }
            Self::Name { .. } => "give the file the name of its id",
        }
    }
}

impl Variant {
    /// Returns the baseline of a tenant that has no record of one: the chain
    /// with all of its defaults.
    pub fn baseline() -> Self {
        Self {
            id: VariantId::baseline(),
            parent: None,
            level: Level::Prompt,
            prompts: BTreeMap::new(),
            parameters: Map::new(),
            chain: None,
            hypothesis: Untrusted::default(),
            digest: None,
        }
    }

    /// Returns the digest of the change: of the prompts' texts rather than
    /// their paths, and of nothing that is only told about it.
    pub fn digest_of(&self, texts: &BTreeMap<String, String>) -> String {
        let prompts: BTreeMap<_, _> = texts
            .iter()
            .map(|(name, text)| (name, sha256_hex(text.as_bytes())))
            .collect();
        let content = json!({
            "parent": self.parent,
            "level": self.level,
            "prompts": prompts,
            "parameters": self.parameters,
            "chain": self.chain,
        });
        format!("sha256:{}", sha256_hex(canonical_json(&content).as_bytes()))
    }

    /// Checks that the variant is as it was written.
    pub fn check(
        &self,
        name: &VariantId,
        texts: &BTreeMap<String, String>,
    ) -> Result<(), VariantError> {
        if self.id != *name {
            return Err(VariantError::Name {
                name: name.clone(),
                id: self.id.clone(),
            });
        }
        let found = self.digest_of(texts);
        match &self.digest {
            Some(recorded) if *recorded != found => Err(VariantError::Changed {
                id: self.id.clone(),
                found,
                recorded: recorded.as_str().into(),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> BTreeMap<String, String> {
        [("answer".to_owned(), text.to_owned())].into()
    }

    #[test]
    fn an_id_is_three_digits_or_more() {
        for good in ["000", "042", "1000"] {
            assert_eq!(VariantId::try_from(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["", "1", "0x1", "../1", "１２３"] {
            assert!(VariantId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert_eq!(VariantId::of(7).to_string(), "007");
    }

    #[test]
    fn a_prompt_that_was_edited_is_noticed() {
        let mut variant = Variant::baseline();
        variant.digest = Some(variant.digest_of(&texts("a")));
        let id = VariantId::baseline();
        assert_eq!(variant.check(&id, &texts("a")), Ok(()));
        assert!(matches!(
            variant.check(&id, &texts("b")),
            Err(VariantError::Changed { .. })
        ));
    }

    #[test]
    fn the_digest_is_of_the_change_and_not_of_what_is_said_about_it() {
        let plain = Variant::baseline();
        let told = Variant {
            hypothesis: "shorter is better".into(),
            ..Variant::baseline()
        };
        assert_eq!(plain.digest_of(&texts("a")), told.digest_of(&texts("a")));
        let other = Variant {
            parameters: json!({"k": 3}).as_object().unwrap().clone(),
            ..Variant::baseline()
        };
        assert_ne!(plain.digest_of(&texts("a")), other.digest_of(&texts("a")));
    }

    #[test]
    fn a_record_under_another_name_is_refused() {
        let refused = Variant::baseline().check(&VariantId::of(1), &BTreeMap::new());
        assert!(matches!(refused, Err(VariantError::Name { .. })));
    }
}
