//! `fapo-host index build`

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::SettingsArgs;
use crate::dataset::Place;
use crate::exit::{CommandResult, Exit};
use crate::home::Home;
use crate::indexes::{self, Corpus, How, Info, Kind, Recipe};
use crate::report::{self, counted};

/// Build an index of a corpus
///
/// A corpus is a file of JSON lines with `id`, `title`, `text` and `metadata`; a
/// table (.tsv) of `text`, of `id` and `text`, or of `id`, `title` and `text`, or
/// of what its first line names; or a folder of .txt and .md files. A `text` may
/// be a list of sentences, which are joined with blanks. Documents without an id
/// have their number, from 0. The corpus is read as a stream: beyond pieces of
/// it and at most 256 MB of terms for each thread, memory holds about 70 bytes
/// for each document.
///
/// An index that is there is replaced once the new one is whole; until then it
/// answers searches.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The index's directory; without it, it is built for tenants, in
    /// FAPO_HOME/indexes, and only if it is not there
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
    /// The documents
    #[arg(long, value_name = "FILE.jsonl|FILE.tsv|FOLDER")]
    corpus: PathBuf,
    #[command(flatten)]
    settings: SettingsArgs,
    /// How many threads work; one for each core, if it is left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), requires = "dir")]
    threads: Option<u16>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Built<'a> {
    dir: &'a Path,
    wall_s: f64,
    #[serde(flatten)]
    info: &'a Info,
}

pub(super) fn run(args: &Args) -> CommandResult<Exit> {
    let began = Instant::now();
    let (settings, text) = args.settings.read()?;
    let recipe = Recipe {
        corpus: Corpus::at(Place::Path(args.corpus.clone()))?,
        settings,
        text,
    };
    let how = How::on(args.threads);
    let (info, dir) = match &args.dir {
        Some(dir) => (indexes::build(&recipe, dir, how)?, dir.clone()),
        None => {
            let index = indexes::of(&Home::find()?, &recipe)?;
            (index.info().clone(), index.dir().to_owned())
        }
    };
    let wall_s = began.elapsed().as_secs_f64();
    if args.json {
        report::json(&Built {
            dir: &dir,
            wall_s,
            info: &info,
        });
        return Ok(Exit::Done);
    }
    report::line(&format!(
        "indexed {} of {} in {wall_s:.1} s",
        counted(u64::from(info.n_documents), "document"),
        info.corpus.path
    ));
    if info.corpus.kind == Kind::Tsv {
        let told = info.corpus.columns.map(|columns| columns.to_string());
        report::line(&format!("columns: {}", told.unwrap_or_default()));
    }
    report::line(&format!(
        "{} and {} in {}",
        counted(u64::from(info.n_documents), "document"),
        counted(info.n_terms, "term"),
        dir.display()
    ));
    Ok(Exit::Done)
}
