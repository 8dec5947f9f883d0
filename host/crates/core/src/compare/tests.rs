//! Whole comparisons: the method follows from the scores, and nothing from the
//! order they come in.

use super::gate::Gates;
use super::junit::junit;
use super::markdown::to_markdown;
use super::significance::TestName;
use super::totals::Latency;
use super::*;
use crate::stats::mcnemar::mcnemar_exact;
use crate::stats::random::Random;

fn row(id: &str, repeat: u32, group: Option<&str>, score: f64) -> Scored {
    Scored {
        case_id: id.into(),
        repeat,
        group: group.map(Untrusted::from),
        score: Some(score),
    }
}

fn side(scores: &[f64]) -> Side {
    let row = |(at, score): (usize, &f64)| row(&format!("case-{at:03}"), 1, None, *score);
    of(scores.iter().enumerate().map(row).collect())
}

fn of(rows: Vec<Scored>) -> Side {
    Side {
        name: "side".into(),
        rows,
        ..Side::default()
    }
}

fn compared(a: &Side, b: &Side) -> Comparison {
    compare(a, b, &Allowed::default()).unwrap()
}

/// Two sides of cases with groups, repeats and scores of any kind.
fn drawn(random: &mut Random) -> (Side, Side) {
    let grouped = random.below(2) == 0;
    let repeats = 1 + random.below(2) as u32;
    let step = [1.0, 12.5, 33.333, 100.0][random.below(4)];
    let mut rows = (Vec::new(), Vec::new());
    for case in 0..2 + random.below(40) {
        let group = format!("g{}", random.below(12));
        let group = (grouped && random.below(4) > 0).then_some(group.as_str());
        for repeat in 1..=repeats {
            for rows in [&mut rows.0, &mut rows.1] {
                let score = step * random.below((100.0 / step) as usize + 1) as f64;
                rows.push(row(&format!("c{case}"), repeat, group, score));
            }
        }
    }
    (of(rows.0), of(rows.1))
}

fn shuffle(rows: &mut [Scored], random: &mut Random) {
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.below(at + 1));
    }
}

#[test]
fn the_order_of_rows_changes_nothing() {
    let mut random = Random::seeded(11);
    for _ in 0..12 {
        let (mut a, mut b) = drawn(&mut random);
        let before = compared(&a, &b);
        shuffle(&mut a.rows, &mut random);
        shuffle(&mut b.rows, &mut random);
        assert_eq!(before, compared(&a, &b));
    }
}

#[test]
fn swapped_sides_say_the_same_the_other_way_round() {
    let mut random = Random::seeded(12);
    for _ in 0..12 {
        let (a, b) = drawn(&mut random);
        let (one, other) = (compared(&a, &b), compared(&b, &a));
        assert!(one.test.p > 0.0 && one.test.p <= 1.0);
        assert_eq!(one.test, other.test);
        assert_eq!(one.mde, other.mde);
        assert_eq!((one.wins, one.losses), (other.losses, other.wins));
        assert_eq!((one.mean_a, one.mean_b), (other.mean_b, other.mean_a));
        assert_eq!(one.difference.mean, -other.difference.mean);
        assert!((one.difference.low + other.difference.high).abs() < 1e-9);
    }
}

#[test]
fn right_and_wrong_answers_are_tested_with_mcnemar() {
    let mut a = vec![100.0; 20];
    a[..3].fill(0.0);
    let mut b = vec![100.0; 20];
    b[3..12].fill(0.0);
    let found = compared(&side(&a), &side(&b));
    assert_eq!(found.test.name, TestName::Mcnemar);
    assert_eq!(found.test.p, mcnemar_exact(3, 9));
    assert_eq!((found.wins, found.losses, found.ties), (3, 9, 8));
    assert_eq!(found.clustered_by, None);
    assert_eq!(found.n_pairs, 20);
}

#[test]
fn other_scores_are_tested_with_sign_flips() {
    let (a, b) = ([50.0; 8], [60.0; 8]);
    let found = compared(&side(&a), &side(&b));
    assert_eq!(found.test.name, TestName::SignFlipExact);
    assert_eq!(found.test.p, 2.0 / 256.0);
    let found = compared(&side(&[50.0; 30]), &side(&[60.0; 30]));
    assert_eq!(found.test.name, TestName::SignFlipMonteCarlo);
    assert!(found.significant && found.test.note.is_some());
}

#[test]
fn repeats_of_a_case_depend_on_one_another() {
    let rows = |score: f64| {
        let row = |i: u32| row(&format!("c{}", i / 4), i % 4 + 1, None, score);
        (0..12).map(row).collect()
    };
    let found = compared(&of(rows(0.0)), &of(rows(100.0)));
    assert_eq!(found.clustered_by, Some(ClusteredBy::Case));
    assert_eq!(
        (found.n_cases, found.n_pairs, found.test.clusters),
        (3, 12, 3)
    );
    // Twelve pairs would be p = 0.0005; three cases cannot be significant.
    assert_eq!(found.test.p, 0.25);
    assert!(found.test.note.is_some());
}

#[test]
fn a_group_is_a_cluster_and_a_case_without_one_is_its_own() {
    let rows = |score: f64| {
        vec![
            row("1", 1, Some("x"), score),
            row("2", 1, Some("x"), score),
            row("x", 1, None, score),
            row("y", 1, None, score),
        ]
    };
    let found = compared(&of(rows(0.0)), &of(rows(100.0)));
    assert_eq!(found.clustered_by, Some(ClusteredBy::Group));
    assert_eq!((found.test.clusters, found.test.p), (3, 0.25));
}

#[test]
fn what_has_no_partner_is_counted_and_in_no_mean() {
    let (mut a, mut b) = (side(&[0.0, 50.0, 80.0, 10.0]), side(&[10.0, 50.0, 90.0]));
    a.rows[2].score = None;
    b.rows.push(row("other", 1, None, 0.0));
    let found = compared(&a, &b);
    assert_eq!(
        (found.n_pairs, found.mean_a.mean, found.mean_b.mean),
        (2, 25.0, 30.0)
    );
    let left_out = |unscored, unpaired| LeftOut { unscored, unpaired };
    assert_eq!(found.left_out_a, left_out(1, 1));
    assert_eq!(found.left_out_b, left_out(0, 2));
}

#[test]
fn what_cannot_be_paired_is_refused() {
    let (a, mut b) = (side(&[1.0, 2.0]), side(&[1.0, 2.0]));
    b.rows.push(b.rows[0].clone());
    let refused = compare(&a, &b, &Allowed::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "B has case `case-000`, repeat 1, more than once"
    );
    let none = compare(&a, &of(vec![]), &Allowed::default()).unwrap_err();
    assert_eq!(none, CompareError::Pair(PairError::NoPairs));
    let wild = compare(&side(&[f64::NAN]), &a, &Allowed::default()).unwrap_err();
    assert!(wild.to_string().contains("NaN"), "{wild}");
}

#[test]
fn rounding_is_no_win() {
    let third = 100.0 / 3.0;
    let found = compared(
        &side(&[100.0, 50.0]),
        &side(&[third + third + third, 50.0 + 1e-12]),
    );
    assert_eq!((found.ties, found.flips.len(), found.test.p), (2, 0, 1.0));
    assert_eq!(found.mde, None);
}

#[test]
fn flips_are_all_there_with_the_biggest_first() {
    let found = compared(
        &side(&[0.0, 50.0, 90.0, 5.0]),
        &side(&[0.0, 60.0, 10.0, 15.0]),
    );
    let ids: Vec<_> = found.flips.iter().map(|f| f.case_id.as_str()).collect();
    assert_eq!(ids, ["case-002", "case-001", "case-003"]);
}

#[test]
fn gates_hold_b_against_their_bars() {
    let found = compared(&side(&[80.0, 90.0]), &side(&[80.0, 84.0]));
    let check = |fail_under, max_regression| {
        let gates = Gates {
            fail_under,
            max_regression,
        };
        let results = gates.check(&found);
        results.iter().map(|gate| gate.met).collect::<Vec<_>>()
    };
    assert_eq!(check(None, None), [] as [bool; 0]);
    assert_eq!(check(Some(82.0), Some(3.0)), [true, true]);
    assert_eq!(check(Some(82.01), Some(2.99)), [false, false]);
    assert_eq!(check(Some(f64::NAN), Some(f64::NAN)), [false, false]);
}

#[test]
fn junit_has_a_test_per_gate_and_per_flip() {
    let (mut a, mut b) = (side(&[80.0, 90.0]), side(&[80.0, 84.0]));
    for side in [&mut a, &mut b] {
        side.rows[1].case_id = "<x>\u{1b}\"&".into();
    }
    let found = compared(&a, &b);
    let gates = Gates {
        fail_under: Some(90.0),
        max_regression: Some(5.0),
    };
    assert_eq!(
        junit(&found, &gates.check(&found)),
        r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="fapo compare" tests="3" failures="1" errors="0" skipped="0">
  <testcase classname="gate" name="fail-under"><failure message="B scores 82.00, and must score 90 or more">B scores 82.00, and must score 90 or more</failure></testcase>
  <testcase classname="gate" name="max-regression"><system-out>B scores -3.00 points against A, and may lose 5 at most</system-out></testcase>
  <testcase classname="flip" name="&lt;x&gt;\u{1b}&quot;&amp;"><system-out>from 90 to 84</system-out></testcase>
</testsuite>
"#
    );
}

#[test]
fn the_page_says_what_varies_what_it_took_and_what_is_not_known() {
    let (mut a, mut b) = (side(&[0.0, 100.0, 0.0]), side(&[0.0, 100.0, 100.0]));
    for (side, model, cost) in [(&mut a, "small|v1", 0.5), (&mut b, "large", 1.25)] {
        side.facts.push(Fact {
            dimension: Dimension::Model,
            key: "answer".into(),
            value: model.into(),
        });
        side.totals.cost_usd = Some(cost);
        side.totals.latency_ms = Latency::of(&[100.0, 300.0]);
    }
    let allowed = Allowed {
        varies: [Dimension::Model, Dimension::Prompt].into(),
        exploratory: false,
    };
    let page = to_markdown(&compare(&a, &b, &allowed).unwrap());
    assert_eq!(page, include_str!("page.md"), "{page}");
}

#[test]
fn an_exploratory_comparison_says_so_on_its_page() {
    let (mut a, b) = (side(&[10.0, 20.0]), side(&[10.0, 20.0]));
    a.facts.push(Fact {
        dimension: Dimension::Dataset,
        key: "sha256".into(),
        value: "1".into(),
    });
    let allowed = Allowed {
        exploratory: true,
        ..Allowed::default()
    };
    let page = to_markdown(&compare(&a, &b, &allowed).unwrap());
    for said in [
        "**not allowed to vary**",
        "exploratory",
        "show no spread",
        "No case scores",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[test]
fn the_record_has_the_names_that_scripts_read() {
    let record = serde_json::to_value(compared(&side(&[0.0, 100.0]), &side(&[100.0; 2]))).unwrap();
    assert_eq!(record["test"]["name"], "exact McNemar");
    assert_eq!(record["clustered_by"], serde_json::Value::Null);
    assert_eq!(record["flips"][0]["case_id"], "case-000");
    assert_eq!(record["mean_a"]["mean"], 50.0);
    assert_eq!(record["significant"], false);
}

#[test]
fn held_out_cases_are_counted_and_not_named() {
    let mut found = compared(&side(&[0.0, 100.0]), &side(&[100.0; 2]));
    found.withhold_flips();
    let record = serde_json::to_string(&found).unwrap();
    for told in [to_markdown(&found), junit(&found, &[]), record] {
        assert!(!told.contains("case-0"), "{told}");
    }
    assert_eq!((found.wins, found.losses), (1, 0));
    assert!(to_markdown(&found).contains("they are held out"));
}
