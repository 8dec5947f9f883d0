//! Attacks on the course of a case: too many steps, too much output, and
//! steps in an order that cannot be.

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::trace;
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, ESCAPES, MIB, answer, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("trace-events", events),
    ("trace-output-bytes", output_bytes),
    ("trace-failure-bytes", failure_bytes),
    ("trace-order", order),
    ("trace-names", names),
    ("trace-left-open", left_open),
    ("trace-fan-out", fan_out),
    ("trace-escapes", escapes),
];

/// Begins and ends a step for ever.
fn events(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        let _ = trace::begin("one");
        let _ = trace::end("one", "");
    }
}

/// Ends a step with 1 MiB of output, for ever.
fn output_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let output = "x".repeat(MIB);
    loop {
        let _ = trace::begin("one");
        let _ = trace::end("one", &output);
    }
}

/// Fails a step with 1 MiB of reasons, for ever.
fn failure_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let reason = "x".repeat(MIB);
    loop {
        let _ = trace::begin("one");
        let _ = trace::fail("one", &reason);
    }
}

/// Begins a step that is not declared, begins one twice, and ends and fails
/// ones that have not begun.
fn order(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let undeclared = answer(trace::begin("three"));
    let first = answer(trace::begin("one"));
    let again = answer(trace::begin("one"));
    let ended = answer(trace::end("one", ""));
    let ended_again = answer(trace::end("one", ""));
    let failed = answer(trace::fail("two", ""));
    saw(format!(
        "{undeclared} {first} {again} {ended} {ended_again} {failed}"
    ))
}

/// Begins steps with names that no step may have.
fn names(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let long = "x".repeat(MIB);
    let names = ["", "start", "end", "One", "../one", "one\0", ESCAPES, &long];
    let answers: Vec<_> = names
        .iter()
        .map(|name| answer(trace::begin(name)))
        .collect();
    saw(answers.join(" "))
}

/// Returns an outcome while both steps are open.
fn left_open(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let _ = trace::begin("one");
    let _ = trace::begin("two");
    saw("left open")
}

/// Has both steps open at once, and ends them in the order they began, a
/// hundred times.
fn fan_out(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut answers = Vec::new();
    for _ in 0..100 {
        answers.push(answer(trace::begin("one")));
        answers.push(answer(trace::begin("two")));
        answers.push(answer(trace::end("one", "1")));
        answers.push(answer(trace::end("two", "2")));
    }
    let refused = answers.iter().filter(|answer| *answer != "ok").count();
    saw(format!("refused={refused}"))
}

/// Ends a step with an output that a terminal would obey.
fn escapes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let _ = trace::begin("one");
    let _ = trace::end("one", ESCAPES);
    let _ = trace::begin("two");
    let _ = trace::fail("two", ESCAPES);
    saw("told")
}
