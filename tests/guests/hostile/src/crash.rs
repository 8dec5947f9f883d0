//! Attacks that end at once, each in another way: what the host must tell
//! apart, and must outlive.

use std::hint::black_box;

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::trace;
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, ESCAPES, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("crash-stack-frames", stack_frames),
    ("crash-stack-arrays", stack_arrays),
    ("crash-division", division),
    ("crash-out-of-bounds", out_of_bounds),
    ("crash-index", index),
    ("crash-panic", panic),
    ("crash-panic-escapes", panic_escapes),
    ("crash-panic-in-step", panic_in_step),
    ("crash-abort", abort),
    ("crash-exit-0", exit_0),
    ("crash-exit-3", exit_3),
];

/// Recurses in functions that keep nothing in memory, until wasm's own stack ends.
fn stack_frames(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(format!("{} frames", descend(black_box(u64::MAX))))
}

#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == 0 {
        return 0;
    }
    // Work behind the call keeps it from being a loop.
    black_box(descend(black_box(depth - 1))) + 1
}

/// Recurses with an array in each frame, until the stack in linear memory
/// runs below address zero.
fn stack_arrays(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(format!(
        "{} frames",
        descend_with_array(black_box(u64::MAX))
    ))
}

#[inline(never)]
fn descend_with_array(depth: u64) -> u64 {
    let array = black_box([depth; 4096]);
    if depth == 0 {
        return array[0];
    }
    black_box(descend_with_array(depth - 1)) + array[4095]
}

/// Divides by zero, which Rust checks: the trap is that of a panic.
fn division(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(format!("{}", black_box(1) / black_box(0)))
}

/// Reads the last bytes of the address space, where there is no memory.
fn out_of_bounds(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let address = black_box(0xffff_fff0_usize) as *const u32;
    // SAFETY: none. No memory is there, and the trap is what the test wants.
    let value = unsafe { address.read_volatile() };
    saw(format!("read {value}"))
}

/// Reads an index that a vector does not have.
fn index(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let empty: Vec<u8> = black_box(Vec::new());
    saw(format!("read {}", empty[black_box(7)]))
}

/// Panics.
fn panic(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    panic!("the attack panics")
}

/// Panics with a message that a terminal would obey.
fn panic_escapes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    panic!("before {ESCAPES} after")
}

/// Panics while a step is open, behind one that is over.
fn panic_in_step(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let _ = trace::begin("one");
    let _ = trace::end("one", "the first step's output");
    let _ = trace::begin("two");
    panic!("the second step panics")
}

/// Aborts without a word.
fn abort(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    std::process::abort()
}

/// Exits as a program that did well.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the attack is to exit"
)]
fn exit_0(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    std::process::exit(0)
}

/// Exits as a program that failed.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the attack is to exit"
)]
fn exit_3(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    std::process::exit(3)
}
