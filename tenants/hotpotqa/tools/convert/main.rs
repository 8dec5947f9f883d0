//! Makes cases and a corpus of the published HotpotQA files, for those who
//! have them.
//!
//! ```console
//! $ cargo run --release -p hotpotqa --example convert -- cases hotpot_train_v1.1.json > cases.jsonl
//! $ cargo run --release -p hotpotqa --example convert -- corpus wiki.abstracts.2017.jsonl > wiki.jsonl
//! $ cargo run --release -p hotpotqa --example convert -- corpus hotpot_dev_distractor_v1.json > wiki.jsonl
//! ```
//!
//! `cases` takes rows as the dataset's site or its parquet files (as JSON) have
//! them. `corpus` takes articles (`title` with `text` or `sentences`), or the
//! same rows, of which it takes the paragraphs, each once. A file is an array
//! or has a row a line; rows are read and written one by one.

mod convert;
mod rows;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let mut n_rows = 0;
    let done = match args.split_first() {
        Some((what, files)) if what == "cases" && !files.is_empty() => each(files, |row| {
            n_rows += 1;
            let case = convert::case(row, n_rows)?;
            writeln!(out, "{case}").map_err(|error| error.to_string())
        }),
        Some((what, files)) if what == "corpus" && !files.is_empty() => {
            let mut corpus = convert::Corpus::default();
            each(files, |row| {
                for article in corpus.articles(row)? {
                    writeln!(out, "{article}").map_err(|error| error.to_string())?;
                }
                Ok(())
            })
        }
        _ => Err("usage: convert cases|corpus FILE…".into()),
    };
    let done = done.and_then(|()| out.flush().map_err(|error| error.to_string()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            // There is nobody left to tell where this fails, too.
            let _ = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::from(2)
        }
    }
}

/// Hands on every row of some files.
fn each(
    files: &[String],
    mut take: impl FnMut(serde_json::Value) -> Result<(), String>,
) -> Result<(), String> {
    for file in files {
        rows::each(Path::new(file), &mut take)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
