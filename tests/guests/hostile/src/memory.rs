//! Attacks on memory: taking all of it, and looking for what others left.

use std::arch::wasm32::{memory_grow, memory_size};
use std::hint::black_box;

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, MIB, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("memory-grow", grow),
    ("memory-grow-panic", grow_panic),
    ("memory-grow-all-at-once", grow_all_at_once),
    ("memory-vec-bomb", vec_bomb),
    ("memory-huge-vec", huge_vec),
    ("memory-dirty", dirty),
];

const PAGE: usize = 65_536;

/// Grows page by page until it is refused, touches the last page, and is
/// content with what it has.
fn grow(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    grow_until_refused();
    saw(format!(
        "refused at {} MiB",
        memory_size::<0>() * PAGE / MIB
    ))
}

/// Grows until it is refused, and gives up.
fn grow_panic(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    grow_until_refused();
    panic!("no more memory")
}

/// Asks for 4 GiB in one call.
fn grow_all_at_once(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let before = memory_grow::<0>(PAGE - memory_size::<0>());
    saw(if before == usize::MAX {
        "refused"
    } else {
        "granted"
    })
}

fn grow_until_refused() {
    while memory_grow::<0>(1) != usize::MAX {}
    let last = memory_size::<0>() * PAGE - 8;
    // SAFETY: the page was just granted, and the allocator does not know of it.
    unsafe { (last as *mut u64).write_volatile(u64::MAX) };
}

/// Fills one vector after the other until the allocator gives up.
fn vec_bomb(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1u8; MIB]));
    }
}

/// Asks the allocator for 2 GiB at once.
fn huge_vec(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let block = black_box(vec![0u8; black_box(2047 * MIB)]);
    saw(format!("got {} bytes", block.len()))
}

/// Counts the bytes that an earlier case left in fresh memory, and leaves
/// some for the next.
fn dirty(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let from = memory_grow::<0>(32 * MIB / PAGE);
    if from == usize::MAX {
        return saw("no memory to look at");
    }
    // SAFETY: the pages were just granted, and the allocator does not know of them.
    let fresh = unsafe { std::slice::from_raw_parts_mut((from * PAGE) as *mut u8, 32 * MIB) };
    let dirty = fresh.iter().filter(|byte| **byte != 0).count();
    black_box(fresh).fill(0xa5);
    saw(format!("dirty={dirty}"))
}
