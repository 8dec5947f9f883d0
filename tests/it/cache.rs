//! The cache as its owner sees it: counting, deleting, and a file that is
//! something else.

use serde_json::json;

use crate::program::Desk;

#[test]
fn a_cache_that_nobody_used_is_empty_and_stays_away() {
    let desk = Desk::new();
    let stats = desk.json(&["cache", "stats", "--json"]);
    assert_eq!(
        (&stats["entries"], &stats["groups"]),
        (&json!(0), &json!([]))
    );
    let went = desk.json(&["cache", "prune", "--all", "--json"]);
    assert_eq!(went["removed"], json!({"entries": 0, "bytes": 0}));
    let told = desk.run(&["cache", "stats"]);
    assert!(told.out.starts_with("0 answers · 0 bytes"), "{}", told.out);
    assert!(!desk.path("home").exists(), "looking makes no file");
}

#[test]
fn deleting_wants_to_be_told_what() {
    let desk = Desk::new();
    desk.run(&["cache", "prune"])
        .told(2, "nothing says which answers to delete");
    let both = desk.run(&["cache", "prune", "--all", "--tenant", "acme"]);
    assert_eq!(both.code, Some(2));
    let age = desk.run(&["cache", "prune", "--older-than", "yesterday"]);
    assert_eq!(age.code, Some(2));
    assert!(age.err.contains("as in `30d`"), "{}", age.err);
}

#[test]
fn what_is_no_cache_is_left_alone() {
    let desk = Desk::new();
    let text = "not a database".repeat(100);
    desk.file("home/cache.sqlite", &text);
    for args in [&["cache", "stats"][..], &["cache", "prune", "--all"]] {
        let ran = desk.run(args);
        ran.told(3, "is damaged");
        assert!(ran.err.contains("hint: move the file away"), "{}", ran.err);
    }
    let after = std::fs::read_to_string(desk.path("home/cache.sqlite")).unwrap();
    assert_eq!(after, text);
}
