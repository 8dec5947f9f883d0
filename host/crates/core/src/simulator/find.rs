//! What the simulator believes the answer to be.

use super::Rates;
use super::chance::Chance;
use super::kind::{self, Kind};
use super::prompt::{Passage, Prompt};
use super::rank::{Asked, Sentence, rank};
use super::span::spans;
use super::told::Told;
use super::words::{Word, words};

/// What was found.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    /// None is an answer withheld.
    pub(super) answer: Option<String>,
    /// The sentences that have most to do with the question, best first.
    pub(super) evidence: Vec<Sentence<'a>>,
}

/// With no more passages than that, none is overlooked.
const PASSAGES_SEEN: usize = 4;

/// Returns the passages that are looked at: of many, those in the middle are
/// overlooked now and then.
pub(super) fn seen(prompt: &Prompt, told: &Told, rates: &Rates, chance: &Chance) -> Vec<Passage> {
    let n = prompt.passages.len();
    if n <= PASSAGES_SEEN {
        return prompt.passages.clone();
    }
    let care = if told.reads_all { 0.4 } else { 1.0 };
    let crowd = (n - PASSAGES_SEEN) as f64 / n as f64;
    let overlooked = |at: usize| {
        let depth = at.min(n - 1 - at) as f64 / (n as f64 / 2.0);
        depth > 0.25 && chance.happens(&format!("overlook {at}"), rates.lost * care * crowd)
    };
    let passages = prompt.passages.iter().enumerate();
    passages
        .filter(|(at, _)| !overlooked(*at))
        .map(|(_, passage)| passage.clone())
        .collect()
}

/// Looks for the answer.
pub(super) fn find<'a>(
    prompt: &Prompt,
    passages: &'a [Passage],
    told: &Told,
    rates: &Rates,
    chance: &Chance,
) -> Found<'a> {
    let question = prompt.question.as_str();
    let kind = kind::of(question);
    let (mut ranked, asked) = rank(question, passages);
    let care = told.care();
    distract(&mut ranked, rates.distracted * care, chance);
    let cover = ranked.first().map_or(0.0, |best| best.cover);
    let withheld = !told.must_answer && {
        let doubt = match ranked.is_empty() {
            true => 0.85,
            // The less of the question is in the evidence, the more doubt.
            false => rates.abstains * (1.0 + 6.0 * (0.6 - cover).max(0.0)),
        };
        chance.happens("abstain", doubt)
    };
    let answer = match &kind {
        Kind::YesNo => Some(yes_or_no(question, &ranked, &asked).into()),
        Kind::Either(one, other) => Some(either(question, one, other, passages, &asked).into()),
        _ => {
            let spans = spans(&kind, &ranked, &asked);
            // A careless reader takes what stands beside the answer.
            let slips = spans.len() > 1 && chance.happens("slip", rates.careless * care);
            spans
                .into_iter()
                .nth(usize::from(slips))
                .map(|span| span.text)
        }
    };
    let answer = answer
        .or_else(|| clause(&ranked))
        .or_else(|| Some(guess(question, &kind, chance)));
    Found {
        answer: answer.filter(|_| !withheld),
        evidence: ranked,
    }
}

/// Puts a sentence of another passage first that looks much like the best.
fn distract(ranked: &mut [Sentence<'_>], rate: f64, chance: &Chance) {
    let Some(best) = ranked.first() else { return };
    let (from, score) = (best.passage, best.score);
    let alike = ranked
        .iter()
        .position(|sentence| sentence.passage != from && sentence.score >= 0.45 * score);
    if let Some(alike) = alike
        && chance.happens("distract", rate)
    {
        ranked[..=alike].rotate_right(1);
        ranked[0].score = score * 1.5;
    }
}

/// Returns the end of the best sentence, where no rule finds a span.
fn clause(ranked: &[Sentence<'_>]) -> Option<String> {
    let best = ranked.first()?;
    let words = &best.words;
    let from = words.len().saturating_sub(6);
    let last = words.last()?;
    Some(best.text[words[from].at..last.end()].into())
}

/// Says something, since something has to be said.
fn guess(question: &str, kind: &Kind, chance: &Chance) -> String {
    match kind {
        Kind::Number => (chance.pick("guess", 12) + 1).to_string(),
        Kind::When { .. } => (1900 + chance.pick("guess", 120)).to_string(),
        _ => {
            let words = words(question);
            let names: Vec<_> = words
                .iter()
                .filter(|word| word.is_capital && !word.is_stop)
                .collect();
            match names.as_slice() {
                [] => words
                    .iter()
                    .rfind(|word| !word.is_stop)
                    .map_or("unknown", |word| word.text),
                names => names[chance.pick("guess", names.len())].text,
            }
            .into()
        }
    }
}

fn is_negated(words: &[Word<'_>]) -> bool {
    words
        .iter()
        .any(|word| word.is_one_of(&["not", "never", "no", "neither", "nor", "without"]))
}

/// Tells whether what is asked is said of all that it is asked of.
fn yes_or_no(question: &str, ranked: &[Sentence<'_>], asked: &Asked) -> &'static str {
    let words = words(question);
    let names = names(&words);
    let says_same = words.iter().any(|word| word.is_one_of(&["same", "both"]));
    if says_same && names.len() >= 2 {
        let of = |name: &[u64]| {
            ranked.iter().find(|sentence| {
                let title = super::words::words(sentence.title);
                let has = |stem: &u64| {
                    sentence
                        .words
                        .iter()
                        .chain(&title)
                        .any(|word| word.stem == *stem)
                };
                name.iter().all(has)
            })
        };
        let (one, other) = (of(&names[0]), of(&names[names.len() - 1]));
        let (Some(one), Some(other)) = (one, other) else {
            return "no";
        };
        if words.iter().any(|word| word.is("both")) {
            let in_names = |stem: u64| names.iter().flatten().any(|name| *name == stem);
            let wanted = asked.stems.iter().filter(|stem| !in_names(**stem)).copied();
            let both = |stem: u64| {
                [one, other]
                    .iter()
                    .all(|sentence| sentence.words.iter().any(|word| word.stem == stem))
            };
            return if wanted.into_iter().any(both) {
                "yes"
            } else {
                "no"
            };
        }
        // Nationalities and places are capital words beside the names.
        let shared = one.words.iter().any(|word| {
            word.is_capital
                && !word.is_stop
                && !names.iter().flatten().any(|name| *name == word.stem)
                && other
                    .words
                    .iter()
                    .any(|other| other.is_capital && other.stem == word.stem)
        });
        return if shared { "yes" } else { "no" };
    }
    match ranked.first() {
        Some(best) if best.cover >= 0.72 && is_negated(&best.words) == is_negated(&words) => "yes",
        _ => "no",
    }
}

/// Returns the stems of each run of capital words after the first word.
fn names(words: &[Word<'_>]) -> Vec<Vec<u64>> {
    let mut names: Vec<Vec<u64>> = Vec::new();
    let mut goes_on = false;
    for word in words.iter().skip(1) {
        let is_name = word.is_capital && !word.is_stop;
        match (is_name, goes_on) {
            (true, true) => names.last_mut().expect("one was begun").push(word.stem),
            (true, false) => names.push(vec![word.stem]),
            _ => {}
        }
        goes_on = is_name;
    }
    names
}

/// Compares two things by a number, or by how much is said of them.
fn either<'a>(
    question: &str,
    one: &'a str,
    other: &'a str,
    passages: &[Passage],
    asked: &Asked,
) -> &'a str {
    let question = question.to_lowercase();
    let says = |patterns: &[&str]| patterns.iter().any(|pattern| question.contains(pattern));
    let wants_less = says(&[
        "first", "older", "earlier", "fewer", "smaller", "shorter", "less", "oldest",
    ]);
    let wants_more = says(&[
        "later", "younger", "more", "larger", "longer", "higher", "bigger", "taller", "greater",
        "recent", "newer", "most",
    ]);
    let (one_seen, other_seen) = (about(one, passages, asked), about(other, passages, asked));
    if (wants_less || wants_more)
        && let (Some(a), Some(b)) = (one_seen.number, other_seen.number)
    {
        return if (a < b) == wants_less { one } else { other };
    }
    if one_seen.said >= other_seen.said {
        one
    } else {
        other
    }
}

struct About {
    number: Option<f64>,
    /// How much of the question is said of it.
    said: f64,
}

fn about(name: &str, passages: &[Passage], asked: &Asked) -> About {
    let of: Vec<_> = words(name)
        .iter()
        .filter(|word| !word.is_stop)
        .map(|word| word.stem)
        .collect();
    let mut about = About {
        number: None,
        said: 0.0,
    };
    let mut best = 0.0;
    for passage in passages {
        let title = words(&passage.title);
        for text in super::words::sentences(&passage.text) {
            let sentence = words(text);
            let all = || title.iter().chain(&sentence);
            if !of.iter().all(|stem| all().any(|word| word.stem == *stem)) {
                continue;
            }
            let is_asked = |word: &&Word<'_>| !word.is_stop && !of.contains(&word.stem);
            let said: f64 = sentence
                .iter()
                .filter(is_asked)
                .filter_map(|word| asked.place(word.stem))
                .map(|at| asked.weights[at])
                .sum();
            about.said = about.said.max(said);
            let number = sentence
                .iter()
                .find(|word| word.is_number && !of.contains(&word.stem))
                .and_then(|word| word.text.replace(',', "").parse().ok());
            if number.is_some() && (about.number.is_none() || said > best) {
                about.number = number;
                best = said;
            }
        }
    }
    about
}

/// Returns the option that has most to do with the text and the answer.
pub(super) fn choose(
    options: &[String],
    found: &Found<'_>,
    prompt: &Prompt,
    chance: &Chance,
) -> usize {
    let is_option = |text: &str| {
        options
            .iter()
            .position(|option| option.eq_ignore_ascii_case(text))
    };
    if let Some(at) = found.answer.as_deref().and_then(is_option) {
        return at;
    }
    let evidence: Vec<u64> = found
        .evidence
        .iter()
        .take(3)
        .flat_map(|sentence| sentence.words.iter())
        .map(|word| word.stem)
        .collect();
    let answer = words(found.answer.as_deref().unwrap_or_default());
    let question = words(&prompt.question);
    let scores: Vec<f64> = options
        .iter()
        .map(|option| {
            let stems = words(option);
            let share = |has: &dyn Fn(u64) -> bool| {
                let content: Vec<_> = stems.iter().filter(|word| !word.is_stop).collect();
                content.iter().filter(|word| has(word.stem)).count() as f64
                    / content.len().max(1) as f64
            };
            3.0 * share(&|stem| answer.iter().any(|word| word.stem == stem))
                + share(&|stem| evidence.contains(&stem))
                + 0.5 * share(&|stem| question.iter().any(|word| word.stem == stem))
        })
        .collect();
    let mood = mood(&evidence, &question);
    let by_mood = options
        .iter()
        .position(|option| option.eq_ignore_ascii_case(mood));
    let best = (0..options.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a)));
    match best {
        Some(best) if scores[best] > 0.3 => best,
        _ => by_mood.unwrap_or_else(|| chance.pick("option", options.len())),
    }
}

/// Whether a text praises or complains.
fn mood(evidence: &[u64], question: &[Word<'_>]) -> &'static str {
    const GOOD: &str =
        "good great love excellent happy wonderful best amazing nice perfect enjoyed";
    const BAD: &str = "bad terrible hate awful poor worst broken disappointing boring sad refund";
    let count = |list: &str| {
        let list = words(list);
        let is_in = |stem: u64| list.iter().any(|word| word.stem == stem);
        evidence.iter().filter(|stem| is_in(**stem)).count()
            + question.iter().filter(|word| is_in(word.stem)).count()
    };
    match count(GOOD).cmp(&count(BAD)) {
        std::cmp::Ordering::Greater => "positive",
        std::cmp::Ordering::Less => "negative",
        std::cmp::Ordering::Equal => "neutral",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(evidence: &[&str], question: &str, answer: &str) {
        let prompt = Prompt {
            passages: evidence.iter().map(|text| Passage::of(text)).collect(),
            question: question.into(),
            ..Prompt::default()
        };
        let chance = Chance::new(0, 0, 1, 1.0);
        let told = Told::read(&prompt, &Rates::NONE, &chance);
        let found = find(&prompt, &prompt.passages, &told, &Rates::NONE, &chance);
        assert_eq!(found.answer.as_deref(), Some(answer), "{question}");
    }

    const HOLT: &str = "Ann Holt | Ann Holt (born 1931) was a Vellish painter.";
    const DORR: &str = "Jim Dorr | Jim Dorr (born 1950) was a Vellish painter and chess player.";

    #[test]
    fn two_things_are_compared() {
        check(
            &[HOLT, DORR],
            "Who was born first, Ann Holt or Jim Dorr?",
            "Ann Holt",
        );
        check(
            &[HOLT, DORR],
            "Who is younger, Ann Holt or Jim Dorr?",
            "Jim Dorr",
        );
        check(
            &[HOLT, DORR],
            "Who played chess, Ann Holt or Jim Dorr?",
            "Jim Dorr",
        );
        check(
            &[HOLT, DORR],
            "Were Ann Holt and Jim Dorr both painters?",
            "yes",
        );
        check(
            &[HOLT, DORR],
            "Were Ann Holt and Jim Dorr both sailors?",
            "no",
        );
        check(
            &[HOLT, DORR],
            "Are Ann Holt and Jim Dorr of the same nationality?",
            "yes",
        );
    }

    #[test]
    fn yes_needs_evidence() {
        check(
            &["Tarn lies in the north of Vell."],
            "Does Tarn lie in the north of Vell?",
            "yes",
        );
        check(
            &["Tarn does not lie in the north of Vell."],
            "Does Tarn lie in the north of Vell?",
            "no",
        );
        check(&["Tarn is old."], "Is the Orn a river?", "no");
    }
}
