//! Attacks through tool calls.

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::tools::{self, ToolRequest};
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, ESCAPES, MIB, answer, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("tools-flood", flood),
    ("tools-flood-at-once", flood_at_once),
    ("tools-list-flood", list_flood),
    ("tools-arguments-bytes", arguments_bytes),
    ("tools-invalid", invalid),
];

/// The tool that the tests grant.
pub(crate) const TOOL: &str = "echo";

/// Returns a call of a tool in step `one`.
pub(crate) fn request(tool: &str, arguments: &str) -> ToolRequest {
    ToolRequest {
        step: "one".into(),
        name: tool.into(),
        arguments: arguments.into(),
    }
}

/// Calls a tool for ever.
fn flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        let _ = tools::call(&request(TOOL, "{}"));
    }
}

/// Calls a tool ten thousand times in one call.
fn flood_at_once(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let answers = tools::call_many(&vec![request(TOOL, "{}"); 10_000]);
    saw(format!("{} answers", answers.len()))
}

/// Asks for ever which tools there are.
fn list_flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        let _ = tools::list("one");
    }
}

/// Calls a tool with 5 MiB of arguments.
fn arguments_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let arguments = format!("{{\"text\":\"{}\"}}", "x".repeat(5 * MIB));
    saw(answer(tools::call(&request(TOOL, &arguments))))
}

/// Calls a tool with arguments that are not JSON, tools that there are not,
/// and one in a step that there is not.
fn invalid(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut requests = Vec::new();
    for arguments in ["", "{", "not JSON", ESCAPES] {
        requests.push(request(TOOL, arguments));
    }
    for tool in ["other", "../echo", "", ESCAPES] {
        requests.push(request(tool, "{}"));
    }
    requests.push(ToolRequest {
        step: "three".into(),
        ..request(TOOL, "{}")
    });
    let answers: Vec<_> = tools::call_many(&requests)
        .into_iter()
        .map(answer)
        .collect();
    saw(answers.join(" "))
}
