//! What a search server is sent, and where the hits lie in what it answers: as
//! the operator wrote it down, with nothing known of any vendor.
//!
//! All of an answer is untrusted. What does not fit is an error of the server,
//! never an empty list: a chain that is told of no passages goes on without.

use fapo_core::call::{Passage, SearchRequest};
use fapo_core::policy::{Asks, Hits, WrittenEndpoint};
use serde_json::{Map, Value};

use crate::providers::connect::encoded;
use crate::providers::wire::reply::{answer_of_any_type, malformed};
use crate::providers::wire::{NoAnswer, Reply};

/// A way of asking, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shape {
    query: Vec<(String, Value)>,
    request: Option<Value>,
    hits: Hits,
}

/// Why a server cannot be asked as it is written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShapeError {
    /// A placeholder that nothing stands behind.
    #[error(
        "there is no placeholder `${{{0}}}`: there are `${{query}}`, `${{query_json}}` and `${{k}}`"
    )]
    UnknownPlaceholder(String),
    /// A query among other text, which it could end.
    #[error(
        "`${{query}}` stands among other text, where a query could say more than a query: write `${{query_json}}`, which is quoted"
    )]
    QueryInText,
    /// No placeholder for what is looked for.
    #[error("neither `query` nor `request` has a place for the query")]
    AsksNothing,
    /// A body that an address alone cannot have.
    #[error("`method = \"get\"` and `request` exclude each other")]
    GetWithBody,
    /// A pointer that points nowhere in any answer.
    #[error("`hits.{0}` is `{1}`, which is no JSON pointer: one begins with `/`, or is empty")]
    NotAPointer(&'static str, String),
}

/// What a text of a template is.
enum Part<'a> {
    Text(&'a str),
    Place(&'a str),
}

impl Shape {
    /// Checks what the operator wrote.
    pub(crate) fn new(written: &WrittenEndpoint) -> Result<Self, ShapeError> {
        let query = written.query.iter();
        let query: Vec<_> = query
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        let mut asks = false;
        for template in query.iter().map(|(_, value)| value).chain(&written.request) {
            check(template, &mut asks)?;
        }
        if !asks {
            return Err(ShapeError::AsksNothing);
        }
        if written.asks() == Asks::Get && written.request.is_some() {
            return Err(ShapeError::GetWithBody);
        }
        let hits = &written.hits;
        let pointers = [
            ("at", Some(&hits.at)),
            ("id", Some(&hits.id)),
            ("text", Some(&hits.text)),
            ("title", hits.title.as_ref()),
            ("score", hits.score.as_ref()),
            ("metadata", hits.metadata.as_ref()),
        ];
        for (key, pointer) in pointers {
            if let Some(pointer) = pointer
                && !pointer.is_empty()
                && !pointer.starts_with('/')
            {
                return Err(ShapeError::NotAPointer(key, pointer.clone()));
            }
        }
        Ok(Self {
            query,
            request: written.request.clone(),
            hits: hits.clone(),
        })
    }

    /// Returns what stands after the `?` for a search.
    pub(crate) fn query(&self, request: &SearchRequest) -> String {
        let pairs = self.query.iter().map(|(name, value)| {
            let value = match fill(value, request) {
                Value::String(text) => text,
                other => other.to_string(),
            };
            format!("{}={}", encoded(name), encoded(&value))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Returns the body of a search, where it has one.
    pub(crate) fn body(&self, request: &SearchRequest) -> Option<Vec<u8>> {
        let body = fill(self.request.as_ref()?, request);
        Some(fapo_core::json::bytes(&body))
    }

    /// Reads the hits of an answer, the first `k` of them.
    pub(crate) fn read(&self, reply: &Reply, k: u32) -> Result<Vec<Passage>, NoAnswer> {
        let body = answer_of_any_type(reply)?;
        let hits = match body.pointer(&self.hits.at) {
            Some(Value::Array(hits)) => hits.as_slice(),
            None | Some(Value::Null) if self.hits.may_miss => &[],
            _ => {
                let what = format!("the reply has no list at `{}`", self.hits.at);
                return Err(malformed(&what, reply));
            }
        };
        let first = hits.iter().take(k as usize).zip(1..);
        first
            .map(|(hit, rank)| {
                let passage = self.passage(hit, rank);
                passage.map_err(|what| malformed(&format!("hit {rank} {what}"), reply))
            })
            .collect()
    }

    /// Reads one hit; the error completes a sentence about it.
    fn passage(&self, hit: &Value, rank: u32) -> Result<Passage, String> {
        let at = |pointer: &Option<String>| {
            let value = hit.pointer(pointer.as_deref()?)?;
            (!value.is_null()).then_some(value)
        };
        let hits = &self.hits;
        let id = match hit.pointer(&hits.id) {
            Some(Value::String(id)) => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => return Err(format!("has no id at `{}`", hits.id)),
        };
        let Some(text) = hit.pointer(&hits.text).and_then(Value::as_str) else {
            return Err(format!("has no text at `{}`", hits.text));
        };
        let title = match at(&hits.title) {
            Some(Value::String(title)) => title.as_str(),
            Some(_) => return Err("has a title that is no text".into()),
            None => "",
        };
        let (title, text) = match &hits.title_end {
            Some(end) if title.is_empty() => text.split_once(end.as_str()).unwrap_or(("", text)),
            _ => (title, text),
        };
        let score = match at(&hits.score) {
            Some(Value::Number(score)) => score.as_f64(),
            // Some write numbers as texts.
            Some(Value::String(score)) => score.parse().ok(),
            Some(_) => None,
            None => Some(0.0),
        };
        let Some(score) = score.filter(|score| score.is_finite()) else {
            return Err("has a score that is no number".into());
        };
        let metadata = match at(&hits.metadata) {
            Some(metadata @ Value::Object(_)) => metadata.to_string(),
            Some(_) => return Err("has metadata that is no object".into()),
            None => "{}".into(),
        };
        Ok(Passage {
            id: id.into(),
            title: title.into(),
            text: text.into(),
            score,
            rank,
            metadata: metadata.into(),
        })
    }
}

/// Divides a text into what it says and the places in it.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Place(name));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// Checks the places of a template, and notes whether the query has one.
fn check(template: &Value, asks: &mut bool) -> Result<(), ShapeError> {
    match template {
        Value::String(text) => {
            let parts = parts(text);
            for part in &parts {
                match part {
                    Part::Text(_) | Part::Place("k") => {}
                    Part::Place("query") if parts.len() > 1 => return Err(ShapeError::QueryInText),
                    Part::Place("query" | "query_json") => *asks = true,
                    Part::Place(name) => {
                        return Err(ShapeError::UnknownPlaceholder((*name).to_owned()));
                    }
                }
            }
            Ok(())
        }
        Value::Array(all) => all.iter().try_for_each(|one| check(one, asks)),
        Value::Object(all) => all.values().try_for_each(|one| check(one, asks)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Fills in a template that was checked.
fn fill(template: &Value, request: &SearchRequest) -> Value {
    match template {
        Value::String(text) => match text.as_str() {
            "${query}" => request.query.as_str().into(),
            "${k}" => request.k.into(),
            text => {
                let filled = parts(text).into_iter().map(|part| match part {
                    Part::Text(text) => text.to_owned(),
                    Part::Place("k") => request.k.to_string(),
                    Part::Place(_) => Value::from(request.query.as_str()).to_string(),
                });
                filled.collect::<String>().into()
            }
        },
        Value::Array(all) => all.iter().map(|one| fill(one, request)).collect(),
        Value::Object(all) => {
            let filled = all
                .iter()
                .map(|(key, one)| (key.clone(), fill(one, request)));
            Value::Object(filled.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => template.clone(),
    }
}

#[cfg(test)]
mod tests;
