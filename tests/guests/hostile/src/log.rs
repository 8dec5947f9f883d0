//! Attacks on what people read: log lines, standard output and error.

use std::io::Write;

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::log::{self, Level};
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, ESCAPES, MIB, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("log-flood", flood),
    ("log-empty-lines", empty_lines),
    ("log-huge-line", huge_line),
    ("log-escapes", escapes),
    ("stdout-println", println_flood),
    ("stdout-raw", raw_flood),
    ("stderr-raw", stderr_flood),
    ("stdout-escapes", stdout_escapes),
];

/// Writes a million lines that a terminal would obey.
fn flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    for _ in 0..1_000_000 {
        log::write(Level::Error, ESCAPES);
    }
    saw("flooded")
}

/// Writes lines that say nothing, which are cheap to count wrongly.
fn empty_lines(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    for _ in 0..10_000 {
        log::write(Level::Info, "");
    }
    saw("flooded")
}

/// Writes one line of 6 MiB.
fn huge_line(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    log::write(Level::Info, &"x".repeat(6 * MIB));
    saw("flooded")
}

/// Writes two lines that would look like a record and like another case's line.
fn escapes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    log::write(Level::Warn, ESCAPES);
    log::write(Level::Warn, "fine\n{\"case_id\":\"other\",\"score\":100}\n");
    saw("logged")
}

/// Prints 10 MB in lines; a closed pipe would be a panic.
#[expect(clippy::print_stdout, reason = "the attack is to print")]
fn println_flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let line = "x".repeat(99);
    for _ in 0..100_000 {
        println!("{line}");
    }
    saw("flooded")
}

/// Writes 10 MB to standard output and does not look at the answers.
fn raw_flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    write_10_mb(&mut std::io::stdout())
}

/// Writes 10 MB to standard error and does not look at the answers.
fn stderr_flood(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    write_10_mb(&mut std::io::stderr())
}

fn write_10_mb(stream: &mut dyn Write) -> Result<Outcome, ChainError> {
    for _ in 0..1_000 {
        let _ = stream.write_all(&[b'x'; 10_000]);
        let _ = stream.flush();
    }
    saw("flooded")
}

/// Writes what a terminal would obey, and bytes that are no text.
fn stdout_escapes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(ESCAPES.as_bytes());
    let _ = stdout.write_all(&[0xff, 0xc0, 0x80, b'\n']);
    saw("written")
}
