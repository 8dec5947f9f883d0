//! Text that somebody else wrote: a guest, a dataset, a model, a provider.
//!
//! Such text may hold escape sequences that repaint a terminal, line breaks
//! that forge a log line, or marks that turn the reading direction. The type
//! keeps the bytes as they are for records and scoring, and shows them tamed.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// The longest text that [`Untrusted`] shows, in bytes of the original.
///
/// A name of a megabyte is no name; the whole text is in the artifacts.
const SHOWN_BYTES_MAX: usize = 2048;

/// Text from outside, whose `Display` cannot harm the reader.
///
/// ```
/// use fapo_core::Untrusted;
///
/// let name = Untrusted::from("a\u{1b}[2Jb\nc\u{202e}d");
/// assert_eq!(name.to_string(), r"a\u{1b}[2Jb\nc\u{202e}d");
/// assert_eq!(name.as_str().len(), 12);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted(String);

impl Untrusted {
    /// Returns the text as it was written, for records and for comparing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text as it was written, owned.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Tells whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the text tamed and cut to about `max` characters, for a table.
    pub fn cut(&self, max: usize) -> String {
        let shown = self.to_string();
        if shown.chars().count() <= max {
            return shown;
        }
        let mut cut: String = shown.chars().take(max.saturating_sub(1)).collect();
        cut.push('…');
        cut
    }
}

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, c) in self.0.char_indices() {
            if at >= SHOWN_BYTES_MAX {
                return write!(f, "… ({} bytes)", self.0.len());
            }
            match c {
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if is_hostile(c) => write!(f, "\\u{{{:x}}}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Shows what `Display` shows, in quotes, so a derived `Debug` is safe too.
impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Returns a text of several lines with everything else tamed that would act on
/// a screen: what an error says may quote a file that somebody else wrote.
pub fn tame_lines(text: &str) -> String {
    let mut tame = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => tame.push(c),
            c if is_hostile(c) => {
                let _ = write!(tame, "\\u{{{:x}}}", u32::from(c));
            }
            c => tame.push(c),
        }
    }
    tame
}

/// Returns JSON that means the same and holds no character that would act on a
/// screen: in JSON such characters stand only inside texts, where they can be
/// written as escapes.
pub fn tame_json(json: &str) -> String {
    let mut tame = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hostile(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(tame, "\\u{unit:04x}");
            }
        } else {
            tame.push(c);
        }
    }
    tame
}

/// Tells whether a character acts on its reader's screen rather than being read.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}'                  // Arabic letter mark
            | '\u{200b}'..='\u{200f}'   // zero width, and marks of direction
            | '\u{2028}'..='\u{202e}'   // line separators, embeddings, overrides
            | '\u{2060}'..='\u{206f}'   // word joiner, isolates, deprecated formats
            | '\u{feff}'                // byte order mark
            | '\u{fff9}'..='\u{fffb}'   // interlinear annotation
            | '\u{e0000}'..='\u{e007f}' // tags, which hide text from people
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_marks_are_escaped() {
        for hostile in [
            "\u{1b}]0;title\u{7}",
            "\u{9b}2J",
            "a\u{202e}b",
            "\u{2066}x",
            "\0",
        ] {
            let shown = Untrusted::from(hostile).to_string();
            assert!(!shown.chars().any(is_hostile), "{shown:?}");
        }
    }

    #[test]
    fn ordinary_text_of_any_language_is_shown_as_it_is() {
        for text in ["Große Aktion", "日本語", "naïve — “quoted”", "🙂"] {
            assert_eq!(Untrusted::from(text).to_string(), text);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_says_how_long_it_was() {
        let shown = Untrusted::from("x".repeat(10_000)).to_string();
        assert!(
            shown.ends_with("… (10000 bytes)"),
            "{}",
            &shown[shown.len() - 30..]
        );
        assert!(shown.len() < 3_000);
    }

    #[test]
    fn errors_keep_their_lines_and_nothing_else_that_acts() {
        assert_eq!(tame_lines("a\n\u{1b}[2Jb\t"), "a\n\\u{1b}[2Jb\\u{9}");
    }

    #[test]
    fn tame_json_means_the_same() {
        let text = "a\u{9b}2J\u{202e}b\u{e0041}ü";
        let tame = tame_json(&serde_json::to_string(text).unwrap());
        assert_eq!(tame, "\"a\\u009b2J\\u202eb\\udb40\\udc41ü\"");
        assert_eq!(serde_json::from_str::<String>(&tame).unwrap(), text);
    }

    #[test]
    fn records_keep_the_bytes() {
        let text = Untrusted::from("a\u{1b}b");
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""a\u001bb""#);
    }
}
