//! `[indexes.NAME]` of `tenant.toml`: what a chain can search.

use serde::{Deserialize, Serialize};

use super::ManifestError;
use crate::bm25::{Method, Scoring, Stemmer};

/// The longest name of an index.
const NAME_BYTES_MAX: usize = 64;

/// The longest template of indexed texts: it is filled in for every document.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// `[indexes.NAME]`, as written. What is none has its usual value, which is
/// that of GEPA's pipelines.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenIndex {
    /// The documents: a file, or a folder of them. None where the operator
    /// serves the index.
    pub corpus: Option<String>,
    /// The formula that scores a document.
    pub method: Option<Method>,
    /// How slowly repeats of a word saturate.
    pub k1: Option<f64>,
    /// How much long documents are held back.
    pub b: Option<f64>,
    /// What some of the methods add.
    pub delta: Option<f64>,
    /// What is cut off words.
    pub stemmer: Option<Stemmer>,
    /// Words that do not count: `english`, `none`, or a file with one a line.
    pub stopwords: Option<String>,
    /// The text that is searched, with places such as `{title}` and `{text}`.
    pub text: Option<String>,
}

impl WrittenIndex {
    /// Returns how documents are scored.
    pub fn scoring(&self) -> Scoring {
        let usual = Scoring::default();
        Scoring {
            method: self.method.unwrap_or(usual.method),
            k1: self.k1.unwrap_or(usual.k1),
            b: self.b.unwrap_or(usual.b),
            delta: self.delta.unwrap_or(usual.delta),
        }
    }

    /// Checks what can be checked without a file.
    pub(super) fn check(&self, name: &str) -> Result<(), ManifestError> {
        let index = |why: String| ManifestError::Index {
            name: name.into(),
            why,
        };
        if !is_index_name(name) {
            return Err(ManifestError::IndexName(name.into()));
        }
        let scoring = self.scoring();
        scoring.check().map_err(|error| index(error.to_string()))?;
        let is_empty = |text: &Option<String>| text.as_ref().is_some_and(|text| text.is_empty());
        let empty = [
            ("corpus", &self.corpus),
            ("stopwords", &self.stopwords),
            ("text", &self.text),
        ];
        if let Some((key, _)) = empty.into_iter().find(|(_, text)| is_empty(text)) {
            return Err(index(format!("`{key}` is empty")));
        }
        match &self.text {
            Some(text) if text.len() > TEXT_BYTES_MAX => Err(index(format!(
                "`text` is longer than {TEXT_BYTES_MAX} bytes"
            ))),
            _ => Ok(()),
        }
    }
}

/// Tells whether an index may have this name.
///
/// ```
/// use fapo_core::manifest::is_index_name;
///
/// assert!(is_index_name("wiki-2017.abstracts"));
/// assert!(!is_index_name("") && !is_index_name("../wiki") && !is_index_name("*"));
/// ```
pub fn is_index_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::super::WrittenManifest;
    use super::*;

    fn check(name: &str, index: WrittenIndex) -> Result<(), String> {
        let manifest = WrittenManifest {
            id: "a".into(),
            indexes: [(name.to_owned(), index)].into(),
            ..WrittenManifest::default()
        };
        manifest.check().map_err(|error| error.to_string())
    }

    #[test]
    fn an_index_may_leave_out_everything() {
        assert_eq!(check("wiki", WrittenIndex::default()), Ok(()));
        let scoring = WrittenIndex::default().scoring();
        assert_eq!(
            (scoring.method, scoring.k1, scoring.b),
            (Method::Lucene, 0.9, 0.4)
        );
    }

    #[test]
    fn a_name_is_no_path_and_no_pattern() {
        let long = "a".repeat(65);
        for bad in ["", ".", "-a", "../a", "a/b", "*", "ä", "a\u{1b}", &long] {
            let told = check(bad, WrittenIndex::default()).unwrap_err();
            assert!(told.contains("is not 1 to 64 of"), "{bad:?}: {told}");
            assert!(!told.contains('\u{1b}'), "{told}");
        }
    }

    #[test]
    fn parameters_that_no_formula_can_bear_are_refused_with_the_index() {
        for (index, says) in [
            (
                WrittenIndex {
                    k1: Some(-1.0),
                    ..WrittenIndex::default()
                },
                "`k1` is -1",
            ),
            (
                WrittenIndex {
                    b: Some(f64::NAN),
                    ..WrittenIndex::default()
                },
                "`b` is NaN",
            ),
            (
                WrittenIndex {
                    text: Some(String::new()),
                    ..WrittenIndex::default()
                },
                "`text` is empty",
            ),
        ] {
            let told = check("wiki", index).unwrap_err();
            assert!(told.contains("`[indexes.wiki]`"), "{told}");
            assert!(told.contains(says), "{told}");
        }
    }
}
