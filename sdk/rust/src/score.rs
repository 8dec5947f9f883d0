//! Ways to compare an answer with what was expected: what most scorers are
//! made of.

mod field;
mod judge;
mod number;
mod pattern;
mod text;

pub use field::json_field;
pub use judge::{LlmJudge, Verdict};
pub use number::{number, number_is};
pub use pattern::{regex_capture, regex_match};
pub use text::{contains, exact_match, f1, hotpot_f1, normalize};
