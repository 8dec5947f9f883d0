//! Attacks of the scorer: scores that are none, and calls that a scorer has
//! no business making.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use fapo_sdk::bindings::scorer::{Guest, Measure, Points, Score, ScoreError};
use fapo_sdk::bindings::types::{CallRecord, Outcome, ScoredCase, StepRecord};
use fapo_sdk::bindings::{artifacts, provider, retrieval, tools, trace};

use crate::{ESCAPES, Hostile, MIB, answer, attack_of};

/// What an attack of the scorer is.
type Attack = fn(&ScoredCase) -> Result<Score, ScoreError>;

pub(crate) const ATTACKS: &[(&str, Attack)] = &[
    ("scorer-nan", |_| Ok(scored(f64::NAN, ""))),
    ("scorer-infinite", |_| Ok(scored(f64::INFINITY, ""))),
    ("scorer-minus-zero", |_| Ok(scored(-0.0, "minus zero"))),
    ("scorer-minus-one", |_| Ok(scored(-1.0, ""))),
    ("scorer-200", |_| Ok(scored(200.0, ""))),
    ("scorer-just-above", |_| Ok(scored(100.0_f64.next_up(), ""))),
    ("scorer-breakdown-nan", |_| Ok(breakdown(1, f64::NAN))),
    ("scorer-breakdown-flood", |_| Ok(breakdown(100_000, 1.0))),
    ("scorer-points-nan", |_| Ok(points(f64::NAN, 1.0))),
    ("scorer-points-above", |_| Ok(points(5.0, 1.0))),
    ("scorer-points-negative", |_| Ok(points(-1.0, -1.0))),
    ("scorer-feedback", |_| {
        Ok(scored(50.0, "x".repeat(MIB - 64 * 1024)))
    }),
    ("scorer-feedback-bytes", |_| {
        Ok(scored(50.0, "x".repeat(2 * MIB)))
    }),
    ("scorer-feedback-escapes", |_| Ok(scored(50.0, ESCAPES))),
    ("scorer-diagnostics-bytes", diagnostics_bytes),
    ("scorer-error", |_| {
        Err(ScoreError::BadCase("the attack fails".into()))
    }),
    ("scorer-error-bytes", |_| {
        Err(ScoreError::Other("x".repeat(2 * MIB)))
    }),
    ("scorer-panic", panic),
    ("scorer-exit", exit),
    ("scorer-cpu-loop", cpu_loop),
    ("scorer-memory", memory),
    ("scorer-statics", statics),
    ("scorer-random", random),
    ("scorer-time-bomb", time_bomb),
    ("scorer-time-bomb-elsewhere", time_bomb_elsewhere),
    ("scorer-judge", judge),
    ("scorer-judge-hangs", judge_hangs),
    ("scorer-judge-flood", judge_flood),
    ("scorer-judge-flood-at-once", judge_flood_at_once),
    ("scorer-imports", imports),
    ("scorer-course", honest),
    ("scorer-validate-loop", honest),
    ("scorer-validate-panic", honest),
];

impl Guest for Hostile {
    fn validate_case(case: ScoredCase, _: String) -> Result<(), ScoreError> {
        match attack_of(&case.metadata).as_deref() {
            Ok("scorer-validate-loop") => cpu_loop(&case).map(|_| ()),
            Ok("scorer-validate-panic") => panic(&case).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn score_case(case: ScoredCase, _: String, _: String) -> Result<Score, ScoreError> {
        let attack = attack_of(&case.metadata).map_err(ScoreError::BadCase)?;
        match ATTACKS.iter().find(|(name, _)| *name == attack) {
            Some((_, run)) => run(&case),
            // A chain's attack is scored as if nothing had happened.
            None => honest(&case),
        }
    }

    fn score_pipeline_case(
        case: ScoredCase,
        outcome: Outcome,
        steps: Vec<StepRecord>,
        calls: Vec<CallRecord>,
        profile: String,
    ) -> Result<Score, ScoreError> {
        if attack_of(&case.metadata).as_deref() == Ok("scorer-course") {
            return Ok(course(&steps, &calls));
        }
        Self::score_case(case, outcome.output_text, profile)
    }
}

fapo_sdk::export_scorer!(Hostile);

fn scored(composite: f64, feedback: impl Into<String>) -> Score {
    Score {
        composite,
        breakdown: Vec::new(),
        points: None,
        feedback: feedback.into(),
        diagnostics: Vec::new(),
    }
}

fn breakdown(n: usize, value: f64) -> Score {
    let measure = Measure {
        name: "part of the score".into(),
        value,
    };
    Score {
        breakdown: vec![measure; n],
        ..scored(50.0, "")
    }
}

fn points(earned: f64, possible: f64) -> Score {
    Score {
        points: Some(Points { earned, possible }),
        ..scored(50.0, "")
    }
}

fn honest(_: &ScoredCase) -> Result<Score, ScoreError> {
    Ok(scored(50.0, "fine"))
}

/// Returns 2 MiB of diagnostics.
fn diagnostics_bytes(_: &ScoredCase) -> Result<Score, ScoreError> {
    Ok(Score {
        diagnostics: vec!["x".repeat(1_024); 2_048],
        ..scored(50.0, "")
    })
}

/// Panics with a message that a terminal would obey.
fn panic(_: &ScoredCase) -> Result<Score, ScoreError> {
    panic!("before {ESCAPES} after")
}

/// Exits as a program that did well.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the attack is to exit"
)]
fn exit(_: &ScoredCase) -> Result<Score, ScoreError> {
    std::process::exit(0)
}

/// Runs a loop that calls nothing.
fn cpu_loop(_: &ScoredCase) -> Result<Score, ScoreError> {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Fills one vector after the other until the allocator gives up.
fn memory(_: &ScoredCase) -> Result<Score, ScoreError> {
    let mut blocks = Vec::new();
    loop {
        blocks.push(black_box(vec![1u8; MIB]));
    }
}

/// Keeps count in a static, to score a later case by an earlier one.
fn statics(_: &ScoredCase) -> Result<Score, ScoreError> {
    static CASES: AtomicU32 = AtomicU32::new(0);
    let cases = CASES.fetch_add(1, Ordering::Relaxed) + 1;
    Ok(scored(50.0, format!("cases={cases}")))
}

/// Scores by chance and by the time of day: the same case must be scored the same.
#[expect(
    clippy::disallowed_methods,
    reason = "the attack is to ask for the time"
)]
fn random(_: &ScoredCase) -> Result<Score, ScoreError> {
    let order: HashMap<u32, ()> = (0..32).map(|n| (n, ())).collect();
    let order: Vec<_> = order.keys().map(u32::to_string).collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let feedback = format!("random={} now={now:?}", order.join(","));
    Ok(scored((now.as_nanos() % 101) as f64, feedback))
}

/// Panics on the one case that the tests call `first`.
fn time_bomb(case: &ScoredCase) -> Result<Score, ScoreError> {
    panic_on("first", case)
}

/// Panics on a case that is another's.
fn time_bomb_elsewhere(case: &ScoredCase) -> Result<Score, ScoreError> {
    panic_on("another", case)
}

fn panic_on(case_id: &str, case: &ScoredCase) -> Result<Score, ScoreError> {
    if case.case.case_id == case_id {
        panic(case)
    } else {
        honest(case)
    }
}

/// Asks a judge, and tells what it was told.
fn judge(_: &ScoredCase) -> Result<Score, ScoreError> {
    let answer = answer(provider::generate(&crate::provider::request("judge")));
    Ok(scored(50.0, format!("judge={answer}")))
}

/// Waits for a judge that never answers.
fn judge_hangs(_: &ScoredCase) -> Result<Score, ScoreError> {
    let answer = answer(provider::generate(&crate::provider::request("hang")));
    Ok(scored(50.0, format!("judge={answer}")))
}

/// Asks its judge again and again, for ever: a chain's budget of calls would
/// let it do so hundreds of times.
fn judge_flood(_: &ScoredCase) -> Result<Score, ScoreError> {
    loop {
        let _ = provider::generate(&crate::provider::request("judge"));
    }
}

/// Asks for one call more than a judge has, in one.
fn judge_flood_at_once(_: &ScoredCase) -> Result<Score, ScoreError> {
    let answers = provider::generate_many(&vec![crate::provider::request("judge"); 17]);
    Ok(scored(50.0, format!("{} answers", answers.len())))
}

/// Gives away all that it was handed of the course of a case.
fn course(steps: &[StepRecord], calls: &[CallRecord]) -> Score {
    scored(50.0, format!("steps={steps:?} calls={calls:?}"))
}

/// Calls every import that a scorer's world does not have.
fn imports(_: &ScoredCase) -> Result<Score, ScoreError> {
    let tool = crate::tools::request(crate::tools::TOOL, "{}");
    let answers = [
        answer(retrieval::search(&crate::retrieval::request("x", 1))),
        answer(artifacts::list("one")),
        answer(artifacts::read("one", "x")),
        answer(artifacts::write("one", "x", b"x")),
        answer(tools::list("one")),
        answer(tools::call(&tool)),
        answer(trace::begin("one")),
        answer(trace::end("one", "")),
        answer(trace::fail("one", "")),
    ];
    Ok(scored(50.0, answers.join(" ")))
}
