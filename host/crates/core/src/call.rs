//! What guests ask of the host, and what they are answered.
//!
//! Requests and answers are owned and serialisable: the same records go to the
//! provider, into the call log, and across a pipe where guests run in a
//! process of their own.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::Untrusted;
use crate::budget::Amount;
use crate::message::{ContentPart, Message, OpaquePart, ToolCall, ToolDefinition};
use crate::model::Parameter;

/// A model call.
#[derive(Clone, Debug, Default, PartialEq, Hash, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// The role of the model to ask; none is the run's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Untrusted>,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// How to sample.
    #[serde(default)]
    pub params: GenerateParams,
    /// The shape that the answer must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_schema: Option<ResponseSchema>,
    /// The tools that the model may call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// Whether it must.
    #[serde(default, skip_serializing_if = "ToolChoice::is_auto")]
    pub tool_choice: ToolChoice,
}

/// How to sample; what is not given is the run's or the provider's to choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the words of every provider's API")]
pub struct GenerateParams {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<Untrusted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<Untrusted>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<u32>,
}

impl Hash for GenerateParams {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            temperature,
            top_p,
            max_tokens,
            seed,
            stop,
            reasoning_effort,
            choices,
        } = self;
        temperature.map(f64::to_bits).hash(state);
        top_p.map(f64::to_bits).hash(state);
        max_tokens.hash(state);
        seed.hash(state);
        stop.hash(state);
        reasoning_effort.hash(state);
        choices.hash(state);
    }
}

/// The shape of a structured answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResponseSchema {
    /// Its name.
    pub name: Untrusted,
    /// JSON Schema.
    pub schema: Untrusted,
}

/// Whether a model must call a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must not.
    None,
    /// It must.
    Required,
    /// It must call this one.
    Tool(Untrusted),
}

impl ToolChoice {
    fn is_auto(&self) -> bool {
        *self == Self::Auto
    }
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// What the provider said the model was.
    pub model: Untrusted,
    /// At least one.
    pub choices: Vec<Choice>,
    /// What it took.
    pub usage: Usage,
}

/// One of the answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// All text, joined.
    pub text: Untrusted,
    /// Tools that the model wants called.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish_reason: FinishReason,
    /// Parts to hand back with the next request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opaque: Vec<OpaquePart>,
}

/// Why a model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It was cut off.
    Length,
    /// It waits for tools.
    ToolCalls,
    /// It was silenced.
    ContentFilter,
    /// Something else.
    Other(Untrusted),
}

impl FinishReason {
    /// The word in records and tables.
    pub fn name(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Other(other) => other.as_str(),
        }
    }
}

/// Tokens as the provider counted them; none is unknown, never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    missing_docs,
    reason = "the names say it, and `input` and `output` hold the others"
)]
pub struct Usage {
    pub input_tokens: Option<u32>,
    pub cached_input_tokens: Option<u32>,
    pub output_tokens: Option<u32>,
    pub reasoning_tokens: Option<u32>,
}

/// Why a model call gave no completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is explained in `wit/types.wit`, where guests read it"
)]
pub enum ProviderError {
    Denied(Untrusted),
    UnknownStep(Untrusted),
    UnknownModel(Untrusted),
    InvalidRequest(Untrusted),
    ContextTooLong(Untrusted),
    ContentFiltered(Untrusted),
    BudgetSpent(Untrusted),
    Unavailable(Untrusted),
    Other(Untrusted),
}

impl ProviderError {
    /// The word in records and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Denied(_) => "denied",
            Self::UnknownStep(_) => "unknown_step",
            Self::UnknownModel(_) => "unknown_model",
            Self::InvalidRequest(_) => "invalid_request",
            Self::ContextTooLong(_) => "context_too_long",
            Self::ContentFiltered(_) => "content_filtered",
            Self::BudgetSpent(_) => "budget_spent",
            Self::Unavailable(_) => "unavailable",
            Self::Other(_) => "other",
        }
    }

    /// What it says.
    pub fn why(&self) -> &Untrusted {
        match self {
            Self::Denied(why)
            | Self::UnknownStep(why)
            | Self::UnknownModel(why)
            | Self::InvalidRequest(why)
            | Self::ContextTooLong(why)
            | Self::ContentFiltered(why)
            | Self::BudgetSpent(why)
            | Self::Unavailable(why)
            | Self::Other(why) => why,
        }
    }
}

/// What a provider delivered for one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    /// What it answered.
    pub answer: Result<Completion, ProviderError>,
    /// What it took to get that.
    pub receipt: Receipt,
}

impl From<Result<Completion, ProviderError>> for Delivery {
    fn from(answer: Result<Completion, ProviderError>) -> Self {
        Self {
            answer,
            receipt: Receipt::default(),
        }
    }
}

/// What it took to get an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// How often the request was sent.
    pub attempts: u32,
    /// Whether the answer was kept from before, so that nothing was sent.
    pub cached: bool,
    /// What the attempts cost, in US dollars; none is unknown.
    #[serde(default)]
    pub paid_usd: Option<f64>,
    /// What the answer would have cost had it not been kept from before.
    #[serde(default)]
    pub worth_usd: Option<f64>,
    /// Attempts that gave no answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedAttempt>,
    /// Parameters that the model does not take, and was not sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<Parameter>,
    /// What the provider said of itself, beside the model's name.
    #[serde(default, skip_serializing_if = "Served::is_empty")]
    pub served: Served,
    /// The budget that had no room for the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<Spending>,
}

impl Default for Receipt {
    /// An answer that came at once, for nothing.
    fn default() -> Self {
        Self {
            attempts: 1,
            cached: false,
            paid_usd: Some(0.0),
            worth_usd: Some(0.0),
            failed: Vec::new(),
            left_out: Vec::new(),
            served: Served::default(),
            refused_by: None,
        }
    }
}

impl Receipt {
    /// Returns what the call took of a budget, as far as it was counted.
    pub fn amount(&self, usage: Option<&Usage>) -> Amount {
        let tokens = |usage: &Usage| {
            let counts = [usage.input_tokens, usage.output_tokens];
            counts.into_iter().flatten().map(u64::from).sum()
        };
        Amount {
            calls: u64::from(self.attempts),
            tokens: match self.cached {
                true => 0,
                false => usage.map_or(0, tokens),
            },
            nano_usd: self.paid_usd.map_or(0, Amount::usd),
        }
    }
}

/// A budget, told from the others by the stretch of work that it bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spending {
    /// A case's own. A chain that asks more than its case may is at fault itself.
    Case,
    /// The run's.
    Run,
    /// The study's.
    Study,
    /// The tenant's.
    Tenant,
    /// The tenant's for the day.
    TenantDay,
    /// Everyone's for the day.
    Day,
    /// Any of those in the ledger, which could not be read.
    Ledger,
}

impl Spending {
    /// The word in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Case => "budgets.case",
            Self::Run => "budgets.run",
            Self::Study => "budgets.study",
            Self::Tenant => "budgets.tenant",
            Self::TenantDay => "budgets.tenant_day",
            Self::Day => "budgets.day",
            Self::Ledger => "the ledger of spending",
        }
    }
}

/// An attempt that gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// What the server answered; none when it did not get that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong.
    pub why: Untrusted,
    /// Whether it may have been paid for all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub maybe_paid: bool,
    /// How long the next attempt was put off.
    pub waited_ms: u64,
}

/// What a provider said of itself with an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Served {
    /// The answer's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Untrusted>,
    /// Tells one set-up of the model from another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Untrusted>,
    /// The version of its interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Untrusted>,
    /// Whether it says that no model stands behind it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
}

impl Served {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SearchRequest {
    /// The index.
    pub index: Untrusted,
    /// What to look for.
    pub query: Untrusted,
    /// How many passages at most.
    pub k: u32,
}

/// A passage that a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The document's id.
    pub id: Untrusted,
    /// Its title.
    pub title: Untrusted,
    /// Its text; not in records of searches that the host can make again.
    #[serde(default, skip_serializing_if = "Untrusted::is_empty")]
    pub text: Untrusted,
    /// How well it fits.
    pub score: f64,
    /// 1 is the best.
    pub rank: u32,
    /// The document's metadata, as JSON; not where the text is not.
    #[serde(default, skip_serializing_if = "Untrusted::is_empty")]
    pub metadata: Untrusted,
}

impl Passage {
    /// Returns what names the passage and its place, without what it says.
    pub fn brief(&self) -> Self {
        Self {
            id: self.id.clone(),
            title: self.title.clone(),
            text: Untrusted::default(),
            score: self.score,
            rank: self.rank,
            metadata: Untrusted::default(),
        }
    }
}

/// What came of one search.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The passages, best first.
    pub answer: Result<Vec<Passage>, RetrievalError>,
    /// How often a server was asked; none where the host searches itself.
    pub requests: u32,
    /// Whether the host has the documents, and finds the same whenever it is
    /// asked again.
    #[serde(skip)]
    pub is_own: bool,
}

impl Found {
    /// Returns the same, after a server was asked some times.
    pub fn after(self, requests: u32) -> Self {
        Self { requests, ..self }
    }
}

impl From<Result<Vec<Passage>, RetrievalError>> for Found {
    fn from(answer: Result<Vec<Passage>, RetrievalError>) -> Self {
        Self {
            answer,
            requests: 0,
            is_own: false,
        }
    }
}

/// Why a search found nothing at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is explained in `wit/types.wit`, where guests read it"
)]
pub enum RetrievalError {
    Denied(Untrusted),
    UnknownStep(Untrusted),
    UnknownIndex(Untrusted),
    InvalidRequest(Untrusted),
    Unavailable(Untrusted),
    Other(Untrusted),
}

/// A tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolRequest {
    /// The tool.
    pub name: Untrusted,
    /// JSON.
    pub arguments: Untrusted,
}

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// Its answer.
    pub content: Vec<ContentPart>,
    /// Whether it says that it failed.
    pub is_error: bool,
}

/// Why a tool call gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is explained in `wit/tools.wit`, where guests read it"
)]
pub enum ToolError {
    Denied(Untrusted),
    UnknownStep(Untrusted),
    UnknownTool(Untrusted),
    InvalidRequest(Untrusted),
    Unavailable(Untrusted),
    Other(Untrusted),
}

/// What a case can read of a blob without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactInfo {
    /// Its name.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it is an input of the run.
    pub read_only: bool,
}

/// Why a blob could not be read or written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is explained in `wit/artifacts.wit`, where guests read it"
)]
pub enum ArtifactError {
    Denied(Untrusted),
    UnknownStep(Untrusted),
    NotFound(Untrusted),
    InvalidName(Untrusted),
    ReadOnly(Untrusted),
    Unavailable(Untrusted),
    Other(Untrusted),
}

/// The longest name of a blob.
const ARTIFACT_NAME_BYTES_MAX: usize = 128;

/// Tells whether a blob may have this name: no path can be one.
///
/// ```
/// use fapo_core::call::is_artifact_name;
///
/// assert!(is_artifact_name("notes-1.txt"));
/// assert!(!is_artifact_name("../notes") && !is_artifact_name(".hidden") && !is_artifact_name(""));
/// ```
pub fn is_artifact_name(name: &str) -> bool {
    (1..=ARTIFACT_NAME_BYTES_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
