//! Words and sentences, as the simulator tells them apart.

use super::chance::hash;

/// A word of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// Words of one stem are taken for one another.
    pub(super) stem: u64,
    /// Says little by itself.
    pub(super) is_stop: bool,
    pub(super) is_capital: bool,
    pub(super) is_number: bool,
}

impl Word<'_> {
    pub(super) fn end(&self) -> usize {
        self.at + self.text.len()
    }

    pub(super) fn is(&self, other: &str) -> bool {
        self.text.eq_ignore_ascii_case(other)
    }

    pub(super) fn is_one_of(&self, others: &[&str]) -> bool {
        others.iter().any(|other| self.is(other))
    }
}

/// Returns the words of a text.
pub(super) fn words(text: &str) -> Vec<Word<'_>> {
    let bytes = text.as_bytes();
    let mut words = Vec::with_capacity(text.len() / 6 + 1);
    let mut at = 0;
    while at < bytes.len() {
        let step = letter(text, at);
        if step == 0 {
            at += width(bytes[at]);
            continue;
        }
        let from = at;
        at += step;
        while at < bytes.len() {
            let step = letter(text, at);
            let step = if step > 0 { step } else { joint(text, at) };
            if step == 0 {
                break;
            }
            at += step;
        }
        words.push(word(text, from, at));
    }
    words
}

/// Returns the width of a letter or digit; of anything else, none.
fn letter(text: &str, at: usize) -> usize {
    let byte = text.as_bytes()[at];
    if byte.is_ascii() {
        return usize::from(byte.is_ascii_alphanumeric());
    }
    let c = text[at..].chars().next();
    c.filter(|c| c.is_alphanumeric()).map_or(0, char::len_utf8)
}

/// Returns the width of what joins the letters around it into one word.
fn joint(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let width = match bytes[at] {
        b'.' | b',' if is_digit(at - 1) && is_digit(at + 1) => return 1,
        b'\'' | b'-' => 1,
        0xe2 if text[at..].starts_with(['’', '–']) => 3,
        _ => return 0,
    };
    match at + width < bytes.len() && letter(text, at + width) > 0 {
        true => width,
        false => 0,
    }
}

/// Returns the width of a character that begins with this byte.
fn width(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

fn word(text: &str, from: usize, to: usize) -> Word<'_> {
    let text = &text[from..to];
    let first = text.chars().next().unwrap_or(' ');
    // Longer words differ early enough.
    let mut low = [0; 48];
    let mut len = 0;
    if text.is_ascii() {
        len = text.len().min(low.len());
        low[..len].copy_from_slice(&text.as_bytes()[..len]);
        low[..len].make_ascii_lowercase();
    } else {
        for c in text.chars().flat_map(char::to_lowercase) {
            if len + c.len_utf8() > low.len() {
                break;
            }
            len += c.encode_utf8(&mut low[len..]).len();
        }
    }
    let low = &low[..len];
    Word {
        text,
        at: from,
        stem: stem(low),
        is_stop: packed(low).is_some_and(|low| STOPS.binary_search(&low).is_ok()),
        is_capital: first.is_uppercase(),
        is_number: first.is_ascii_digit(),
    }
}

/// Words that say little by themselves, in order.
const STOP_WORDS: [&str; 95] = [
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been",
    "before", "being", "both", "but", "by", "can", "could", "did", "do", "does", "during", "each",
    "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is",
    "it", "its", "kind", "many", "may", "me", "more", "most", "much", "name", "named", "no", "not",
    "of", "on", "one", "or", "other", "our", "out", "over", "she", "should", "so", "some", "such",
    "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those",
    "to", "under", "up", "was", "we", "were", "what", "when", "where", "which", "who", "whom",
    "whose", "why", "will", "with", "would", "you", "your",
];

/// Words that mean the same and look otherwise, with what they are taken for.
const SAME: [(&str, &str); 23] = [
    ("author", "writ"),
    ("born", "birth"),
    ("bought", "buy"),
    ("built", "build"),
    ("creator", "creat"),
    ("dead", "death"),
    ("designer", "design"),
    ("died", "death"),
    ("director", "direct"),
    ("founder", "found"),
    ("held", "hold"),
    ("inventor", "invent"),
    ("leader", "lead"),
    ("led", "lead"),
    ("made", "mak"),
    ("owner", "own"),
    ("painter", "paint"),
    ("sung", "sing"),
    ("winner", "win"),
    ("won", "win"),
    ("writer", "writ"),
    ("written", "writ"),
    ("wrote", "writ"),
];

fn stem(low: &[u8]) -> u64 {
    let mut stem = low;
    for owner in [&b"'s"[..], "’s".as_bytes()] {
        stem = stem.strip_suffix(owner).unwrap_or(stem);
    }
    if let Some(same) = same(stem) {
        return hash(same);
    }
    for (suffix, left) in [
        ("ing", 3),
        ("ed", 3),
        ("es", 3),
        ("s", 3),
        ("ly", 4),
        ("e", 3),
    ] {
        if let Some(short) = stem.strip_suffix(suffix.as_bytes())
            && short.len() >= left
            && !(suffix == "s" && short.ends_with(b"s"))
        {
            stem = short;
            break;
        }
    }
    hash(same(stem).unwrap_or(stem))
}

fn same(word: &[u8]) -> Option<&'static [u8]> {
    let at = SAMES.binary_search(&packed(word)?).ok()?;
    Some(SAME[at].1.as_bytes())
}

/// The words above as numbers, since each word of a prompt is looked for there.
static STOPS: [u64; STOP_WORDS.len()] = {
    let mut packed = [0; STOP_WORDS.len()];
    let mut at = 0;
    while at < packed.len() {
        packed[at] = pack(STOP_WORDS[at].as_bytes());
        at += 1;
    }
    packed
};
static SAMES: [u64; SAME.len()] = {
    let mut packed = [0; SAME.len()];
    let mut at = 0;
    while at < packed.len() {
        packed[at] = pack(SAME[at].0.as_bytes());
        at += 1;
    }
    packed
};

/// Returns a word as a number, if it is short enough for that. The numbers
/// stand in the order of the words.
fn packed(word: &[u8]) -> Option<u64> {
    (word.len() <= 8).then(|| pack(word))
}

const fn pack(word: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let (head, _) = bytes.split_at_mut(word.len());
    head.copy_from_slice(word);
    u64::from_be_bytes(bytes)
}

/// Returns the sentences of a text.
pub(super) fn sentences(text: &str) -> Vec<&str> {
    let mut sentences = Vec::new();
    let mut from = 0;
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let ends = match byte {
            b'\n' => true,
            b'.' | b'!' | b'?' => {
                matches!(bytes.get(at + 1), None | Some(b' ' | b'\n' | b'"'))
                    && starts_anew(&text[at + 1..])
                    && !(*byte == b'.' && is_short_form(&text[from..at]))
            }
            _ => false,
        };
        if ends {
            push(&mut sentences, &text[from..=at]);
            from = at + 1;
        }
    }
    push(&mut sentences, &text[from..]);
    sentences
}

/// Sentences that are longer are taken apart: what is done with a sentence may
/// grow with the square of its length.
const SENTENCE_BYTES_MAX: usize = 800;

fn push<'a>(sentences: &mut Vec<&'a str>, text: &'a str) {
    let mut text = text.trim();
    while text.len() > SENTENCE_BYTES_MAX {
        let cut = (1..=SENTENCE_BYTES_MAX)
            .rev()
            .find(|at| text.is_char_boundary(*at));
        let cut = cut.unwrap_or(text.len());
        let cut = text[..cut]
            .rfind(' ')
            .filter(|space| *space > 0)
            .unwrap_or(cut);
        sentences.push(&text[..cut]);
        text = text[cut..].trim_start();
    }
    if text.chars().any(char::is_alphanumeric) {
        sentences.push(text);
    }
}

fn starts_anew(rest: &str) -> bool {
    let next = rest
        .trim_start_matches([' ', '"', '\'', '“', '('])
        .chars()
        .next();
    next.is_none_or(|c| !c.is_lowercase())
}

/// Tells whether a point after this belongs to the word.
fn is_short_form(before: &str) -> bool {
    let last = before.rsplit([' ', '(', '"']).next().unwrap_or_default();
    let mut chars = last.chars();
    match (chars.next(), chars.next()) {
        // The initial of a name.
        (Some(c), None) => c.is_uppercase(),
        (Some(_), Some('.')) => true,
        _ => [
            "Mr", "Mrs", "Ms", "Dr", "St", "Jr", "Sr", "vs", "Prof", "Mt", "No",
        ]
        .contains(&last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stem_of(word: &str) -> u64 {
        words(word)[0].stem
    }

    #[test]
    fn the_stop_words_and_their_like_stand_in_order() {
        assert!(STOP_WORDS.is_sorted());
        let all = STOP_WORDS.iter().chain(SAME.iter().map(|(word, _)| word));
        assert!(all.into_iter().all(|word| word.len() <= 8));
        assert!(SAME.is_sorted());
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        for (one, other) in [
            ("designs", "designed"),
            ("lived", "living"),
            ("France's", "france"),
            ("wrote", "author"),
            ("city", "City"),
        ] {
            assert_eq!(stem_of(one), stem_of(other), "{one} {other}");
        }
        assert_ne!(stem_of("river"), stem_of("lake"));
    }

    #[test]
    fn numbers_and_names_are_single_words() {
        let words = words("It has 1,204.5 m, O'Neill's Austro-Hungarian home.");
        let texts: Vec<_> = words.iter().map(|word| word.text).collect();
        let expected = [
            "It",
            "has",
            "1,204.5",
            "m",
            "O'Neill's",
            "Austro-Hungarian",
            "home",
        ];
        assert_eq!(texts, expected);
    }

    #[test]
    fn a_sentence_does_not_end_amid_a_name() {
        let text = "Dr. J. R. Holt lived in the U.S. until 1990. He left.\nThen he came back";
        let expected = [
            "Dr. J. R. Holt lived in the U.S. until 1990.",
            "He left.",
            "Then he came back",
        ];
        assert_eq!(sentences(text), expected);
    }
}
