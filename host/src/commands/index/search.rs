//! `fapo-host index search`

use std::path::{Path, PathBuf};

use fapo_core::Untrusted;
use fapo_core::bm25::{Hit, IndexError};
use fapo_core::untrusted::tame_json;
use serde::{Deserialize, Serialize, Serializer, de::Error as _};
use serde_json::Value;

use super::DirArgs;
use crate::cores;
use crate::dataset::{Lines, Place};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::indexes::{OpenIndex, each_in_order};
use crate::report::{self, Table};

/// Search an index: for some words, or for the queries of a file
///
/// Queries are JSON lines with `query` and maybe `id`; one without has its
/// number, from 0. For each one, in order, a line of JSON is printed, with the
/// ids, scores and ranks of its hits. Documents with equal scores are ranked in
/// the order of the corpus. As with bm25s, there are always K of them in a corpus
/// that has as many: where fewer have a word of the query, others follow.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: DirArgs,
    /// Words to look for
    #[arg(value_name = "WORDS", required_unless_present = "queries")]
    words: Vec<String>,
    /// Queries to answer
    #[arg(
        long,
        value_name = "FILE.jsonl",
        conflicts_with = "words",
        requires = "json"
    )]
    queries: Option<PathBuf>,
    /// How many hits at most
    #[arg(short, long, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// Leave out documents that have no word of their query
    #[arg(long, requires = "queries")]
    matches_only: bool,
    /// How many threads work; one for each core, if it is left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Print lines of JSON
    #[arg(long)]
    json: bool,
}

/// A query as written. Other fields are not read.
#[derive(Deserialize)]
struct Query {
    id: Option<Value>,
    query: String,
}

/// What to do about a query that cannot be read.
const HINT: &str = "a query is an object on one line, with `query` and maybe `id`, as in {\"id\": 1, \"query\": \"who?\"}";

impl Query {
    fn read(line: &str) -> Result<Self, serde_json::Error> {
        // Serde would take a list for the fields in their order.
        if !line.trim_start().starts_with('{') {
            return Err(serde_json::Error::custom("it is not a JSON object"));
        }
        serde_json::from_str(line)
    }
}

/// A line of `--queries --json`.
#[derive(Serialize)]
struct Answer<'a> {
    id: &'a Value,
    hits: Vec<Found<'a>>,
}

/// What `WORDS --json` prints.
#[derive(Serialize)]
struct Shown<'a> {
    query: &'a str,
    hits: Vec<Passage<'a>>,
}

/// A hit.
#[derive(Serialize)]
struct Found<'a> {
    id: Id<'a>,
    score: f32,
    rank: usize,
}

/// A hit with what is shown of it.
#[derive(Serialize)]
struct Passage<'a> {
    id: Id<'a>,
    score: f32,
    rank: usize,
    title: &'a str,
    text: &'a str,
}

/// An id as the corpus has it.
enum Id<'a> {
    Number(u64),
    Text(&'a str),
}

impl<'a> Id<'a> {
    fn of(index: &OpenIndex, id: &'a str) -> Self {
        match id.parse() {
            Ok(number) if index.info().ids_are_numbers => Self::Number(number),
            _ => Self::Text(id),
        }
    }
}

impl Serialize for Id<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => to.serialize_u64(*number),
            Self::Text(text) => to.serialize_str(text),
        }
    }
}

/// Queries that a thread takes at once.
const AT_ONCE: usize = 64;

pub(super) fn run(args: &Args) -> CommandResult<Exit> {
    let dir = &args.dir.dir;
    let index = OpenIndex::open(dir)?;
    let k = args.k as usize;
    match &args.queries {
        Some(queries) => {
            let threads = args.threads.map_or_else(cores::usable, usize::from);
            let batch = Batch {
                index: &index,
                k,
                matches_only: args.matches_only,
            };
            batch.answer(dir, queries, threads)?;
        }
        None => show(&index, dir, &args.words.join(" "), k, args.json)?,
    }
    Ok(Exit::Done)
}

/// The queries of a file, and what is wanted of each.
struct Batch<'a> {
    index: &'a OpenIndex,
    k: usize,
    matches_only: bool,
}

impl Batch<'_> {
    /// Answers the queries, many at once and in their order.
    fn answer(&self, dir: &Path, queries: &Path, threads: usize) -> CommandResult<()> {
        let mut lines = Lines::open(&Place::Path(queries.into()))?;
        let (mut bytes, mut n) = (Vec::new(), 0u64);
        let next = || {
            let mut some = Vec::new();
            while some.len() < AT_ONCE && lines.read(&mut bytes)? {
                let Some(text) = lines.text(&bytes)? else {
                    continue;
                };
                let query = Query::read(text).map_err(|error| lines.refused(error).hint(HINT))?;
                let id = query.id.unwrap_or_else(|| n.into());
                some.push((id, query.query));
                n += 1;
            }
            Ok((!some.is_empty()).then_some(some))
        };
        let work = |some: Vec<(Value, String)>| -> Result<String, IndexError> {
            let lines = some.iter().map(|(id, query)| self.line(id, query));
            Ok(lines.collect::<Result<Vec<_>, _>>()?.join("\n"))
        };
        each_in_order(threads, next, work, |answers| {
            report::line(&answers.map_err(|error| not_searched(dir, error))?);
            Ok(())
        })
    }

    /// Returns the line of one query.
    fn line(&self, id: &Value, query: &str) -> Result<String, IndexError> {
        let hits = match self.matches_only {
            true => self.index.hits(query, self.k)?,
            false => self.index.hits_filled(query, self.k)?,
        };
        let hits = told(self.index, hits, |found, _, _| found)?;
        let json = serde_json::to_string(&Answer { id, hits });
        let json = json.expect("records of plain data can be written");
        Ok(tame_json(&json))
    }
}

/// Returns what is told of hits, each with its title and text.
fn told<'a, T>(
    index: &'a OpenIndex,
    hits: Vec<Hit>,
    told: impl Fn(Found<'a>, &'a str, &'a str) -> T,
) -> Result<Vec<T>, IndexError> {
    let hits = hits.into_iter().zip(1..).map(|(hit, rank)| {
        let document = index.document(hit)?;
        let found = Found {
            id: Id::of(index, document.id),
            score: hit.score,
            rank,
        };
        Ok(told(found, document.title, document.text))
    });
    hits.collect()
}

fn show(index: &OpenIndex, dir: &Path, query: &str, k: usize, json: bool) -> CommandResult<()> {
    let hits = index.hits(query, k).and_then(|hits| {
        told(index, hits, |found, title, text| Passage {
            id: found.id,
            score: found.score,
            rank: found.rank,
            title,
            text,
        })
    });
    let hits = hits.map_err(|error| not_searched(dir, error))?;
    if json {
        report::json(&Shown { query, hits });
        return Ok(());
    }
    if hits.is_empty() {
        report::line("no document has any of these words");
        return Ok(());
    }
    let mut table = Table::new(["rank", "score", "id", "title", "text"]);
    for hit in &hits {
        let id = match &hit.id {
            Id::Number(number) => number.to_string(),
            Id::Text(text) => Untrusted::from(*text).cut(24),
        };
        table.row([
            hit.rank.to_string(),
            format!("{:.3}", hit.score),
            id,
            Untrusted::from(hit.title).cut(40),
            snippet(hit.text, query),
        ]);
    }
    table.print();
    Ok(())
}

/// How much of a text is shown, in characters.
const SNIPPET: usize = 72;

/// Returns some of a text, from a little before the first word of a query on.
fn snippet(text: &str, query: &str) -> String {
    const BEFORE: usize = 16;
    // Short words are likely to be no terms.
    let words = query
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 3);
    // In ASCII alone, so that places stay where they are.
    let (lower, words) = (
        text.to_ascii_lowercase(),
        words.map(str::to_ascii_lowercase),
    );
    let first = words.filter_map(|word| lower.find(&word)).min();
    let mut start = first.unwrap_or(0).saturating_sub(BEFORE);
    if text.len() <= SNIPPET {
        start = 0;
    }
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let cut = if start > 0 { "…" } else { "" };
    let rest: String = text[start..].chars().take(SNIPPET * 2).collect();
    format!("{cut}{}", Untrusted::from(rest).cut(SNIPPET))
}

fn not_searched(dir: &Path, error: IndexError) -> CommandError {
    let hint = error.hint();
    CommandError::person(format!("could not search `{}`", dir.display()))
        .because(error)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snippet_begins_near_the_first_word() {
        let text = format!("{} the Zebra crossing {}", "é".repeat(99), "x".repeat(99));
        let shown = snippet(&text, "a ZEBRA");
        assert!(
            shown.starts_with("…é") && shown.contains("Zebra"),
            "{shown}"
        );
        assert!(shown.chars().count() <= SNIPPET + 1);
        assert_eq!(snippet("a zebra\u{1b}", "zebra"), "a zebra\\u{1b}");
        assert_eq!(snippet("", "zebra"), "");
        assert!(snippet(&text, "").starts_with("éé"));
    }
}
