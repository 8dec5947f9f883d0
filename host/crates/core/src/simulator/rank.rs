//! Which sentences of the evidence have most to do with a question.

use super::prompt::Passage;
use super::words::{Word, sentences, words};

/// A sentence of the evidence.
#[derive(Clone, Debug)]
pub(super) struct Sentence<'a> {
    /// Its passage's place.
    pub(super) passage: usize,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    pub(super) words: Vec<Word<'a>>,
    /// How much it has to do with the question.
    pub(super) score: f64,
    /// The share of what the question says that it or its title says.
    pub(super) cover: f64,
}

/// The words of a question that say something, and how much.
#[derive(Debug)]
pub(super) struct Asked {
    /// Stems in the order of the question.
    pub(super) stems: Vec<u64>,
    pub(super) weights: Vec<f64>,
}

/// More words than that make no question: what is looked for in each sentence
/// is bounded, whatever the prompt.
const STEMS_MAX: usize = 48;

impl Asked {
    pub(super) fn place(&self, stem: u64) -> Option<usize> {
        self.stems.iter().position(|asked| *asked == stem)
    }

    pub(super) fn says(&self, word: &Word<'_>) -> bool {
        self.place(word.stem).is_some()
    }

    fn total(&self) -> f64 {
        self.weights.iter().sum::<f64>().max(f64::MIN_POSITIVE)
    }
}

/// Returns the sentences, best first, and what they were judged by.
pub(super) fn rank<'a>(question: &str, passages: &'a [Passage]) -> (Vec<Sentence<'a>>, Asked) {
    let mut asked = Asked {
        stems: Vec::new(),
        weights: Vec::new(),
    };
    // What is asked stands at the end of a long question.
    for word in words(question).iter().rev().filter(|word| !word.is_stop) {
        if asked.stems.len() < STEMS_MAX && !asked.says(word) {
            asked.stems.push(word.stem);
        }
    }
    asked.stems.reverse();
    let mut all = Vec::new();
    for (at, passage) in passages.iter().enumerate() {
        for text in sentences(&passage.text) {
            all.push(Sentence {
                passage: at,
                title: &passage.title,
                text,
                words: words(text),
                score: 0.0,
                cover: 0.0,
            });
        }
    }
    weigh(&mut asked, &all);
    let titles: Vec<_> = passages
        .iter()
        .map(|passage| words(&passage.title))
        .collect();
    for sentence in &mut all {
        score(sentence, &titles[sentence.passage], &asked);
    }
    follow(&mut all, &titles, &asked);
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    (all, asked)
}

/// Gives rare words more weight.
fn weigh(asked: &mut Asked, all: &[Sentence<'_>]) {
    let mut n_with = vec![0_u32; asked.stems.len()];
    for sentence in all {
        let mut seen = 0_u64;
        for word in sentence.words.iter().filter(|word| !word.is_stop) {
            if let Some(at) = asked.place(word.stem)
                && seen & (1 << at) == 0
            {
                seen |= 1 << at;
                n_with[at] += 1;
            }
        }
    }
    let n = all.len() as f64;
    asked.weights = n_with
        .iter()
        .map(|with| (1.0 + n / (0.5 + f64::from(*with))).ln().min(4.0))
        .collect();
}

fn score(sentence: &mut Sentence<'_>, title: &[Word<'_>], asked: &Asked) {
    let mut seen = 0_u64;
    let mut before = None;
    let mut sum = 0.0;
    for word in &sentence.words {
        let place = (!word.is_stop).then(|| asked.place(word.stem)).flatten();
        if let Some(at) = place {
            if seen & (1 << at) == 0 {
                seen |= 1 << at;
                sum += asked.weights[at];
            }
            // Words that stand together in the question, too.
            if before.is_some_and(|before| before + 1 == at) {
                sum += 0.3;
            }
        }
        before = place.or(before.filter(|_| word.is_stop));
    }
    for word in title.iter().filter(|word| !word.is_stop) {
        if let Some(at) = asked.place(word.stem)
            && seen & (1 << at) == 0
        {
            seen |= 1 << at;
            sum += 0.6 * asked.weights[at];
        }
    }
    let covered: f64 = (0..asked.stems.len())
        .filter(|at| seen & (1 << at) != 0)
        .map(|at| asked.weights[at])
        .sum();
    let longer = sentence.words.len().saturating_sub(25) as f64;
    sentence.cover = covered / asked.total();
    sentence.score = sum / (1.0 + 0.01 * longer);
}

/// Follows the names in the best sentence to the passages about them.
fn follow(all: &mut [Sentence<'_>], titles: &[Vec<Word<'_>>], asked: &Asked) {
    let Some(best) = all.iter().max_by(|a, b| a.score.total_cmp(&b.score)) else {
        return;
    };
    let (from, best_score) = (best.passage, best.score);
    let bridge: Vec<u64> = best
        .words
        .iter()
        .filter(|word| word.is_capital && !word.is_stop)
        .map(|word| word.stem)
        .take(64)
        .collect();
    for sentence in all.iter_mut().filter(|sentence| sentence.passage != from) {
        let title = &titles[sentence.passage];
        let is_about = !title.is_empty()
            && title
                .iter()
                .all(|word| word.is_stop || bridge.contains(&word.stem))
            && title.iter().any(|word| !asked.says(word));
        if is_about {
            sentence.score += 0.65 * best_score;
            sentence.cover = sentence.cover.max(0.5);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(question: &str, passages: &'a [Passage]) -> &'a str {
        rank(question, passages).0[0].text
    }

    #[test]
    fn the_sentence_that_shares_most_comes_first() {
        let passages = [
            Passage::of("Orn | The Orn is a river. It flows into the Gray Sea."),
            Passage::of("Sarn | The Sarn is a river. It flows into the Red Sea."),
        ];
        assert_eq!(
            best("Into which sea does the Sarn flow?", &passages),
            "It flows into the Red Sea."
        );
    }

    #[test]
    fn a_name_in_the_best_sentence_leads_on() {
        let passages = [
            Passage::of("The Long Night | The Long Night is a film directed by Ann Holt."),
            Passage::of("Jim Dorr | Jim Dorr was born in Vell."),
            Passage::of("Ann Holt | Ann Holt was born in Tarn."),
        ];
        let (ranked, _) = rank("Where was the director of The Long Night born?", &passages);
        assert!(ranked[0].text.contains("Tarn") || ranked[1].text.contains("Tarn"));
    }
}
