//! Comparisons of texts, as the official scripts of SQuAD and HotpotQA make
//! them, and as DSPy does.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Returns a text as SQuAD and HotpotQA compare it: in lower case, without
/// ASCII punctuation and the articles `a`, `an` and `the`, words one space
/// apart.
///
/// ```
/// assert_eq!(fapo_sdk::score::normalize("The  Black Sea."), "black sea");
/// ```
pub fn normalize(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    // What the script does to a text, it does to each of its words: a blank ends
    // a word for all of its rules, and none of them makes one of two.
    for word in text.split(is_blank).filter(|word| !word.is_empty()) {
        if word.bytes().all(|byte| byte.is_ascii_graphic()) {
            let from = begin_word(&mut normal);
            let kept = word.bytes().filter(u8::is_ascii_alphanumeric);
            normal.extend(kept.map(|byte| byte.to_ascii_lowercase() as char));
            end_word(&mut normal, from);
            continue;
        }
        let lower = word.to_lowercase();
        let bare: String = lower
            .chars()
            .filter(|c| !c.is_ascii_punctuation())
            .collect();
        for part in without_articles(&bare).split(is_blank) {
            let from = begin_word(&mut normal);
            normal.push_str(part);
            end_word(&mut normal, from);
        }
    }
    normal
}

/// Puts a blank between words, and returns where it was put.
fn begin_word(normal: &mut String) -> usize {
    let from = normal.len();
    if from > 0 {
        normal.push(' ');
    }
    from
}

/// Takes the word that was begun away again if it is an article, or nothing.
fn end_word(normal: &mut String, from: usize) {
    let blank = usize::from(from > 0);
    if matches!(&normal[from + blank..], "" | "a" | "an" | "the") {
        normal.truncate(from);
    }
}

/// Returns a text as DSPy compares it, and with it GEPA and FAPO: [`normalize`]
/// of the text's canonical decomposition (NFD).
///
/// So `é` is the same however it is encoded, but its accent stays, and an
/// article that only an accent makes another word is taken away: `thé` is no
/// more than the accent.
///
/// ```
/// use fapo_sdk::score::{dspy_normalize, normalize};
///
/// assert_eq!(dspy_normalize("The Caf\u{e9}!"), "cafe\u{301}");
/// assert_eq!(normalize("The Caf\u{e9}!"), "caf\u{e9}");
/// ```
pub fn dspy_normalize(text: &str) -> String {
    if text.is_ascii() {
        return normalize(text);
    }
    let decomposed: String = text.nfd().collect();
    normalize(&decomposed)
}

/// Says whether two texts are the same as DSPy's `EM` tells.
///
/// ```
/// use fapo_sdk::score::{dspy_exact_match, exact_match};
///
/// assert!(dspy_exact_match("cafe\u{301}", "the caf\u{e9}"));
/// assert!(!exact_match("cafe\u{301}", "the caf\u{e9}"));
/// ```
pub fn dspy_exact_match(output: &str, expected: &str) -> bool {
    dspy_normalize(output) == dspy_normalize(expected)
}

/// What does not count when two texts are compared.
///
/// ```
/// use fapo_sdk::score::Normalize;
///
/// assert!(Normalize::Hotpotqa.exact_match("the Black Sea.", "Black sea"));
/// assert!(Normalize::Case.exact_match("BLACK  sea", "Black Sea"));
/// assert!(!Normalize::Nothing.exact_match("black sea", "Black Sea"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Normalize {
    /// What HotpotQA's script takes away, which is what [`normalize`] does; F1
    /// is [`hotpot_f1`].
    #[default]
    Hotpotqa,
    /// The same, as SQuAD's script counts it: F1 is [`f1`].
    Squad,
    /// Upper and lower case, and the kind and number of blanks.
    Case,
    /// Blanks at both ends and no more: every other character counts.
    Nothing,
}

impl Normalize {
    /// Returns a text without what does not count.
    pub fn apply(self, text: &str) -> String {
        match self {
            Self::Hotpotqa | Self::Squad => normalize(text),
            Self::Case => spaced(&text.to_lowercase()),
            Self::Nothing => text.trim().to_owned(),
        }
    }

    /// Says whether two texts are the same.
    pub fn exact_match(self, output: &str, expected: &str) -> bool {
        self.apply(output) == self.apply(expected)
    }

    /// Says whether the expected text is in the output: among its words, or,
    /// where punctuation counts, anywhere in it.
    pub fn contains(self, output: &str, expected: &str) -> bool {
        match self {
            Self::Hotpotqa | Self::Squad => contains(output, expected),
            Self::Case | Self::Nothing => {
                let expected = self.apply(expected);
                !expected.is_empty() && self.apply(output).contains(&expected)
            }
        }
    }

    /// Returns the F1 of the words that both texts have, from 0 to 1.
    pub fn f1(self, output: &str, expected: &str) -> f64 {
        match self {
            Self::Hotpotqa => hotpot_f1(output, expected),
            Self::Squad | Self::Case | Self::Nothing => {
                words_f1(&self.apply(output), &self.apply(expected))
            }
        }
    }
}

/// Says whether two texts are the same once they are normalized.
///
/// ```
/// assert!(fapo_sdk::score::exact_match("Black sea!", "the Black Sea"));
/// ```
pub fn exact_match(output: &str, expected: &str) -> bool {
    normalize(output) == normalize(expected)
}

/// Says whether the normalized expected text is among the normalized words of
/// the output.
///
/// ```
/// use fapo_sdk::score::contains;
///
/// assert!(contains("It flows into the Black Sea.", "black sea"));
/// assert!(!contains("It is in blackmail.", "black"));
/// ```
pub fn contains(output: &str, expected: &str) -> bool {
    has_words(&normalize(output), &normalize(expected))
}

/// Says whether words stand in a text of words, one after the other.
fn has_words(text: &str, words: &str) -> bool {
    let mut from = 0;
    while let Some(at) = text[from..].find(words).map(|at| from + at) {
        let end = at + words.len();
        let begins = at == 0 || text[..at].ends_with(' ');
        // No words at all are in nothing.
        if begins && end > at && (end == text.len() || text[end..].starts_with(' ')) {
            return true;
        }
        // The next place may lie within this one: `b b` in `ab b b`.
        match text[at..].chars().next() {
            Some(c) => from = at + c.len_utf8(),
            None => return false,
        }
    }
    false
}

/// Returns the F1 of the normalized words that both texts have, from 0 to 1.
/// Where one of them has no words, it is 1 if neither has, as SQuAD 2.0 counts.
///
/// ```
/// assert_eq!(fapo_sdk::score::f1("flows into the Black Sea", "the Black Sea"), 2.0 / 3.0);
/// ```
pub fn f1(output: &str, expected: &str) -> f64 {
    words_f1(&normalize(output), &normalize(expected))
}

fn words_f1(output: &str, expected: &str) -> f64 {
    let got: Vec<_> = output.split_whitespace().collect();
    let mut left: Vec<_> = expected.split_whitespace().collect();
    let n_expected = left.len();
    if got.is_empty() || left.is_empty() {
        return if got.len() == left.len() { 1.0 } else { 0.0 };
    }
    let mut n_common = 0;
    for word in &got {
        // Each word of the expected text counts once.
        if let Some(at) = left.iter().position(|other| other == word) {
            left.swap_remove(at);
            n_common += 1;
        }
    }
    if n_common == 0 {
        return 0.0;
    }
    let precision = f64::from(n_common) / got.len() as f64;
    let recall = f64::from(n_common) / n_expected as f64;
    2.0 * precision * recall / (precision + recall)
}

/// Returns [`f1`] as HotpotQA counts it: where either text is `yes`, `no` or
/// `noanswer`, only the same word is worth anything, and texts without words
/// are worth nothing.
///
/// ```
/// use fapo_sdk::score::{f1, hotpot_f1};
///
/// assert!(f1("yes they were", "yes") > 0.0);
/// assert_eq!(hotpot_f1("yes they were", "yes"), 0.0);
/// ```
pub fn hotpot_f1(output: &str, expected: &str) -> f64 {
    let closed = |text: &str| ["yes", "no", "noanswer"].contains(&text);
    let (got, want) = (normalize(output), normalize(expected));
    if got.is_empty() || (got != want && (closed(&got) || closed(&want))) {
        return 0.0;
    }
    words_f1(&got, &want)
}

/// Returns the words of a text, one space apart.
fn spaced(text: &str) -> String {
    let words: Vec<_> = text
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

/// Says whether Python's `split`, which the scripts call, takes a character for
/// a blank: four more than Unicode does.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Replaces the words `a`, `an` and `the` by a blank. A word ends where the
/// official `\b` says.
fn without_articles(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        kept.push_str(if matches!(word, "a" | "an" | "the") {
            " "
        } else {
            word
        });
        let gap = after.find(is_of_word).unwrap_or(after.len());
        kept.push_str(&after[..gap]);
        rest = &after[gap..];
    }
    kept
}

/// Says whether a character is a letter or a digit to Python. It does not count
/// what Unicode counts beside them: vowel signs and other marks, and letters
/// in circles and squares.
fn is_of_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric();
    }
    let is_enclosed = matches!(
        c,
        '\u{24b6}'..='\u{24e9}'
            | '\u{1f130}'..='\u{1f149}'
            | '\u{1f150}'..='\u{1f169}'
            | '\u{1f170}'..='\u{1f189}'
    );
    c.is_alphanumeric() && !is_combining_mark(c) && !is_enclosed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizing_follows_the_official_script() {
        for (text, normal) in [
            ("The cat, a DOG & an owl!", "cat dog owl"),
            ("U.S.A.", "usa"),
            ("a.b", "ab"),
            ("theatre", "theatre"),
            ("well-known", "wellknown"),
            ("snake_case", "snakecase"),
            ("“the” cat", "“ ” cat"),
            ("Čapek\u{a0}the\tÉmigré", "čapek émigré"),
            ("the", ""),
            // Marks and letters in circles end a word; fractions do not.
            ("a\u{345} ⓐa नीa a½", "\u{345} ⓐ नी a½"),
            ("black\u{1f}sea", "black sea"),
        ] {
            assert_eq!(normalize(text), normal, "{text}");
        }
    }

    #[test]
    fn dspy_splits_accents_off_before_anything_else() {
        for (text, normal) in [
            ("th\u{e9} caf\u{e9}", "\u{301} cafe\u{301}"),
            ("\u{e0} la", "\u{300} la"),
            // Decomposed, and in the order of their classes.
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            ("\u{212b}ngstr\u{f6}m", "\u{30a}ngstro\u{308}m"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            // Of the same look alone: that is for no canonical form to say.
            ("\u{ff21}", "\u{ff41}"),
            ("“ﬁn”", "“ﬁn”"),
        ] {
            assert_eq!(dspy_normalize(text), normal, "{text}");
        }
        assert!(!dspy_exact_match("cafe", "caf\u{e9}"));
    }

    #[test]
    fn f1_counts_each_word_once() {
        assert_eq!(f1("sea sea", "sea"), 2.0 / 3.0);
        assert_eq!(f1("sea", "lake"), 0.0);
        let seventh = f1("Danube flows into the Black Sea", "the Black Sea") / 4.0;
        assert!((seventh - 1.0 / 7.0).abs() < 1e-15);
    }

    #[test]
    fn f1_of_texts_without_words_is_one_only_where_both_are() {
        assert_eq!(f1("the", "a"), 1.0);
        assert_eq!(f1("", "sea"), 0.0);
        assert_eq!(f1("sea", ""), 0.0);
    }

    #[test]
    fn hotpot_gives_nothing_for_half_of_a_closed_answer() {
        assert_eq!(hotpot_f1("Yes.", "yes"), 1.0);
        assert_eq!(hotpot_f1("no", "no sea"), 0.0);
        assert_eq!(hotpot_f1("black sea", "sea"), f1("black sea", "sea"));
        assert_eq!(hotpot_f1("the", "a"), 0.0);
    }

    #[test]
    fn what_does_not_count_is_chosen() {
        for (normalize, output, same, within, f1) in [
            (Normalize::Hotpotqa, "The sea-side!", false, false, 0.0),
            (Normalize::Squad, "yes, the sea", false, true, 2.0 / 3.0),
            (Normalize::Hotpotqa, "SEA.", true, true, 1.0),
            (Normalize::Case, "SEA.", false, true, 0.0),
            (Normalize::Case, "\tSEA ", true, true, 1.0),
            (Normalize::Nothing, "SEA", false, false, 0.0),
            (Normalize::Nothing, "undersea ", false, true, 0.0),
        ] {
            let row = format!("{normalize:?}: {output}");
            assert_eq!(normalize.exact_match(output, "sea"), same, "{row}");
            assert_eq!(normalize.contains(output, "sea"), within, "{row}");
            assert_eq!(normalize.f1(output, "sea"), f1, "{row}");
        }
    }

    #[test]
    fn words_are_found_wherever_they_stand_whole() {
        for (output, expected, is_in) in [
            ("ab b b", "b b", true),
            ("ab b", "b b", false),
            ("b bc b b", "b b", true),
            ("sea", "sea", true),
            ("éé é", "é", true),
            ("éé", "é", false),
            ("", "sea", false),
        ] {
            assert_eq!(contains(output, expected), is_in, "{output}: {expected}");
        }
    }

    #[test]
    fn an_empty_expected_text_is_in_nothing() {
        assert!(!contains("anything", "the"));
    }
}
