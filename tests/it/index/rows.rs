//! What a corpus may be, and how one is refused.

use serde_json::json;

use super::{built, ids};
use crate::program::Desk;

#[test]
fn documents_without_ids_have_their_numbers() {
    let desk = Desk::new();
    let corpus = desk.file(
        "c.jsonl",
        "{\"title\": \"A\", \"text\": \"first words\"}\n\n{\"title\": \"B\", \"text\": [\"second\", \"words\"]}\n",
    );
    let dir = built(&desk, &["--corpus", &corpus]);
    assert_eq!(ids(&desk, &dir, "words"), [json!(0), json!(1)]);
    assert_eq!(ids(&desk, &dir, "second"), [json!(1)]);
}

#[test]
fn ids_are_shown_as_they_are_written() {
    let desk = Desk::new();
    for (one, other) in [
        (json!(7), json!(12)),
        (json!("7"), json!("12")),
        (json!("007"), json!("x")),
    ] {
        let corpus =
            format!("{{\"id\": {one}, \"text\": \"cat\"}}\n{{\"id\": {other}, \"text\": \"cat\"}}");
        let corpus = desk.file("c.jsonl", corpus);
        let dir = built(&desk, &["--corpus", &corpus]);
        assert_eq!(ids(&desk, &dir, "cat"), [one, other]);
    }
    // Some of them are texts, so all are.
    let corpus = desk.file(
        "c.jsonl",
        "{\"id\": 7, \"text\": \"cat\"}\n{\"id\": \"a\", \"text\": \"cat\"}",
    );
    let dir = built(&desk, &["--corpus", &corpus]);
    assert_eq!(ids(&desk, &dir, "cat"), [json!("7"), json!("a")]);
}

#[test]
fn a_table_says_what_its_columns_are() {
    let desk = Desk::new();
    for (table, told, id) in [
        (
            "text\tid\ncats purr\ta\r\ndogs bark\tb\n",
            "text, id, as the first line names them",
            json!("a"),
        ),
        (
            "a\tcats purr\nb\tdogs bark",
            "id, text, by their number",
            json!("a"),
        ),
        (
            "a\tCats\tpurr\nb\tDogs\tbark\n",
            "id, title, text, by their number",
            json!("a"),
        ),
        ("cats purr\ndogs bark\n", "text, by their number", json!(0)),
        (
            "\u{feff}id\ttext\tmetadata\n5\tcats\t{\"a\": 1}\n6\tdogs\t\n",
            "id, text, metadata, as",
            json!(5),
        ),
    ] {
        let corpus = desk.file("c.tsv", table);
        let ix = desk.path("ix");
        let ran = desk.run(&["index", "build", ix.to_str().unwrap(), "--corpus", &corpus]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        assert!(ran.out.contains(&format!("columns: {told}")), "{}", ran.out);
        assert!(ran.out.starts_with("indexed 2 documents"), "{}", ran.out);
        assert_eq!(ids(&desk, ix.to_str().unwrap(), "cat"), [id]);
    }
}

#[test]
fn a_folder_holds_a_document_in_each_text() {
    let desk = Desk::new();
    desk.file("docs/b/zoo.md", "\n# At the zoo\n\nA zebra.");
    desk.file("docs/a.txt", "# no heading: a zebra");
    desk.file("docs/picture.png", "a zebra");
    desk.file("outside/secret.txt", "a zebra");
    std::os::unix::fs::symlink(desk.path("outside/secret.txt"), desk.path("docs/link.txt"))
        .unwrap();
    std::os::unix::fs::symlink(desk.path("outside"), desk.path("docs/folder")).unwrap();
    std::os::unix::fs::symlink(desk.path("docs"), desk.path("docs/b/round")).unwrap();
    let docs = desk.path("docs");
    let dir = built(&desk, &["--corpus", docs.to_str().unwrap()]);
    let found = desk.json(&["index", "search", &dir, "zebra", "--json"]);
    let mut hits: Vec<_> = found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| (hit["id"].as_str().unwrap(), hit["title"].as_str().unwrap()))
        .collect();
    hits.sort_unstable();
    assert_eq!(hits, [("a.txt", "a"), ("b/zoo.md", "At the zoo")]);
}

#[test]
fn a_bad_row_is_named_with_its_line() {
    let desk = Desk::new();
    let good = "{\"id\": 1, \"text\": \"x\"}\n";
    for (name, text, line, says) in [
        (
            "c.jsonl",
            format!("{good}\n{{\"id\": 2}}\n"),
            "line 3",
            "missing field `text`",
        ),
        (
            "c.jsonl",
            format!("{good}{good}"),
            "line 2",
            "repeats the id `1`",
        ),
        (
            "c.jsonl",
            format!("{good}{{\"text\": \"x\"}}\n"),
            "line 2",
            "repeats the id `1`",
        ),
        (
            "c.jsonl",
            format!("{good}{{\"id\": \"1\", \"text\": \"x\"}}"),
            "line 2",
            "repeats the id `1`",
        ),
        (
            "c.jsonl",
            "[{\"text\": \"x\"}]".into(),
            "line 1",
            "not a JSON object",
        ),
        ("c.jsonl", format!("{good}{{\"text\": \"x"), "line 2", "EOF"),
        (
            "c.jsonl",
            "{\"text\": \"x\", \"id\": 1.5}".into(),
            "line 1",
            "a text or a whole number",
        ),
        (
            "c.jsonl",
            "{\"text\": {}}".into(),
            "line 1",
            "a text, or a list of sentences",
        ),
        (
            "c.tsv",
            "id\ttext\n1\tx\n2\n".into(),
            "line 3",
            "it has 1 columns, and the first line has 2",
        ),
        ("c.tsv", "a\tb\tc\td\n".into(), "line 1", "it has 4 columns"),
        (
            "c.tsv",
            "id\ttext\tmetadata\n1\tx\t[]\n".into(),
            "line 2",
            "invalid type",
        ),
    ] {
        let corpus = desk.file(name, text);
        let ix = desk.path("ix");
        let ran = desk.run(&["index", "build", ix.to_str().unwrap(), "--corpus", &corpus]);
        ran.told(2, says);
        assert!(
            ran.err.contains(&format!("could not use {line} of")),
            "{}",
            ran.err
        );
        assert!(!ix.exists());
    }
    let bytes = [good.as_bytes(), b"{\"text\": \"\xff\"}\n"].concat();
    let corpus = desk.file("c.jsonl", bytes);
    desk.run(&["index", "build", "ix", "--corpus", &corpus])
        .told(2, "could not use line 2 of");
    desk.file("docs/a.txt", [0xff]);
    desk.run(&["index", "build", "ix", "--corpus", "docs"])
        .told(2, "could not use `a.txt` in `docs`");
    assert_eq!(
        desk.path("")
            .read_dir()
            .unwrap()
            .filter(|entry| {
                entry
                    .as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .contains("building")
            })
            .count(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn a_corpus_of_nothing_or_of_something_else_is_refused() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("folder")).unwrap();
    for (corpus, says) in [
        (desk.file("empty.jsonl", "\n\n"), "holds no document"),
        (desk.file("head.tsv", "id\ttext\n"), "holds no document"),
        ("folder".to_owned(), "`folder` holds no document"),
        (
            desk.file("corpus.parquet", "PAR1"),
            "does not tell what is in it",
        ),
        ("nowhere.jsonl".to_owned(), "could not open `nowhere.jsonl`"),
        ("nowhere".to_owned(), "could not open `nowhere`"),
    ] {
        let ran = desk.run(&["index", "build", "ix", "--corpus", &corpus]);
        ran.told(2, says);
        assert!(!desk.path("ix").exists());
    }
}
