//! Cases of two splits whose texts are nearly the same.
//!
//! Of each case a sketch is kept: the smallest hashes of its runs of three
//! words, from which the share of common runs (Jaccard) of two cases is told,
//! and the bands of a MinHash signature, in one of which two like cases agree.
//! Only those that agree in a band are compared, so the work does not grow with
//! the square of the cases.

use crate::case::CaseId;

use super::At;

/// The share of common runs from which two cases are near duplicates.
const SIMILARITY_MIN: f64 = 0.8;

/// Words in a run.
const RUN_WORDS: usize = 3;

/// Cases with fewer words are not looked at: two short questions that differ
/// in the one word that matters have most of their text in common.
const WORDS_MIN: usize = 8;

/// Hash functions of a signature.
const FUNCTIONS: usize = 64;
/// Functions in a band. Two cases with 0.8 of their runs in common miss each
/// other in all bands once in 5000 times; with 0.3 in common they meet in one
/// of them once in 8 times, and are then told apart by their sketches.
const BAND_FUNCTIONS: usize = 4;
const BANDS: usize = FUNCTIONS / BAND_FUNCTIONS;

/// Hashes kept of a case. Up to so many runs a comparison is exact, and from
/// there on it is off by 0.06 (one standard deviation at 0.8).
const SKETCH_MAX: usize = 48;

/// How many others one case is compared with in one band.
///
/// Thousands of cases made from one template all meet in one band, and
/// comparing each with each would take hours.
const COMPARED_MAX: usize = 64;

/// The sketches of all cases.
#[derive(Debug)]
pub(super) struct Near {
    /// Factor and summand of each function.
    functions: [(u64, u64); FUNCTIONS],
    sketches: Vec<Sketch>,
}

/// What is kept of one case.
#[derive(Debug)]
struct Sketch {
    at: At,
    /// Its content is in another split already, which is a finding of its own.
    is_copy: bool,
    bands: [u16; BANDS],
    smallest: Box<[u32]>,
    id: Box<str>,
}

/// Two cases that are nearly the same.
#[derive(Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) at: At,
    pub(super) id: CaseId,
    pub(super) other: At,
    /// From 0 to 1.
    pub(super) similarity: f64,
}

/// What a search for pairs found.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// In the order of splits and lines, one for each case that is like one of
    /// an earlier split.
    pub(super) pairs: Vec<Pair>,
    /// Cases that met too many others to be compared with all of them, and were
    /// found to be like none.
    pub(super) n_cut_short: u64,
}

impl Near {
    pub(super) fn new() -> Self {
        let mut state = 0;
        let mut next = || {
            state += 1;
            mix(state)
        };
        Self {
            functions: std::array::from_fn(|_| (next() | 1, next())),
            sketches: Vec::new(),
        }
    }

    /// Takes a case in, with the texts that a chain sees of it.
    pub(super) fn add<'a>(
        &mut self,
        at: At,
        id: &str,
        is_copy: bool,
        texts: impl Iterator<Item = &'a str>,
    ) {
        let mut n_words = 0;
        let mut runs = Vec::new();
        for text in texts {
            let words = words(text);
            n_words += words.len();
            // A text shorter than a run is one as a whole.
            let width = words.len().min(RUN_WORDS);
            if width > 0 {
                runs.extend(words.windows(width).map(hash_run));
            }
        }
        if n_words < WORDS_MIN {
            return;
        }
        runs.sort_unstable();
        runs.dedup();
        self.sketches.push(Sketch {
            at,
            is_copy,
            bands: self.bands(&runs),
            smallest: runs
                .iter()
                .take(SKETCH_MAX)
                .map(|run| (run >> 32) as u32)
                .collect(),
            id: id.into(),
        });
    }

    fn bands(&self, runs: &[u64]) -> [u16; BANDS] {
        let minimum = |(factor, summand): &(u64, u64)| {
            runs.iter()
                .map(|run| run.wrapping_mul(*factor).wrapping_add(*summand))
                .min()
                .unwrap_or(0)
        };
        std::array::from_fn(|band| {
            let functions = &self.functions[band * BAND_FUNCTIONS..][..BAND_FUNCTIONS];
            (hash_run(&functions.iter().map(minimum).collect::<Vec<_>>()) >> 48) as u16
        })
    }

    /// Finds, for each case, one of an earlier split that it is like.
    pub(super) fn pairs(mut self) -> Pairs {
        self.sketches.sort_by_key(|sketch| sketch.at);
        let sketches = &self.sketches;
        let mut found: Vec<Option<(u32, f64)>> = vec![None; sketches.len()];
        let mut cut_short = vec![false; sketches.len()];
        for band in 0..BANDS {
            let mut by_key: Vec<(u16, u32)> = sketches
                .iter()
                .zip(0..)
                .map(|(sketch, at)| (sketch.bands[band], at))
                .collect();
            by_key.sort_unstable();
            for met in by_key.chunk_by(|a, b| a.0 == b.0) {
                let mut of_split = 0;
                for (nth, (_, at)) in met.iter().enumerate() {
                    let at = *at as usize;
                    if sketches[met[of_split].1 as usize].at.split != sketches[at].at.split {
                        of_split = nth;
                    }
                    if sketches[at].is_copy || found[at].is_some() {
                        continue;
                    }
                    let earlier = &met[..of_split];
                    found[at] = earlier.iter().take(COMPARED_MAX).find_map(|(_, other)| {
                        let sketch = &sketches[*other as usize];
                        let similarity = similarity(&sketch.smallest, &sketches[at].smallest);
                        (!sketch.is_copy && similarity >= SIMILARITY_MIN)
                            .then_some((*other, similarity))
                    });
                    cut_short[at] |= earlier.len() > COMPARED_MAX;
                }
            }
        }
        let n_cut_short = found
            .iter()
            .zip(cut_short)
            .filter(|(found, cut_short)| found.is_none() && *cut_short);
        Pairs {
            n_cut_short: n_cut_short.count() as u64,
            pairs: sketches
                .iter()
                .zip(&found)
                .filter_map(|(sketch, found)| {
                    found.map(|(other, similarity)| Pair {
                        at: sketch.at,
                        id: CaseId::from(&*sketch.id),
                        other: sketches[other as usize].at,
                        similarity,
                    })
                })
                .collect(),
        }
    }
}

/// Returns the share of common hashes among those that both sketches know of.
///
/// A sketch that is full knows of nothing above its last hash, so the walk
/// through both ends where the first full one does.
fn similarity(a: &[u32], b: &[u32]) -> f64 {
    let known = |sketch: &[u32]| match sketch.last() {
        Some(last) if sketch.len() == SKETCH_MAX => *last,
        _ => u32::MAX,
    };
    let end = known(a).min(known(b));
    let below = |sketch: &[u32]| sketch.partition_point(|hash| *hash <= end);
    let (a, b) = (&a[..below(a)], &b[..below(b)]);
    let (mut at, mut n_common) = (0, 0);
    for hash in a {
        at += b[at..].partition_point(|other| other < hash);
        if b.get(at) == Some(hash) {
            at += 1;
            n_common += 1;
        }
    }
    let n_all = a.len() + b.len() - n_common;
    if n_all == 0 {
        0.0
    } else {
        n_common as f64 / n_all as f64
    }
}

/// Returns a hash of each word of a text: letters and digits in lower case.
fn words(text: &str) -> Vec<u64> {
    const EMPTY: u64 = 0;
    let mut words = Vec::new();
    let mut word = EMPTY;
    let mut end = |word: &mut u64| {
        if *word != EMPTY {
            words.push(std::mem::replace(word, EMPTY));
        }
    };
    for c in text.chars() {
        if !c.is_alphanumeric() {
            end(&mut word);
            continue;
        }
        if stands_alone(c) {
            end(&mut word);
        }
        for c in c.to_lowercase() {
            word = mix(word ^ u64::from(c));
        }
        if stands_alone(c) {
            end(&mut word);
        }
    }
    end(&mut word);
    words
}

/// Tells whether a character is of a script that is written without blanks,
/// where each of them is taken for a word.
pub(super) fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{3040}'..='\u{30ff}'     // kana
        | '\u{3400}'..='\u{9fff}'   // ideographs
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}'
    )
}

fn hash_run(words: &[u64]) -> u64 {
    words
        .iter()
        .fold(words.len() as u64, |hash, word| mix(hash ^ word))
}

/// Spreads a number over all bits (splitmix64), the same on every machine and
/// in every version, as the standard library's hashes are not.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words that look random and are the same in every run.
    fn words_of(seed: u64, n: u64) -> Vec<String> {
        (0..n)
            .map(|nth| format!("w{}", mix(mix(seed) ^ nth) % 5_000))
            .collect()
    }

    /// Gives texts of two splits, each split with lines from 1.
    fn pairs(train: &[String], test: &[String]) -> Pairs {
        let mut near = Near::new();
        for (split, texts) in [train, test].into_iter().enumerate() {
            for (text, line) in texts.iter().zip(1..) {
                let at = At {
                    split: split as u32,
                    line,
                };
                near.add(at, "id", false, std::iter::once(text.as_str()));
            }
        }
        near.pairs()
    }

    #[test]
    fn one_word_changed_in_thirty_is_found() {
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for seed in 0..200 {
            let mut words = words_of(seed, 30);
            train.push(words.join(" "));
            words[seed as usize % 30] = "changed".into();
            test.push(words.join(", ").to_uppercase());
        }
        let found = pairs(&train, &test).pairs;
        assert!(found.len() >= 199, "{}", found.len());
        assert!(found.iter().all(|pair| pair.at.line == pair.other.line));
    }

    #[test]
    fn a_few_words_changed_in_a_long_text_are_found() {
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for seed in 0..100 {
            let mut words = words_of(seed, 400);
            train.push(words.join(" "));
            for nth in 0..4 {
                words[nth * 97 + 5] = "changed".into();
            }
            test.push(words.join(" "));
        }
        assert!(pairs(&train, &test).pairs.len() >= 99);
    }

    #[test]
    fn one_template_with_other_facts_is_not_found() {
        let filled = |seed| {
            let facts = words_of(seed, 6);
            format!(
                "On {} the customer {} asked us to send {} of {} to {} before {}, please confirm it soon",
                facts[0], facts[1], facts[2], facts[3], facts[4], facts[5]
            )
        };
        let train: Vec<_> = (0..300).map(filled).collect();
        let test: Vec<_> = (1_000..1_300).map(filled).collect();
        assert_eq!(pairs(&train, &test).pairs, []);
    }

    #[test]
    fn texts_of_a_language_without_blanks_are_compared_too() {
        let train = "東京都は、日本の首都であり、世界でも有数の大都市として知られている場所です。";
        let test = "東京都は、日本の首都であり、世界でも有数の大都市として知られている街です。";
        assert_eq!(pairs(&[train.into()], &[test.into()]).pairs.len(), 1);
    }

    #[test]
    fn short_texts_and_texts_of_one_split_are_left_alone() {
        let short = "what is the capital city of France".to_owned();
        assert_eq!(
            pairs(std::slice::from_ref(&short), std::slice::from_ref(&short)).pairs,
            []
        );
        let long = words_of(1, 30).join(" ");
        assert_eq!(pairs(&[long.clone(), long], &[]).pairs, []);
    }

    #[test]
    fn a_case_that_meets_too_many_others_is_counted_when_none_is_like_it() {
        let mut near = Near::new();
        let text = words_of(1, 30).join(" ");
        for line in 0..=COMPARED_MAX as u32 {
            let at = At { split: 0, line };
            near.add(at, "id", true, std::iter::once(text.as_str()));
        }
        let at = At { split: 1, line: 1 };
        near.add(at, "id", false, std::iter::once(text.as_str()));
        assert_eq!(near.pairs().n_cut_short, 1);
    }

    #[test]
    fn sketches_that_are_cut_off_tell_about_the_share_of_all() {
        let hashes = |from: u32, to: u32| {
            let mut all: Vec<u32> = (from..to).map(|n| (mix(n.into()) >> 32) as u32).collect();
            all.sort_unstable();
            all.truncate(SKETCH_MAX);
            all
        };
        assert_eq!(similarity(&hashes(0, 40), &hashes(10, 50)), 0.6);
        assert_eq!(similarity(&hashes(0, 0), &hashes(0, 0)), 0.0);
        let far = similarity(&hashes(0, 9_000), &hashes(1_000, 10_000));
        assert!((far - 0.8).abs() < 0.2, "{far}");
        let contained = similarity(&hashes(0, 30), &hashes(0, 3_000));
        assert!(contained < 0.1, "{contained}");
    }

    #[test]
    fn a_case_takes_the_memory_that_the_documentation_says() {
        let most = size_of::<Sketch>() + SKETCH_MAX * size_of::<u32>();
        assert!(most <= 280, "{most}");
    }
}
