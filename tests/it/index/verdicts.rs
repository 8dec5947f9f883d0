//! The verdicts of bm25s on HotpotQA and HoVer, through the program.
//!
//! They are no part of the repository. `FAPO_DATA` names the folder of data
//! sets; by default it is `shared/data` beside the repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::built;
use crate::program::{Desk, root, skipped};

fn data() -> Option<PathBuf> {
    let data = std::env::var_os("FAPO_DATA").map(PathBuf::from);
    let data = data.unwrap_or_else(|| root().join("../shared/data"));
    if data.join("hotpotqa/bm25-verdicts.jsonl").is_file() {
        return Some(data);
    }
    skipped(&format!("no verdicts in {}", data.display()));
    None
}

fn unpacked(file: &Path) -> Option<Vec<u8>> {
    match Command::new("xz").arg("-dc").arg(file).output() {
        Ok(output) if output.status.success() => Some(output.stdout),
        failed => {
            skipped(&format!("could not unpack {}: {failed:?}", file.display()));
            None
        }
    }
}

#[test]
fn the_program_ranks_as_bm25s_does() {
    let Some(data) = data() else { return };
    let Some(corpus) = unpacked(&data.join("hotpotqa/corpus.jsonl.xz")) else {
        return;
    };
    let desk = Desk::new();
    let corpus = desk.file("corpus.jsonl", corpus);
    let dir = built(&desk, &["--corpus", &corpus]);
    let mut n_rows = 0;
    for set in ["hotpotqa", "hover"] {
        let verdicts = data.join(set).join("bm25-verdicts.jsonl");
        let queries = verdicts.to_str().unwrap();
        let ran = desk.run(&[
            "index",
            "search",
            &dir,
            "--queries",
            queries,
            "-k",
            "15",
            "--json",
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let text = std::fs::read_to_string(&verdicts).unwrap();
        assert_eq!(ran.out.lines().count(), text.lines().count());
        for (answer, verdict) in ran.out.lines().zip(text.lines()) {
            let (answer, verdict): (Value, Value) =
                (answer.parse().unwrap(), verdict.parse().unwrap());
            check(&answer, &verdict);
            n_rows += 1;
        }
    }
    assert!(n_rows > 200, "{n_rows} rows");
}

/// Verdicts are rounded to four places, and those that are equal then may stand
/// in any order.
#[track_caller]
fn check(answer: &Value, verdict: &Value) {
    assert_eq!(answer["id"], verdict["id"]);
    let is_match = |hit: &&Value| hit["score"].as_f64().unwrap() > 0.0;
    let hits: Vec<_> = answer["hits"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_match)
        .collect();
    let wanted = verdict["top15"].as_array().unwrap().iter();
    let wanted: Vec<_> = wanted
        .map(|hit| (hit[0].as_u64().unwrap(), hit[1].as_f64().unwrap()))
        .filter(|(_, score)| *score > 0.0)
        .collect();
    assert_eq!(hits.len(), wanted.len(), "{answer}\n{verdict}");
    let near = |one: f64, other: f64| (one - other).abs() <= 1e-4 + 1e-6 * other;
    let last = wanted.last().map_or(0.0, |(_, score)| *score);
    for (at, (hit, (id, wanted_score))) in hits.iter().zip(&wanted).enumerate() {
        let score = hit["score"].as_f64().unwrap();
        let hit_id = hit["id"].as_u64().unwrap();
        assert_eq!(hit["rank"].as_u64().unwrap(), at as u64 + 1);
        assert!(near(score, *wanted_score), "{answer}\n{verdict}");
        let is_tie = near(score, last)
            || wanted
                .iter()
                .any(|(known, known_score)| *known == hit_id && near(score, *known_score));
        assert!(hit_id == *id || is_tie, "{answer}\n{verdict}");
    }
}
