//! Attacks through WASI: the file system, the network, other programs, time,
//! randomness, and resources that are never given back.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fapo_sdk::bindings::chain::ChainError;
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};
use wasip2::clocks::monotonic_clock;
use wasip2::io::poll;
use wasip2::random::{insecure, random};

use crate::{Attack, MIB, saw};

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("wasi-files", files),
    ("wasi-network", network),
    ("wasi-processes", processes),
    ("wasi-stdin", stdin),
    ("wasi-random-bytes", random_bytes),
    ("wasi-insecure-random-bytes", insecure_random_bytes),
    ("wasi-clocks", clocks),
    ("wasi-sleep", sleep),
    ("wasi-pollables", pollables),
    ("wasi-streams", streams),
    ("wasi-poll-list", poll_list),
    ("wasi-poll-empty", poll_empty),
];

/// Returns the names of what was not refused.
fn granted<const N: usize>(tries: [(&str, bool); N]) -> Result<Outcome, ChainError> {
    let granted: Vec<_> = tries
        .iter()
        .filter_map(|(name, granted)| granted.then_some(*name))
        .collect();
    saw(format!("granted=[{}]", granted.join(" ")))
}

/// Reads, lists, writes, links and removes files.
fn files(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    granted([
        ("read-passwd", fs::read("/etc/passwd").is_ok()),
        ("read-up", fs::read("../../etc/passwd").is_ok()),
        ("read-slash", fs::read("x/").is_ok()),
        ("read-environ", fs::read("/proc/self/environ").is_ok()),
        ("read-nul", fs::read("a\0b").is_ok()),
        ("list-root", fs::read_dir("/").is_ok()),
        ("list-here", fs::read_dir(".").is_ok()),
        ("stat", fs::metadata("/").is_ok()),
        ("write", fs::write("/tmp/x", b"x").is_ok()),
        ("write-here", fs::write("x", b"x").is_ok()),
        ("create", File::create("x").is_ok()),
        ("create-dir", fs::create_dir("x").is_ok()),
        ("rename", fs::rename("x", "y").is_ok()),
        ("hard-link", fs::hard_link("/etc/passwd", "x").is_ok()),
        ("remove", fs::remove_file("x").is_ok()),
    ])
}

/// Connects, listens, sends, and asks for names.
fn network(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    granted([
        ("connect", TcpStream::connect("127.0.0.1:1").is_ok()),
        ("connect-v6", TcpStream::connect("[::1]:1").is_ok()),
        (
            "connect-mapped",
            TcpStream::connect("[::ffff:127.0.0.1]:1").is_ok(),
        ),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("udp", UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("localhost", ("localhost", 1).to_socket_addrs().is_ok()),
        (
            "metadata",
            ("metadata.google.internal", 80).to_socket_addrs().is_ok(),
        ),
    ])
}

/// Looks at its environment, and begins threads and programs.
fn processes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let thread = std::thread::Builder::new().spawn(|| ());
    granted([
        ("environment", std::env::vars_os().next().is_some()),
        ("arguments", std::env::args_os().next().is_some()),
        ("thread", thread.is_ok()),
        ("program", Command::new("/bin/sh").spawn().is_ok()),
        ("executable", std::env::current_exe().is_ok()),
        (
            "directories",
            !wasip2::filesystem::preopens::get_directories().is_empty(),
        ),
        (
            "terminal",
            wasip2::cli::terminal_stdout::get_terminal_stdout().is_some(),
        ),
    ])
}

/// Reads the host's standard input.
fn stdin(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut text = Vec::new();
    let _ = std::io::stdin().read_to_end(&mut text);
    saw(format!("stdin={}", text.len()))
}

/// Takes 1 MiB of random bytes in one call.
fn random_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(format!(
        "{} bytes",
        random::get_random_bytes(MIB as u64).len()
    ))
}

/// Takes 1 MiB of the other random bytes in one call.
fn insecure_random_bytes(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let bytes = insecure::get_insecure_random_bytes(MIB as u64);
    saw(format!("{} bytes", bytes.len()))
}

/// Reads both clocks ten thousand times, and everything that is random: a case
/// that is run again must see the same.
#[expect(
    clippy::disallowed_methods,
    reason = "the attack is to ask for the time"
)]
fn clocks(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let mut monotonic = true;
    let begun = Instant::now();
    let mut last = begun;
    for _ in 0..10_000 {
        let now = Instant::now();
        monotonic &= now >= last;
        last = now;
        let _ = SystemTime::now();
    }
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let order: HashMap<u32, ()> = (0..32).map(|n| (n, ())).collect();
    let order: Vec<_> = order.keys().map(u32::to_string).collect();
    saw(format!(
        "monotonic={monotonic} passed={:?} wall={wall:?} order={} random={:x} insecure={:x}",
        last - begun,
        order.join(","),
        random::get_random_u64(),
        insecure::get_insecure_random_u64(),
    ))
}

/// Sleeps for an hour.
fn sleep(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    std::thread::sleep(Duration::from_secs(3600));
    saw("slept")
}

/// Subscribes to the clock for ever, and gives nothing back.
fn pollables(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        std::mem::forget(monotonic_clock::subscribe_duration(u64::MAX));
    }
}

/// Opens standard output for ever, and gives nothing back.
fn streams(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    loop {
        std::mem::forget(wasip2::cli::stdout::get_stdout());
    }
}

/// Polls one pollable five thousand times in one list: each time it is lent anew.
fn poll_list(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    let now = monotonic_clock::subscribe_duration(0);
    let ready = poll::poll(&vec![&now; 5_000]);
    saw(format!("{} ready", ready.len()))
}

/// Polls nothing at all, which the host must trap rather than wait for.
fn poll_empty(_: &TestCase, _: &Settings) -> Result<Outcome, ChainError> {
    saw(format!("{} ready", poll::poll(&[]).len()))
}
