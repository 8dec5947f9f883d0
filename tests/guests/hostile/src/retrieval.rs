//! Attacks through searches.

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::retrieval;
use fapo_sdk::bindings::types::{Outcome, SearchRequest, Settings, TestCase};

use crate::{Attack, ESCAPES, MIB, answer, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("retrieval-flood", flood),
    ("retrieval-flood-at-once", flood_at_once),
    ("retrieval-k", too_many_passages),
    ("retrieval-query-bytes", query_bytes),
    ("retrieval-words", many_words),
    ("retrieval-invalid", invalid),
];

/// The index that the tests grant.
pub(crate) const INDEX: &str = "docs";

/// Returns a search of step `one`.
pub(crate) fn request(query: &str, k: u32) -> SearchRequest {
    SearchRequest {
        step: "one".into(),
        index: INDEX.into(),
        query: query.into(),
        k,
    }
}

/// Searches for ever.
fn flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        let _ = retrieval::search(&request("again", 1));
    }
}

/// Asks for ten thousand searches in one call.
fn flood_at_once(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let answers = retrieval::search_many(&vec![request("again", 1); 10_000]);
    saw(format!("{} answers", answers.len()))
}

/// Wants four billion passages.
fn too_many_passages(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(answer(retrieval::search(&request("all", u32::MAX))))
}

/// Searches for 5 MiB of words.
fn query_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(answer(retrieval::search(&request(
        &"x ".repeat(5 * MIB / 2),
        1,
    ))))
}

/// Searches for half a million words, each of which would be looked up.
fn many_words(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(answer(retrieval::search(&request(
        &"x ".repeat(MIB / 2),
        1,
    ))))
}

/// Searches for nothing, for no passages, and where there is no index and no step.
fn invalid(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut requests = vec![request("", 1), request("x", 0)];
    for index in ["other", "../docs", "", ESCAPES] {
        requests.push(SearchRequest {
            index: index.into(),
            ..request("x", 1)
        });
    }
    requests.push(SearchRequest {
        step: "three".into(),
        ..request("x", 1)
    });
    let answers: Vec<_> = retrieval::search_many(&requests)
        .into_iter()
        .map(answer)
        .collect();
    saw(answers.join(" "))
}
