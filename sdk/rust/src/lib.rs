//! Everything that a Rust tenant of `fapo-host` depends on.
//!
//! A [`Chain`] is a [`Graph`] of named steps over a state of your own; a
//! [`Scorer`] grades what it answered. [`export_chain!`] and
//! [`export_scorer!`] make a component of them. Everything outside the
//! component is reached through [`Host`], so a tenant's tests run natively on a
//! [`fake::FakeHost`].
//!
//! A case runs in an instance of its own, and the graph is built anew for it.
//! Names are `&'static str` and nothing is parsed or checked on the way: what
//! only the description needs is done when the component is loaded.
#![warn(missing_docs)]

pub mod bindings;
mod types;

mod case;
mod host;
pub mod template;

mod declare;
mod graph;
pub mod parse;
pub mod retrieve;
mod run;
mod step;

pub mod chain;
pub mod score;
mod scorer;

#[cfg(not(target_arch = "wasm32"))]
pub mod fake;
#[cfg(target_arch = "wasm32")]
mod glue;

#[cfg(all(
    feature = "heap",
    any(all(target_arch = "wasm32", not(target_feature = "atomics")), test)
))]
mod heap;

pub use serde_json::{Value, json};

pub use crate::bindings::chain::{ChainError, ChainInfo, StepKind};
pub use crate::bindings::log::Level;
pub use crate::bindings::scorer::{Score, ScoreError};
pub use crate::bindings::tools::{ToolError, ToolRequest, ToolResult};
pub use crate::bindings::trace::Directive;
pub use crate::bindings::types::{
    CallBody, CallRecord, Choice, Completion, ContentPart, Diagnostic, FinishReason, GenerateCall,
    GenerateParams, GenerateRequest, Media, Message, Outcome, Passage, ProviderError,
    ResponseSchema, RetrievalError, Role, ScoredCase, SearchCall, SearchRequest, Settings,
    StepRecord, TestCase, ToolAnswer, ToolCall, ToolCallMade, ToolChoice, ToolDefinition,
};
pub use crate::case::Case;
pub use crate::chain::Chain;
pub use crate::declare::{Parameter, Prompt, Setting};
pub use crate::graph::{END, Graph, START};
pub use crate::host::Host;
#[cfg(not(target_arch = "wasm32"))]
pub use crate::host::Imports;
pub use crate::retrieve::numbered;
pub use crate::run::{Run, Steps, Visit};
pub use crate::scorer::Scorer;
pub use crate::step::agent::Agent;
pub use crate::step::code::Code;
pub use crate::step::fan_out::FanOut;
pub use crate::step::llm::Llm;
pub use crate::step::retrieve::Retrieve;
pub use crate::step::{Answers, Ask, Branch, Declared, Node, Taken};

/// What a tenant's `lib.rs` wants in scope.
pub mod prelude {
    pub use crate::{
        Agent, CallRecord, Case, Chain, ChainError, Code, END, FanOut, Graph, Host, Llm, Message,
        Outcome, Parameter, Passage, Prompt, Retrieve, START, Score, ScoreError, ScoredCase,
        Scorer, Settings, StepRecord, Steps, TestCase, Value, Visit, export_chain, export_scorer,
        json, parse,
    };
}

/// Exports a type as the component's chain: a [`Chain`], or whatever
/// implements [`bindings::chain::Guest`].
#[macro_export]
macro_rules! export_chain {
    ($ty:ident) => {
        // Native linkers refuse the `:` in a component's export names.
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::chain_component::export_chain_component!(
            $ty with_types_in $crate::bindings::chain_component
        );
    };
}

/// Exports a type as the component's scorer: a [`Scorer`], or whatever
/// implements [`bindings::scorer::Guest`]. A component may export both.
#[macro_export]
macro_rules! export_scorer {
    ($ty:ident) => {
        // Native linkers refuse the `:` in a component's export names.
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::scorer_component::export_scorer_component!(
            $ty with_types_in $crate::bindings::scorer_component
        );
    };
}

/// The example of the README, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
