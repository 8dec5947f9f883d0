//! Records and rules of `fapo-host`: text and records in, records out.
//!
//! This package knows no wasm, network, clock, task or file. The modules stand
//! in the order in which data flows: what a run is given, what a chain is, what
//! it asked for and what came back, what became of the case, and what the scores
//! of two runs say.

#![warn(missing_docs)]
#![forbid(unsafe_code)]

pub mod json;
pub mod nearest;
pub mod untrusted;

pub mod budget;
pub mod limits;
pub mod manifest;
pub mod model;
pub mod policy;

pub mod case;
pub mod digest;
pub mod lint;
pub mod split;

pub mod chain;
pub mod config;
pub mod prompt;
pub mod settings;
pub mod variant;

pub mod call;
pub mod message;
pub mod simulator;
pub mod trace;

pub mod artifact;
pub mod outcome;
pub mod score;

pub mod bm25;

pub mod stats;

pub mod compare;
pub mod run;
pub mod summary;

pub use untrusted::Untrusted;
