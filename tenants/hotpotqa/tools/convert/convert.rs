//! One row of the published files as a case, or as articles.

use std::collections::HashSet;

use serde_json::{Value, json};

/// Returns the case of a row, which is named after its id, or its number where
/// it has none, as in the lists of bare questions.
pub(crate) fn case(row: Value, number: u64) -> Result<Value, String> {
    let text = |name: &str| {
        let text = row.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let need = |name: &str| text(name).ok_or_else(|| format!("`{name}` is no text"));
    let id = id_of(row.get("_id").or(row.get("id")));
    let mut metadata = json!({});
    let titles = supporting_titles(&row)?;
    if !titles.is_empty() {
        metadata["supporting_titles"] = json!(titles);
    }
    for name in ["type", "level"] {
        if let Some(value) = text(name) {
            metadata[name] = json!(value);
        }
    }
    Ok(json!({
        "case_id": id.unwrap_or_else(|| format!("row-{number}")),
        "task_type": "multihop_qa",
        "context": { "question": need("question")? },
        "expected": need("answer")?,
        "metadata": metadata,
    }))
}

/// Returns the titles of the gold evidence, each once: of `[[title, n], …]`, or
/// of `{"title": […]}` as the parquet files have it.
fn supporting_titles(row: &Value) -> Result<Vec<&str>, String> {
    let bad = || "`supporting_facts` names no titles".to_owned();
    let titles: Option<Vec<&str>> = match row.get("supporting_facts") {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(facts)) => facts.iter().map(|fact| fact.get(0)?.as_str()).collect(),
        Some(facts) => facts.get("title").and_then(texts),
    };
    let mut once: Vec<&str> = Vec::new();
    for title in titles.ok_or_else(bad)? {
        if !once.contains(&title) {
            once.push(title);
        }
    }
    Ok(once)
}

/// The articles so far.
#[derive(Default)]
pub(crate) struct Corpus {
    n: u64,
    /// Paragraphs of contexts that were taken, since questions share them.
    taken: HashSet<(String, String)>,
}

impl Corpus {
    /// Returns the articles of a row: itself, or the paragraphs of its context
    /// that no row before had.
    pub(crate) fn articles(&mut self, row: Value) -> Result<Vec<Value>, String> {
        if row.get("context").is_some() {
            let mut articles = Vec::new();
            for (title, text) in paragraphs(&row)? {
                if self.taken.insert((title.to_owned(), text.clone())) {
                    articles.push(self.article(None, title, &text));
                }
            }
            return Ok(articles);
        }
        let title = row
            .get("title")
            .and_then(Value::as_str)
            .ok_or("`title` is no text")?;
        let text = row.get("text").or(row.get("sentences")).and_then(joined);
        let text = text.ok_or("neither `text` nor `sentences` is a text or a list of texts")?;
        let id = row.get("id").or(row.get("docid"));
        Ok(vec![self.article(id, title, &text)])
    }

    fn article(&mut self, id: Option<&Value>, title: &str, text: &str) -> Value {
        let number = self.n;
        self.n += 1;
        let id = id_of(id).unwrap_or_else(|| number.to_string());
        json!({ "id": id, "title": title, "text": text })
    }
}

/// Returns an id that is a text or a number.
fn id_of(id: Option<&Value>) -> Option<String> {
    match id? {
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Returns the titles and texts of a row's context: of `[[title, [sentence, …]], …]`,
/// or of `{"title": […], "sentences": [[…], …]}`.
fn paragraphs(row: &Value) -> Result<Vec<(&str, String)>, String> {
    let context = &row["context"];
    let pairs: Option<Vec<_>> = match context {
        Value::Array(pairs) => pairs
            .iter()
            .map(|pair| Some((pair.get(0)?.as_str()?, joined(pair.get(1)?)?)))
            .collect(),
        columns => {
            let both = columns.get("title").zip(columns.get("sentences"));
            both.and_then(|(titles, sentences)| {
                let sentences = sentences.as_array()?.iter().map(joined);
                let texts: Vec<_> = sentences.collect::<Option<_>>()?;
                let titles = texts_of(titles, texts.len())?;
                Some(titles.into_iter().zip(texts).collect())
            })
        }
    };
    pairs.ok_or_else(|| "`context` has no titles with sentences".into())
}

/// Returns so many texts, if that is what the value is.
fn texts_of(value: &Value, n: usize) -> Option<Vec<&str>> {
    texts(value).filter(|texts| texts.len() == n)
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// Returns a text, or sentences joined by one blank, as GEPA and FAPO join them.
fn joined(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        sentences => Some(texts(sentences)?.join(" ")),
    }
}
