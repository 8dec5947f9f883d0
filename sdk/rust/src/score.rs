//! Ways to compare an answer with what was expected: what most scorers are
//! made of.

mod choice;
mod field;
mod judge;
mod number;
mod pattern;
mod text;

pub use choice::{choice, choice_among};
pub use field::{json_field, json_is};
pub use judge::{LlmJudge, Verdict};
pub use number::{is_near, number, number_is};
pub use pattern::{regex_capture, regex_match};
pub use text::{
    Normalize, contains, dspy_exact_match, dspy_normalize, exact_match, f1, hotpot_f1, normalize,
};
