//! What answered a run's searches.

use serde::{Deserialize, Serialize};

use crate::bm25::Settings;
use crate::compare::fact::Dimension;

/// What stood behind an index: a corpus that the host searched, or a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IndexRecord {
    /// SHA-256 of all that decides what a search finds: corpus and settings, or
    /// what is known of the server.
    pub digest: String,
    /// The corpus, where the host searched one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corpus: Option<CorpusRecord>,
    /// How it was indexed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// The template of the texts that were indexed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where the server is, if one was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A corpus that was searched.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorpusRecord {
    /// The file or folder.
    pub path: String,
    /// Whether a person named it, and not the tenant's file.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_person: bool,
    /// SHA-256 of its content.
    pub digest: String,
    /// How many documents it has.
    pub documents: u64,
}

impl IndexRecord {
    /// Returns what decides its answers, as facts of a run.
    pub(super) fn facts(&self, name: &str, fact: &mut impl FnMut(Dimension, &str, String)) {
        let corpus = self.corpus.as_ref().map(|corpus| corpus.digest.clone());
        let of = |what: &str| format!("indexes.{name}.{what}");
        let mut add = |what: &str, value: String| fact(Dimension::Index, &of(what), value);
        match corpus {
            Some(corpus) => {
                add("corpus", corpus);
                let settings = serde_json::to_string(&self.settings);
                add("settings", settings.unwrap_or_default());
                add("text", self.text.clone().unwrap_or_default());
            }
            None => add("digest", self.digest.clone()),
        }
    }
}
