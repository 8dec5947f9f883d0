use serde_json::{Value, json};

use super::{convert, rows};

fn official() -> Value {
    json!({
        "_id": "5a", "question": "Which sea?", "answer": "Gray Sea", "type": "bridge", "level": "hard",
        "supporting_facts": [["Tarn", 0], ["Orn", 1], ["Tarn", 2]],
        "context": [["Tarn", ["Tarn is a town.", " It is old."]], ["Orn", ["Orn is a river."]]],
    })
}

/// The same row as the parquet files have it.
fn columns() -> Value {
    json!({
        "id": "5a", "question": "Which sea?", "answer": "Gray Sea", "type": "bridge", "level": "hard",
        "supporting_facts": {"title": ["Tarn", "Orn", "Tarn"], "sent_id": [0, 1, 2]},
        "context": {
            "title": ["Tarn", "Orn"],
            "sentences": [["Tarn is a town.", " It is old."], ["Orn is a river."]],
        },
    })
}

#[test]
fn a_row_becomes_a_case_in_either_form() {
    for row in [official(), columns()] {
        let case = convert::case(row, 1).unwrap();
        assert_eq!(
            case,
            json!({
                "case_id": "5a",
                "task_type": "multihop_qa",
                "context": {"question": "Which sea?"},
                "expected": "Gray Sea",
                "metadata": {"supporting_titles": ["Tarn", "Orn"], "type": "bridge", "level": "hard"},
            })
        );
    }
}

#[test]
fn a_row_without_an_id_is_named_after_its_number() {
    for (id, named) in [
        (json!(12), "12"),
        (json!(null), "row-7"),
        (json!(""), "row-7"),
    ] {
        let row = json!({"_id": id, "question": "Which sea?", "answer": "Gray Sea"});
        let case = convert::case(row, 7).unwrap();
        assert_eq!(case["case_id"], named);
        assert_eq!(case["metadata"], json!({}));
    }
}

#[test]
fn contexts_become_articles_once_and_articles_stay_what_they_are() {
    for row in [official(), columns()] {
        let mut corpus = convert::Corpus::default();
        let articles = corpus.articles(row.clone()).unwrap();
        assert_eq!(
            articles,
            [
                json!({"id": "0", "title": "Tarn", "text": "Tarn is a town.  It is old."}),
                json!({"id": "1", "title": "Orn", "text": "Orn is a river."}),
            ]
        );
        assert_eq!(corpus.articles(row).unwrap(), [] as [Value; 0]);
        for abstracts in [
            json!({"docid": 7, "title": "Orn", "text": ["A.", " B."]}),
            json!({"id": "7", "title": "Orn", "sentences": ["A.", " B."]}),
            json!({"id": "7", "title": "Orn", "text": "A.  B."}),
        ] {
            let article = corpus.articles(abstracts).unwrap();
            assert_eq!(
                article,
                [json!({"id": "7", "title": "Orn", "text": "A.  B."})]
            );
        }
    }
}

#[test]
fn a_row_that_is_something_else_is_refused_by_its_number() {
    let take = |text: &str| {
        rows::read(text.as_bytes(), &mut |row| {
            convert::case(row, 1).map(|_| ())
        })
    };
    let good = official();
    assert_eq!(take(&format!("[{good}, {good}]")), Ok(()));
    assert_eq!(take(&format!("{good}\n{good}\n")), Ok(()));
    for (text, says) in [
        (format!("[{good}, {{}}]"), "row 2: `question` is no text"),
        (
            format!("{good}\n{{\"_id\": \"x\"}}"),
            "row 2: `question` is no text",
        ),
        (format!("[{good}"), "EOF"),
        (format!("{good} x"), "row 2: expected value"),
        (String::new(), "it is empty"),
        ("[1]".into(), "row 1: `question` is no text"),
    ] {
        let why = take(&text).unwrap_err();
        assert!(why.contains(says), "{why}");
    }
    for (context, says) in [
        (json!([["Tarn"]]), "`context` has no titles"),
        (
            json!({"title": ["Tarn"], "sentences": []}),
            "`context` has no titles",
        ),
    ] {
        let refused = convert::Corpus::default().articles(json!({ "context": context }));
        assert!(refused.unwrap_err().contains(says));
    }
    let mut row = official();
    row["supporting_facts"] = json!([1]);
    assert!(
        convert::case(row, 1)
            .unwrap_err()
            .contains("`supporting_facts`")
    );
}
