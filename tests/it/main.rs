//! Tests of what is more than one module's business: guests in the sandbox,
//! and the program as its users start it.
//!
//! One binary, since each one links wasmtime anew.

mod attacks;
mod build;
mod cache;
mod crowd;
mod fakes;
mod grading;
mod hostile;
mod hotpotqa;
mod index;
mod languages;
mod ledger;
mod look;
mod new;
mod outside;
mod pgo;
mod preflight;
mod program;
mod providers;
mod quickstart;
mod readme;
mod replay;
mod resume;
mod retrieval;
mod scorer;
mod servers;
mod sim;
mod tenants;
