//! Indexes as people build and search them.

mod damaged;
mod kept;
mod rows;
mod site;
mod verdicts;

use serde_json::{Value, json};

use crate::program::Desk;

/// Five documents about animals.
pub(crate) const ANIMALS: &str = r#"{"id": "cat", "title": "Cats", "text": "They purr and sleep.", "metadata": {"legs": 4}}
{"id": "dog", "title": "Dogs", "text": "They bark at cats."}

{"id": "ant", "title": "Ants", "text": "Running and running, they never sleep.", "more": true}
{"id": "owl", "title": "Owls", "text": "They hunt at night."}
{"id": "eel", "text": "A fish that looks like a snake."}
"#;

/// Builds an index of [`ANIMALS`] and returns its directory.
pub(crate) fn animals(desk: &Desk) -> String {
    let corpus = desk.file("animals.jsonl", ANIMALS);
    built(desk, &["--corpus", &corpus])
}

pub(crate) fn built(desk: &Desk, args: &[&str]) -> String {
    let dir = desk.path("ix").to_str().unwrap().to_owned();
    desk.json(&[&["index", "build", &dir, "--json"], args].concat());
    dir
}

/// Returns the ids of the hits for some words.
pub(crate) fn ids(desk: &Desk, dir: &str, words: &str) -> Vec<Value> {
    let found = desk.json(&["index", "search", dir, words, "--json"]);
    let hits = found["hits"].as_array().unwrap();
    hits.iter().map(|hit| hit["id"].clone()).collect()
}

#[test]
fn an_index_is_built_searched_and_checked() {
    let desk = Desk::new();
    let dir = animals(&desk);
    assert_eq!(ids(&desk, &dir, "which CAT sleeps?"), ["cat", "dog", "ant"]);
    assert_eq!(
        ids(&desk, &dir, "the zebra"),
        json!([]).as_array().unwrap()[..]
    );

    let info = desk.json(&["index", "info", &dir, "--json"]);
    assert_eq!(
        (&info["n_documents"], &info["text"], &info["corpus"]["kind"]),
        (&json!(5), &json!("{title} | {text}"), &json!("jsonl"))
    );
    assert_eq!(
        info["settings"]["scoring"],
        json!({"method": "lucene", "k1": 0.9, "b": 0.4, "delta": 0.5})
    );
    let told = desk.run(&["index", "info", &dir]);
    assert!(told.out.contains("lucene, k1 0.9, b 0.4\n"), "{}", told.out);

    let whole = desk.json(&["index", "verify", &dir, "--json"]);
    assert_eq!(
        (&whole["whole"], &whole["n_documents"]),
        (&json!(true), &json!(5))
    );
    assert!(
        desk.run(&["index", "verify", &dir])
            .out
            .contains("is whole: 5 documents")
    );
}

#[test]
fn a_person_sees_titles_and_where_the_words_stand() {
    let desk = Desk::new();
    let dir = animals(&desk);
    let ran = desk.run(&["index", "search", &dir, "a", "Snake", "--k", "3"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lines: Vec<_> = ran.out.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["rank", "score", "id", "title", "text"]
    );
    assert!(
        lines[1].starts_with("1 ") && lines[1].contains("like a snake."),
        "{}",
        ran.out
    );
    assert_eq!(lines.len(), 2);
    let none = desk.run(&["index", "search", &dir, "zebra"]);
    assert_eq!(none.out, "no document has any of these words\n");
}

#[test]
fn queries_of_a_file_are_answered_in_their_order() {
    let desk = Desk::new();
    let dir = animals(&desk);
    let mut queries = String::new();
    for n in 0..500 {
        let word = ["purr", "bark", "nothing at all", "night"][n % 4];
        queries.push_str(&match n % 3 {
            0 => format!("{{\"id\": \"q{n}\", \"query\": \"{word}\", \"more\": 1}}\n"),
            1 => format!("{{\"query\": \"{word}\"}}\n\n"),
            _ => format!("{{\"id\": {n}, \"query\": \"{word}\"}}\n"),
        });
    }
    let queries = desk.file("queries.jsonl", queries);
    let of = |threads| {
        let ran = desk.run(&[
            "index",
            "search",
            &dir,
            "--queries",
            &queries,
            "-k",
            "2",
            "--json",
            "--matches-only",
            "--threads",
            threads,
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.out
    };
    let out = of("3");
    assert_eq!(out, of("1"));
    let rows: Vec<Value> = out.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(rows.len(), 500);
    for (n, row) in rows.iter().enumerate() {
        let id = match n % 3 {
            0 => json!(format!("q{n}")),
            _ => json!(n),
        };
        assert_eq!(row["id"], id);
        let hits = row["hits"].as_array().unwrap();
        let ids: Vec<_> = hits.iter().map(|hit| hit["id"].as_str().unwrap()).collect();
        let wanted = [&["cat"][..], &["dog"], &[], &["owl"]][n % 4];
        assert_eq!(ids, wanted);
        assert!(
            hits.iter()
                .all(|hit| hit["rank"] == 1 && hit["score"].as_f64().unwrap() > 0.5)
        );
    }
}

#[test]
fn queries_of_a_file_get_as_many_hits_as_they_want() {
    let desk = Desk::new();
    let dir = animals(&desk);
    let queries = desk.file(
        "queries.jsonl",
        "{\"query\": \"zebra\"}\n{\"query\": \"night\"}\n",
    );
    let n_documents = 5;
    for k in [2, 7] {
        let wanted = k.min(n_documents);
        let k = k.to_string();
        let ran = desk.run(&[
            "index",
            "search",
            &dir,
            "--queries",
            &queries,
            "-k",
            &k,
            "--json",
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let rows: Vec<Value> = ran.out.lines().map(|line| line.parse().unwrap()).collect();
        let scores = |row: &Value| -> Vec<f64> {
            let hits = row["hits"].as_array().unwrap().iter();
            hits.map(|hit| hit["score"].as_f64().unwrap()).collect()
        };
        assert_eq!(scores(&rows[0]), vec![0.0; wanted]);
        assert_eq!(rows[0]["hits"][0]["id"], "cat");
        let found = scores(&rows[1]);
        assert_eq!(found.len(), wanted);
        assert!(found[0] > 0.5 && found[1..].iter().all(|score| *score == 0.0));
        assert_eq!(rows[1]["hits"][0]["id"], "owl");
    }
}

#[test]
fn scores_are_written_with_all_their_digits() {
    let desk = Desk::new();
    let dir = animals(&desk);
    let found = desk.run(&["index", "search", &dir, "purr", "--json"]);
    let score = found.out.split("\"score\":").nth(1).unwrap();
    let score = score.split(',').next().unwrap();
    // The shortest text that is this number of 32 bits and no other.
    let number: f32 = score.parse().unwrap();
    assert_eq!(number.to_string(), score);
    assert!(score.len() > 6, "{score}");
}

#[test]
fn bad_queries_are_named_with_their_line() {
    let desk = Desk::new();
    let dir = animals(&desk);
    for (line, says) in [
        ("{\"id\": 1}", "missing field `query`"),
        ("[1, \"cat\"]", "not a JSON object"),
        ("{\"query\": 7}", "invalid type"),
    ] {
        let queries = desk.file(
            "queries.jsonl",
            format!("{{\"query\": \"cat\"}}\n\n{line}\n"),
        );
        let ran = desk.run(&["index", "search", &dir, "--queries", &queries, "--json"]);
        ran.told(2, says);
        assert!(ran.err.contains("could not use line 3 of"), "{}", ran.err);
    }
    let without_json = desk.run(&["index", "search", &dir, "--queries", "q.jsonl"]);
    assert_eq!(without_json.code, Some(2));
    assert!(without_json.err.contains("--json"), "{}", without_json.err);
}

#[test]
fn each_setting_changes_what_is_found() {
    let desk = Desk::new();
    let corpus = desk.file("animals.jsonl", ANIMALS);
    let with = |args: &[&str], words| {
        let dir = built(&desk, &[&["--corpus", &corpus], args].concat());
        ids(&desk, &dir, words)
    };
    assert_eq!(with(&[], "runs"), ["ant"]);
    assert_eq!(with(&["--stemmer", "none"], "runs"), [""; 0]);
    assert_eq!(with(&[], "ants"), ["ant"]);
    assert_eq!(with(&["--text", "{text}"], "ants"), [""; 0]);
    assert_eq!(
        with(
            &["--text", "{title}{text}", "--stemmer", "none"],
            "owlsthey"
        ),
        ["owl"]
    );
    assert_eq!(with(&[], "they"), [""; 0]);
    assert_eq!(with(&["--stopwords", "none"], "they").len(), 4);
    let words = desk.file("stop.txt", "sleep\n\n  cats \n");
    assert_eq!(with(&["--stopwords", &words], "cats sleep"), ["cat"; 0]);
    assert_eq!(with(&["--stopwords", &words], "they").len(), 4);

    let score = |args: &[&str]| {
        let dir = built(&desk, &[&["--corpus", &corpus], args].concat());
        let found = desk.json(&["index", "search", &dir, "running", "--json"]);
        found["hits"][0]["score"].as_f64().unwrap()
    };
    let mut scores: Vec<_> = ["lucene", "robertson", "atire", "bm25+", "bm25l"]
        .map(|method| score(&["--method", method]))
        .into();
    scores.push(score(&["--k1", "1.5"]));
    scores.push(score(&["--b", "0.75"]));
    scores.push(score(&["--method", "bm25+", "--delta", "1"]));
    scores.sort_by(f64::total_cmp);
    scores.dedup();
    assert_eq!(scores.len(), 8, "{scores:?}");
}

#[test]
fn settings_that_no_index_can_have_are_refused_before_anything_is_read() {
    let desk = Desk::new();
    let corpus = desk.file("animals.jsonl", ANIMALS);
    let two = desk.file("two.txt", "one two");
    let binary = desk.file("binary.txt", [0xff, 0xfe]);
    for (args, says) in [
        (["--k1", "-1"], "`k1` is -1"),
        (["--k1", "NaN"], "`k1` is NaN"),
        (["--b", "1.5"], "`b` is 1.5"),
        (["--delta", "inf"], "`delta` is inf"),
        (["--text", "{body}"], "`{body}`"),
        (["--text", "all"], "neither `{title}` nor `{text}`"),
        (
            ["--stopwords", "missing.txt"],
            "could not read `missing.txt`",
        ),
        (["--stopwords", &two], "line 1 holds more than one word"),
        (["--stopwords", &binary], "could not use the stop words"),
    ] {
        let dir = desk.path("ix");
        let build = ["index", "build", dir.to_str().unwrap(), "--corpus", &corpus];
        let ran = desk.run(&[&build[..], &args].concat());
        ran.told(2, says);
        assert!(
            ran.err.contains("hint: ") || says.contains("could not use"),
            "{}",
            ran.err
        );
        assert!(!dir.exists(), "{args:?}");
    }
    let method = desk.run(&[
        "index", "build", "ix", "--corpus", &corpus, "--method", "tfidf",
    ]);
    assert_eq!(method.code, Some(2));
    assert!(
        method
            .err
            .contains("lucene, robertson, atire, bm25+, bm25l"),
        "{}",
        method.err
    );
}

#[test]
fn measuring_prints_the_figures_that_are_promised() {
    let desk = Desk::new();
    let corpus = desk.file("animals.jsonl", ANIMALS);
    let queries = desk.file(
        "queries.jsonl",
        "{\"query\": \"cats\"}\n{\"query\": \"sleep\"}\n",
    );
    let dir = desk.path("ix").to_str().unwrap().to_owned();
    let bench = |phase, args: &[&str]| {
        let named = [
            "bench",
            "bm25",
            phase,
            "--corpus",
            &corpus,
            "--queries",
            &queries,
            "--index",
            &dir,
        ];
        desk.json(&[&named[..], args].concat())
    };
    let built = bench("build", &["--k1", "1.2", "--b", "0.75"]);
    for name in ["wall_s", "cpu_s", "disk_mb", "rss_peak_mb"] {
        assert!(built[name].as_f64().unwrap() > 0.0, "{built}");
    }
    let info = desk.json(&["index", "info", &dir, "--json"]);
    assert_eq!(info["settings"]["scoring"]["k1"], 1.2);
    for args in [
        &["--k", "7", "--threads", "1"][..],
        &["--threads", "2", "--passages"],
    ] {
        let asked = bench("query", args);
        for name in [
            "load_s",
            "rss_loaded_mb",
            "qps",
            "cpu_ms_per_query",
            "p50_ms",
            "p99_ms",
        ] {
            assert!(asked[name].as_f64().unwrap() > 0.0, "{name}: {asked}");
        }
        assert_eq!(
            (&asked["n"], &asked["n_hits"], &asked["k"]),
            (&json!(2), &json!(4), &json!(7))
        );
    }
}
