//! The lint of a dataset: what would make scores on it mislead.
//!
//! Cases are given one by one and none of them is kept. What is kept of a case
//! are hashes of its id, its content and its texts, and the id itself: about
//! 450 bytes at most beside the id, however large the case is, 350 for one of
//! thirty words, and 120 for one of fewer than eight. Splits are told apart by
//! name and are best given one after another. The findings come in the order
//! of [`Check::ALL`], and within a check in the order of the data, so two lints
//! of the same files can be diffed. Reading files is left to the caller.

mod expected;
mod finding;
mod near;
mod seen;

use std::borrow::Cow;

use serde_json::Value;
use sha2::{Digest, Sha256};

pub use finding::{Check, Finding, LISTED_MAX, Level, Place};

use crate::Untrusted;
use crate::case::{Case, CaseId};
use crate::digest::{content_digest_of, read_context, shows_nothing};
use expected::Look;
use finding::Listed;
use near::Near;
use seen::{Met, Seen};

/// A lint that is fed case by case.
///
/// ```
/// use fapo_core::case::Case;
/// use fapo_core::lint::{Check, Lint};
///
/// let mut lint = Lint::new();
/// let row = r#"{"case_id": "1", "context": {"question": "Why?"}, "expected": "So."}"#;
/// lint.case("train", 1, &Case::from_json(row)?);
/// lint.case("test", 1, &Case::from_json(&row.replace("\"1\"", "\"2\""))?);
/// let findings = lint.finish();
/// assert_eq!(findings[0].check, Check::ContentInTwoSplits);
/// assert_eq!(findings[0].message, "what a chain sees of it is also line 1 of `train`");
/// # Ok::<(), fapo_core::case::CaseError>(())
/// ```
#[derive(Debug)]
pub struct Lint {
    splits: Vec<SplitFacts>,
    ids: Seen,
    contents: Seen,
    near: Near,
    /// One for each of [`Check::ALL`].
    listed: Vec<Listed>,
}

/// A split, by its number, and a line: a place in few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    split: u32,
    line: u32,
}

/// What is told of a split as a whole.
#[derive(Debug)]
struct SplitFacts {
    name: Untrusted,
    n_cases: u64,
    unlabelled: Tally,
    /// Cases whose expected value holds a text that is worth looking for.
    n_sought: u64,
    in_context: Tally,
}

/// Cases that are counted, the first few by name.
#[derive(Debug, Default)]
struct Tally {
    n: u64,
    first: Vec<CaseId>,
}

/// How many cases a count names.
const NAMED_MAX: usize = 3;

/// How long an id is shown in a message, in characters.
const ID_SHOWN_MAX: usize = 40;

impl Default for Lint {
    fn default() -> Self {
        Self::new()
    }
}

impl Lint {
    /// Returns a lint that has seen nothing.
    pub fn new() -> Self {
        Self {
            splits: Vec::new(),
            ids: Seen::default(),
            contents: Seen::default(),
            near: Near::new(),
            listed: vec![Listed::default(); Check::ALL.len()],
        }
    }

    /// Takes a case in, with its split and the line it is on.
    pub fn case(&mut self, split: &str, line: u64, case: &Case) {
        let at = self.at(split, line);
        let context = read_context(case);
        self.check_id(at, case);
        let texts = texts(&context, case);
        let is_copy = self.check_content(at, case, &context);
        self.check_expected(at, case, &context, &texts);
        if shows_nothing(&context, case) {
            let message = "its context tells a chain nothing";
            self.list(Check::EmptyContext, at, Some(&case.id), message.into());
        }
        let texts = texts.iter().map(AsRef::as_ref);
        self.near.add(at, case.id.as_str(), is_copy, texts);
    }

    /// Takes in that a row could not be read, and why.
    pub fn unreadable(&mut self, split: &str, line: u64, error: &str) {
        let at = self.at(split, line);
        let message = Untrusted::from(error).to_string();
        self.list(Check::UnreadableRow, at, None, message);
    }

    /// Returns all that was found.
    pub fn finish(mut self) -> Vec<Finding> {
        self.list_near();
        self.list_totals();
        Check::ALL
            .iter()
            .zip(self.listed)
            .flat_map(|(check, listed)| listed.finish(*check))
            .collect()
    }

    fn check_id(&mut self, at: At, case: &Case) {
        let digest = Sha256::digest(case.id.as_str()).into();
        let (check, first) = match self.ids.meet(&digest, at) {
            Met::Never => return,
            Met::InSplit(first) => (Check::DuplicateId, first),
            Met::Elsewhere(first) => (Check::IdInTwoSplits, first),
        };
        self.list_pair(check, at, &case.id, first, |other| {
            format!("its case_id is also that of {other}")
        });
    }

    /// Tells whether an earlier split has the same content.
    fn check_content(&mut self, at: At, case: &Case, context: &Value) -> bool {
        let digest = content_digest_of(context, case);
        let (check, first) = match self.contents.meet(&digest, at) {
            Met::Never => return false,
            Met::InSplit(first) => (Check::DuplicateContent, first),
            Met::Elsewhere(first) => (Check::ContentInTwoSplits, first),
        };
        self.list_pair(check, at, &case.id, first, |other| {
            format!("what a chain sees of it is also {other}")
        });
        check == Check::ContentInTwoSplits
    }

    fn check_expected(&mut self, at: At, case: &Case, context: &Value, texts: &[Cow<str>]) {
        let facts = &mut self.splits[at.split as usize];
        facts.n_cases += 1;
        if !case.is_labelled() {
            facts.unlabelled.add(&case.id);
            return;
        }
        match expected::look(case, context, texts) {
            Look::NotSought => {}
            Look::IsNotThere => facts.n_sought += 1,
            Look::IsThere => {
                facts.n_sought += 1;
                facts.in_context.add(&case.id);
            }
            Look::IsAll(field) => {
                let message = format!("{field} is the expected text, and nothing else");
                self.list(Check::ExpectedIsField, at, Some(&case.id), message);
            }
        }
    }

    fn list_near(&mut self) {
        let near = std::mem::replace(&mut self.near, Near::new());
        let found = near.pairs();
        for pair in found.pairs {
            self.list_pair(Check::NearDuplicate, pair.at, &pair.id, pair.other, |other| {
                let percent = (pair.similarity * 100.0).round();
                format!("its texts are nearly those of {other}: {percent} % of their runs of three words are common")
            });
        }
        if found.n_cut_short > 0 {
            self.listed[Check::NearDuplicate as usize].push_always(Finding {
                level: Check::NearDuplicate.level(),
                check: Check::NearDuplicate,
                place: None,
                other: None,
                case_id: None,
                message: format!(
                    "{} cases are somewhat like so many others that they were not compared with all of them",
                    found.n_cut_short
                ),
            });
        }
    }

    fn list_totals(&mut self) {
        for split in &self.splits {
            let mut list = |check: Check, tally: &Tally, of: u64, what: &str| {
                if tally.n == 0 {
                    return;
                }
                self.listed[check as usize].push_always(Finding {
                    level: check.level(),
                    check,
                    place: Some(Place {
                        split: split.name.clone(),
                        line: None,
                    }),
                    other: None,
                    case_id: None,
                    message: format!("{} of {of} {what}: {}", tally.n, tally.names()),
                });
            };
            list(
                Check::ExpectedInContext,
                &split.in_context,
                split.n_sought,
                "cases with an expected text of some length have it in their context",
            );
            list(
                Check::NoExpected,
                &split.unlabelled,
                split.n_cases,
                "cases have no expected value",
            );
        }
    }

    fn list(&mut self, check: Check, at: At, id: Option<&CaseId>, message: String) {
        let place = self.place(at);
        self.listed[check as usize].push(|| Finding {
            level: check.level(),
            check,
            place: Some(place),
            other: None,
            case_id: id.cloned(),
            message,
        });
    }

    fn list_pair(
        &mut self,
        check: Check,
        at: At,
        id: &CaseId,
        other: At,
        message: impl FnOnce(&Place) -> String,
    ) {
        let (place, other) = (self.place(at), self.place(other));
        self.listed[check as usize].push(|| Finding {
            level: check.level(),
            check,
            message: message(&other),
            place: Some(place),
            other: Some(other),
            case_id: Some(id.clone()),
        });
    }

    fn at(&mut self, split: &str, line: u64) -> At {
        let known = self.splits.iter().position(|s| s.name.as_str() == split);
        let number = known.unwrap_or_else(|| {
            self.splits.push(SplitFacts::new(split));
            self.splits.len() - 1
        });
        At {
            split: number as u32,
            // Four thousand million lines are no dataset of a chain.
            line: u32::try_from(line).unwrap_or(u32::MAX),
        }
    }

    fn place(&self, at: At) -> Place {
        Place {
            split: self.splits[at.split as usize].name.clone(),
            line: Some(at.line.into()),
        }
    }
}

impl SplitFacts {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            n_cases: 0,
            unlabelled: Tally::default(),
            n_sought: 0,
            in_context: Tally::default(),
        }
    }
}

impl Tally {
    fn add(&mut self, id: &CaseId) {
        self.n += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(id.clone());
        }
    }

    fn names(&self) -> String {
        let mut names: Vec<_> = self
            .first
            .iter()
            .map(|id| format!("`{}`", Untrusted::from(id.as_str()).cut(ID_SHOWN_MAX)))
            .collect();
        if self.n > names.len() as u64 {
            names.push("…".into());
        }
        names.join(", ")
    }
}

/// Returns what a chain can read of a case: every text and every number.
fn texts<'a>(context: &'a Value, case: &'a Case) -> Vec<Cow<'a, str>> {
    fn collect<'a>(value: &'a Value, texts: &mut Vec<Cow<'a, str>>) {
        match value {
            Value::Null => {}
            Value::String(text) => texts.push(text.into()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
            Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
            Value::Bool(_) | Value::Number(_) => texts.push(value.to_string().into()),
        }
    }
    let mut texts = Vec::new();
    collect(context, &mut texts);
    texts.extend(
        case.template_fields
            .iter()
            .map(|(_, text)| text.as_str().into()),
    );
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives rows of (split, row), each split with lines from 1.
    fn lint(rows: &[(&str, &str)]) -> Vec<Finding> {
        let mut lint = Lint::new();
        for (nth, (split, row)) in rows.iter().enumerate() {
            let line = rows[..=nth].iter().filter(|row| row.0 == *split).count();
            lint.case(split, line as u64, &Case::from_json(row).unwrap());
        }
        lint.finish()
    }

    /// Checks findings in the form `check place (case): message`.
    #[track_caller]
    fn check(rows: &[(&str, &str)], expected: &[&str]) {
        let shown: Vec<_> = lint(rows)
            .into_iter()
            .map(|finding| {
                let place = finding.place.map_or("-".into(), |place| place.to_string());
                let id = finding.case_id.map_or("-".into(), |id| id.to_string());
                format!(
                    "{} {place} ({id}): {}",
                    finding.check.name(),
                    finding.message
                )
            })
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_sound_dataset_has_no_findings() {
        check(
            &[
                (
                    "train",
                    r#"{"case_id":"1","context":{"q":"a"},"expected":1}"#,
                ),
                (
                    "test",
                    r#"{"case_id":"2","context":{"q":"b"},"expected":1}"#,
                ),
            ],
            &[],
        );
    }

    #[test]
    fn an_id_may_be_there_once() {
        check(
            &[
                ("train", r#"{"case_id":"1","context":"a","expected":1}"#),
                ("train", r#"{"case_id":"1","context":"b","expected":1}"#),
                ("test", r#"{"case_id":"1","context":"c","expected":1}"#),
                ("test", r#"{"case_id":"1","context":"d","expected":1}"#),
            ],
            &[
                "duplicate_id line 2 of `train` (1): its case_id is also that of line 1 of `train`",
                "duplicate_id line 2 of `test` (1): its case_id is also that of line 1 of `test`",
                "id_in_two_splits line 1 of `test` (1): its case_id is also that of line 1 of `train`",
            ],
        );
    }

    #[test]
    fn content_may_be_in_one_split_and_should_be_there_once() {
        check(
            &[
                (
                    "train",
                    r#"{"case_id":"1","context":{"a":"x","b":"y"},"expected":1}"#,
                ),
                (
                    "train",
                    r#"{"case_id":"2","context":{"b":"Y ","a":"x"},"expected":2}"#,
                ),
                (
                    "test",
                    r#"{"case_id":"3","context":{"b":"y","a":"X"},"expected":3}"#,
                ),
            ],
            &[
                "content_in_two_splits line 1 of `test` (3): what a chain sees of it is also line 1 of `train`",
                "duplicate_content line 2 of `train` (2): what a chain sees of it is also line 1 of `train`",
            ],
        );
    }

    #[test]
    fn nearly_the_same_texts_in_two_splits_are_told_and_copies_only_once() {
        let row = |id: &str, last: &str| {
            format!(
                r#"{{"case_id":"{id}","context":{{"text":"one two three four five six seven eight nine ten eleven twelve thirteen fourteen {last}"}},"expected":1}}"#
            )
        };
        let rows = [row("1", "a"), row("2", "b"), row("3", "A")];
        check(
            &[("train", &rows[0]), ("dev", &rows[1]), ("test", &rows[2])],
            &[
                "content_in_two_splits line 1 of `test` (3): what a chain sees of it is also line 1 of `train`",
                "near_duplicate line 1 of `dev` (2): its texts are nearly those of line 1 of `train`: 86 % of their runs of three words are common",
            ],
        );
    }

    #[test]
    fn the_same_words_with_other_numbers_are_other_content() {
        let row = |id: &str, n: u32| {
            format!(
                r#"{{"case_id":"{id}","context":{{"text":"what is the sum of these two numbers, please","a":{n},"b":{}}},"expected":1}}"#,
                n * 7
            )
        };
        check(&[("train", &row("1", 3)), ("test", &row("2", 4))], &[]);
    }

    #[test]
    fn a_field_that_is_the_answer_is_told_for_each_case_and_an_answer_within_in_total() {
        check(
            &[
                (
                    "train",
                    r#"{"case_id":"1","context":{"text":"by Claude Monet"},"expected":"Claude Monet"}"#,
                ),
                (
                    "train",
                    r#"{"case_id":"2","context":{"text":"by somebody"},"expected":"Claude Monet"}"#,
                ),
                (
                    "train",
                    r#"{"case_id":"3","context":{"painter":"Claude Monet"},"expected":"Claude Monet"}"#,
                ),
                (
                    "train",
                    r#"{"case_id":"4","context":{"text":"yes it is"},"expected":"yes"}"#,
                ),
            ],
            &[
                "expected_is_field line 3 of `train` (3): the field `context.painter` is the expected text, and nothing else",
                "expected_in_context `train` (-): 1 of 2 cases with an expected text of some length have it in their context: `1`",
            ],
        );
    }

    #[test]
    fn an_empty_context_is_told_unless_the_fields_say_something() {
        check(
            &[
                (
                    "train",
                    r#"{"case_id":"1","context":{"q":" "},"expected":1}"#,
                ),
                ("train", r#"{"case_id":"2","context":null,"expected":1}"#),
                (
                    "train",
                    r#"{"case_id":"3","context":{},"template_fields":{"q":"x"},"expected":1}"#,
                ),
                ("train", r#"{"case_id":"4","context":[0],"expected":1}"#),
            ],
            &[
                "empty_context line 1 of `train` (1): its context tells a chain nothing",
                "empty_context line 2 of `train` (2): its context tells a chain nothing",
            ],
        );
    }

    #[test]
    fn cases_without_an_expected_value_are_counted_for_each_split() {
        let rows: Vec<_> = (0..5)
            .map(|n| format!(r#"{{"case_id":"{n}","context":{n}}}"#))
            .collect();
        let mut given: Vec<_> = rows.iter().map(|row| ("test", row.as_str())).collect();
        given.push(("dev", r#"{"case_id":"5","context":5,"expected":1}"#));
        check(
            &given,
            &["no_expected `test` (-): 5 of 5 cases have no expected value: `0`, `1`, `2`, …"],
        );
    }

    #[test]
    fn a_row_that_cannot_be_read_is_an_error_and_what_it_quotes_is_tamed() {
        let mut lint = Lint::new();
        lint.unreadable("a\u{1b}.jsonl", 7, "unknown field `\u{1b}[2J`");
        let finding = lint.finish().remove(0);
        assert_eq!((finding.level, finding.case_id), (Level::Error, None));
        assert_eq!(finding.message, r"unknown field `\u{1b}[2J`");
        assert_eq!(
            finding.place.unwrap().to_string(),
            r"line 7 of `a\u{1b}.jsonl`"
        );
    }

    #[test]
    fn findings_past_the_cap_are_counted() {
        let rows: Vec<_> = (0..LISTED_MAX + 7)
            .map(|n| format!(r#"{{"case_id":"{n}","context":{{}},"expected":1}}"#))
            .collect();
        let given: Vec<_> = rows.iter().map(|row| ("train", row.as_str())).collect();
        let findings = lint(&given);
        assert_eq!(findings.len(), LISTED_MAX + 1);
        let last = findings.last().unwrap();
        assert_eq!((last.check, &last.place), (Check::EmptyContext, &None));
        assert_eq!(last.message, "7 more like these are not listed");
    }

    #[test]
    fn two_lints_of_the_same_rows_say_the_same() {
        let text = "one two three four five six seven eight nine ten eleven twelve thirteen";
        let rows: Vec<_> = (0..100)
            .map(|n| {
                let split = ["train", "validation", "test"][n % 3];
                let row = format!(r#"{{"case_id":"{}","context":"{text} {}"}}"#, n / 2, n / 5);
                (split, row)
            })
            .collect();
        let given: Vec<_> = rows
            .iter()
            .map(|(split, row)| (*split, row.as_str()))
            .collect();
        let findings = lint(&given);
        assert!(findings.len() > 10);
        assert_eq!(findings, lint(&given));
        assert!(findings.is_sorted_by_key(|finding| finding.check));
    }

    #[test]
    fn findings_are_records() {
        let findings = lint(&[
            ("train", r#"{"case_id":"1","context":"a","expected":1}"#),
            ("test", r#"{"case_id":"1","context":"b","expected":1}"#),
        ]);
        let json = serde_json::to_string(&findings).unwrap();
        assert_eq!(
            json,
            r#"[{"level":"error","check":"id_in_two_splits","place":{"split":"test","line":1},"other":{"split":"train","line":1},"case_id":"1","message":"its case_id is also that of line 1 of `train`"}]"#
        );
        assert_eq!(
            serde_json::from_str::<Vec<Finding>>(&json).unwrap(),
            findings
        );
    }

    #[test]
    fn the_checks_have_names_of_their_own_and_errors_come_first() {
        let names: std::collections::HashSet<_> = Check::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Check::ALL.len());
        assert!(Check::ALL.is_sorted_by_key(|check| check.level()));
    }
}
