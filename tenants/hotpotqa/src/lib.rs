//! HotpotQA as FAPO and GEPA measure it: a chain of six nodes that searches
//! twice before it answers, and a scorer with the official metrics. It is the
//! model of a tenant that searches; `docs/` says how to work on it.

mod chain;
mod evidence;
mod scorer;

pub use chain::HotpotQa;
pub use scorer::AnswerMatch;

fapo_sdk::export_chain!(HotpotQa);
fapo_sdk::export_scorer!(AnswerMatch);
