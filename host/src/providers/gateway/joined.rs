//! Several requests that are one call: for models that give one completion at a time.

use fapo_core::call::{Choice, Delivery, Usage};

/// Puts the answer to one more request beside those to the ones before.
pub(super) fn join(whole: &mut Delivery, more: Delivery) {
    let receipt = &mut whole.receipt;
    receipt.attempts += more.receipt.attempts;
    receipt.paid_usd = both(receipt.paid_usd, more.receipt.paid_usd);
    receipt.worth_usd = both(receipt.worth_usd, more.receipt.worth_usd);
    receipt.failed.extend(more.receipt.failed);
    receipt.refused_by = more.receipt.refused_by;
    match (&mut whole.answer, more.answer) {
        (Ok(whole), Ok(more)) => {
            let choices: Vec<Choice> = more.choices;
            whole.choices.extend(choices);
            whole.usage = add(&whole.usage, &more.usage);
        }
        (Ok(_), Err(error)) => whole.answer = Err(error),
        (Err(_), _) => {}
    }
}

fn add(a: &Usage, b: &Usage) -> Usage {
    let sum = |a: Option<u32>, b: Option<u32>| Some(a?.saturating_add(b?));
    Usage {
        input_tokens: sum(a.input_tokens, b.input_tokens),
        cached_input_tokens: sum(a.cached_input_tokens, b.cached_input_tokens),
        output_tokens: sum(a.output_tokens, b.output_tokens),
        reasoning_tokens: sum(a.reasoning_tokens, b.reasoning_tokens),
    }
}

/// Adds two costs; what is unknown makes the sum so.
pub(super) fn both(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? + b?)
}
