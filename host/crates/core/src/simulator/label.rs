//! The marks that say what a line of a prompt is.

/// What follows a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Question,
    Evidence,
    Title,
    Answer,
    Instruction,
    /// Of no use to the reader.
    Aside,
}

impl Class {
    /// Returns what a field of this name holds.
    pub(super) fn of(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase();
        let base = name
            .trim_end_matches(|c: char| {
                c.is_ascii_digit() || matches!(c, '_' | ' ' | '#' | '[' | ']' | '(' | ')' | '-')
            })
            .replace('_', " ");
        let base = base
            .trim_start_matches("the ")
            .trim_start_matches("retrieved ")
            .trim_start_matches("relevant ")
            .trim_start_matches("user ");
        Some(match base {
            "question" | "q" | "query" | "claim" | "problem" | "input" | "task" | "request" => {
                Self::Question
            }
            "passage" | "passages" | "context" | "contexts" | "evidence" | "document"
            | "documents" | "doc" | "docs" | "text" | "article" | "articles" | "source"
            | "sources" | "summary" | "summaries" | "search result" | "search results"
            | "result" | "results" | "paragraph" | "paragraphs" | "snippet" | "snippets"
            | "notes" | "fact" | "facts" | "background" | "information" | "excerpt"
            | "excerpts" | "reference" | "references" | "content" | "knowledge" | "observation"
            | "abstract" | "body" | "story" | "review" | "email" | "message" => Self::Evidence,
            "title" => Self::Title,
            "answer" | "a" | "final answer" | "output" | "response" => Self::Answer,
            "reasoning" | "rationale" | "thought" | "completed" | "id" | "score" | "url" => {
                Self::Aside
            }
            "instructions" | "instruction" | "note" | "format" | "hint" | "options" | "choices"
            | "labels" | "categories" | "classes" => Self::Instruction,
            _ => return None,
        })
    }
}

/// A label, and what stands behind it in its line.
pub(super) struct Label<'a> {
    pub(super) class: Class,
    pub(super) rest: &'a str,
}

/// Reads `Name: rest`.
pub(super) fn label(line: &str) -> Option<Label<'_>> {
    let line = line.trim_start_matches(['*', '#', '-', '>', ' ']);
    let bracket = line.find("](Title:");
    let at = match bracket {
        Some(at) if at <= 20 => at,
        _ => line.find(':').filter(|at| *at <= 30)?,
    };
    let name = line[..at]
        .trim_end_matches(['*', ' ', '`'])
        .trim_start_matches('`');
    let class = Class::of(name)?;
    let rest = match bracket {
        Some(at) => &line[at + 1..],
        None => &line[at + 1..],
    };
    let rest = rest.trim().trim_start_matches("**").trim();
    // A choice of answers is for whoever answers: all of the line counts.
    let rest = if class == Class::Instruction {
        line
    } else {
        rest
    };
    Some(Label { class, rest })
}

/// Reads `[[ ## name ## ]]`.
pub(super) fn marker(line: &str) -> Option<&str> {
    let inner = line.strip_prefix("[[ ##")?;
    inner.split_once("## ]]").map(|(name, _)| name.trim())
}

/// Reads a tag as `<context>` or `<question>…</question>`: what it holds, and
/// whether it closes.
pub(super) fn tag(line: &str) -> Option<(Option<Class>, &str, bool)> {
    let inner = line.strip_prefix('<')?;
    if let Some(name) = inner.strip_prefix('/') {
        return name
            .strip_suffix('>')
            .map(|name| (Class::of(name), "", true));
    }
    let (head, rest) = inner.split_once('>')?;
    let name = head.split(' ').next().unwrap_or_default();
    let class = Class::of(name);
    class?;
    match rest.rsplit_once("</") {
        Some((inner, _)) => Some((class, inner.trim(), true)),
        None => Some((class, rest.trim(), false)),
    }
}

/// Reads `[1] rest`, `(1) rest`, `1. rest` or `1) rest`; tells whether there
/// are brackets.
pub(super) fn number(line: &str) -> Option<(&str, bool)> {
    let (inner, is_bracketed) = match line.strip_prefix(['[', '(']) {
        Some(inner) => (inner, true),
        None => (line, false),
    };
    let digits = inner.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=3).contains(&digits) {
        return None;
    }
    let rest = &inner[digits..];
    let rest = match is_bracketed {
        true => rest.strip_prefix([']', ')'])?,
        false => rest.strip_prefix(['.', ')'])?,
    };
    // `1.5 million` is no list.
    if !is_bracketed && !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    Some((rest.trim_start_matches(':').trim(), is_bracketed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_follows() {
        for (line, class, rest) in [
            ("Question: Who?", Class::Question, "Who?"),
            ("**Context:** It rained.", Class::Evidence, "It rained."),
            ("summary_1: It rained.", Class::Evidence, "It rained."),
            ("Passage 3: It rained.", Class::Evidence, "It rained."),
            (
                "Document [2](Title: Orn) It",
                Class::Evidence,
                "(Title: Orn) It",
            ),
            ("Options: a, b", Class::Instruction, "Options: a, b"),
        ] {
            let label = label(line).unwrap();
            assert_eq!((label.class, label.rest), (class, rest), "{line}");
        }
        assert!(label("It was 10:30 then.").is_none());
    }

    #[test]
    fn numbers_of_lists_are_not_of_the_text() {
        assert_eq!(number("[12] Orn"), Some(("Orn", true)));
        assert_eq!(number("3) Orn"), Some(("Orn", false)));
        assert_eq!(number("1.5 million people"), None);
        assert_eq!(number("1999 was warm."), None);
    }
}
