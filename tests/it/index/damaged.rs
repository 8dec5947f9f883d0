//! Files that are not what was written.

use std::fs;

use super::animals;
use crate::program::Desk;

#[test]
fn every_damaged_byte_is_noticed() {
    let desk = Desk::new();
    let dir = animals(&desk);
    for file in ["info.json", "index.bm25", "documents"] {
        let path = desk.path("ix").join(file);
        let whole = fs::read(&path).unwrap();
        // One in the middle, and some of each end.
        let places = [
            0,
            1,
            whole.len() / 2,
            whole.len() - 30,
            whole.len() - 9,
            whole.len() - 1,
        ];
        for at in places {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, bytes).unwrap();
            let ran = desk.run(&["index", "verify", &dir]);
            assert_eq!(ran.code, Some(2), "{file} at {at}: {}{}", ran.out, ran.err);
            assert!(ran.err.contains("hint: "), "{file} at {at}: {}", ran.err);
        }
        for n_bytes in [0, 7, whole.len() - 1] {
            fs::write(&path, &whole[..n_bytes]).unwrap();
            desk.run(&["index", "search", &dir, "cats"])
                .told(2, "could not open the index");
        }
        fs::write(&path, &whole).unwrap();
        assert_eq!(desk.run(&["index", "verify", &dir]).code, Some(0));
    }
}

#[test]
fn files_of_two_indexes_do_not_make_one() {
    let desk = Desk::new();
    let dir = animals(&desk);
    let other = desk.file("other.jsonl", "{\"text\": \"something else\"}");
    desk.json(&["index", "build", "other", "--corpus", &other, "--json"]);
    for file in ["info.json", "index.bm25", "documents"] {
        let path = desk.path("ix").join(file);
        let whole = fs::read(&path).unwrap();
        fs::copy(desk.path("other").join(file), &path).unwrap();
        desk.run(&["index", "verify", &dir])
            .told(2, "its files do not belong together");
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn what_is_no_index_is_told_from_what_a_newer_program_wrote() {
    let desk = Desk::new();
    let dir = animals(&desk);
    let path = desk.path("ix/info.json");
    let info = fs::read_to_string(&path).unwrap();
    fs::write(&path, info.replace("\"format\": 2", "\"format\": 3")).unwrap();
    let newer = desk.run(&["index", "info", &dir]);
    newer.told(2, "its format is 3, and this program reads 2");
    assert!(
        newer.err.contains("hint: build it again with this program"),
        "{}",
        newer.err
    );

    fs::remove_file(&path).unwrap();
    desk.run(&["index", "info", &dir])
        .told(2, "it has no `info.json`");
    desk.run(&["index", "info", "nowhere"])
        .told(2, "it has no `info.json`");
    let file = desk.file("file", "text");
    desk.run(&["index", "search", &file, "cats"])
        .told(2, "it has no `info.json`");
}
