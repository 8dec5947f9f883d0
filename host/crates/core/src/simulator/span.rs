//! Which words of a sentence answer a question, by fixed rules.

use super::kind::Kind;
use super::rank::{Asked, Sentence};
use super::words::{Word, words};

/// Words that may be an answer.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) score: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Name,
    Date,
    Year,
    Number,
    Phrase,
}

struct Candidate {
    form: Form,
    /// Its first word, and the one after its last.
    from: usize,
    to: usize,
}

/// Sentences that are looked at.
const SENTENCES_MAX: usize = 4;

/// How much of a sentence's likeness to the question speaks for its title.
const TITLE_SHARE: f64 = 0.3;

/// Returns what may answer a question, best first.
pub(super) fn spans(kind: &Kind, ranked: &[Sentence<'_>], asked: &Asked) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    let best = ranked.first().map_or(0.0, |sentence| sentence.score);
    for sentence in ranked.iter().take(SENTENCES_MAX) {
        if sentence.score < 0.45 * best {
            break;
        }
        for candidate in candidates(sentence) {
            let fits = fits(kind, candidate.form);
            let words = &sentence.words[candidate.from..candidate.to];
            if fits == 0.0 || words.is_empty() {
                continue;
            }
            let mut score = sentence.score * fits * near(sentence, &candidate, asked);
            score *= novelty(words, asked);
            score *= place(kind, sentence, &candidate, asked);
            let text = &sentence.text[words[0].at..words[words.len() - 1].end()];
            spans.push(Span {
                text: shortened(kind, text),
                score,
            });
        }
        if let Some(span) = title(kind, sentence, asked) {
            spans.push(span);
        }
    }
    spans.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut seen: Vec<String> = Vec::new();
    spans.retain(|span| {
        let is_new = !seen.contains(&span.text);
        if is_new {
            seen.push(span.text.clone());
        }
        is_new
    });
    spans
}

/// The title, where the sentence says something of it.
fn title(kind: &Kind, sentence: &Sentence<'_>, asked: &Asked) -> Option<Span> {
    if !matches!(kind, Kind::Who | Kind::What | Kind::Where) || sentence.title.is_empty() {
        return None;
    }
    let name = sentence.title.split(" (").next().unwrap_or_default();
    let title = words(name);
    let first = sentence.words.first()?;
    let begins = title.first().is_some_and(|word| {
        sentence
            .words
            .iter()
            .take(3)
            .any(|other| other.stem == word.stem)
    });
    let is_subject =
        begins || first.is_one_of(&["he", "she", "it", "they", "the", "his", "her", "its"]);
    if !is_subject || title.iter().any(|word| !word.is_stop && asked.says(word)) {
        return None;
    }
    Some(Span {
        text: name.into(),
        // It stands as near to all that is said of it as a word can.
        score: sentence.score * (0.3 + TITLE_SHARE * sentence.score),
    })
}

fn fits(kind: &Kind, form: Form) -> f64 {
    match (kind, form) {
        (Kind::When { year: false }, Form::Date) => 1.2,
        (Kind::When { .. }, Form::Date | Form::Year) => 1.0,
        (Kind::Number, Form::Number) => 1.0,
        (Kind::Number, Form::Year) => 0.15,
        (Kind::Who | Kind::Where | Kind::What | Kind::Either(..), Form::Name) => 1.0,
        (Kind::What, Form::Phrase) => 0.6,
        (Kind::What, Form::Number | Form::Year | Form::Date) => 0.2,
        (Kind::Thing, Form::Name) => 0.4,
        (Kind::Why | Kind::Thing, Form::Phrase) => 1.0,
        _ => 0.0,
    }
}

/// What the question says itself is no answer to it.
fn novelty(words: &[Word<'_>], asked: &Asked) -> f64 {
    let content: Vec<_> = words.iter().filter(|word| !word.is_stop).collect();
    let n_said = content.iter().filter(|word| asked.says(word)).count();
    match (content.len(), n_said) {
        (0, _) => 0.05,
        (n, said) if n == said => 0.05,
        (n, said) => 1.0 - 0.5 * said as f64 / n as f64,
    }
}

/// How near to the words of the question it stands.
fn near(sentence: &Sentence<'_>, candidate: &Candidate, asked: &Asked) -> f64 {
    let mut near = 0.3;
    for (at, word) in sentence.words.iter().enumerate() {
        if let Some(place) = (!word.is_stop).then(|| asked.place(word.stem)).flatten() {
            let distance = match at {
                at if at < candidate.from => candidate.from - at - 1,
                at if at >= candidate.to => at - candidate.to,
                _ => 0,
            };
            near += asked.weights[place] / (1.0 + 0.5 * distance as f64);
        }
    }
    near
}

/// What stands around it tells what it is.
fn place(kind: &Kind, sentence: &Sentence<'_>, candidate: &Candidate, asked: &Asked) -> f64 {
    let before = candidate.from.checked_sub(1).map(|at| &sentence.words[at]);
    let before_the = match before {
        Some(word) if word.is("the") => candidate.from.checked_sub(2).map(|at| &sentence.words[at]),
        before => before,
    };
    let after = sentence.words.get(candidate.to);
    let is_placed = before_the
        .is_some_and(|word| word.is_one_of(&["in", "at", "near", "into", "from", "to", "outside"]));
    // `an Austrian painter`: what describes a word is no name.
    let is_adjective = candidate.form == Form::Name
        && candidate.to - candidate.from == 1
        && after.is_some_and(|word| {
            let end = sentence.words[candidate.from].end();
            !word.is_capital && !word.is_stop && word.at == end + 1
        });
    match kind {
        Kind::Who | Kind::Where | Kind::What if is_adjective => 0.3,
        Kind::Where if is_placed => 1.5,
        Kind::Who if is_placed => 0.5,
        Kind::Who if candidate.to - candidate.from == 1 => 0.8,
        Kind::Who if before.is_some_and(|word| word.is("by")) => 1.3,
        Kind::Number if after.is_some_and(|word| asked.says(word)) => 1.6,
        _ => 1.0,
    }
}

/// Leaves of a date what was asked for, and of a phrase a few words.
fn shortened(kind: &Kind, text: &str) -> String {
    if *kind == (Kind::When { year: true })
        && let Some(year) = words(text).iter().find(|word| is_year(word))
    {
        return year.text.into();
    }
    text.into()
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const COUNTS: [&str; 19] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "twenty", "thirty", "forty", "fifty", "dozen", "hundred",
];

fn is_year(word: &Word<'_>) -> bool {
    word.text.len() == 4
        && word
            .text
            .parse::<u16>()
            .is_ok_and(|year| (1000..=2100).contains(&year))
}

fn candidates(sentence: &Sentence<'_>) -> Vec<Candidate> {
    let words = &sentence.words;
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let end = date(words, at);
        if end > at {
            let form = if end - at == 1 {
                Form::Year
            } else {
                Form::Date
            };
            found.push(Candidate {
                form,
                from: at,
                to: end,
            });
            at = end;
            continue;
        }
        if words[at].is_number || words[at].is_one_of(&COUNTS) {
            let scale = words.get(at + 1).is_some_and(|next| {
                next.is_one_of(&["million", "billion", "thousand", "hundred", "percent"])
            });
            let to = at + 1 + usize::from(scale);
            found.push(Candidate {
                form: Form::Number,
                from: at,
                to,
            });
            at = to;
            continue;
        }
        let end = name(sentence.text, words, at);
        if end > at {
            found.push(Candidate {
                form: Form::Name,
                from: at,
                to: end,
            });
            at = end;
            continue;
        }
        at += 1;
    }
    found.extend(phrases(sentence));
    found
}

/// Returns where a date that begins here ends.
fn date(words: &[Word<'_>], at: usize) -> usize {
    let is_month = |at: usize| {
        words
            .get(at)
            .is_some_and(|word| MONTHS.contains(&word.text))
    };
    let is_day = |at: usize| {
        words
            .get(at)
            .is_some_and(|word| word.text.parse::<u8>().is_ok_and(|day| day <= 31))
    };
    let year = |at: usize| usize::from(words.get(at).is_some_and(is_year));
    if is_day(at) && is_month(at + 1) {
        return at + 2 + year(at + 2);
    }
    if is_month(at) && is_day(at + 1) {
        return at + 2 + year(at + 2);
    }
    if is_month(at) && year(at + 1) == 1 {
        return at + 2;
    }
    at + year(at)
}

/// Returns where a name that begins here ends.
fn name(text: &str, words: &[Word<'_>], at: usize) -> usize {
    let first = &words[at];
    // The first word of a sentence is capital, whatever it is.
    let is_letter = first.text.len() == 1 && words.get(at + 1).is_none_or(|next| !next.is_capital);
    if !first.is_capital || is_letter || (at == 0 && first.is_stop) {
        return at;
    }
    let touches = |one: usize| {
        let gap = &text[words[one].end()..words[one + 1].at];
        gap == " " || gap == "-" || (gap == ". " && words[one].text.len() <= 2)
    };
    let mut end = at + 1;
    while end < words.len() && touches(end - 1) {
        if words[end].is_capital {
            end += 1;
        } else if words[end].is_one_of(&["of", "de", "la", "von", "van", "the"])
            && end + 1 < words.len()
            && touches(end)
            && (words[end + 1].is_capital
                || (words[end + 1].is("the")
                    && words.get(end + 2).is_some_and(|word| word.is_capital)))
        {
            end += 1;
            if words[end].is("the") {
                end += 1;
            }
        } else {
            break;
        }
    }
    end
}

/// What something is said to be, and why.
fn phrases(sentence: &Sentence<'_>) -> Vec<Candidate> {
    let words = &sentence.words;
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let from = at + 1;
        let is_cause = word.is_one_of(&["because", "since", "as"]);
        let is_copula = word.is_one_of(&["is", "was", "are", "were", "called", "became", "uses"]);
        if from >= words.len() || !(is_cause || is_copula) {
            continue;
        }
        let from = from + usize::from(words[from].is_one_of(&["a", "an", "the"]));
        let most = if is_cause { 14 } else { 6 };
        let mut to = from;
        while to < words.len() && to - from < most {
            if to > from {
                let gap = &sentence.text[words[to - 1].end()..words[to].at];
                let breaks = gap.contains([',', ';', '(', ')', '"', '.', ':']);
                if breaks || (!is_cause && words[to].is_stop) {
                    break;
                }
            }
            to += 1;
        }
        if to > from {
            found.push(Candidate {
                form: Form::Phrase,
                from,
                to,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::kind;
    use crate::simulator::prompt::Passage;
    use crate::simulator::rank::rank;

    #[test]
    fn the_span_is_of_the_kind_that_is_asked_for() {
        for (evidence, question, answer) in [
            (
                "The Orn was bridged by Ann Holt in May 1931.",
                "Who bridged the Orn?",
                "Ann Holt",
            ),
            (
                "The Orn was bridged by Ann Holt in May 1931.",
                "When was the Orn bridged?",
                "May 1931",
            ),
            (
                "The Orn was bridged by Ann Holt in May 1931.",
                "In what year was the Orn bridged?",
                "1931",
            ),
            (
                "Tarn has 12 islands and 40,000 people.",
                "How many islands does Tarn have?",
                "12",
            ),
            (
                "Tarn has 12 islands and 40,000 people.",
                "How many people live in Tarn?",
                "40,000",
            ),
            (
                "Ann Holt was born in Tarn to Eva Holt.",
                "Where was Ann Holt born?",
                "Tarn",
            ),
            (
                "The Orn flows into the Gulf of Vell.",
                "Into which gulf does the Orn flow?",
                "Gulf of Vell",
            ),
            (
                "Tarn is the capital of Vell.",
                "What is the capital of Vell?",
                "Tarn",
            ),
            (
                "The dulcet is a stringed instrument from Vell.",
                "What is a dulcet?",
                "stringed instrument",
            ),
            (
                "Ann Holt | She was the first mayor of Tarn.",
                "Who was the first mayor of Tarn?",
                "Ann Holt",
            ),
        ] {
            let passages = [Passage::of(evidence)];
            let (ranked, asked) = rank(question, &passages);
            let spans = spans(&kind::of(question), &ranked, &asked);
            assert_eq!(spans[0].text, answer, "{question} {spans:?}");
        }
    }
}
