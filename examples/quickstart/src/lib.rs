//! The smallest whole tenant: a chain of two steps that answers a question from
//! a passage, and a scorer that compares the answer with the expected one.
//! `docs/` says how to work on it.

mod chain;
mod scorer;

pub use chain::Quickstart;
pub use scorer::ExactMatch;

fapo_sdk::export_chain!(Quickstart);
fapo_sdk::export_scorer!(ExactMatch);
