//! Indexes that are built on demand, in the operator's home.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{ANIMALS, ids};
use crate::program::Desk;

fn build(desk: &Desk, args: &[&str]) -> (PathBuf, Value) {
    let built = desk.json(
        &[
            &["index", "build", "--json", "--corpus", "animals.jsonl"],
            args,
        ]
        .concat(),
    );
    (built["dir"].as_str().unwrap().into(), built)
}

fn inode(dir: &std::path::Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(dir).unwrap().ino()
}

#[test]
fn an_index_is_built_once_for_what_it_is_built_of() {
    let desk = Desk::new();
    desk.file("animals.jsonl", ANIMALS);
    let (dir, info) = build(&desk, &[]);
    assert!(
        dir.starts_with(desk.path("home/indexes")),
        "{}",
        dir.display()
    );
    assert_eq!(dir.file_name().unwrap().to_str(), info["digest"].as_str());
    let first = inode(&dir);
    assert_eq!(inode(&build(&desk, &[]).0), first);
    // The same content in another file is the same corpus.
    fs::rename(desk.path("animals.jsonl"), desk.path("moved")).unwrap();
    desk.file("animals.jsonl", ANIMALS);
    assert_eq!(inode(&build(&desk, &[]).0), first);
    for other in [
        &["--k1", "1.2"][..],
        &["--text", "{text}"],
        &["--stemmer", "none"],
        &["--stopwords", "none"],
        &["--method", "bm25l"],
    ] {
        assert_ne!(build(&desk, other).0, dir, "{other:?}");
    }
    // As long as before.
    desk.file("animals.jsonl", ANIMALS.replace("purr", "hiss"));
    let (changed, _) = build(&desk, &[]);
    assert_ne!(changed, dir);
    assert_eq!(ids(&desk, changed.to_str().unwrap(), "hiss"), ["cat"]);
}

#[test]
fn a_folder_that_changes_is_another_corpus() {
    let desk = Desk::new();
    desk.file("docs/a.md", "cats");
    let build = || {
        let built = desk.json(&["index", "build", "--json", "--corpus", "docs"]);
        built["dir"].as_str().unwrap().to_owned()
    };
    let first = build();
    assert_eq!(build(), first);
    fs::rename(desk.path("docs/a.md"), desk.path("docs/b.md")).unwrap();
    let second = build();
    assert_ne!(second, first);
    assert_eq!(ids(&desk, &second, "cats"), ["b.md"]);
}

#[test]
fn a_damaged_index_is_built_again() {
    let desk = Desk::new();
    desk.file("animals.jsonl", ANIMALS);
    let (dir, _) = build(&desk, &[]);
    for damage in ["info.json", "index.bm25", "documents"] {
        fs::write(dir.join(damage), "something else").unwrap();
        let ran = desk.run(&["index", "build", "--corpus", "animals.jsonl"]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(
            ran.err.contains("cannot be used, and is built again"),
            "{}",
            ran.err
        );
        assert_eq!(ids(&desk, dir.to_str().unwrap(), "bark"), ["dog"]);
    }
    assert_eq!(
        desk.run(&["index", "build", "--corpus", "animals.jsonl"])
            .err,
        ""
    );
}

#[test]
fn who_waited_for_an_index_finds_it() {
    let desk = Desk::new();
    desk.file("animals.jsonl", ANIMALS);
    let (dir, _) = build(&desk, &[]);
    let name = dir.file_name().unwrap().to_str().unwrap();
    let building = dir.with_file_name(format!(".{name}.building"));
    // What another process does: it builds under another name, and is slow.
    fs::rename(&dir, &building).unwrap();
    let lock = File::open(&building).unwrap();
    lock.lock().unwrap();
    let mut child = desk
        .command(&["index", "build", "--corpus", "animals.jsonl"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = String::new();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    err.read_line(&mut told).unwrap();
    assert!(told.contains("another process builds"), "{told}");
    let built = inode(&building);
    fs::rename(&building, &dir).unwrap();
    drop(lock);
    assert!(child.wait().unwrap().success());
    assert_eq!(inode(&dir), built);
    assert!(!building.exists());
}

#[test]
fn indexes_are_listed_and_removed() {
    let desk = Desk::new();
    assert_eq!(desk.json(&["index", "list", "--json"]), json!([]));
    assert!(!desk.path("home").exists(), "looking makes no file");
    desk.file("animals.jsonl", ANIMALS);
    let (old, _) = build(&desk, &[]);
    let (new, _) = build(&desk, &["--k1", "2"]);
    desk.file("home/indexes/mine/notes.txt", "not an index");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    File::open(&old).unwrap().set_modified(long_ago).unwrap();
    let kept = desk.json(&["index", "list", "--json"]);
    assert_eq!(kept.as_array().unwrap().len(), 2, "{kept}");
    assert!(kept[0]["bytes"].as_u64().unwrap() > 0 && kept[0]["info"]["n_documents"] == 5);
    let told = desk.run(&["index", "list"]).out;
    assert!(
        told.contains("1970-01-01") && told.contains("animals.jsonl"),
        "{told}"
    );

    assert_eq!(desk.run(&["index", "prune"]).code, Some(2));
    let went = desk.json(&["index", "prune", "--older-than", "30d", "--json"]);
    assert_eq!(went["indexes"], 1);
    assert!(!old.exists() && new.exists());
    assert_eq!(desk.run(&["index", "prune", "--all"]).code, Some(0));
    assert!(!new.exists());
    assert!(desk.path("home/indexes/mine/notes.txt").exists());
}
