//! The operator's `policy.toml`, as written: what any tenant may at most, who
//! answers model calls, and what may be spent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::budget::Budgets;
use crate::config::RateSettings;
use crate::limits::WrittenLimits;
use crate::manifest::Capability;
use crate::model::{WrittenModel, fits};
use crate::simulator::Rates;
use crate::split::Split;

mod endpoint;

pub use endpoint::{Asks, Hits, WrittenEndpoint};

/// `policy.toml`, as written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenPolicy {
    /// Splits whose cases `show` may show; `train` alone when it is not written.
    pub show: Option<BTreeSet<Split>>,
    /// Capabilities that may be granted; all of them when it is not written.
    pub capabilities: Option<BTreeSet<Capability>>,
    /// Ceilings of the tenants' limits.
    pub limits: WrittenLimits,
    /// Who answers model calls, by the name that configs use.
    pub providers: BTreeMap<String, WrittenProvider>,
    /// Who answers searches, by the name that tenants give the index.
    pub indexes: BTreeMap<String, WrittenEndpoint>,
    /// What is known of models, beside what the host knows.
    pub models: BTreeMap<String, WrittenModel>,
    /// What may be spent.
    pub budgets: Budgets,
    /// Answers that are kept.
    pub cache: WrittenCache,
}

/// `[cache]`, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenCache {
    /// Whether a tenant gets answers that another one paid for.
    pub shared_among_tenants: bool,
    /// How large it may grow; beyond that the answers that were not asked for
    /// longest go.
    pub bytes_max: u64,
}

impl Default for WrittenCache {
    fn default() -> Self {
        Self {
            shared_among_tenants: false,
            bytes_max: 10 << 30,
        }
    }
}

/// The interface that a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// OpenAI, and all that speaks as it does.
    Openai,
    /// Baseten.
    Baseten,
    /// Endpoints of Amazon SageMaker.
    Sagemaker,
    /// Anthropic.
    Anthropic,
    /// Amazon Bedrock.
    Bedrock,
    /// The simulator in this program.
    Sim,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Openai,
        Self::Baseten,
        Self::Sagemaker,
        Self::Anthropic,
        Self::Bedrock,
        Self::Sim,
    ];

    /// The word in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Baseten => "baseten",
            Self::Sagemaker => "sagemaker",
            Self::Anthropic => "anthropic",
            Self::Bedrock => "bedrock",
            Self::Sim => "sim",
        }
    }
}

/// The format of requests and answers, where a kind has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Chat Completions: `openai`, `baseten`, `sagemaker`.
    Chat,
    /// Responses: `openai`.
    Responses,
    /// Text Generation Inference and DJL: `sagemaker`.
    Tgi,
    /// Whatever the templates say: `baseten`, `sagemaker`.
    Template,
}

/// How a key is presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthScheme {
    /// `Authorization: Bearer KEY`.
    Bearer,
    /// `Authorization: Api-Key KEY`, as Baseten has it.
    ApiKey,
    /// `api-key: KEY`, as Azure has it.
    ApiKeyHeader,
    /// `x-api-key: KEY`, as Anthropic has it.
    XApiKey,
    /// `Authorization: ApiKey KEY`, as Elasticsearch has it.
    Elastic,
    /// `Authorization: Basic KEY`; the key is `USER:PASSWORD` as base64 writes it.
    Basic,
    /// Signature Version 4.
    Sigv4,
    /// No key.
    None,
}

/// Where a secret is found. The secret itself stands in no file of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A variable of the environment.
    Env(String),
    /// A file; spaces and line breaks around the secret do not belong to it.
    File(String),
    /// A program and its arguments; it prints the secret.
    Command(Vec<String>),
}

impl<'de> Deserialize<'de> for SecretSource {
    /// Reads where a secret is. A message of serde's own would show what it
    /// met, and that may be the secret itself.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor)
    }
}

struct SourceVisitor;

/// Said of whatever does not say where a secret is.
const NO_SOURCE: &str = "a secret does not stand in this file: write `{ env = \"NAME\" }`, \
                         `{ file = \"PATH\" }` or `{ command = [\"PROGRAM\", \"ARGUMENT\"] }`";

impl<'de> Visitor<'de> for SourceVisitor {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where a secret is")
    }

    fn visit_str<E: de::Error>(self, _secret: &str) -> Result<SecretSource, E> {
        Err(E::custom(NO_SOURCE))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        let no_source = |_| de::Error::custom(NO_SOURCE);
        let source = match map.next_key::<String>()?.as_deref() {
            Some("env") => map.next_value().map(SecretSource::Env),
            Some("file") => map.next_value().map(SecretSource::File),
            Some("command") => map.next_value().map(SecretSource::Command),
            _ => Err(de::Error::custom(NO_SOURCE)),
        };
        let source = source.map_err(no_source)?;
        match map.next_key::<IgnoredAny>()? {
            None => Ok(source),
            Some(_) => Err(de::Error::custom(NO_SOURCE)),
        }
    }
}

/// `[providers.NAME]`, as written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenProvider {
    /// The interface that it speaks.
    pub kind: Kind,
    /// Where it is; by default where the kind's own vendor has it.
    pub base_url: Option<String>,
    /// The format of its requests.
    pub format: Option<Format>,
    /// The key.
    pub key: Option<SecretSource>,
    /// How it is presented.
    pub auth: Option<AuthScheme>,
    /// Of an account with Amazon: the region.
    pub region: Option<String>,
    /// Its access key; by default `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<SecretSource>,
    /// Its secret; by default `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<SecretSource>,
    /// Its session; by default `AWS_SESSION_TOKEN`, if there is one.
    pub session_token: Option<SecretSource>,
    /// Headers that every request has, beside the kind's own.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What stands after the `?` of every request, as `api-version=…`.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Fields that every request's body has, beside those of the format.
    #[serde(default)]
    pub body: serde_json::Map<String, serde_json::Value>,
    /// How a request is written and an answer read, where the format is `template`.
    pub template: Option<Template>,
    /// The model that is asked where nobody names one.
    pub model: Option<String>,
    /// Models that tenants may name; any when it is not written. A `*` at the
    /// end stands for anything.
    pub models: Option<BTreeSet<String>>,
    /// Tenants that may use it; all when it is not written.
    pub tenants: Option<BTreeSet<String>>,
    /// How fast it may be asked, by all runs of a process together.
    #[serde(default)]
    pub rate: RateSettings,
    /// How long is waited for it.
    #[serde(default)]
    pub deadlines: Deadlines,
    /// The longest answer, in bytes.
    #[serde(default = "answer_bytes_max")]
    pub answer_bytes_max: u64,
    /// How the simulator fails.
    #[serde(default)]
    pub simulator: Rates,
}

fn answer_bytes_max() -> u64 {
    16 << 20
}

impl WrittenProvider {
    /// Returns a provider of a kind, with nothing said of it.
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            base_url: None,
            format: None,
            key: None,
            auth: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            headers: BTreeMap::new(),
            query: BTreeMap::new(),
            body: serde_json::Map::new(),
            template: None,
            model: None,
            models: None,
            tenants: None,
            rate: RateSettings::default(),
            deadlines: Deadlines::default(),
            answer_bytes_max: answer_bytes_max(),
            simulator: Rates::default(),
        }
    }

    /// Tells whether a tenant may use it.
    pub fn is_granted_to(&self, tenant: &str) -> bool {
        self.tenants
            .as_ref()
            .is_none_or(|tenants| tenants.contains(tenant))
    }

    /// Tells whether a tenant may name a model of it.
    pub fn offers(&self, model: &str) -> bool {
        self.models
            .as_ref()
            .is_none_or(|models| models.iter().any(|pattern| fits(pattern, model)))
    }
}

/// How a request is written, and where an answer lies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// JSON. A text in it that is one placeholder gets the value, whatever its
    /// type: `${prompt}` (all messages as one text), `${system}` (the instructions,
    /// which are then in neither of the others), `${messages}`,
    /// `${model}`, `${temperature}`, `${top_p}`, `${max_tokens}`, `${stop}`, `${seed}`.
    /// A field whose value was not given is left out.
    pub request: serde_json::Value,
    /// A JSON pointer to the answer's text, as `/output/text`.
    pub text: String,
    /// A pointer to why it ended: `length` or `max_tokens` is a cut.
    pub finish_reason: Option<String>,
    /// A pointer to the number of tokens read.
    pub input_tokens: Option<String>,
    /// A pointer to the number of tokens written.
    pub output_tokens: Option<String>,
}

/// How long a provider is waited for, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    /// Until there is a connection.
    pub connect_ms: u64,
    /// Without a byte.
    pub idle_ms: u64,
    /// In all, for one attempt.
    pub total_ms: u64,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            connect_ms: 5_000,
            idle_ms: 120_000,
            total_ms: 600_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_stands_where_its_place_should_is_not_repeated() {
        let read = |json: &str| serde_json::from_str::<SecretSource>(json);
        assert_eq!(
            read(r#"{"env": "A_KEY"}"#).unwrap(),
            SecretSource::Env("A_KEY".into())
        );
        for wrong in [
            r#""sk-planted""#,
            r#"{"sk-planted": 1}"#,
            r#"{"command": "sk-planted"}"#,
            r#"{"env": "A", "file": "sk-planted"}"#,
            r#"["sk-planted"]"#,
        ] {
            let told = read(wrong).unwrap_err().to_string();
            assert!(!told.contains("planted"), "{told}");
        }
    }

    #[test]
    fn a_provider_is_for_the_tenants_and_models_that_it_names() {
        let mut provider = WrittenProvider::of(Kind::Openai);
        assert!(provider.is_granted_to("acme") && provider.offers("gpt-4o"));
        provider.tenants = Some(["acme".into()].into());
        provider.models = Some(["gpt-4o*".into()].into());
        assert!(provider.is_granted_to("acme") && !provider.is_granted_to("other"));
        assert!(provider.offers("gpt-4o-mini") && !provider.offers("o3"));
    }
}
