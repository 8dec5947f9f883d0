//! Attacks in what a chain returns.

use fapo_sdk::bindings::chain::{ChainError, StepFailure};
use fapo_sdk::bindings::types::{Diagnostic, Outcome, ProviderError, Settings, TestCase};

use crate::{Attack, ESCAPES, MIB, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("output-bytes", bytes),
    ("output-hostcall-bytes", hostcall_bytes),
    ("output-diagnostics", diagnostics),
    ("output-empty-diagnostics", empty_diagnostics),
    ("output-escapes", escapes),
    ("output-error", error),
    ("output-error-bytes", error_bytes),
    ("output-error-step", error_step),
    ("output-error-unavailable", error_unavailable),
];

/// Returns a text of 2 MiB.
fn bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw("x".repeat(2 * MIB))
}

/// Returns a text of 32 MiB.
fn hostcall_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw("x".repeat(32 * MIB))
}

/// Returns a short text and 2 MiB of diagnostics.
fn diagnostics(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    diagnosed(2_048, "x".repeat(1_024))
}

/// Returns a hundred thousand diagnostics without a byte of text.
fn empty_diagnostics(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    diagnosed(100_000, String::new())
}

fn diagnosed(n: usize, text: String) -> Result<Outcome, ChainError> {
    let diagnostic = Diagnostic {
        name: String::new(),
        text,
    };
    Ok(Outcome {
        output_text: "diagnosed".into(),
        diagnostics: vec![diagnostic; n],
    })
}

/// Returns what a terminal would obey.
fn escapes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    Ok(Outcome {
        output_text: format!("before {ESCAPES} after"),
        diagnostics: vec![Diagnostic {
            name: ESCAPES.into(),
            text: ESCAPES.into(),
        }],
    })
}

/// Returns an error.
fn error(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    Err(ChainError::Other("the attack fails".into()))
}

/// Returns an error of 2 MiB that a terminal would obey.
fn error_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    Err(ChainError::Other(ESCAPES.repeat(2 * MIB / ESCAPES.len())))
}

/// Blames a step that is not declared.
fn error_step(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    Err(ChainError::StepFailed(StepFailure {
        step: ESCAPES.into(),
        reason: "the step failed".into(),
    }))
}

/// Says that a provider was unavailable which it never asked, to have the case
/// kept apart instead of scored.
fn error_unavailable(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    Err(ChainError::Provider(ProviderError::Unavailable(
        "the model is down".into(),
    )))
}
