//! The names in a text: what it is about, as far as its spelling tells.

use crate::score::normalize;

/// How many names of a text are told apart; a chain searches for a few.
const NAMES_MAX: usize = 64;

/// How many words a name has at most.
const WORDS_MAX: usize = 8;

/// A quoted title has no more bytes; what is longer is a quotation.
const TITLE_BYTES_MAX: usize = 80;

/// Returns the names in a text, those that are surest first: quoted titles,
/// runs of capitalised words, single words that begin a sentence, years. Each
/// of them once, whatever its case and articles.
///
/// ```
/// use fapo_sdk::retrieve::names;
///
/// let text = "Was \"The Long Night\" of 1954 directed by Ann Holt of Vell? Orn is a river.";
/// assert_eq!(names(text), ["The Long Night", "Ann Holt of Vell", "Orn", "1954"]);
/// ```
pub fn names(text: &str) -> Vec<String> {
    let words = words(text);
    let mut found: Vec<&str> = quoted_titles(text);
    let mut unsure = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some(end) = run(&words, at) else {
            at += 1;
            continue;
        };
        let begins_sentence = words[at].after == After::Sentence;
        // `In Vell` and `The Orn` are about Vell and the Orn.
        let first = (at..end).find(|i| !is_common(words[*i].text));
        if let Some(first) = first {
            let name = bare(&text[words[first].at..words[end - 1].end()]);
            match end - first == 1 && first == at && begins_sentence {
                true => unsure.push(name),
                false => found.push(name),
            }
        }
        at = end;
    }
    found.append(&mut unsure);
    found.extend(words.iter().map(|word| word.text).filter(|w| is_year(w)));

    let mut seen: Vec<String> = Vec::new();
    let mut names = Vec::new();
    for name in found {
        let known_by = normalize(name);
        if !known_by.is_empty() && !seen.contains(&known_by) && names.len() < NAMES_MAX {
            seen.push(known_by);
            names.push(name.to_owned());
        }
    }
    names
}

/// Says whether a passage of this title is about what has this name: the title
/// is the name, or ends with it as that of a person does with the surname. What
/// stands in brackets behind a title does not count; a year only has to be
/// in it.
///
/// ```
/// use fapo_sdk::retrieve::covers;
///
/// assert!(covers("Ann Holt (director)", "Holt"));
/// assert!(covers("The Long Night", "Long night"));
/// assert!(!covers("Vell Bridge", "Vell"));
/// assert!(covers("1954 Orn flood", "1954"));
/// ```
pub fn covers(title: &str, name: &str) -> bool {
    let (title, name) = (normalize(unbracketed(title)), normalize(name));
    if name.is_empty() {
        return false;
    }
    if is_year(&name) {
        return title.split(' ').any(|word| word == name);
    }
    match title.strip_suffix(&name) {
        Some(before) => before.is_empty() || before.ends_with(' '),
        None => false,
    }
}

/// Returns a title without the brackets at its end.
pub(super) fn unbracketed(title: &str) -> &str {
    match title.rsplit_once(" (") {
        Some((bare, inside)) if inside.ends_with(')') && !bare.trim().is_empty() => bare,
        _ => title,
    }
}

/// What stands before a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// A blank, so that the word may belong to the one before.
    Word,
    /// A comma, a bracket, a quotation mark.
    Pause,
    /// The end of a sentence, or nothing.
    Sentence,
}

struct Word<'a> {
    text: &'a str,
    at: usize,
    after: After,
}

impl Word<'_> {
    fn end(&self) -> usize {
        self.at + self.text.len()
    }

    fn is_capital(&self) -> bool {
        self.text.starts_with(char::is_uppercase)
    }

    fn is_number(&self) -> bool {
        self.text.bytes().all(|b| b.is_ascii_digit())
    }
}

/// Returns the words of a text, and how each follows on the one before.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut gap = 0;
    let mut from = None;
    for (at, c) in text.char_indices().chain([(text.len(), '\n')]) {
        // A mark between letters is part of the word: `O'Hara`, `Jean-Luc`.
        let joins = matches!(c, '\'' | '’' | '-') && from.is_some() && {
            let next = text[at + c.len_utf8()..].chars().next();
            next.is_some_and(char::is_alphanumeric)
        };
        let is_in = (c.is_alphanumeric() && at < text.len()) || joins;
        match (from, is_in) {
            (None, true) => from = Some(at),
            (Some(begin), false) => {
                let after = match words.last() {
                    None => After::Sentence,
                    Some(last) => after(last.text, &text[gap..begin]),
                };
                words.push(Word {
                    text: &text[begin..at],
                    at: begin,
                    after,
                });
                (from, gap) = (None, at);
            }
            _ => {}
        }
    }
    words
}

/// Says what the text between two words is.
fn after(word: &str, gap: &str) -> After {
    const SHORT: [&str; 7] = ["Dr", "Jr", "Mr", "Mrs", "Ms", "Sr", "St"];
    let is_initial = word.chars().count() == 1 && word.starts_with(char::is_uppercase);
    let gap = match gap.strip_prefix('.') {
        // `J. R. Holt` goes on.
        Some(rest) if is_initial || SHORT.contains(&word) => rest,
        _ => gap,
    };
    if gap.contains(['.', '!', '?', ':', ';', '\n', '|']) {
        After::Sentence
    } else if gap.chars().all(char::is_whitespace) || gap.trim() == "&" {
        After::Word
    } else {
        After::Pause
    }
}

/// Returns the end of the run of capitalised words that begins here, if one does.
fn run(words: &[Word<'_>], at: usize) -> Option<usize> {
    const BETWEEN: [&str; 12] = [
        "da", "de", "del", "der", "di", "du", "la", "le", "of", "the", "van", "von",
    ];
    if !words[at].is_capital() {
        return None;
    }
    let mut end = at + 1;
    while end < words.len() && end - at < WORDS_MAX {
        let goes_on = |word: &Word<'_>| word.after == After::Word;
        let word = &words[end];
        if !goes_on(word) {
            break;
        }
        if word.is_capital() || word.is_number() {
            end += 1;
            continue;
        }
        // Small words belong to a name only with a capital behind them.
        let small = words[end..]
            .iter()
            .take_while(|word| goes_on(word) && BETWEEN.contains(&word.text))
            .count();
        let next = words.get(end + small);
        let is_within = (1..=2).contains(&small) && end + small - at < WORDS_MAX;
        if !is_within || !next.is_some_and(|next| goes_on(next) && next.is_capital()) {
            break;
        }
        end += small + 1;
    }
    Some(end)
}

/// Returns what stands in quotation marks and looks like a title.
fn quoted_titles(text: &str) -> Vec<&str> {
    let mut titles = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find(['"', '“', '«']) {
        let mark = rest[open..].chars().next().expect("a mark was found");
        let close = match mark {
            '“' => '”',
            '«' => '»',
            same => same,
        };
        let inside = &rest[open + mark.len_utf8()..];
        let Some(end) = inside.find(close) else { break };
        let title = inside[..end].trim().trim_end_matches([',', '.']);
        let begins = title.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        if begins && title.len() <= TITLE_BYTES_MAX && !title.contains(['\n', '|']) {
            titles.push(title);
        }
        rest = &inside[end + close.len_utf8()..];
    }
    titles
}

/// Returns a name without the `'s` of its owner.
fn bare(name: &str) -> &str {
    name.strip_suffix("'s")
        .or(name.strip_suffix("’s"))
        .unwrap_or(name)
}

pub(super) fn is_year(word: &str) -> bool {
    word.len() == 4 && word.parse().is_ok_and(|year| (1000..2100).contains(&year))
}

/// Words whose capital is only there because a sentence begins, or because
/// English writes them so. They are sorted, to be searched.
const COMMON: [&str; 58] = [
    "A",
    "According",
    "After",
    "All",
    "Also",
    "An",
    "And",
    "Are",
    "As",
    "At",
    "Based",
    "Before",
    "Both",
    "But",
    "By",
    "Did",
    "Do",
    "Does",
    "During",
    "For",
    "From",
    "He",
    "Her",
    "His",
    "How",
    "However",
    "I",
    "If",
    "In",
    "Is",
    "It",
    "Its",
    "Neither",
    "No",
    "Of",
    "On",
    "One",
    "Or",
    "She",
    "Since",
    "That",
    "The",
    "Their",
    "There",
    "These",
    "They",
    "This",
    "Through",
    "To",
    "Was",
    "Were",
    "What",
    "When",
    "Where",
    "Which",
    "Who",
    "Whose",
    "Yes",
];

fn is_common(word: &str) -> bool {
    COMMON.binary_search(&word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_runs_of_capitals() {
        for (text, expected) in [
            (
                "In Vell Ann Holt met Bo Lind.",
                &["Vell Ann Holt", "Bo Lind"] as &[_],
            ),
            (
                "Ann Holt, Bo Lind and Cy Marr",
                &["Ann Holt", "Bo Lind", "Cy Marr"],
            ),
            ("the University of Vell is old", &["University of Vell"]),
            ("J. R. Holt's house in St. Orn", &["J. R. Holt", "St. Orn"]),
            ("Holt & Sons of the Marsh", &["Holt & Sons of the Marsh"]),
            ("Who won? Orn won.", &["Orn"]),
            ("apollo and Apollo 11", &["Apollo 11"]),
            ("the flood of 1954, and 12345", &["1954"]),
            (
                "Čapek wrote “R.U.R.” in Émigré",
                &["R.U.R", "Émigré", "Čapek"],
            ),
            ("", &[]),
            ("nothing here", &[]),
            ("\"unclosed Vell", &["Vell"]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_is_found_once_whatever_its_articles() {
        assert_eq!(
            names("It was \"The Long Night\". I saw the Long Night."),
            ["The Long Night"]
        );
    }

    #[test]
    fn common_words_are_in_the_order_of_a_search() {
        assert!(COMMON.is_sorted());
    }

    #[test]
    fn a_title_covers_what_it_ends_with() {
        assert!(covers("Ann Holt", "ann holt"));
        assert!(covers("Ann Holt", "Holt"));
        assert!(!covers("Ann Berholt", "Holt"));
        assert!(!covers("Holt House", "Holt"));
        assert!(!covers("Ann Holt", "the"));
        assert!(!covers("", "Holt"));
        assert!(covers("(film)", "film"));
        assert!(!covers("Orn flood (1954)", "1954"));
    }

    #[test]
    fn no_text_is_too_strange_or_too_long() {
        let mut state = 3_u64;
        let alphabet: Vec<char> = "Aa1 .\n\"“”«»'’-|&(éÉ".chars().collect();
        for _ in 0..3000 {
            let text: String = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
                    alphabet[(state >> 33) as usize % alphabet.len()]
                })
                .collect();
            let names = names(&text);
            assert!(names.iter().all(|name| text.contains(name)), "{text:?}");
            assert!(
                names
                    .iter()
                    .all(|name| name.split(' ').count() <= WORDS_MAX + 40)
            );
        }
        let many: String = (0..500).map(|n| format!("Name{n}, ")).collect();
        assert_eq!(names(&many).len(), NAMES_MAX);
    }
}
