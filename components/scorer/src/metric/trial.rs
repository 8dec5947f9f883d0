//! How the tests of the metrics try one: by a profile, as a run does.

use fapo_sdk::fake::FakeHost;
use fapo_sdk::prelude::*;

use super::Row;
use crate::expected::Expected;
use crate::profile::Profile;

fn row(expected: &Value, context: &Value) -> ScoredCase {
    TestCase::new("1", context).expecting(expected)
}

/// Returns what the first metric of a profile gives an answer, and its note.
pub(super) fn value(profile: &str, expected: &Value, answer: &str) -> (f64, String) {
    in_context(profile, expected, answer, &json!({}))
}

/// As [`value`], with a context of the case.
pub(super) fn in_context(
    profile: &str,
    expected: &Value,
    answer: &str,
    context: &Value,
) -> (f64, String) {
    let profile = Profile::read(profile).unwrap();
    let case = row(expected, context);
    profile.check(&case).unwrap();
    let row = Row {
        case: &case,
        expected: Expected {
            value: expected.clone(),
        },
    };
    let found = profile.metrics[0]
        .metric
        .grade(&row, answer, &FakeHost::new());
    let found = found.unwrap();
    (found.value, found.note)
}

/// Returns what is wrong with a row under a profile.
pub(super) fn bad_case(profile: &str, expected: &Value, context: &Value) -> String {
    let profile = Profile::read(profile).unwrap();
    match profile.check(&row(expected, context)) {
        Err(ScoreError::BadCase(why)) => why,
        other => panic!("{expected} under {profile:?}: {other:?}"),
    }
}
