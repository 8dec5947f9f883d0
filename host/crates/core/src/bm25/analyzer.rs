//! From text to terms: lower case, words, stop words, stems.
//!
//! The rules are those of `bm25s.tokenize`: Python's `str.lower`, its pattern
//! `(?u)\b\w\w+\b` (all words of two characters or more), stop words dropped as
//! they are written, and a Snowball stemmer on what is left.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rust_stemmers::{Algorithm, Stemmer as Snowball};
use serde::{Deserialize, Serialize};

use super::word::{WORD_BYTE, is_word_char};

/// The English stop words of bm25s.
pub const STOPWORDS_EN: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it",
    "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these",
    "they", "this", "to", "was", "will", "with",
];

/// Which words are no terms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Stopwords {
    /// Those of [`STOPWORDS_EN`].
    #[default]
    English,
    /// None; all words count.
    None,
    /// A list of one's own, compared with words in lower case.
    Own(BTreeSet<String>),
}

/// What is cut off words, so that forms of one word are one term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stemmer {
    /// Nothing.
    None,
    /// The endings that Snowball 2's `english` knows.
    #[default]
    English,
}

/// How texts become terms; the same for documents and queries of an index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Analysis {
    /// Words that are dropped.
    pub stopwords: Stopwords,
    /// What is done to the others.
    pub stemmer: Stemmer,
}

/// Turns texts into terms.
///
/// ```
/// use fapo_core::bm25::{Analysis, Analyzer};
///
/// let analyzer = Analyzer::new(&Analysis::default());
/// let terms = analyzer.terms("The Runner is running, a 2nd time!");
/// assert_eq!(terms, ["runner", "run", "2nd", "time"]);
/// ```
pub struct Analyzer {
    stopwords: Vec<String>,
    stemmer: Option<Snowball>,
}

impl Analyzer {
    /// Prepares what an [`Analysis`] asks for.
    pub fn new(analysis: &Analysis) -> Self {
        // Both lists are in the order of their bytes.
        let stopwords = match &analysis.stopwords {
            Stopwords::English => STOPWORDS_EN.map(str::to_owned).into(),
            Stopwords::None => Vec::new(),
            Stopwords::Own(words) => words.iter().cloned().collect(),
        };
        let stemmer = match analysis.stemmer {
            Stemmer::None => None,
            Stemmer::English => Some(Snowball::create(Algorithm::English)),
        };
        Self { stopwords, stemmer }
    }

    /// Returns the terms of a text, in order and with repeats.
    pub fn terms(&self, text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        for_each_word(text, |word| {
            terms.extend(self.term(word).map(Cow::into_owned));
        });
        terms
    }

    /// Returns the term that a word stands for, or nothing for a stop word.
    pub(super) fn term<'a>(&self, word: &'a str) -> Option<Cow<'a, str>> {
        if self.is_stopword(word) {
            return None;
        }
        Some(match &self.stemmer {
            Some(stemmer) => stemmer.stem(word),
            None => Cow::Borrowed(word),
        })
    }

    fn is_stopword(&self, word: &str) -> bool {
        let found = self.stopwords.binary_search_by(|stop| (**stop).cmp(word));
        found.is_ok()
    }
}

/// Calls back with each word of a text, in lower case.
pub(super) fn for_each_word(text: &str, mut each: impl FnMut(&str)) {
    if text.is_ascii() {
        let lower = text.to_ascii_lowercase();
        for_each_ascii_word(&lower, &mut each);
    } else {
        // The whole text at once, since the form of a sigma depends on what
        // stands around it.
        let lower = text.to_lowercase();
        let words = lower.split(|c: char| !is_word_char(c));
        words.filter(|word| has_two_chars(word)).for_each(each);
    }
}

fn for_each_ascii_word(lower: &str, each: &mut impl FnMut(&str)) {
    let bytes = lower.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !WORD_BYTE[usize::from(*byte)] {
            if at - start >= 2 {
                each(&lower[start..at]);
            }
            start = at + 1;
        }
    }
    if bytes.len() >= start + 2 {
        each(&lower[start..]);
    }
}

fn has_two_chars(word: &str) -> bool {
    word.chars().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, words: &[&str]) {
        let mut seen = Vec::new();
        for_each_word(text, |word| seen.push(word.to_owned()));
        assert_eq!(seen, words, "{text:?}");
    }

    #[test]
    fn words_have_two_characters_or_more() {
        check("a bc d_ 1 23 x", &["bc", "d_", "23"]);
        check("", &[]);
        check("I", &[]);
        check("é éa 中 中国", &["éa", "中国"]);
    }

    #[test]
    fn ends_of_the_text_are_ends_of_words() {
        check("ab", &["ab"]);
        check("-ab-", &["ab"]);
        check("ab é", &["ab"]);
    }

    #[test]
    fn words_are_in_the_lower_case_of_python() {
        check("ABC Éa", &["abc", "éa"]);
        // `İ` becomes an `i` and a mark, which ends the word.
        check("İstanbul ABİC", &["stanbul", "abi"]);
        check("ΟΔΟΣ ΣΑΣ.", &["οδος", "σας"]);
        check("STRASSE Straße ẞß", &["strasse", "straße", "ßß"]);
        check("K\u{212a} Å\u{212b}", &["kk", "åå"]);
    }

    #[test]
    fn marks_divide_words() {
        check("na\u{308}ive", &["na", "ive"]);
        check("don't rock-n-roll", &["don", "rock", "roll"]);
    }

    #[test]
    fn stop_words_are_dropped_before_stemming() {
        let analyzer = Analyzer::new(&Analysis::default());
        // `ares` is no stop word, although `are` is one.
        assert_eq!(analyzer.terms("the ares are"), ["are"]);
        assert!(STOPWORDS_EN.is_sorted());
    }

    #[test]
    fn a_list_of_ones_own_takes_the_place_of_the_english_one() {
        let analysis = Analysis {
            stopwords: Stopwords::Own(["foo".to_owned()].into()),
            stemmer: Stemmer::None,
        };
        let analyzer = Analyzer::new(&analysis);
        assert_eq!(analyzer.terms("The Foo runs"), ["the", "runs"]);
    }
}
