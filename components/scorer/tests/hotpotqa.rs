//! The verdicts of HotpotQA's official script, reproduced by profile.
//!
//! The verdicts are no part of the repository. `FAPO_DATA` names the folder of
//! data sets; by default it is `shared/data` beside the repository.

use std::io::Write;
use std::path::PathBuf;

use fapo_sdk::fake::FakeHost;
use fapo_sdk::prelude::*;
use standard_scorer::StandardScorer;

fn verdicts() -> Option<String> {
    let data = std::env::var_os("FAPO_DATA").map(PathBuf::from);
    let data = data
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"));
    let file = data.join("hotpotqa/scorer-verdicts.jsonl");
    match std::fs::read_to_string(&file) {
        Ok(verdicts) => Some(verdicts),
        Err(error) => {
            skipped(&format!("{}: {error}", file.display()));
            None
        }
    }
}

/// Says that a test could not run here. What tests print is captured; this is seen.
#[expect(clippy::explicit_write, reason = "`eprintln!` is captured, too")]
fn skipped(why: &str) {
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}

#[test]
fn exact_match_and_f1_are_those_of_the_official_script() {
    let Some(verdicts) = verdicts() else { return };
    let mut complaints = Vec::new();
    let mut n_rows = 0;
    for line in verdicts.lines() {
        let verdict: Value = line.parse().unwrap();
        if verdict["fn"] != "answer" {
            continue;
        }
        n_rows += 1;
        let row = TestCase::new("1", &json!({})).expecting(&verdict["gold"]);
        let output = verdict["prediction"].as_str().unwrap();
        let official = &verdict["official"];
        let (exact, f1) = (official["em"].as_bool(), official["f1"].as_f64().unwrap());
        let exact = f64::from(exact.unwrap());
        let score =
            |profile| StandardScorer::score_case(&row, output, profile, &FakeHost::new()).unwrap();
        let usual = score("");
        let measure = |at: usize| usual.breakdown[at].value;
        let seen = [
            (usual.composite, 100.0 * exact),
            (score("exact_match").composite, 100.0 * exact),
            (score("f1").composite, 100.0 * f1),
            (measure(0), exact),
            (measure(1), f1),
        ];
        if seen
            .iter()
            .any(|(ours, theirs)| (ours - theirs).abs() > 1e-9)
        {
            complaints.push(format!("{}: {seen:?}", verdict["id"]));
        }
    }
    assert!(n_rows > 0, "there is no verdict on an answer");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
