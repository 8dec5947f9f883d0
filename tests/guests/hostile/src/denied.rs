//! What a chain without grants is told, import by import.

use fapo_sdk::bindings::artifacts;
use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};
use fapo_sdk::bindings::{provider, retrieval, tools};

use crate::{Attack, answer, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("denied-provider", ask),
    ("denied-retrieval", search),
    ("denied-artifacts", keep),
    ("denied-tools", call),
];

/// Asks a model, alone and many times at once.
fn ask(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let request = crate::provider::request("x");
    let one = answer(provider::generate(&request));
    let many = provider::generate_many(&[request.clone(), request]);
    let many: Vec<_> = many.into_iter().map(answer).collect();
    saw(format!("{one} {}", many.join(" ")))
}

/// Searches, alone and many times at once.
fn search(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let request = crate::retrieval::request("x", 1);
    let one = answer(retrieval::search(&request));
    let many = retrieval::search_many(&[request.clone(), request]);
    let many: Vec<_> = many.into_iter().map(answer).collect();
    saw(format!("{one} {}", many.join(" ")))
}

/// Lists, reads and writes blobs.
fn keep(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let list = answer(artifacts::list("one"));
    let read = answer(artifacts::read("one", "x"));
    let write = answer(artifacts::write("one", "x", b"x"));
    saw(format!("{list} {read} {write}"))
}

/// Lists and calls tools.
fn call(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let list = answer(tools::list("one"));
    let request = crate::tools::request(crate::tools::TOOL, "{}");
    let one = answer(tools::call(&request));
    let many: Vec<_> = tools::call_many(&[request])
        .into_iter()
        .map(answer)
        .collect();
    saw(format!("{list} {one} {}", many.join(" ")))
}
