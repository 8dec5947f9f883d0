//! `[indexes.NAME]` of `policy.toml`: a search server that the operator puts
//! behind an index. A tenant names the index, and never the server.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AuthScheme, Deadlines, SecretSource};
use crate::config::{RateSettings, RetrySettings};

/// `[indexes.NAME]`, as written.
///
/// ```
/// use fapo_core::policy::WrittenPolicy;
///
/// let policy: WrittenPolicy = serde_json::from_value(serde_json::json!({
///     "indexes": { "wiki": {
///         "url": "http://127.0.0.1:8893/api/search",
///         "query": { "query": "${query}", "k": "${k}" },
///         "hits": { "at": "/topk", "id": "/pid", "text": "/text", "score": "/score" },
///     }},
/// }))?;
/// assert!(policy.indexes["wiki"].is_granted_to("acme"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenEndpoint {
    /// Where searches go.
    pub url: String,
    /// How they are asked for; by default `post` where there is a `request`.
    pub method: Option<Asks>,
    /// The key.
    pub key: Option<SecretSource>,
    /// How it is presented; `bearer` by default.
    pub auth: Option<AuthScheme>,
    /// Headers that every request has.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What stands after the `?`; a value may be a placeholder.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// The body, as JSON. A text in it that is `${query}` or `${k}` gets the
    /// value itself; inside a longer text `${k}` is its digits, and
    /// `${query_json}` the query as JSON writes a text, quotes included.
    pub request: Option<Value>,
    /// Where the hits lie in an answer.
    #[serde(default)]
    pub hits: Hits,
    /// Tenants that may search it; all when it is not written.
    pub tenants: Option<BTreeSet<String>>,
    /// How fast it may be asked, by all runs of a process together.
    #[serde(default)]
    pub rate: RateSettings,
    /// What happens when it fails.
    #[serde(default)]
    pub retry: RetrySettings,
    /// How long it is waited for.
    #[serde(default = "deadlines")]
    pub deadlines: Deadlines,
    /// The longest answer, in bytes.
    #[serde(default = "answer_bytes_max")]
    pub answer_bytes_max: u64,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asks {
    /// By its address alone.
    Get,
    /// With a body.
    Post,
}

/// Where hits lie in an answer: JSON pointers, those of a hit's parts from the
/// hit on. The order of the hits is the ranking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hits {
    /// The list; empty where the answer is the list.
    pub at: String,
    /// Whether the server leaves the list out where it found nothing.
    pub may_miss: bool,
    /// The document's id, a text or a number.
    pub id: String,
    /// Its text.
    pub text: String,
    /// Its title.
    pub title: Option<String>,
    /// Where the server has no titles of their own: what ends the title at the
    /// head of the text, such as ` | `.
    pub title_end: Option<String>,
    /// The score; 0 where the server tells none.
    pub score: Option<String>,
    /// The metadata, an object.
    pub metadata: Option<String>,
}

impl Default for Hits {
    /// The shape of a server that answers as our own index does.
    fn default() -> Self {
        Self {
            at: String::new(),
            may_miss: false,
            id: "/id".into(),
            text: "/text".into(),
            title: Some("/title".into()),
            title_end: None,
            score: Some("/score".into()),
            metadata: Some("/metadata".into()),
        }
    }
}

/// A search takes no minutes, as a model may.
fn deadlines() -> Deadlines {
    Deadlines {
        connect_ms: 5_000,
        idle_ms: 30_000,
        total_ms: 60_000,
    }
}

fn answer_bytes_max() -> u64 {
    16 << 20
}

impl WrittenEndpoint {
    /// Tells whether a tenant may search it.
    pub fn is_granted_to(&self, tenant: &str) -> bool {
        self.tenants
            .as_ref()
            .is_none_or(|tenants| tenants.contains(tenant))
    }

    /// Returns how it is asked.
    pub fn asks(&self) -> Asks {
        self.method.unwrap_or(match self.request {
            Some(_) => Asks::Post,
            None => Asks::Get,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Result<WrittenEndpoint, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_without_a_body_is_asked_by_its_address() {
        let get = read(json!({"url": "http://a", "query": {"q": "${query}"}})).unwrap();
        assert_eq!(get.asks(), Asks::Get);
        let post = read(json!({"url": "http://a", "request": {"q": "${query}"}})).unwrap();
        assert_eq!(post.asks(), Asks::Post);
    }

    #[test]
    fn unknown_keys_are_refused_at_every_depth() {
        for wrong in [
            json!({"url": "http://a", "uri": "x"}),
            json!({"url": "http://a", "hits": {"ids": "/id"}}),
        ] {
            assert!(read(wrong).unwrap_err().contains("unknown field"));
        }
    }

    #[test]
    fn a_key_that_stands_where_its_place_should_is_not_repeated() {
        let told = read(json!({"url": "http://a", "key": "sk-planted"})).unwrap_err();
        assert!(!told.contains("planted"), "{told}");
    }
}
