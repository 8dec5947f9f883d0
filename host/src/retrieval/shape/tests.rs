use reqwest::header::HeaderMap;
use serde_json::json;

use super::*;

/// Reads what the operator wrote, as TOML.
fn shape(toml: &str) -> Result<Shape, ShapeError> {
    let text = format!("url = \"http://search.example/find\"\n{toml}");
    let written = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    Shape::new(&written)
}

fn asks(query: &str, k: u32) -> SearchRequest {
    SearchRequest {
        index: "wiki".into(),
        query: query.into(),
        k,
    }
}

fn said(body: &str) -> Reply {
    Reply {
        status: 200,
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
    }
}

/// Returns rank, id, title, text and score of each passage.
fn hits(toml: &str, body: &Value, k: u32) -> Vec<(u32, String, String, String, f64)> {
    let read = shape(toml).unwrap().read(&said(&body.to_string()), k);
    let passages = read.unwrap_or_else(|error| panic!("{error:?}"));
    let text = |text: &fapo_core::Untrusted| text.as_str().to_owned();
    passages
        .iter()
        .map(|p| (p.rank, text(&p.id), text(&p.title), text(&p.text), p.score))
        .collect()
}

fn hit(
    rank: u32,
    id: &str,
    title: &str,
    text: &str,
    score: f64,
) -> (u32, String, String, String, f64) {
    (rank, id.into(), title.into(), text.into(), score)
}

#[test]
fn a_plain_server_needs_no_pointers() {
    let toml = "request = { query = \"${query}\", k = \"${k}\" }";
    let body = shape(toml)
        .unwrap()
        .body(&asks("who \"is\" it", 7))
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body, json!({"query": "who \"is\" it", "k": 7}));
    let answer = json!([
        {"id": "a", "text": "one", "score": 2},
        {"id": 7, "text": "two", "title": "Two", "score": 1.5, "metadata": {"year": 1}},
    ]);
    assert_eq!(
        hits(toml, &answer, 5),
        [hit(1, "a", "", "one", 2.0), hit(2, "7", "Two", "two", 1.5)]
    );
    assert_eq!(
        hits(toml, &answer, 1).len(),
        1,
        "no more than was asked for"
    );
    assert_eq!(hits(toml, &json!([]), 1), []);
}

#[test]
fn elasticsearch_and_opensearch_can_be_written_down() {
    let toml = r#"
        request = { size = "${k}", query = { multi_match = { query = "${query}", fields = ["title^2", "text"] } } }
        hits = { at = "/hits/hits", id = "/_id", score = "/_score", title = "/_source/title", text = "/_source/text", metadata = "/_source/meta" }
    "#;
    let body = shape(toml).unwrap().body(&asks("x", 3)).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["size"], 3);
    assert_eq!(body["query"]["multi_match"]["query"], "x");
    let answer = json!({"took": 1, "hits": {"total": {"value": 1}, "hits": [
        {"_id": "d1", "_score": 12.5, "_source": {"title": "T", "text": "X", "meta": {"a": 1}}},
    ]}});
    assert_eq!(hits(toml, &answer, 3), [hit(1, "d1", "T", "X", 12.5)]);
}

#[test]
fn qdrant_can_be_written_down() {
    let toml = r#"
        request = { query = { text = "${query}", model = "bge" }, limit = "${k}", with_payload = true }
        hits = { at = "/result/points", id = "/id", score = "/score", title = "/payload/title", text = "/payload/text" }
    "#;
    let answer = json!({"result": {"points": [
        {"id": 42, "version": 1, "score": 0.75, "payload": {"title": "T", "text": "X"}},
    ]}, "status": "ok"});
    assert_eq!(hits(toml, &answer, 3), [hit(1, "42", "T", "X", 0.75)]);
}

#[test]
fn a_query_language_gets_the_query_quoted() {
    let toml = r#"
        request = { query = "{ Get { Wiki(limit: ${k}, bm25: {query: ${query_json}}) { title text _additional { id score } } } }" }
        hits = { at = "/data/Get/Wiki", id = "/_additional/id", score = "/_additional/score", title = "/title", text = "/text" }
    "#;
    let body = shape(toml).unwrap().body(&asks(r#"a"}) { b"#, 2)).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        body["query"],
        r#"{ Get { Wiki(limit: 2, bm25: {query: "a\"}) { b"}) { title text _additional { id score } } } }"#
    );
    let answer = json!({"data": {"Get": {"Wiki": [
        {"title": "T", "text": "X", "_additional": {"id": "u-1", "score": "0.5"}},
    ]}}});
    assert_eq!(hits(toml, &answer, 3), [hit(1, "u-1", "T", "X", 0.5)]);
}

#[test]
fn vespa_leaves_the_list_out_where_it_found_nothing() {
    let toml = r#"
        request = { yql = "select * from wiki where userQuery()", query = "${query}", hits = "${k}" }
        hits = { at = "/root/children", may_miss = true, id = "/id", score = "/relevance", title = "/fields/title", text = "/fields/text" }
    "#;
    assert_eq!(
        hits(toml, &json!({"root": {"fields": {"totalCount": 0}}}), 3),
        []
    );
    let answer = json!({"root": {"children": [
        {"id": "id:wiki:wiki::1", "relevance": 3.5, "fields": {"title": "T", "text": "X"}},
    ]}});
    assert_eq!(
        hits(toml, &answer, 3),
        [hit(1, "id:wiki:wiki::1", "T", "X", 3.5)]
    );
}

#[test]
fn the_server_of_colbert_is_asked_by_its_address() {
    let toml = r#"
        query = { query = "${query}", k = "${k}" }
        hits = { at = "/topk", id = "/pid", text = "/text", title_end = " | ", score = "/score" }
    "#;
    let shape_of = shape(toml).unwrap();
    assert_eq!(
        shape_of.query(&asks("who & what?", 7)),
        "k=7&query=who%20%26%20what%3F"
    );
    assert_eq!(shape_of.body(&asks("x", 7)), None);
    let answer = json!({"query": "x", "topk": [
        {"text": "Paris | Paris is a city. | It is old.", "pid": 12, "rank": 1, "score": 25.5, "prob": 0.5},
        {"text": "no title", "pid": 13, "rank": 2, "score": 20.0, "prob": 0.1},
    ]});
    assert_eq!(
        hits(toml, &answer, 7),
        [
            hit(1, "12", "Paris", "Paris is a city. | It is old.", 25.5),
            hit(2, "13", "", "no title", 20.0),
        ]
    );
}

#[test]
fn what_cannot_be_asked_is_refused_when_it_is_read() {
    for (toml, says) in [
        ("", "neither `query` nor `request`"),
        (
            "request = { q = \"${k}\" }",
            "neither `query` nor `request`",
        ),
        (
            "request = { q = \"${qeury}\" }",
            "no placeholder `${qeury}`",
        ),
        (
            "request = { q = \"text:${query}\" }",
            "write `${query_json}`",
        ),
        ("query = { q = \"text:${query}\" }", "write `${query_json}`"),
        (
            "method = \"get\"\nrequest = [\"${query}\"]",
            "exclude each other",
        ),
        (
            "query = { q = \"${query}\" }\nhits = { id = \"_id\" }",
            "`hits.id` is `_id`",
        ),
    ] {
        let told = shape(toml).unwrap_err().to_string();
        assert!(told.contains(says), "{toml}: {told}");
    }
}

#[test]
fn an_answer_of_another_shape_is_no_empty_list() {
    let shape = shape("request = { q = \"${query}\" }").unwrap();
    for (body, says) in [
        ("", "is empty"),
        ("[{\"id\": 1, \"te", "is cut"),
        ("<html>", "not JSON"),
        ("{\"hits\": []}", "no list at ``"),
        ("null", "no list"),
        ("[1]", "hit 1 has no id at `/id`"),
        ("[{\"id\": null, \"text\": \"x\"}]", "hit 1 has no id"),
        ("[{\"id\": 1}]", "hit 1 has no text at `/text`"),
        ("[{\"id\": 1, \"text\": [\"x\"]}]", "hit 1 has no text"),
        (
            "[{\"id\": 1, \"text\": \"x\", \"title\": 3}]",
            "a title that is no text",
        ),
        (
            "[{\"id\": 1, \"text\": \"x\", \"score\": \"NaN\"}]",
            "a score that is no number",
        ),
        (
            "[{\"id\": 1, \"text\": \"x\", \"score\": \"inf\"}]",
            "a score that is no number",
        ),
        (
            "[{\"id\": 1, \"text\": \"x\", \"score\": {}}]",
            "a score that is no number",
        ),
        (
            "[{\"id\": 1, \"text\": \"x\", \"score\": 1e999}]",
            "not JSON",
        ),
        (
            "[{\"id\": 1, \"text\": \"x\", \"metadata\": []}]",
            "metadata that is no object",
        ),
    ] {
        match shape.read(&said(body), 5) {
            Err(NoAnswer::Malformed(told)) => assert!(told.contains(says), "{body}: {told}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    let deep = "[".repeat(100_000);
    assert!(shape.read(&said(&deep), 5).is_err());
    let refused = Reply {
        status: 503,
        ..said("{\"error\": \"busy\"}")
    };
    assert!(matches!(shape.read(&refused, 5), Err(NoAnswer::Refused(_))));
}
