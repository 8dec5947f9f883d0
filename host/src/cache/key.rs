//! What makes two calls the same: the key of an answer that is kept.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use fapo_core::call::GenerateRequest;
use fapo_core::case::CaseId;
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The key of an answer.
pub(super) type Key = [u8; 32];

/// The version of what a key is made of. Another one finds nothing that is
/// kept under this one.
const FORMAT: u32 = 1;

/// All that can change an answer, but for chance.
///
/// The fields of a request are written in the order of their declaration, so
/// equal calls make equal text.
#[derive(Serialize)]
pub(super) struct Asked<'a> {
    pub(super) tenant: Option<&'a str>,
    pub(super) identity: &'a str,
    pub(super) repeat: u32,
    pub(super) request: &'a GenerateRequest,
}

impl Asked<'_> {
    /// Returns what tells this call from others.
    pub(super) fn digest(&self) -> Key {
        let text =
            serde_json::to_vec(&(FORMAT, self)).expect("records of plain data can be written");
        Sha256::digest(text).into()
    }
}

/// Returns the key of the n-th answer to the same question.
pub(super) fn nth(asked: &Key, n: u32) -> Key {
    let mut digest = Sha256::new();
    digest.update(asked);
    digest.update(n.to_le_bytes());
    digest.finalize().into()
}

/// Counts how often a case asked the very same before.
///
/// A chain that asks one thing five times wants five samples, and one that asks
/// again after a malformed answer wants another one. With one answer kept for
/// all of them it would run otherwise than without a cache.
#[derive(Default)]
pub(super) struct Samples(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    cases: HashMap<(CaseId, u32, Role), Case>,
    /// How many calls came before.
    now: u64,
}

#[derive(Default)]
struct Case {
    /// By the first bytes of the question's digest.
    asked: HashMap<u64, u32>,
    /// When it last asked.
    at: u64,
}

/// Cases whose questions are remembered: many more than run at once, and few
/// enough to forget those that have long ended.
const CASES_MAX: usize = 16 << 10;

impl Samples {
    /// Returns how often this was asked before from the same place.
    pub(super) fn count(&self, site: &CallSite, asked: &Key) -> u32 {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counted.now += 1;
        let now = counted.now;
        if counted.cases.len() >= CASES_MAX {
            counted.forget_half();
        }
        let place = (site.case.clone(), site.repeat, site.role);
        let case = counted.cases.entry(place).or_default();
        case.at = now;
        let first = asked.first_chunk().expect("a digest has more than 8 bytes");
        let n = case.asked.entry(u64::from_le_bytes(*first)).or_default();
        *n += 1;
        *n - 1
    }
}

impl Counted {
    /// Forgets the half of the cases that have not asked for longest.
    fn forget_half(&mut self) {
        let mut times: Vec<_> = self.cases.values().map(|case| case.at).collect();
        let half = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(half);
        let middle = *middle;
        self.cases.retain(|_, case| case.at >= middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::site;
    use fapo_core::digest::hex;

    fn digest(tenant: Option<&str>, identity: &str, repeat: u32, temperature: f64) -> Key {
        let mut request = GenerateRequest::default();
        request.params.temperature = Some(temperature);
        Asked {
            tenant,
            identity,
            repeat,
            request: &request,
        }
        .digest()
    }

    #[test]
    fn whatever_can_change_an_answer_changes_the_key() {
        let keys: std::collections::HashSet<_> = [
            digest(None, "a", 1, 0.5),
            digest(Some("t"), "a", 1, 0.5),
            digest(Some("u"), "a", 1, 0.5),
            digest(None, "b", 1, 0.5),
            digest(None, "a", 2, 0.5),
            digest(None, "a", 1, 0.25),
            nth(&digest(None, "a", 1, 0.5), 0),
            nth(&digest(None, "a", 1, 0.5), 1),
        ]
        .into();
        assert_eq!(keys.len(), 8);
        assert_eq!(digest(None, "a", 1, 0.5), digest(None, "a", 1, 0.5));
    }

    #[test]
    fn the_key_does_not_change_between_versions() {
        let text = r#"[1,{"tenant":"t","identity":"a","repeat":1,"request":{"messages":[],"params":{"temperature":0.5}}}]"#;
        assert_eq!(
            hex(&digest(Some("t"), "a", 1, 0.5)),
            fapo_core::digest::sha256_hex(text),
            "whatever was paid for would be asked again: is that meant?"
        );
    }

    #[test]
    fn each_case_counts_its_own_questions() {
        let samples = Samples::default();
        let again = CallSite {
            repeat: 2,
            ..site("a")
        };
        let counts = [
            samples.count(&site("a"), &[1; 32]),
            samples.count(&site("a"), &[1; 32]),
            samples.count(&site("a"), &[2; 32]),
            samples.count(&site("b"), &[1; 32]),
            samples.count(&again, &[1; 32]),
            samples.count(&site("a"), &[1; 32]),
        ];
        assert_eq!(counts, [0, 1, 0, 0, 0, 2]);
    }

    #[test]
    fn a_case_that_still_asks_is_not_forgotten() {
        let samples = Samples::default();
        for n in 0..2 * CASES_MAX as u32 {
            assert_eq!(samples.count(&site("busy"), &[1; 32]), n);
            samples.count(&site(&n.to_string()), &[1; 32]);
        }
        assert!(samples.0.lock().unwrap().cases.len() <= CASES_MAX);
    }
}
