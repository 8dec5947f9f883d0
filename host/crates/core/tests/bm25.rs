//! The verdicts of bm25s on HotpotQA and HoVer, reproduced.
//!
//! The verdicts are no part of the repository. `FAPO_DATA` names the folder of
//! data sets; by default it is `shared/data` beside the repository. The corpus is
//! unpacked by the program `xz`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use fapo_core::bm25::{Index, Scoring, Scratch, SegmentBuilder, Settings, write_index};
use serde_json::Value;

/// Returns the folder of data sets, or says why a test could not run.
fn data() -> Option<PathBuf> {
    let data = std::env::var_os("FAPO_DATA").map(PathBuf::from);
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data");
    let data = data.unwrap_or_else(beside);
    if data.join("hotpotqa/bm25-verdicts.jsonl").is_file() {
        return Some(data);
    }
    skipped(&format!("no verdicts in {}", data.display()));
    None
}

fn unpacked(file: &Path) -> Option<String> {
    match Command::new("xz").arg("-dc").arg(file).output() {
        Ok(output) if output.status.success() => Some(String::from_utf8(output.stdout).unwrap()),
        failed => {
            skipped(&format!("could not unpack {}: {failed:?}", file.display()));
            None
        }
    }
}

/// Says that a test could not run here. What tests print is captured; this is seen.
#[expect(clippy::explicit_write, reason = "`eprintln!` is captured, too")]
fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}

fn rows(text: &str) -> impl Iterator<Item = Value> {
    text.lines().map(|line| line.parse().unwrap())
}

/// Builds the index that GEPA's pipelines use.
fn index(corpus: &str) -> Index<Vec<u8>> {
    let scoring = Scoring {
        k1: 0.9,
        b: 0.4,
        ..Scoring::default()
    };
    let settings = Settings {
        scoring,
        ..Settings::default()
    };
    let mut segment = SegmentBuilder::new(&settings.analysis);
    for row in rows(corpus) {
        let sentences = row["sentences"].as_array().unwrap().iter();
        let sentences: Vec<_> = sentences
            .map(|sentence| sentence.as_str().unwrap())
            .collect();
        let text = format!(
            "{} | {}",
            row["title"].as_str().unwrap(),
            sentences.join(" ")
        );
        segment.add(&text).unwrap();
    }
    let segment = segment.finish();
    let mut file = Vec::new();
    write_index(&settings, 0, &[&segment], &mut file).unwrap();
    Index::open(file).unwrap()
}

#[test]
fn scores_and_ranks_are_those_of_bm25s() {
    let Some(data) = data() else { return };
    let Some(corpus) = unpacked(&data.join("hotpotqa/corpus.jsonl.xz")) else {
        return;
    };
    let index = index(&corpus);
    let mut scratch = Scratch::default();
    let (mut n_rows, mut complaints) = (0, Vec::new());
    for set in ["hotpotqa", "hover"] {
        let verdicts = std::fs::read_to_string(data.join(set).join("bm25-verdicts.jsonl"));
        for row in rows(&verdicts.unwrap()) {
            n_rows += 1;
            let hits = index
                .search(row["query"].as_str().unwrap(), 15, &mut scratch)
                .unwrap();
            let hits: Vec<_> = hits
                .iter()
                .map(|hit| (u64::from(hit.document), f64::from(hit.score)))
                .collect();
            let wanted = row["top15"].as_array().unwrap().iter();
            let wanted: Vec<_> = wanted
                .map(|hit| (hit[0].as_u64().unwrap(), hit[1].as_f64().unwrap()))
                .filter(|(_, score)| *score > 0.0)
                .collect();
            if !agree(&hits, &wanted) {
                complaints.push(format!("{}: {hits:?}, and not {wanted:?}", row["id"]));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    assert!(n_rows > 200, "{n_rows} rows");
}

/// Tells whether ranked hits are the wanted ones, which are rounded to four
/// places, and in any order where they are equal then.
fn agree(hits: &[(u64, f64)], wanted: &[(u64, f64)]) -> bool {
    let near = |one: f64, other: f64| (one - other).abs() <= 1e-4 + 1e-6 * other;
    let last = wanted.last().map_or(0.0, |(_, score)| *score);
    hits.len() == wanted.len()
        && hits
            .iter()
            .zip(wanted)
            .all(|((document, score), (other, wanted_score))| {
                let same = document == other;
                // Which of those equal to the last one are returned is arbitrary.
                let is_tie = near(*score, last)
                    || wanted.iter().any(|(known, known_score)| {
                        known == document && near(*score, *known_score)
                    });
                near(*score, *wanted_score) && (same || is_tie)
            })
}
