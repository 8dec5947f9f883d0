//! Passages as the text that prompts show, and back again.

use crate::bindings::types::Passage;

/// How the passages of a step stand in its output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `[1] Title`, a line with the passage, a blank line: what [`numbered`] writes.
    #[default]
    Numbered,
    /// `[1] «Title | text»`, a passage below the other, as FAPO and DSPy show them.
    Quoted,
}

impl Layout {
    /// Returns passages as text.
    ///
    /// ```
    /// use fapo_sdk::Passage;
    /// use fapo_sdk::retrieve::Layout;
    ///
    /// let passages = [Passage::new("1", "Dracula", "A novel."), Passage::new("2", "", "A film.")];
    /// assert_eq!(Layout::Quoted.write(&passages), "[1] «Dracula | A novel.»\n[2] «A film.»");
    /// ```
    pub fn write(self, passages: &[Passage]) -> String {
        match self {
            Self::Numbered => numbered(passages),
            Self::Quoted => quoted(passages),
        }
    }

    /// Returns the passages of such a text: their titles and texts, or one
    /// passage that holds all of a text that is laid out otherwise. They have
    /// no id, score or metadata.
    pub fn read(self, text: &str) -> Vec<Passage> {
        if text.trim().is_empty() {
            return Vec::new();
        }
        let passages = match self {
            Self::Numbered => read_numbered(text),
            Self::Quoted => read_quoted(text),
        };
        if passages.is_empty() {
            return vec![ranked(1, "", text.trim())];
        }
        passages
    }
}

/// Returns passages as text: `[1] Title`, a line with the passage, a blank line.
///
/// ```
/// use fapo_sdk::{Passage, numbered};
///
/// let passages = [Passage::new("1", "Dracula", "A novel."), Passage::new("2", "", "A film.")];
/// assert_eq!(numbered(&passages), "[1] Dracula\nA novel.\n\n[2]\nA film.");
/// ```
pub fn numbered(passages: &[Passage]) -> String {
    let mut text = String::with_capacity(room(passages));
    for (i, passage) in passages.iter().enumerate() {
        let gap = if i == 0 { "" } else { "\n\n" };
        let space = if passage.title.is_empty() { "" } else { " " };
        let number = (i + 1).to_string();
        let (title, passage) = (&passage.title, &passage.text);
        text.extend([gap, "[", &number, "]", space, title, "\n", passage]);
    }
    text
}

fn quoted(passages: &[Passage]) -> String {
    let mut text = String::with_capacity(room(passages));
    for (i, passage) in passages.iter().enumerate() {
        let gap = if i == 0 { "" } else { "\n" };
        let bar = if passage.title.is_empty() { "" } else { " | " };
        let number = (i + 1).to_string();
        let (title, passage) = (&passage.title, &passage.text);
        text.extend([gap, "[", &number, "] «", title, bar, passage, "»"]);
    }
    text
}

/// Returns about how many bytes the text will have.
fn room(passages: &[Passage]) -> usize {
    let sizes = passages.iter().map(|p| p.title.len() + p.text.len() + 16);
    sizes.sum()
}

/// Reads what [`numbered`] wrote; nothing where the text does not begin so.
fn read_numbered(text: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    for line in text.lines() {
        let next = passages.len() as u32 + 1;
        // Only the next number begins a passage: most texts with brackets of
        // their own do not count along.
        let title = line.strip_prefix(&format!("[{next}]"));
        match (title, passages.last_mut()) {
            (Some(title), _) => passages.push(ranked(next, title.trim(), "")),
            (None, Some(passage)) => {
                passage.text.push_str(line);
                passage.text.push('\n');
            }
            (None, None) => return passages,
        }
    }
    for passage in &mut passages {
        passage.text.truncate(passage.text.trim_end().len());
    }
    passages
}

/// Reads what [`Layout::Quoted`] wrote; nothing where the text does not begin so.
fn read_quoted(text: &str) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut rest = text.trim_start().strip_prefix("[1] «");
    while let Some(inside) = rest {
        let rank = passages.len() as u32 + 1;
        // As above: a passage with brackets of its own seldom counts along.
        let (passage, after) = match inside.split_once(&format!("»\n[{}] «", rank + 1)) {
            Some((passage, after)) => (passage, Some(after)),
            None => (inside.trim_end().trim_end_matches('»'), None),
        };
        let (title, text) = passage.split_once(" | ").unwrap_or(("", passage));
        passages.push(ranked(rank, title, text));
        rest = after;
    }
    passages
}

fn ranked(rank: u32, title: &str, text: &str) -> Passage {
    Passage {
        rank,
        ..Passage::new("", title, text)
    }
}

/// Returns the passages of several searches: the best of each, then the second
/// of each, and so on, each passage once and ranked anew.
pub(crate) fn interleave(mut found: Vec<Vec<Passage>>) -> Vec<Passage> {
    if found.len() == 1 {
        return found.swap_remove(0);
    }
    let mut searches: Vec<_> = found.into_iter().map(Vec::into_iter).collect();
    let mut passages: Vec<Passage> = Vec::new();
    loop {
        let round: Vec<_> = searches.iter_mut().filter_map(Iterator::next).collect();
        if round.is_empty() {
            return passages;
        }
        for passage in round {
            if !passages.iter().any(|known| known.id == passage.id) {
                let rank = passages.len() as u32 + 1;
                passages.push(Passage { rank, ..passage });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passages(ids: &[&str]) -> Vec<Passage> {
        ids.iter()
            .map(|id| Passage::new(id, &format!("title {id}"), &format!("text {id}")))
            .collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        for layout in [Layout::Numbered, Layout::Quoted] {
            let mut written = passages(&["a", "b"]);
            written[0].text = "one «two»\n\n[9] «three".into();
            written.push(Passage::new("c", "", "last"));
            let read = layout.read(&layout.write(&written));
            let of = |passages: &[Passage]| -> Vec<_> {
                passages
                    .iter()
                    .map(|p| (p.title.clone(), p.text.clone()))
                    .collect()
            };
            assert_eq!(of(&read), of(&written), "{layout:?}");
            assert_eq!(read[2].rank, 3);
        }
    }

    #[test]
    fn a_text_without_numbers_is_one_passage_and_a_blank_one_none() {
        for layout in [Layout::Numbered, Layout::Quoted] {
            let read = layout.read("some\ntext");
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].text, "some\ntext");
            assert!(layout.read(" \n").is_empty());
            assert!(layout.read("").is_empty());
        }
    }

    #[test]
    fn several_searches_take_turns_and_no_passage_comes_twice() {
        let all = interleave(vec![passages(&["a", "b", "c"]), passages(&["b", "d"])]);
        let ids: Vec<_> = all.iter().map(|p| (p.id.as_str(), p.rank)).collect();
        assert_eq!(ids, [("a", 1), ("b", 2), ("d", 3), ("c", 4)]);
        assert!(interleave(Vec::new()).is_empty());
    }
}
