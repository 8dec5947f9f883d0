//! What a request can take at most, and what it took.

use fapo_core::budget::Amount;
use fapo_core::call::{GenerateRequest, Usage};
use fapo_core::message::{ContentPart, Message, ToolCall};

use super::{Cost, Failed};

/// Returns the most that a request can take whose answers have a bound; tokens
/// of an answer without one are not in it.
pub(super) fn most(
    request: &GenerateRequest,
    answer_tokens_max: Option<u32>,
    cost: Cost,
) -> Amount {
    let n_choices = u64::from(request.params.choices.unwrap_or(1));
    let input = input_tokens_max(request);
    let output = u64::from(answer_tokens_max.unwrap_or(0)) * n_choices;
    let nano_usd = match cost {
        Cost::Of(price) => {
            let dearest = price.input.max(price.cached_input.unwrap_or(0.0));
            Amount::usd((input as f64 * dearest + output as f64 * price.output) / 1e6)
        }
        Cost::Free | Cost::Unknown => 0,
    };
    Amount {
        calls: 1,
        tokens: input + output,
        nano_usd,
    }
}

/// Returns how many tokens a request can have at most: none is shorter than a
/// byte, and each part has a few of its own around it.
fn input_tokens_max(request: &GenerateRequest) -> u64 {
    const AROUND: usize = 64;
    let call = |call: &ToolCall| call.name.as_str().len() + call.arguments.as_str().len() + AROUND;
    let message = |message: &Message| -> usize {
        let content = message.content.iter().map(|part| {
            AROUND
                + match part {
                    ContentPart::Text(text) => text.as_str().len(),
                    ContentPart::Media { data, .. } => data.len(),
                    ContentPart::Opaque(part) => part.data.as_str().len(),
                }
        });
        let calls = message.tool_calls.iter().map(call);
        AROUND + content.sum::<usize>() + calls.sum::<usize>()
    };
    let tools = request.tools.iter().map(|tool| {
        let texts = [&tool.name, &tool.description, &tool.parameters];
        AROUND + texts.map(|text| text.as_str().len()).iter().sum::<usize>()
    });
    let schema = request.response_schema.as_ref();
    let schema = schema.map_or(0, |schema| schema.schema.as_str().len() + AROUND);
    let messages: usize = request.messages.iter().map(message).sum();
    (messages + tools.sum::<usize>() + schema) as u64
}

/// Returns about how many tokens a server will count for a request: many count
/// the longest answer as if it were written.
pub(super) fn usual_tokens(request: &GenerateRequest) -> u64 {
    const BYTES: u64 = 4;
    let texts = request.messages.iter().flat_map(Message::texts);
    let bytes: usize = texts.map(str::len).sum();
    bytes as u64 / BYTES + u64::from(request.params.max_tokens.unwrap_or(0))
}

/// Returns what an answer took; what was not counted took what was reserved.
pub(super) fn actual(most: Amount, usage: &Usage, paid: Option<f64>) -> Amount {
    Amount {
        calls: 1,
        tokens: counted(usage).unwrap_or(most.tokens),
        nano_usd: paid.map_or(most.nano_usd, Amount::usd),
    }
}

pub(super) fn counted(usage: &Usage) -> Option<u64> {
    Some(u64::from(usage.input_tokens?) + u64::from(usage.output_tokens?))
}

/// Returns what an attempt took that gave no answer. What may be paid for
/// counts in full.
pub(super) fn after_failure(most: Amount, failed: &Failed) -> Amount {
    match (failed.had_left, failed.maybe_paid) {
        (false, _) => Amount::default(),
        (true, true) => most,
        (true, false) => Amount {
            calls: 1,
            ..Amount::default()
        },
    }
}
