//! The contract of `wit/`, as `wit-bindgen` writes it in Rust: the types, the
//! imports, and the traits and macros of the exports.
//!
//! One file for each world, so that a component declares the exports that it
//! has and no others; a crate that is both chain and scorer calls both macros,
//! and the linker joins the two worlds. The types are those of
//! `chain_component`, and `scorer_component` refers to them.
//!
//! Most tenants need the rest of the crate alone. What is here is for a guest
//! that wants the bare contract: implement [`chain::Guest`] or
//! [`scorer::Guest`] and call the same [`export_chain!`](crate::export_chain)
//! or [`export_scorer!`](crate::export_scorer).
//!
//! After a change of `wit/`, `sdk/rust/README.md` has the two commands that write
//! these files anew.

#[rustfmt::skip]
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    clippy::uninlined_format_args,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated: the generator has its own style"
)]
pub mod chain_component;

#[rustfmt::skip]
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::undocumented_unsafe_blocks,
    clippy::uninlined_format_args,
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    reason = "generated: the generator has its own style"
)]
pub mod scorer_component;

pub use chain_component::exports::fapo::tenant::chain;
pub use chain_component::fapo::tenant::{artifacts, log, provider, retrieval, tools, trace, types};
pub use scorer_component::exports::fapo::tenant::scorer;
