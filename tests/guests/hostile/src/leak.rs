//! Attacks on what a case must not see: other cases, the expected value, and
//! the machine.

use std::arch::wasm32::memory_size;
use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use fapo_sdk::bindings::artifacts;
use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

use crate::{Attack, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("leak-statics", statics),
    ("leak-case", everything),
    ("leak-memory", memory),
];

static CASES: AtomicU32 = AtomicU32::new(0);
static LAST: Mutex<String> = Mutex::new(String::new());

thread_local! {
    static IDS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps count in statics, and tells what it found there.
fn statics(case: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let cases = CASES.fetch_add(1, Ordering::Relaxed) + 1;
    let last = match LAST.lock() {
        Ok(mut last) => std::mem::replace(&mut *last, case.case_id.clone()),
        Err(_) => "poisoned".to_owned(),
    };
    let seen = IDS.with_borrow_mut(|ids| {
        ids.push(case.case_id.clone());
        ids.len()
    });
    saw(format!("cases={cases} last=[{last}] seen={seen}"))
}

/// Returns all that a chain is given: the case, the settings, and every blob.
fn everything(case: &TestCase, settings: &Settings) -> Result<Outcome, ChainError> {
    let mut text = format!("given: {case:?} {settings:?}");
    for blob in artifacts::list("one").unwrap_or_default() {
        let data = artifacts::read("one", &blob.name).unwrap_or_default();
        text += &format!(" {blob:?} {:?}", String::from_utf8_lossy(&data));
    }
    saw(text)
}

/// What the tests put into expected values, each letter moved by one, so that
/// it stands nowhere in this guest's own memory.
const MARKER_MOVED: &[u8] = b"GBQP.FYQFDUFE.";

/// Looks for the expected value in all of its memory. The one that it finds is
/// its own, put there to show that the search finds what is there.
fn memory(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let own: Vec<u8> = black_box(MARKER_MOVED)
        .iter()
        .map(|moved| moved - 1)
        .collect();
    let end = memory_size::<0>() * 65_536;
    let is_marker = |at: usize| {
        MARKER_MOVED.iter().enumerate().all(|(n, moved)| {
            // SAFETY: `at + n` is inside the linear memory.
            let byte = unsafe { ((at + n) as *const u8).read_volatile() };
            byte.wrapping_add(1) == *moved
        })
    };
    let found = (1..end - own.len()).filter(|at| is_marker(*at)).count();
    let address = black_box(&own).as_ptr() as usize;
    saw(format!("found={found} own={}", is_marker(address)))
}
