//! What kind of answer a question wants.

use super::words::{Word, words};

/// A kind of answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Who,
    /// A date, or the year alone.
    When {
        year: bool,
    },
    Where,
    Number,
    YesNo,
    /// One of two things that the question names.
    Either(String, String),
    /// A name.
    What,
    /// What something is.
    Thing,
    Why,
}

/// Reads the kind off a question.
pub(super) fn of(question: &str) -> Kind {
    let words = words(question);
    if let Some((one, other)) = either(question, &words) {
        return Kind::Either(one, other);
    }
    let first = words.first();
    const AUXILIARY: [&str; 16] = [
        "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could",
        "will", "would", "should", "may",
    ];
    if first.is_some_and(|word| word.is_one_of(&AUXILIARY)) {
        return Kind::YesNo;
    }
    if let Some(kind) = words.first().and_then(asks).or(words.last().and_then(asks)) {
        return kind;
    }
    // What is asked amid a sentence: `who` may stand for somebody there.
    let names_kind = |word: &Word<'_>| word.is_one_of(&["what", "which", "how"]);
    let has_kind = words.iter().any(names_kind);
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1);
        let next_is = |others: &[&str]| next.is_some_and(|next| next.is_one_of(others));
        if let Some(kind) = asks(word).filter(|_| !has_kind) {
            return kind;
        }
        if word.is("how") {
            const MEASURES: [&str; 14] = [
                "many", "much", "old", "long", "tall", "high", "far", "deep", "large", "big",
                "wide", "heavy", "fast", "often",
            ];
            return if next_is(&MEASURES) {
                Kind::Number
            } else {
                Kind::Why
            };
        }
        if word.is_one_of(&["what", "which"]) {
            // `what is the population of …`
            let noun = words[at + 1..].iter().find(|word| {
                !word.is_stop && !word.is_one_of(&["first", "full", "exact", "total"])
            });
            return match noun {
                Some(noun) if noun.is_one_of(&["year", "years", "decade"]) => {
                    Kind::When { year: true }
                }
                Some(noun) if noun.is_one_of(&["date", "day", "month"]) => {
                    Kind::When { year: false }
                }
                Some(noun)
                    if noun.is_one_of(&[
                        "population",
                        "number",
                        "height",
                        "length",
                        "age",
                        "depth",
                        "distance",
                        "area",
                        "percentage",
                        "price",
                        "cost",
                        "score",
                    ]) =>
                {
                    Kind::Number
                }
                Some(noun)
                    if noun.is_one_of(&[
                        "person",
                        "actor",
                        "actress",
                        "author",
                        "director",
                        "singer",
                        "president",
                        "writer",
                        "man",
                        "woman",
                    ]) =>
                {
                    Kind::Who
                }
                Some(noun)
                    if noun.is_one_of(&[
                        "city", "country", "place", "town", "state", "location", "capital",
                    ]) =>
                {
                    Kind::Where
                }
                Some(noun)
                    if next_is(&["kind", "type", "sort"])
                        || noun.is_one_of(&["profession", "occupation", "genre", "job"]) =>
                {
                    Kind::Thing
                }
                _ if next_is(&["is", "are", "was", "were"])
                    && words
                        .get(at + 2)
                        .is_some_and(|word| word.is_one_of(&["a", "an"]))
                    && words.len() <= at + 6 =>
                {
                    Kind::Thing
                }
                _ => Kind::What,
            };
        }
    }
    Kind::What
}

/// Returns the kind that a word asks for by itself.
fn asks(word: &Word<'_>) -> Option<Kind> {
    if word.is_one_of(&["who", "whom", "whose"]) {
        return Some(Kind::Who);
    }
    if word.is("when") {
        return Some(Kind::When { year: false });
    }
    if word.is("where") {
        return Some(Kind::Where);
    }
    word.is("why").then_some(Kind::Why)
}

/// Reads `…, A or B?`.
fn either(question: &str, words: &[Word<'_>]) -> Option<(String, String)> {
    let at = words.iter().rposition(|word| word.is("or"))?;
    let is_name = |word: &Word<'_>| word.is_capital || word.is_number;
    let is_between = |word: &Word<'_>| word.is_one_of(&["of", "the", "de", "von", "van", "and"]);
    let joined = |one: &Word<'_>, other: &Word<'_>| {
        let gap = &question[one.end()..other.at];
        !gap.contains([',', ';', ':', '?'])
    };
    let mut from = at;
    while from > 0 {
        let word = &words[from - 1];
        if !(is_name(word) || is_between(word)) || !joined(word, &words[from]) {
            // A comma may stand right before `or`.
            if from != at || !is_name(word) {
                break;
            }
        }
        from -= 1;
    }
    while from < at && !is_name(&words[from]) {
        from += 1;
    }
    let mut to = at + 1;
    while to < words.len()
        && (is_name(&words[to]) || is_between(&words[to]))
        && (to == at + 1 || joined(&words[to - 1], &words[to]))
    {
        to += 1;
    }
    let start = (at + 1..to).find(|nth| is_name(&words[*nth]) || words[*nth].is("the"))?;
    if from == at || from == 0 {
        return None;
    }
    let one = &question[words[from].at..words[at - 1].end()];
    let other = &question[words[start].at..words[to - 1].end()];
    Some((one.into(), other.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_read_off_the_question() {
        let either = |one: &str, other: &str| Kind::Either(one.into(), other.into());
        for (question, kind) in [
            ("Who wrote it?", Kind::Who),
            ("In what year was it founded?", Kind::When { year: true }),
            ("When was it founded?", Kind::When { year: false }),
            ("Where is the house where he lived?", Kind::Where),
            ("How many islands are there?", Kind::Number),
            ("What is the population of Tarn?", Kind::Number),
            ("Are Ann Holt and Jim Dorr both painters?", Kind::YesNo),
            (
                "Which river is longer, the Orn or the Sarn?",
                either("Orn", "the Sarn"),
            ),
            (
                "Who was born first, Ann Holt or Jim Dorr?",
                either("Ann Holt", "Jim Dorr"),
            ),
            ("What is the Orn?", Kind::What),
            ("What is a dulcet?", Kind::Thing),
            ("What is the profession of Ann Holt?", Kind::Thing),
            ("Into which sea does it flow?", Kind::What),
            ("Why did it rain?", Kind::Why),
            (
                "It was sung by a man who died in which year?",
                Kind::When { year: true },
            ),
            ("The bridge where it happened was built by whom?", Kind::Who),
            ("", Kind::What),
        ] {
            assert_eq!(of(question), kind, "{question}");
        }
    }
}
