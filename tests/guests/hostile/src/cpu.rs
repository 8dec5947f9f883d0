//! Attacks on time: what never ends, or sits in one place for too long.

use std::hint::black_box;
use std::time::{Duration, Instant};

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::log::{self, Level};
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, MIB, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("cpu-loop", endless_loop),
    ("cpu-call-tree", call_tree),
    ("cpu-memory-fill", memory_fill),
    ("cpu-host-calls", host_calls),
    ("cpu-clock-spin", clock_spin),
];

/// Runs a loop that calls nothing.
fn endless_loop(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Calls 2^100 functions without a loop: only a check at function entries sees it.
fn call_tree(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(format!("{} leaves", tree(black_box(100))))
}

#[inline(never)]
fn tree(depth: u32) -> u64 {
    if depth == 0 {
        return 1;
    }
    // Hidden from the optimiser, or it would compute one side and double it.
    tree(black_box(depth - 1)).wrapping_add(tree(black_box(depth - 1)))
}

/// Fills 32 MiB over and over: `memory.fill` does not stop halfway.
fn memory_fill(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut block = vec![0u8; 32 * MIB];
    loop {
        black_box(&mut block).fill(black_box(7));
    }
}

/// Calls the cheapest import for ever, with nothing to keep.
fn host_calls(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        log::write(Level::Debug, "");
    }
}

/// Waits for an hour by asking what time it is.
fn clock_spin(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let begun = Instant::now();
    let mut reads = 0u64;
    while begun.elapsed() < Duration::from_secs(3600) {
        reads += 1;
    }
    saw(format!("an hour passed in {reads} reads"))
}
