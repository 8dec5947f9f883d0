//! The letter that an answer to a multiple choice question gives.

use regex_lite::Regex;

use super::Normalize;
use crate::parse::boxed;

/// Returns the letter from A to J that an answer chooses, in upper case.
///
/// A box counts first, then what the answer says it is (`the answer is B`), then a
/// last line that is a letter alone. Otherwise letters that begin lines (`B) …`)
/// or stand in brackets (`(B)`, `**B**`) count where there is one and no other:
/// an answer that discusses several without a choice has none.
///
/// ```
/// use fapo_sdk::score::choice;
///
/// assert_eq!(choice("I think the answer is **B**, not C."), Some('B'));
/// assert_eq!(choice("(b)"), Some('B'));
/// assert_eq!(choice("A good question. Either (B) or (C)."), None);
/// ```
pub fn choice(text: &str) -> Option<char> {
    if let Ok(inside) = boxed(text) {
        // `\boxed{\text{B}}` holds a letter, too.
        let inside = inside.strip_prefix("\\text{").unwrap_or(&inside);
        return line_letter(inside.trim_end_matches('}')).map(|line| line.letter);
    }
    let lines: Vec<_> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = || lines.last().and_then(|line| line_letter(line));
    stated(text, "answer")
        .or_else(|| last().filter(|line| line.alone).map(|line| line.letter))
        .or_else(|| stated(text, "choice|option"))
        .or_else(|| {
            only(
                lines
                    .iter()
                    .filter_map(|line| line_letter(line))
                    .map(|line| line.letter),
            )
        })
        .or_else(|| only(bracketed(text)))
}

/// Returns the letter that an answer chooses among options, the first of which
/// is A: by its letter, or by the option's text.
///
/// ```
/// use fapo_sdk::score::choice_among;
///
/// let options = ["Danube", "Black Sea"];
/// assert_eq!(choice_among("It is the black sea.", &options), Some('B'));
/// assert_eq!(choice_among("(C)", &options), None);
/// ```
pub fn choice_among<T: AsRef<str>>(text: &str, options: &[T]) -> Option<char> {
    let letters = || LETTERS.chars().zip(options);
    if let Some(letter) = choice(text) {
        return letters()
            .map(|(known, _)| known)
            .find(|known| *known == letter);
    }
    let normalize = Normalize::Squad;
    letters()
        .find(|(_, option)| normalize.exact_match(text, option.as_ref()))
        .map(|(letter, _)| letter)
        .or_else(|| {
            let within = letters().filter(|(_, option)| normalize.contains(text, option.as_ref()));
            only(within.map(|(letter, _)| letter))
        })
}

/// The letters that an option may have.
const LETTERS: &str = "ABCDEFGHIJ";

/// A line that begins with a letter, set apart from what follows.
struct Line {
    letter: char,
    /// Whether nothing follows.
    alone: bool,
}

fn line_letter(line: &str) -> Option<Line> {
    let opened = line.trim_start_matches(|c: char| c.is_whitespace() || "*_\"'`#>-$".contains(c));
    let inside = opened.trim_start_matches(['(', '[']);
    let mut rest = inside.chars();
    let letter = rest.next()?;
    let rest = rest.as_str();
    let closed = rest.trim_start_matches([')', ']', '.', ':', ',', '*', '_', '"', '\'', '`', '$']);
    let has_bracket = inside.len() < opened.len() && rest.starts_with([')', ']']);
    // Without a bracket `a` is an article, and `a b` a beginning of a sentence.
    if !letter.is_ascii_uppercase() && !has_bracket {
        return None;
    }
    let alone = closed.trim().is_empty();
    let is_dash = |c| matches!(c, '-' | '\u{2013}' | '\u{2014}');
    let is_apart = closed.starts_with(char::is_whitespace)
        && (closed.len() < rest.len() || closed.trim_start().starts_with(is_dash));
    let letter = known(letter).filter(|_| alone || is_apart)?;
    Some(Line { letter, alone })
}

/// Returns the letter that the last `the answer is …`, or the like, states.
fn stated(text: &str, words: &str) -> Option<char> {
    let statement = format!(
        r#"(?i)\b(?:{words})(\s+(?:is|would be|should be|must be))?[\s*_"'`:=$-]*([(\[]?)([A-J])\b([)\]]?)(.?)"#
    );
    let statement = Regex::new(&statement).expect("the pattern is a regular expression");
    let letters = statement.captures_iter(text).filter_map(|found| {
        let group = |n| found.get(n).map_or("", |group| group.as_str());
        let (is, letter, next) = (group(1), group(3).chars().next()?, group(5));
        let in_brackets = !group(2).is_empty() && !group(4).is_empty();
        // A word of the language goes on with a blank: `answer: a river`.
        let is_word =
            letter.is_ascii_lowercase() || letter == 'I' || letter == 'A' && is.is_empty();
        let goes_on = next.starts_with(|c: char| c.is_whitespace() || c == '\'' || c == '-');
        known(letter).filter(|_| in_brackets || !is_word || !goes_on)
    });
    letters.last()
}

/// Returns the letters in brackets or in bold.
fn bracketed(text: &str) -> impl Iterator<Item = char> {
    let pattern = Regex::new(r"\(([A-Ja-j])\)|\*\*\(?([A-J])[).:]*\*\*");
    let pattern = pattern.expect("the pattern is a regular expression");
    let letters: Vec<_> = pattern
        .captures_iter(text)
        .filter_map(|found| found.get(1).or(found.get(2)))
        .filter_map(|group| known(group.as_str().chars().next()?))
        .collect();
    letters.into_iter()
}

fn known(letter: char) -> Option<char> {
    let letter = letter.to_ascii_uppercase();
    LETTERS.contains(letter).then_some(letter)
}

/// Returns the letter that is there, unless there are others.
fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    let first = letters.next()?;
    letters.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_read_as_models_write_it() {
        for (text, letter) in [
            ("B", 'B'),
            ("B.", 'B'),
            ("(B)", 'B'),
            ("[B]", 'B'),
            ("**B**", 'B'),
            ("**B.** London", 'B'),
            ("B) London", 'B'),
            ("B: London", 'B'),
            ("B - London", 'B'),
            ("(b) London", 'B'),
            ("answer is B", 'B'),
            ("The answer is B because it flows there.", 'B'),
            ("The answer is A because it flows there.", 'A'),
            ("The correct answer is (c).", 'C'),
            ("Answer: d", 'D'),
            ("**Answer:** J", 'J'),
            ("Answer: **(B)** London", 'B'),
            ("The answer should be \"E\".", 'E'),
            ("A is wrong. B is right.\n\nB", 'B'),
            (
                "A) Paris is wrong.\nB) London is right.\nThe answer is B.",
                'B',
            ),
            ("First I thought the answer is A. Now the answer is B.", 'B'),
            ("The answer is B, and not option C.", 'B'),
            ("I choose option C here.", 'C'),
            (r"so $\boxed{B}$", 'B'),
            (r"\boxed{\text{B}}", 'B'),
            (r"\boxed{(B)}", 'B'),
            ("It must be (D), since (D) alone fits.", 'D'),
            ("I am sure it is **C**", 'C'),
        ] {
            assert_eq!(choice(text), Some(letter), "{text}");
        }
    }

    #[test]
    fn words_and_open_questions_are_no_letter() {
        for text in [
            "",
            "London",
            "A river in London.",
            "a",
            "Answer: a river",
            "Answer: A river",
            "The answer is a river.",
            "I do not know.",
            "The answer is I do not know.",
            "The answer is not B",
            "Either (B) or (C).",
            "B) London\nC) Paris",
            "K",
            "(z)",
            "E.g. this one",
            "Hepatitis B is a virus",
            r"\boxed{12}",
        ] {
            assert_eq!(choice(text), None, "{text}");
        }
    }

    #[test]
    fn the_text_of_an_option_is_as_good_as_its_letter() {
        let options = ["the Danube", "Black Sea", "Sea"];
        for (text, letter) in [
            ("Danube", Some('A')),
            ("Black sea.", Some('B')),
            ("sea", Some('C')),
            ("It is the Danube, I think", Some('A')),
            ("The Danube or the Sea", None),
            ("C", Some('C')),
            ("D", None),
        ] {
            assert_eq!(choice_among(text, &options), letter, "{text}");
        }
    }
}
