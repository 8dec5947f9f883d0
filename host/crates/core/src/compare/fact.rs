//! What runs are made of, and which of it a comparison may vary.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Untrusted;

/// A kind of fact about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Where the cases come from.
    Dataset,
    /// Which of them ran, and how often.
    Cases,
    /// What graded them.
    Scorer,
    /// Training, validation or test.
    Split,
    /// The texts of prompts.
    Prompt,
    /// The values of parameters.
    Parameter,
    /// The chain's steps, edges and code.
    Structure,
    /// What answered model calls.
    Model,
    /// What searches find, and how they rank it.
    Index,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 9] = [
        Self::Dataset,
        Self::Cases,
        Self::Scorer,
        Self::Split,
        Self::Prompt,
        Self::Parameter,
        Self::Structure,
        Self::Model,
        Self::Index,
    ];

    /// The word in flags and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dataset => "dataset",
            Self::Cases => "cases",
            Self::Scorer => "scorer",
            Self::Split => "split",
            Self::Prompt => "prompt",
            Self::Parameter => "parameter",
            Self::Structure => "structure",
            Self::Model => "model",
            Self::Index => "index",
        }
    }

    /// Tells whether a comparison may vary it. The others say what a score
    /// means, so scores that differ in them are of two kinds.
    pub fn may_vary(self) -> bool {
        matches!(
            self,
            Self::Prompt | Self::Parameter | Self::Structure | Self::Model | Self::Index
        )
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that a run was made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fact {
    /// Its kind.
    pub dimension: Dimension,
    /// Which of the kind: the prompt's name, `sha256`.
    pub key: Untrusted,
    /// What it was.
    pub value: Untrusted,
}

/// What the runs of a comparison may differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// What is under test.
    pub varies: BTreeSet<Dimension>,
    /// Whether anything else may differ too, and is marked.
    pub exploratory: bool,
}

/// A word of `--varies` that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariesError {
    /// No dimension.
    #[error("`{0}` is nothing that runs differ in")]
    Unknown(Untrusted),
    /// A dimension that must be the same.
    #[error("the {0} must be the same in both runs")]
    Fixed(Dimension),
}

impl VariesError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown(_) => "write some of `--varies prompt,parameter,structure,model,index`",
            Self::Fixed(_) => {
                "`--exploratory` compares such runs and marks what differs, without a claim of what caused it"
            }
        }
    }
}

/// Reads what `--varies` says: dimensions, with commas between them.
///
/// ```
/// use fapo_core::compare::fact::{Dimension, parse_varies};
///
/// let varies = parse_varies("prompt,model")?;
/// assert!(varies.contains(&Dimension::Model));
/// assert!(parse_varies("dataset").is_err());
/// # Ok::<(), fapo_core::compare::fact::VariesError>(())
/// ```
pub fn parse_varies(list: &str) -> Result<BTreeSet<Dimension>, VariesError> {
    let one = |word: &str| {
        let named = Dimension::ALL.into_iter().find(|d| d.name() == word);
        match named {
            Some(dimension) if dimension.may_vary() => Ok(dimension),
            Some(dimension) => Err(VariesError::Fixed(dimension)),
            None => Err(VariesError::Unknown(word.into())),
        }
    };
    list.split(',').map(str::trim).map(one).collect()
}

/// A fact that is not the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its kind.
    pub dimension: Dimension,
    /// Which of the kind.
    pub key: Untrusted,
    /// What A has; none where it has nothing of the name.
    pub a: Option<Untrusted>,
    /// What B has.
    pub b: Option<Untrusted>,
    /// Whether it was under test. What was not is there only in an exploratory
    /// comparison.
    pub allowed: bool,
}

/// How much of a value a message shows.
const SHOWN_CHARS_MAX: usize = 48;

/// Shows the difference on one line, long values cut.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<Untrusted>| match value {
            Some(value) => format!("`{}`", value.cut(SHOWN_CHARS_MAX)),
            None => "nothing".into(),
        };
        let Self { dimension, key, .. } = self;
        let key = key.cut(SHOWN_CHARS_MAX);
        let (a, b) = (shown(&self.a), shown(&self.b));
        write!(f, "{dimension} `{key}`: A has {a}, B has {b}")?;
        if a == b {
            f.write_str(" (they differ further on)")?;
        }
        Ok(())
    }
}

/// The runs differ in what the comparison holds fixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotComparable {
    /// What they differ in and may not.
    pub refused: Vec<Difference>,
}

/// How many differences the message lists: a changed dataset may have thousands.
const LISTED_MAX: usize = 20;

impl fmt::Display for NotComparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the runs differ in what the comparison holds fixed")?;
        for difference in self.refused.iter().take(LISTED_MAX) {
            write!(f, "\n  {difference}")?;
        }
        if self.refused.len() > LISTED_MAX {
            write!(f, "\n  … and {} more", self.refused.len() - LISTED_MAX)?;
        }
        Ok(())
    }
}

impl std::error::Error for NotComparable {}

impl NotComparable {
    /// What to do about it.
    pub fn hint(&self) -> String {
        let dimensions: BTreeSet<_> = self.refused.iter().map(|d| d.dimension).collect();
        if let Some(fixed) = dimensions.iter().find(|d| !d.may_vary()) {
            return format!(
                "the {fixed} must be the same; `--exploratory` compares the runs all the same and marks what differs"
            );
        }
        let words: Vec<_> = dimensions.iter().map(|d| format!("`{d}`")).collect();
        format!(
            "if that is what you want to compare, add {} to `--varies`",
            words.join(", ")
        )
    }
}

/// Returns what the runs differ in, by dimension and key, if all of it may
/// vary.
pub fn comparability(
    a: &[Fact],
    b: &[Fact],
    allowed: &Allowed,
) -> Result<Vec<Difference>, NotComparable> {
    let (a, b) = (by_key(a), by_key(b));
    let keys: BTreeSet<_> = a.keys().chain(b.keys()).copied().collect();
    let (mut differences, mut refused) = (Vec::new(), Vec::new());
    for key in keys {
        let (in_a, in_b) = (a.get(&key), b.get(&key));
        if in_a == in_b {
            continue;
        }
        let (dimension, key) = key;
        let difference = Difference {
            dimension,
            key: key.clone(),
            a: in_a.map(joined),
            b: in_b.map(joined),
            allowed: dimension.may_vary() && allowed.varies.contains(&dimension),
        };
        if difference.allowed || allowed.exploratory {
            differences.push(difference);
        } else {
            refused.push(difference);
        }
    }
    if refused.is_empty() {
        Ok(differences)
    } else {
        Err(NotComparable { refused })
    }
}

/// The values of each fact. A key that stands more than once has them all, in
/// order, so the order of facts never is a difference.
type Values<'f> = BTreeMap<(Dimension, &'f Untrusted), Vec<&'f Untrusted>>;

fn by_key(facts: &[Fact]) -> Values<'_> {
    let mut by_key = Values::new();
    for fact in facts {
        let values = by_key.entry((fact.dimension, &fact.key)).or_default();
        values.push(&fact.value);
    }
    by_key.values_mut().for_each(|values| values.sort());
    by_key
}

fn joined(values: &Vec<&Untrusted>) -> Untrusted {
    let texts: Vec<_> = values.iter().map(|value| value.as_str()).collect();
    texts.join(", ").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(dimension: Dimension, key: &str, value: &str) -> Fact {
        Fact {
            dimension,
            key: key.into(),
            value: value.into(),
        }
    }

    fn allowed(varies: &str) -> Allowed {
        Allowed {
            varies: parse_varies(varies).unwrap(),
            exploratory: false,
        }
    }

    const PROMPT: Dimension = Dimension::Prompt;
    const DATASET: Dimension = Dimension::Dataset;

    #[test]
    fn five_dimensions_may_vary_and_no_other() {
        let five = parse_varies("model, prompt,structure,parameter,index").unwrap();
        assert_eq!(five.len(), 5);
        for fixed in ["dataset", "cases", "scorer", "split"] {
            let refused = parse_varies(fixed).unwrap_err();
            assert!(matches!(refused, VariesError::Fixed(_)), "{refused}");
            assert!(refused.hint().contains("--exploratory"));
        }
        for unknown in ["", "prompts", "prompt,,model", "Prompt"] {
            let refused = parse_varies(unknown).unwrap_err();
            assert!(matches!(refused, VariesError::Unknown(_)), "{refused}");
        }
    }

    #[test]
    fn a_dimension_is_written_as_it_is_parsed() {
        for dimension in Dimension::ALL {
            let json = serde_json::to_value(dimension).unwrap();
            assert_eq!(json, dimension.name());
            let parsed = parse_varies(dimension.name()).map_err(|_| ());
            let expected = dimension.may_vary().then(|| [dimension].into());
            assert_eq!(parsed, expected.ok_or(()));
        }
    }

    #[test]
    fn what_varies_is_returned_and_what_is_the_same_is_not() {
        let a = [fact(PROMPT, "p", "old"), fact(DATASET, "sha256", "1")];
        let b = [fact(DATASET, "sha256", "1"), fact(PROMPT, "p", "new")];
        let found = comparability(&a, &b, &allowed("prompt,model")).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "prompt `p`: A has `old`, B has `new`");
    }

    #[test]
    fn what_was_not_declared_is_refused_with_the_word_that_would_permit_it() {
        let a = [fact(PROMPT, "p", "old")];
        let refused = comparability(&a, &[], &allowed("model")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the runs differ in what the comparison holds fixed\n  prompt `p`: A has `old`, B has nothing"
        );
        assert!(refused.hint().contains("add `prompt` to `--varies`"));
    }

    #[test]
    fn what_may_never_vary_needs_an_exploratory_comparison_that_marks_it() {
        let (a, b) = ([fact(DATASET, "id", "1")], [fact(DATASET, "id", "2")]);
        let mut allowed = allowed("prompt");
        let refused = comparability(&a, &b, &allowed).unwrap_err();
        assert!(refused.hint().contains("--exploratory"));
        allowed.exploratory = true;
        let found = comparability(&a, &b, &allowed).unwrap();
        assert!(!found[0].allowed);
    }

    #[test]
    fn a_refusal_stays_short_and_tame() {
        let long = format!("\u{1b}[2J{}", "x".repeat(5000));
        let a: Vec<_> = (0..500)
            .map(|i| fact(DATASET, &i.to_string(), &long))
            .collect();
        let b: Vec<_> = (0..500)
            .map(|i| fact(DATASET, &i.to_string(), &format!("{long}y")))
            .collect();
        let message = comparability(&a, &b, &Allowed::default())
            .unwrap_err()
            .to_string();
        assert!(message.ends_with("… and 480 more"), "{message}");
        assert!(message.contains("they differ further on"), "{message}");
        assert!(message.len() < 6000 && !message.contains('\u{1b}'));
    }
}
