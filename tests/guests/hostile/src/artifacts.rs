//! Attacks through the artifact store: too many blobs, too large ones, and
//! other people's.

use fapo_sdk::bindings::artifacts;
use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, ESCAPES, MIB, answer, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("artifacts-calls", calls),
    ("artifacts-bytes", bytes),
    ("artifacts-overwrite", overwrite),
    ("artifacts-shrink", shrink),
    ("artifacts-empty-blobs", empty_blobs),
    ("artifacts-names", names),
    ("artifacts-other-case", other_case),
    ("artifacts-inputs", inputs),
];

/// Asks for ever what there is.
fn calls(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        let _ = artifacts::list("one");
    }
}

/// Writes one blob of 1 MiB after the other.
fn bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let data = vec![b'x'; MIB];
    for n in 0.. {
        let _ = artifacts::write("one", &format!("blob-{n}"), &data);
    }
    unreachable!("the store has no end")
}

/// Writes the same blob of 3 MiB again and again: it is charged for once.
fn overwrite(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let data = vec![b'x'; 3 * MIB];
    let writes = (0..16).filter(|_| artifacts::write("one", "blob", &data).is_ok());
    saw(format!("{} writes", writes.count()))
}

/// Makes a blob of 3 MiB small again and writes another: what was given back
/// can be used.
fn shrink(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let data = vec![b'x'; 3 * MIB];
    saw(format!(
        "{} {} {}",
        answer(artifacts::write("one", "first", &data)),
        answer(artifacts::write("one", "first", b"")),
        answer(artifacts::write("one", "second", &data)),
    ))
}

/// Writes blobs without a byte, for ever: names cost something too.
fn empty_blobs(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    for n in 0.. {
        let _ = artifacts::write("one", &format!("empty-{n}"), b"");
    }
    unreachable!("the store has no end")
}

/// Writes and reads by names that leave the store, hide in it, or are no names.
fn names(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let long = "x".repeat(200);
    let huge = "x".repeat(65_000);
    let names = [
        "",
        ".",
        "..",
        "../x",
        "..\\x",
        "/etc/passwd",
        "a/b",
        "a\\b",
        ".hidden",
        "x/",
        "nul\0",
        "ünï",
        "a b",
        "a:b",
        "x\n",
        ESCAPES,
        &long,
        &huge,
    ];
    let mut accepted = Vec::new();
    for name in names {
        let wrote = answer(artifacts::write("one", name, b"x"));
        let read = answer(artifacts::read("one", name));
        if (wrote.as_str(), read.as_str()) != ("invalid-name", "invalid-name") {
            accepted.push(format!("{name:?}: write {wrote}, read {read}"));
        }
    }
    saw(format!("accepted=[{}]", accepted.join("; ")))
}

/// Leaves a mark, and tells which marks of other cases it can see.
fn other_case(case: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let before = answer(artifacts::read("one", "mark"));
    let listed = match artifacts::list("one") {
        Ok(blobs) => blobs.iter().filter(|blob| !blob.read_only).count(),
        Err(error) => return saw(answer::<(), _>(Err(error))),
    };
    let wrote = answer(artifacts::write("one", "mark", case.case_id.as_bytes()));
    let own = match artifacts::read("one", "mark") {
        Ok(data) => data == case.case_id.as_bytes(),
        Err(_) => false,
    };
    saw(format!(
        "before={before} listed={listed} wrote={wrote} own={own}"
    ))
}

/// Writes over every input of the run, and reads one in a step that is not declared.
fn inputs(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let blobs = artifacts::list("one").unwrap_or_default();
    let mut answers = vec![format!("inputs={}", blobs.len())];
    for blob in &blobs {
        answers.push(answer(artifacts::write("one", &blob.name, b"mine")));
        answers.push(answer(artifacts::read("three", &blob.name)));
    }
    saw(answers.join(" "))
}
