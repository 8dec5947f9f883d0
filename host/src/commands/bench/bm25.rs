//! `fapo-host bench bm25`
//!
//! As `bench/bm25/bench.py` measures other libraries: building with reading,
//! tokenising and saving, and queries one by one in this process, after twenty
//! that are not counted. A hit is a document's number and its score, as theirs
//! are; `--passages` has titles and texts read as well.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use fapo_core::bm25::IndexError;
use serde::{Deserialize, Serialize};

use crate::commands::index::SettingsArgs;
use crate::dataset::{Lines, Place};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::indexes::{self, Corpus, How, OpenIndex, Recipe};
use crate::report;

/// Measure building an index, or searching it
///
/// Prints one line of JSON. `build` makes the index of --corpus at --index with
/// the settings; `query` searches it for the queries of --queries.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[arg(value_enum)]
    phase: Phase,
    /// The documents; `build` reads them
    #[arg(long, value_name = "FILE", required_if_eq("phase", "build"))]
    corpus: Option<PathBuf>,
    /// The queries; `query` reads them
    #[arg(long, value_name = "FILE.jsonl", required_if_eq("phase", "query"))]
    queries: Option<PathBuf>,
    /// The index's directory
    #[arg(long, value_name = "DIR")]
    index: PathBuf,
    /// How many hits at most
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// Threads that work; `build` takes one for each core, if it is left out
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// How many queries at most
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Read titles and texts of the hits, too
    #[arg(long)]
    passages: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Phase {
    Build,
    Query,
}

/// The figures of `build`. Their names are promised to scripts that read them.
#[derive(Serialize)]
struct Built {
    wall_s: f64,
    cpu_s: f64,
    /// What searching needs. Others keep no texts, so those stand beside it.
    disk_mb: f64,
    documents_mb: f64,
    rss_peak_mb: f64,
    threads: usize,
    n_documents: u32,
}

/// The figures of `query`. Their names are promised to scripts that read them.
#[derive(Serialize)]
struct Queried {
    load_s: f64,
    rss_before_mb: f64,
    rss_loaded_mb: f64,
    rss_end_mb: f64,
    rss_peak_mb: f64,
    first_query_ms: f64,
    qps: f64,
    cpu_ms_per_query: f64,
    p50_ms: f64,
    p99_ms: f64,
    k: u32,
    threads: usize,
    n: usize,
    n_hits: usize,
}

/// Queries that are asked before time is taken.
const WARM_UP: usize = 20;

pub(super) fn run(args: &Args) -> CommandResult<Exit> {
    match args.phase {
        Phase::Build => build(args)?,
        Phase::Query => query(args)?,
    }
    Ok(Exit::Done)
}

fn build(args: &Args) -> CommandResult<()> {
    let (cpu, began) = (report::cpu_s(), Instant::now());
    let (settings, text) = args.settings.read()?;
    let corpus = args.corpus.clone().unwrap_or_default();
    let recipe = Recipe {
        corpus: Corpus::at(Place::Path(corpus))?,
        settings,
        text,
    };
    let how = How::on(args.threads);
    let info = indexes::build(&recipe, &args.index, how)?;
    report::json(&Built {
        wall_s: began.elapsed().as_secs_f64(),
        cpu_s: report::cpu_s() - cpu,
        disk_mb: info.index_bytes as f64 / 1e6,
        documents_mb: info.documents_bytes as f64 / 1e6,
        rss_peak_mb: memory_mb("VmHWM"),
        threads: how.threads,
        n_documents: info.n_documents,
    });
    Ok(())
}

fn query(args: &Args) -> CommandResult<()> {
    let rss_before_mb = memory_mb("VmRSS");
    let began = Instant::now();
    let index = OpenIndex::open(&args.index)?;
    let load_s = began.elapsed().as_secs_f64();
    let rss_loaded_mb = memory_mb("VmRSS");
    let queries = read_queries(args)?;
    let k = args.k as usize;
    let ask = |query: &str| -> Result<(Duration, usize), IndexError> {
        let began = Instant::now();
        let n_hits = match args.passages {
            true => index.search(query, k)?.len(),
            false => index.hits(query, k)?.len(),
        };
        Ok((began.elapsed(), n_hits))
    };
    let failed = |error: IndexError| {
        let hint = error.hint();
        CommandError::person(format!("could not search `{}`", args.index.display()))
            .because(error)
            .hint(hint)
    };
    let (first, _) = ask(&queries[0]).map_err(failed)?;
    for query in queries.iter().take(WARM_UP) {
        ask(query).map_err(failed)?;
    }
    let threads = args.threads.map_or(1, usize::from);
    let (cpu, began) = (report::cpu_s(), Instant::now());
    let asked: Vec<_> = std::thread::scope(|scope| {
        let ask = &ask;
        let queries = &queries;
        let parts: Vec<_> = (0..threads)
            .map(|start| {
                let part = queries.iter().skip(start).step_by(threads);
                scope.spawn(move || part.map(|query| ask(query)).collect::<Vec<_>>())
            })
            .collect();
        let parts = parts.into_iter();
        parts
            .flat_map(|part| part.join().expect("searching does not panic"))
            .collect()
    });
    let (wall_s, cpu_s) = (began.elapsed().as_secs_f64(), report::cpu_s() - cpu);
    let (mut times, mut n_hits) = (Vec::new(), 0);
    for answer in asked {
        let (time, n) = answer.map_err(failed)?;
        times.push(time);
        n_hits += n;
    }
    times.sort_unstable();
    let n = times.len();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    report::json(&Queried {
        load_s,
        rss_before_mb,
        rss_loaded_mb,
        rss_end_mb: memory_mb("VmRSS"),
        rss_peak_mb: memory_mb("VmHWM"),
        first_query_ms: ms(first),
        qps: n as f64 / wall_s,
        cpu_ms_per_query: cpu_s / n as f64 * 1e3,
        p50_ms: ms(times[n / 2]),
        p99_ms: ms(times[n * 99 / 100]),
        k: args.k,
        threads,
        n,
        n_hits,
    });
    Ok(())
}

/// A query as written. Other fields are not read.
#[derive(Deserialize)]
struct Query {
    query: String,
}

/// Returns the first queries of the file; there is at least one.
fn read_queries(args: &Args) -> CommandResult<Vec<String>> {
    let path = args.queries.clone().unwrap_or_default();
    let mut lines = Lines::open(&Place::Path(path.clone()))?;
    let (mut queries, mut bytes) = (Vec::new(), Vec::new());
    while queries.len() < args.n as usize && lines.read(&mut bytes)? {
        if let Some(text) = lines.text(&bytes)? {
            let query: Query = serde_json::from_str(text).map_err(|error| lines.refused(error))?;
            queries.push(query.query);
        }
    }
    if queries.is_empty() {
        return Err(
            CommandError::person(format!("`{}` holds no query", path.display()))
                .hint("queries are JSON lines with `query`"),
        );
    }
    Ok(queries)
}

/// Returns a figure of this process's memory; 0 where the kernel tells none.
fn memory_mb(name: &str) -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}
