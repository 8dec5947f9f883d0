//! `fapo-host index info` and `index verify`

use std::path::PathBuf;

use fapo_core::Untrusted;
use fapo_core::bm25::{Method, Stemmer, Stopwords};
use serde::Serialize;

use super::DirArgs;
use crate::exit::{CommandResult, Exit};
use crate::indexes::{Info, OpenIndex};
use crate::report::{self, Doing, Table, counted};

/// Tell what an index holds, and what it was built of
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    dir: DirArgs,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// Check every byte of an index
///
/// Ends with 2 when something is damaged or missing.
#[derive(Debug, clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What `info --json` prints.
#[derive(Serialize)]
struct Told<'a> {
    dir: &'a PathBuf,
    #[serde(flatten)]
    info: &'a Info,
}

/// What `verify --json` prints.
#[derive(Serialize)]
struct Verified<'a> {
    dir: &'a PathBuf,
    whole: bool,
    n_documents: u32,
    n_bytes: u64,
}

pub(super) fn run(args: &Args) -> CommandResult<Exit> {
    let dir = &args.dir.dir;
    let index = OpenIndex::open(dir)?;
    let info = index.info();
    match args.json {
        true => report::json(&Told { dir, info }),
        false => table(info),
    }
    Ok(Exit::Done)
}

pub(super) fn verify(args: &VerifyArgs) -> CommandResult<Exit> {
    let dir = &args.dir.dir;
    let index = OpenIndex::open(dir)?;
    let doing = Doing::what(format!("checking {}", dir.display()));
    index.verify()?;
    drop(doing);
    let info = index.info();
    let n_bytes = info.index_bytes + info.documents_bytes;
    let n_documents = info.n_documents;
    match args.json {
        true => report::json(&Verified {
            dir,
            whole: true,
            n_documents,
            n_bytes,
        }),
        false => report::line(&format!(
            "{} is whole: {}, {}",
            dir.display(),
            counted(n_documents.into(), "document"),
            counted(n_bytes, "byte")
        )),
    }
    Ok(Exit::Done)
}

fn table(info: &Info) {
    let scoring = &info.settings.scoring;
    let mut method = format!(
        "{}, k1 {}, b {}",
        scoring.method.name(),
        scoring.k1,
        scoring.b
    );
    if matches!(scoring.method, Method::Bm25Plus | Method::Bm25l) {
        method.push_str(&format!(", delta {}", scoring.delta));
    }
    let stopwords = match &info.settings.analysis.stopwords {
        Stopwords::English => "english".into(),
        Stopwords::None => "none".into(),
        Stopwords::Own(words) => format!("{} of its own", words.len()),
    };
    let stemmer = match info.settings.analysis.stemmer {
        Stemmer::English => "english",
        Stemmer::None => "none",
    };
    let mut corpus = Untrusted::from(info.corpus.path.as_str()).to_string();
    if let Some(columns) = &info.corpus.columns {
        corpus.push_str(&format!(" ({columns})"));
    }
    let mut facts = Table::new(["what", "value"]);
    for (what, value) in [
        ("corpus", corpus),
        ("corpus digest", info.corpus.digest.clone()),
        ("method", method),
        ("stop words", stopwords),
        ("stemmer", stemmer.into()),
        (
            "indexed text",
            Untrusted::from(info.text.template()).to_string(),
        ),
        ("documents", info.n_documents.to_string()),
        ("terms", info.n_terms.to_string()),
        (
            "words",
            format!("{}, {:.1} a document", info.n_tokens, info.length_mean),
        ),
        (
            "bytes",
            format!(
                "{} of terms, {} of documents",
                info.index_bytes, info.documents_bytes
            ),
        ),
        ("digest", info.digest.clone()),
        (
            "format",
            format!("{}, by fapo-host {}", info.format, info.host_version),
        ),
    ] {
        facts.row([what.into(), value]);
    }
    facts.print();
}
