//! Building beside others, in the place of others, and not to the end.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use super::{animals, ids};
use crate::program::{Desk, Ran, skipped};

/// A build that waits for a corpus, which comes through a pipe.
struct Slow {
    child: Child,
    corpus: File,
}

/// Starts to build in `ix`; when this returns, the build has begun.
fn slow(desk: &Desk) -> Slow {
    let pipe = desk.path("slow.jsonl");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let child = desk
        .command(&["index", "build", "ix", "--corpus", "slow.jsonl"])
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Opens once the other end does, which is after the place was taken.
    let corpus = File::options().write(true).open(&pipe).unwrap();
    Slow { child, corpus }
}

#[test]
fn a_build_that_is_killed_leaves_nothing_that_is_taken_for_an_index() {
    let desk = Desk::new();
    let mut slow = slow(&desk);
    slow.corpus
        .write_all(b"{\"text\": \"a document\"}\n")
        .unwrap();
    assert!(desk.path(".ix.building").is_dir());
    slow.child.kill().unwrap();
    slow.child.wait().unwrap();
    assert!(!desk.path("ix").exists());
    assert!(desk.path(".ix.building").is_dir());
    desk.run(&["index", "info", ".ix.building"])
        .told(2, "it has no `info.json`");

    fs::write(desk.path(".ix.building/left"), "behind").unwrap();
    let dir = animals(&desk);
    assert!(!desk.path(".ix.building").exists());
    assert_eq!(ids(&desk, &dir, "bark"), ["dog"]);
    let files = fs::read_dir(dir).unwrap().count();
    assert_eq!(files, 3);
}

#[test]
fn an_index_answers_until_the_next_one_is_whole() {
    let desk = Desk::new();
    let dir = animals(&desk);
    let mut slow = slow(&desk);
    slow.corpus
        .write_all(b"{\"id\": \"new\", \"text\": \"dogs bark\"}\n")
        .unwrap();
    assert_eq!(ids(&desk, &dir, "bark"), ["dog"]);
    drop(slow.corpus);
    let ran = Ran::of(slow.child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ids(&desk, &dir, "bark"), ["new"]);
    assert!(!desk.path(".ix.building").exists());
}

#[test]
fn two_that_build_the_same_index_take_turns() {
    let desk = Desk::new();
    let slow = slow(&desk);
    let corpus = desk.file("second.jsonl", "{\"id\": \"second\", \"text\": \"cats\"}");
    let mut second = desk
        .command(&["index", "build", "ix", "--corpus", &corpus])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut err = BufReader::new(second.stderr.take().unwrap());
    err.read_line(&mut told).unwrap();
    assert!(
        told.contains("another process builds") && told.contains("waiting"),
        "{told}"
    );
    let mut first = slow.corpus;
    first
        .write_all(b"{\"id\": \"first\", \"text\": \"cats\"}")
        .unwrap();
    drop(first);
    let ran = Ran::of(slow.child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(second.wait().unwrap().success());
    assert_eq!(ids(&desk, "ix", "cats"), ["second"]);
    assert!(!desk.path(".ix.building").exists());
}

#[test]
fn only_an_index_is_replaced() {
    let desk = Desk::new();
    let corpus = desk.file("c.jsonl", "{\"id\": \"a\", \"text\": \"cats\"}");
    desk.file("folder/notes.txt", "mine");
    let file = desk.file("file", "mine");
    animals(&desk);
    desk.file("ix/notes.txt", "mine");
    for there in ["folder", &file, "ix", ".", "/"] {
        let ran = desk.run(&["index", "build", there, "--corpus", &corpus]);
        ran.told(2, "is there already, and is not an index");
    }
    assert_eq!(
        fs::read_to_string(desk.path("folder/notes.txt")).unwrap(),
        "mine"
    );
    fs::remove_file(desk.path("ix/notes.txt")).unwrap();
    // A damaged index may be replaced, an empty directory too, and a link stays one.
    fs::remove_file(desk.path("ix/info.json")).unwrap();
    fs::create_dir(desk.path("empty")).unwrap();
    std::os::unix::fs::symlink("ix", desk.path("link")).unwrap();
    for there in ["ix", "empty", "link", "new/folders/ix"] {
        desk.json(&["index", "build", there, "--corpus", &corpus, "--json"]);
        assert_eq!(ids(&desk, there, "cats"), ["a"]);
    }
    assert!(desk.path("link").is_symlink());
}

#[test]
fn a_full_disk_is_an_error_that_leaves_nothing() {
    let desk = Desk::new();
    let full = desk.path("full");
    fs::create_dir(&full).unwrap();
    let rows: String = (0..4000)
        .map(|n| format!("{{\"text\": \"document number {n} of many\"}}\n"))
        .collect();
    let corpus = desk.file("c.jsonl", rows);
    let script = format!(
        "mount -t tmpfs -o size=128k none {full} && {program} index build {full}/ix --corpus {corpus}; code=$?; ls -A {full}; exit $code",
        full = full.display(),
        program = env!("CARGO_BIN_EXE_fapo-host"),
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .output();
    match output.map(Ran::of) {
        Ok(ran) if ran.code == Some(3) => {
            ran.told(3, "No space left on device");
            assert!(
                ran.err.contains("hint: free some space there"),
                "{}",
                ran.err
            );
        }
        Ok(ran) if ran.err.contains("unshare") || ran.err.contains("mount") => {
            skipped(&format!(
                "this machine gives no file system of one's own: {}",
                ran.err.trim()
            ));
        }
        Ok(ran) => panic!("{:?}: {}{}", ran.code, ran.out, ran.err),
        Err(error) => skipped(&format!("this machine has no `unshare`: {error}")),
    }
}
