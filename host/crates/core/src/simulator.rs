//! A simulated model: a deterministic reader with no answer key.
//!
//! It sees the messages and nothing else. It finds the evidence and the
//! question in them, takes the sentence that shares most with the question, and
//! out of it the words that have the form of an answer. It follows the
//! instructions that it understands, and fails as weak models do, as often as
//! its [`Rates`] say. So prompts can be made better, for reasons that can be
//! read here, and everything that asks a model runs with no account. It is no
//! model: figures that it gives say nothing of one.

mod label;
mod line;
mod listed;
mod prompt;

mod kind;
mod rank;
mod span;
mod words;

mod chance;
mod spelled;
mod told;

mod compose;
mod find;
mod schema;
mod tools;

#[cfg(test)]
mod quality;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;

use serde::{Deserialize, Serialize};

use crate::Untrusted;
use crate::call::{Choice, Completion, FinishReason, GenerateParams, GenerateRequest, Usage};

use chance::Chance;
use compose::Composer;
use prompt::Prompt;
use told::Told;

/// What the simulator is called where nobody names a model.
pub const MODEL: &str = "sim-1";

/// Models whose names begin so think before they answer.
pub const REASONER: &str = "sim-reasoner";

/// How often the simulator fails as weak models do, as shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Says more than it was asked, unless told to be brief.
    pub verbose: f64,
    /// Says that it cannot tell, unless told always to answer; more often the
    /// less the evidence has to do with the question.
    pub abstains: f64,
    /// Takes a passage that looks much like the right one, where there is one;
    /// less often when told to quote or to check.
    pub distracted: f64,
    /// Overlooks a passage in the middle of many.
    pub lost: f64,
    /// Takes what stands beside the answer.
    pub careless: f64,
    /// Writes JSON that cannot be read.
    pub malformed: f64,
    /// Overlooks an instruction.
    pub ignores: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            verbose: 0.6,
            abstains: 0.08,
            distracted: 0.3,
            lost: 0.5,
            careless: 0.15,
            malformed: 0.05,
            ignores: 0.08,
        }
    }
}

impl Rates {
    /// Never fails but where its rules do.
    pub const NONE: Self = Self {
        verbose: 0.0,
        abstains: 0.0,
        distracted: 0.0,
        lost: 0.0,
        careless: 0.0,
        malformed: 0.0,
        ignores: 0.0,
    };
}

/// What, beside the prompt, decides an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Which run of a case this is: another is another sample.
    pub repeat: u32,
    /// The simulator's own seed; the request's counts, too.
    pub seed: u64,
}

/// Answers of one request; each is worked out.
const CHOICES_MAX: u32 = 128;

/// About so many bytes of English are a token.
const TOKEN_BYTES: usize = 4;

/// Answers a request.
///
/// ```
/// use fapo_core::call::GenerateRequest;
/// use fapo_core::message::{ContentPart, Message, Speaker};
/// use fapo_core::simulator::{Key, Rates, simulate};
///
/// let text = "Tarn | Tarn is the capital of Vell.\n\nQuestion: What is the capital of Vell?";
/// let message = Message {
///     role: Speaker::User,
///     content: vec![ContentPart::Text(text.into())],
///     tool_calls: vec![],
///     tool_call_id: None,
/// };
/// let request = GenerateRequest { messages: vec![message], ..GenerateRequest::default() };
/// let completion = simulate(&request, &Rates::NONE, Key::default());
/// assert_eq!(completion.choices[0].text.as_str(), "Tarn");
/// ```
pub fn simulate(request: &GenerateRequest, rates: &Rates, key: Key) -> Completion {
    let prompt = prompt::read(&request.messages);
    let digest = digest(request);
    let seed = chance::mix(key.seed) ^ request.params.seed.map_or(0, |seed| u64::from(seed) + 1);
    let temperature = request.params.temperature.unwrap_or(1.0);
    let model = request.model.as_ref().map_or(MODEL, Untrusted::as_str);
    let reasons = model.starts_with(REASONER);
    let mut usage = Usage {
        input_tokens: tokens(input_bytes(request)),
        cached_input_tokens: Some(0),
        output_tokens: Some(0),
        reasoning_tokens: Some(0),
    };
    let n_choices = request.params.choices.unwrap_or(1).clamp(1, CHOICES_MAX);
    let choices = (0..n_choices)
        .map(|nth| {
            let sample = (u64::from(key.repeat) << 32) | u64::from(nth);
            let chance = Chance::new(digest, seed, sample, temperature);
            let hidden = if reasons {
                thought_tokens(request, &prompt, &chance)
            } else {
                0
            };
            let answered = answer(request, &prompt, rates, reasons, &chance);
            let (choice, hidden, shown) = cut(answered, &request.params, hidden);
            add(&mut usage.output_tokens, hidden.saturating_add(shown));
            add(&mut usage.reasoning_tokens, hidden);
            choice
        })
        .collect();
    Completion {
        model: model.into(),
        choices,
        usage,
    }
}

/// Returns one answer, whole.
fn answer(
    request: &GenerateRequest,
    prompt: &Prompt,
    rates: &Rates,
    reasons: bool,
    chance: &Chance,
) -> Choice {
    let mut told = Told::read(prompt, rates, chance);
    told.checks |= reasons;
    let passages = find::seen(prompt, &told, rates, chance);
    let found = find::find(prompt, &passages, &told, rates, chance);
    let composer = Composer {
        prompt,
        told: &told,
        found: &found,
        rates,
        chance,
    };
    if !request.tools.is_empty()
        && let Some(call) = tools::call(request, prompt, &composer.query(), chance)
    {
        return Choice {
            text: "".into(),
            tool_calls: vec![call],
            finish_reason: FinishReason::ToolCalls,
            opaque: vec![],
        };
    }
    let schema = request.response_schema.as_ref();
    Choice {
        text: composer
            .text(schema.map(|schema| schema.schema.as_str()))
            .into(),
        tool_calls: vec![],
        finish_reason: FinishReason::Stop,
        opaque: vec![],
    }
}

/// Cuts an answer at stop words and at the limit. Returns it with the tokens
/// that were thought and those that were said.
fn cut(mut choice: Choice, params: &GenerateParams, hidden: u32) -> (Choice, u32, u32) {
    let mut text = std::mem::take(&mut choice.text).into_string();
    let stops = params.stop.iter().filter(|stop| !stop.is_empty());
    if let Some(at) = stops.filter_map(|stop| text.find(stop.as_str())).min() {
        text.truncate(at);
    }
    let said = |text: &str, choice: &Choice| {
        let calls = choice.tool_calls.iter();
        let calls = calls.map(|call| call.name.as_str().len() + call.arguments.as_str().len());
        tokens(text.len() + calls.sum::<usize>()).unwrap_or(u32::MAX)
    };
    let most = params.max_tokens.unwrap_or(u32::MAX);
    let left = most.saturating_sub(hidden);
    let mut shown = said(&text, &choice);
    if shown > left || hidden > most {
        choice.tool_calls.clear();
        choice.finish_reason = FinishReason::Length;
        let bytes = (left as usize).saturating_mul(TOKEN_BYTES).min(text.len());
        let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or(0));
        shown = said(&text, &choice);
    }
    choice.text = text.into();
    (choice, hidden.min(most), shown)
}

/// Returns how long a model thinks: longer about more, and as it is told.
fn thought_tokens(request: &GenerateRequest, prompt: &Prompt, chance: &Chance) -> u32 {
    let effort = match request
        .params
        .reasoning_effort
        .as_ref()
        .map(Untrusted::as_str)
    {
        Some("none") => return 0,
        Some("minimal") => 0.25,
        Some("low") => 0.5,
        Some("high") => 2.0,
        Some("xhigh" | "max") => 4.0,
        _ => 1.0,
    };
    let read: usize = prompt
        .passages
        .iter()
        .map(|passage| passage.text.len())
        .sum();
    let most = 64.0 + (read.min(64 << 10) / 40) as f64;
    (most * effort * (0.5 + chance.draw("thought"))) as u32
}

fn digest(request: &GenerateRequest) -> u64 {
    let mut digest = chance::hash(
        request
            .model
            .as_ref()
            .map_or(MODEL, Untrusted::as_str)
            .as_bytes(),
    );
    for message in &request.messages {
        for text in message.texts() {
            digest = chance::mix(digest ^ chance::hash(text.as_bytes()));
        }
    }
    digest
}

fn input_bytes(request: &GenerateRequest) -> usize {
    let messages = request.messages.iter().map(|message| {
        let calls = message
            .tool_calls
            .iter()
            .map(|call| call.arguments.as_str().len());
        // What marks a message off is a few tokens.
        message.texts().map(str::len).sum::<usize>() + calls.sum::<usize>() + 4 * TOKEN_BYTES
    });
    let tools = request.tools.iter().map(|tool| {
        tool.name.as_str().len() + tool.description.as_str().len() + tool.parameters.as_str().len()
    });
    let schema = request
        .response_schema
        .as_ref()
        .map_or(0, |schema| schema.schema.as_str().len());
    messages.sum::<usize>() + tools.sum::<usize>() + schema
}

fn tokens(bytes: usize) -> Option<u32> {
    u32::try_from(bytes.div_ceil(TOKEN_BYTES)).ok()
}

fn add(sum: &mut Option<u32>, n: u32) {
    *sum = sum.map(|sum| sum.saturating_add(n));
}
