//! Accepted texts: the same, in common, or contained.

use fapo_sdk::score::{self, Normalize};

use super::{Finding, Row};
use crate::expected::quoted;

/// Says whether the answer is an accepted text.
pub(super) fn exact_match(
    row: &Row,
    answer: &str,
    normalize: Normalize,
) -> Result<Finding, String> {
    let texts = row.expected.texts()?;
    let same = texts.iter().any(|text| normalize.exact_match(answer, text));
    Ok(Finding::pass(same, || how_texts_differ(answer, &texts)))
}

/// Tells how many words the answer has in common with the nearest accepted text.
pub(super) fn f1(row: &Row, answer: &str, normalize: Normalize) -> Result<Finding, String> {
    let texts = row.expected.texts()?;
    let best = best_f1(answer, &texts, normalize);
    Ok(Finding::new(best, || how_texts_differ(answer, &texts)))
}

/// Returns the F1 of the accepted text that comes nearest.
pub(crate) fn best_f1(answer: &str, texts: &[String], normalize: Normalize) -> f64 {
    let values = texts.iter().map(|text| normalize.f1(answer, text));
    values.fold(0.0, f64::max)
}

/// Says whether the answer holds an accepted text, or all of them.
pub(super) fn contains(
    row: &Row,
    answer: &str,
    all: bool,
    normalize: Normalize,
) -> Result<Finding, String> {
    let texts = row.expected.texts()?;
    let missing: Vec<_> = texts
        .iter()
        .filter(|text| !normalize.contains(answer, text))
        .map(|text| quoted(text))
        .collect();
    let right = missing.is_empty() || !all && missing.len() < texts.len();
    let note = || match missing.len() {
        1 => format!("{} is not in it", missing[0]),
        _ => format!("{} are not in it", missing.join(", ")),
    };
    Ok(Finding::pass(right, note))
}

/// Says the most useful thing that is true of two texts that differ.
fn how_texts_differ(answer: &str, texts: &[String]) -> String {
    let any = |holds: &dyn Fn(&str) -> bool| texts.iter().any(|text| holds(text));
    let says = if any(&|text| score::exact_match(answer, text)) {
        "they differ in case, punctuation, articles or blanks alone"
    } else if any(&|text| score::contains(answer, text)) {
        "the expected text is inside a longer answer"
    } else if any(&|text| score::contains(text, answer)) {
        "the answer is a part of the expected text"
    } else if any(&|text| score::f1(answer, text) > 0.0) {
        "they have some words in common"
    } else {
        "they have no word in common"
    };
    says.to_owned()
}

#[cfg(test)]
mod tests {
    use fapo_sdk::json;

    use super::super::trial::value;

    #[test]
    fn texts_are_right_by_any_that_is_accepted() {
        let accepted = json!(["the Danube", "Donau"]);
        assert_eq!(
            value("exact_match", &accepted, "donau."),
            (1.0, String::new())
        );
        let (f1, note) = value("f1", &accepted, "the Danube river");
        assert_eq!(f1, 2.0 / 3.0);
        assert_eq!(note, "the expected text is inside a longer answer");
        assert_eq!(value("exact_match", &json!(true), "Yes.").0, 1.0);
        assert_eq!(value("exact_match", &json!(1897), "1897").0, 1.0);
        let strict = r#"{"metric": "exact_match", "normalize": "none"}"#;
        let (exact, note) = value(strict, &json!("Danube"), "danube");
        assert_eq!(exact, 0.0);
        assert_eq!(
            note,
            "they differ in case, punctuation, articles or blanks alone"
        );
    }

    #[test]
    fn the_note_says_how_texts_differ() {
        for (answer, says) in [
            ("It is the Black Sea", "inside a longer answer"),
            ("Sea", "a part of the expected text"),
            ("Black river", "some words in common"),
            ("Danube", "no word in common"),
        ] {
            let (_, note) = value("exact_match", &json!("Black Sea"), answer);
            assert!(note.contains(says), "{answer}: {note}");
        }
    }

    #[test]
    fn any_of_the_texts_or_all_of_them_have_to_be_contained() {
        let expected = json!(["1897", "Stoker"]);
        let all = r#"{"metric": "contains", "need": "all"}"#;
        assert_eq!(value("contains", &expected, "It appeared in 1897.").0, 1.0);
        let missing = (0.0, "`Stoker` is not in it".to_owned());
        assert_eq!(value(all, &expected, "It appeared in 1897."), missing);
        assert_eq!(value(all, &expected, "Stoker, 1897").0, 1.0);
        let (none, note) = value("contains", &expected, "Emma");
        assert_eq!(
            (none, note.as_str()),
            (0.0, "`1897`, `Stoker` are not in it")
        );
    }
}
