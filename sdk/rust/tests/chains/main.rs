//! Whole chains on the fake host: what each kind of step asks, what it makes
//! of the answers, and what the host sees of it.

/// Declares a chain of a graph, for one test.
macro_rules! chain {
    ($name:ident, $state:ty, $graph:expr) => {
        struct $name;

        impl fapo_sdk::Chain for $name {
            type State = $state;

            fn graph() -> fapo_sdk::Graph<$state> {
                $graph
            }
        }
    };
}

mod agent;
mod fan_out;
mod graph;
mod llm;
mod replay;
mod retrieve;

use fapo_sdk::fake::Call;
use fapo_sdk::prelude::*;

/// Returns a case with a question.
fn question() -> TestCase {
    TestCase::new("1", &json!({"question": "Who wrote Dracula?"}))
}

/// Returns a prompt with this template.
fn prompt(name: &'static str, template: &'static str) -> Prompt {
    Prompt::new(name, "", template)
}

/// Returns a step that asks the question.
fn ask<S>(name: &'static str) -> Llm<S> {
    Llm::new(name, "").prompt(prompt("ask", "User: ${question}"))
}

/// Returns the diagnostics as `name: text`.
fn diagnostics(outcome: &Outcome) -> Vec<String> {
    let diagnostics = outcome.diagnostics.iter();
    diagnostics
        .map(|d| format!("{}: {}", d.name, d.text))
        .collect()
}

/// Returns the calls in short: `begin a`, `generate 2`, `end a`, `fail a`.
fn trace(calls: &[Call]) -> Vec<String> {
    let short = |call: &Call| match call {
        Call::Begin(step) => format!("begin {step}"),
        Call::End(step, _) => format!("end {step}"),
        Call::Fail(step, _) => format!("fail {step}"),
        Call::Generate(requests) => format!("generate {}", requests.len()),
        Call::Search(requests) => format!("search {}", requests.len()),
        Call::Tools(requests) => format!("tools {}", requests.len()),
        Call::Log(_, text) => format!("log {text}"),
    };
    calls.iter().map(short).collect()
}
