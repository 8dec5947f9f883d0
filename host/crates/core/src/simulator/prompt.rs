//! What the messages hold: instructions, evidence and a question, told apart
//! by the usual layouts of prompts.

use crate::message::{Message, Speaker};

use super::label::{Class, Label, label, marker, number, tag};
use super::line::{is_imperative, is_question, is_statement};
use super::listed;

/// A prompt, read.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// All that is neither evidence nor the question, line by line.
    pub(super) instructions: String,
    pub(super) passages: Vec<Passage>,
    pub(super) question: String,
    /// Answers that the prompt shows as examples.
    pub(super) examples: Vec<String>,
    /// Whether fields stand between `[[ ## name ## ]]`.
    pub(super) is_marked: bool,
    /// How many answers of tools there are.
    pub(super) n_tool_results: usize,
}

/// A piece of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Passage {
    pub(super) title: String,
    pub(super) text: String,
}

impl Passage {
    pub(super) fn of(text: &str) -> Self {
        let (title, text) = titled(text);
        Self {
            title: title.into(),
            text: text.into(),
        }
    }

    fn is_empty(&self) -> bool {
        self.title.is_empty() && self.text.is_empty()
    }
}

/// Splits `Title | text`.
pub(super) fn titled(text: &str) -> (&str, &str) {
    let text = text.trim().trim_matches(['«', '»']).trim();
    match text.split_once(" | ") {
        Some((title, rest)) if title.len() <= 120 && !title.contains(". ") => {
            (title.trim(), rest.trim())
        }
        _ => ("", text),
    }
}

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Prose,
    Question,
    Evidence,
    /// Of no worth to the reader, until something else begins.
    Aside,
}

struct Reader {
    prompt: Prompt,
    at: At,
    /// Whether the line before was empty.
    blank: bool,
    /// Whether the question stands in a field of its own.
    is_asked: bool,
    /// Whether the evidence is in passages that say where they begin.
    is_numbered: bool,
}

/// Reads the messages.
pub(super) fn read(messages: &[Message]) -> Prompt {
    // What was answered already is an example, or an earlier turn.
    let done = messages
        .iter()
        .rposition(|message| message.role == Speaker::Assistant && message.tool_calls.is_empty());
    let mut reader = Reader {
        prompt: Prompt::default(),
        at: At::Prose,
        blank: false,
        is_asked: false,
        is_numbered: false,
    };
    for (nth, message) in messages.iter().enumerate() {
        let is_past = done.is_some_and(|done| nth <= done);
        for text in message.texts() {
            match message.role {
                Speaker::System => reader.text(text, false),
                Speaker::User => {
                    if is_past
                        && messages
                            .iter()
                            .skip(nth + 1)
                            .any(|m| m.role == Speaker::User)
                    {
                        // Evidence of an earlier turn still counts; its question does not.
                        reader.text(text, true);
                        reader.forget_question();
                    } else {
                        reader.text(text, true);
                    }
                }
                Speaker::Assistant if message.tool_calls.is_empty() => {
                    reader.prompt.examples.push(text.trim().into());
                    if is_past {
                        reader.forget_example();
                    }
                }
                Speaker::Assistant => {}
                Speaker::Tool => {
                    reader.prompt.n_tool_results += 1;
                    reader.tool(text);
                }
            }
        }
    }
    reader.finish()
}

impl Reader {
    fn tool(&mut self, text: &str) {
        if let Some((passages, _)) = listed::passages(text.trim_start()) {
            self.prompt.passages.extend(passages);
            return;
        }
        self.at = At::Evidence;
        self.prompt.passages.push(Passage::default());
        self.text(text, true);
        self.at = At::Prose;
    }

    /// Reads a text of the user, or of the system.
    fn text(&mut self, text: &str, is_user: bool) {
        let mut rest = text;
        let mut n_lists = 0;
        self.blank = true;
        while !rest.is_empty() {
            let starts_list = rest.trim_start().starts_with(['[', '{']);
            if starts_list && n_lists < LISTS_MAX && self.at != At::Question {
                n_lists += 1;
                if let Some((passages, used)) = listed::passages(rest.trim_start()) {
                    self.prompt.passages.extend(passages);
                    self.at = At::Prose;
                    rest = &rest.trim_start()[used..];
                    continue;
                }
            }
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            self.line(line, is_user);
        }
        if self.at != At::Evidence || !is_user {
            self.at = At::Prose;
        }
    }

    fn line(&mut self, written: &str, is_user: bool) {
        let line = written.trim();
        if line.is_empty() {
            self.blank = true;
            return;
        }
        let blank = std::mem::take(&mut self.blank);
        if let Some(name) = marker(line) {
            // Fields are explained before they are filled in.
            self.prompt.is_marked = true;
            if is_user {
                self.begin(Class::of(name).unwrap_or(Class::Aside), "");
            }
            return;
        }
        if let Some((class, inner, closes)) = tag(line) {
            match class {
                _ if closes && inner.is_empty() => self.at = At::Prose,
                Some(class) if is_user || class == Class::Evidence => {
                    self.begin(class, inner);
                    if closes {
                        self.at = At::Prose;
                    }
                }
                _ => self.instruct(line),
            }
            return;
        }
        if let Some(Label { class, rest }) = label(line)
            && (is_user || (class == Class::Evidence && (rest.is_empty() || rest.len() >= 40)))
            && !(self.at == At::Evidence && class == Class::Question && rest.len() > 300)
        {
            self.begin(class, rest);
            return;
        }
        if let Some((rest, is_bracketed)) = number(line)
            && (self.at == At::Evidence
                || (is_user && (is_bracketed || rest.contains(" | ") || rest.len() >= 60))
                    && !is_imperative(rest))
        {
            self.at = At::Evidence;
            self.is_numbered = true;
            self.prompt.passages.push(numbered(rest));
            return;
        }
        match self.at {
            At::Question if !blank || self.prompt.question.is_empty() => {
                append(&mut self.prompt.question, line);
            }
            At::Evidence if !(is_question(line) || blank && is_imperative(line)) => {
                self.evidence(line, blank);
            }
            At::Aside if !blank => {}
            _ => {
                self.at = At::Prose;
                self.prose(line, is_user);
            }
        }
    }

    /// Goes on where a label stands.
    fn begin(&mut self, class: Class, rest: &str) {
        match class {
            Class::Question => {
                if !rest.is_empty() || self.at != At::Question {
                    self.prompt.question.clear();
                    self.prompt.question.push_str(rest);
                    self.is_asked = true;
                }
                self.at = At::Question;
            }
            Class::Evidence => {
                let last = self.prompt.passages.last();
                let goes_on =
                    last.is_some_and(|last| !last.title.is_empty() && last.text.is_empty());
                if !goes_on {
                    self.prompt.passages.push(Passage::default());
                    self.is_numbered = false;
                }
                self.at = At::Evidence;
                if !rest.is_empty() {
                    match number(rest) {
                        Some((rest, _)) => self.passage(numbered(rest)),
                        None if rest.starts_with("(Title:") => self.passage(numbered(rest)),
                        None => self.passage(Passage::of(rest)),
                    }
                }
            }
            Class::Title => {
                self.prompt.passages.push(Passage {
                    title: rest.trim_matches(['"', ')']).into(),
                    text: String::new(),
                });
                self.at = At::Evidence;
            }
            Class::Answer => {
                if rest.is_empty() {
                    self.at = At::Aside;
                    self.instruct("Answer:");
                } else if self.prompt.question.is_empty() {
                    self.at = At::Prose;
                    self.instruct(&format!("Answer: {rest}"));
                } else {
                    self.prompt.examples.push(rest.into());
                    self.forget_example();
                }
            }
            Class::Aside => self.at = At::Aside,
            Class::Instruction => {
                self.at = At::Prose;
                self.instruct(rest);
            }
        }
    }

    /// Fills the passage that was begun.
    fn passage(&mut self, passage: Passage) {
        match self.prompt.passages.last_mut() {
            Some(last) if last.is_empty() => *last = passage,
            Some(last) if last.text.is_empty() => last.text = passage.text,
            _ => self.prompt.passages.push(passage),
        }
    }

    fn evidence(&mut self, line: &str, blank: bool) {
        if line.contains(" | ") && !titled(line).0.is_empty() {
            self.passage(Passage::default());
            self.prompt.passages.push(Passage::of(line));
            return;
        }
        let is_numbered = self.is_numbered;
        match self.prompt.passages.last_mut() {
            Some(last) if last.text.is_empty() || !blank || is_numbered => {
                append(&mut last.text, line);
            }
            _ => self.prompt.passages.push(Passage::of(line)),
        }
    }

    /// Reads a line that nothing announces.
    fn prose(&mut self, line: &str, is_user: bool) {
        if !is_user {
            self.instruct(line);
        } else if is_question(line) {
            let sentences = super::words::sentences(line);
            let question = sentences.last().copied().unwrap_or(line);
            let before = line[..line.len() - question.len()].trim();
            if !self.is_asked {
                self.prompt.question = question.into();
            }
            if before.len() >= 80 && !is_imperative(before) {
                self.prompt.passages.push(Passage::of(before));
            } else if !before.is_empty() {
                self.instruct(before);
            }
        } else if !is_imperative(line) && is_statement(line) {
            self.at = At::Evidence;
            self.is_numbered = false;
            self.prompt.passages.push(Passage::of(line));
        } else {
            self.instruct(line);
        }
    }

    fn instruct(&mut self, line: &str) {
        if !line.is_empty() {
            self.prompt.instructions.push_str(line);
            self.prompt.instructions.push('\n');
        }
    }

    fn forget_question(&mut self) {
        self.prompt.question.clear();
        self.is_asked = false;
    }

    /// What led to an example's answer is not what is asked now.
    fn forget_example(&mut self) {
        self.forget_question();
        self.prompt.passages.clear();
        self.at = At::Prose;
    }

    fn finish(mut self) -> Prompt {
        let prompt = &mut self.prompt;
        prompt.passages.retain(|passage| !passage.text.is_empty());
        if prompt.question.trim().is_empty() {
            // An order takes the place of a question.
            let lines = prompt.instructions.lines();
            let last = lines
                .rev()
                .find(|line| line.contains(' ') && !line.starts_with("Answer:"));
            prompt.question = last.unwrap_or_default().into();
        }
        let bounds = [
            (&mut prompt.question, QUESTION_BYTES_MAX),
            (&mut prompt.instructions, INSTRUCTIONS_BYTES_MAX),
        ];
        for (text, most) in bounds {
            if text.len() > most {
                // What matters stands at the beginning, and more so at the end.
                let head = (0..=most / 2).rev().find(|at| text.is_char_boundary(*at));
                let tail =
                    (text.len() - most / 2..=text.len()).find(|at| text.is_char_boundary(*at));
                text.replace_range(head.unwrap_or(0)..tail.unwrap_or(text.len()), "\n");
            }
        }
        self.prompt
    }
}

/// A question that is longer is cut in its middle, as all of it is compared
/// with all of the evidence.
const QUESTION_BYTES_MAX: usize = 4 << 10;

/// Instructions that are longer are cut in their middle: each that is known is
/// looked for in all of them.
const INSTRUCTIONS_BYTES_MAX: usize = 16 << 10;

/// Lists that are tried in one text: each try may read all of the rest.
const LISTS_MAX: usize = 16;

/// Reads what stands after a number: a title alone in its line, or the text.
fn numbered(rest: &str) -> Passage {
    let passage = Passage::of(rest);
    if !passage.title.is_empty() {
        return passage;
    }
    if let Some((title, text)) = rest
        .strip_prefix("(Title:")
        .or_else(|| rest.strip_prefix("Title:"))
        .and_then(|rest| rest.split_once(')').or_else(|| rest.split_once(" Text:")))
    {
        return Passage {
            title: title.trim().into(),
            text: text.trim().trim_start_matches("Text:").trim().into(),
        };
    }
    let is_title = rest.len() <= 120 && !rest.ends_with(['.', '!', '?', '"']);
    match rest.split_once(": ") {
        Some((title, text)) if title.len() <= 80 && !title.contains(". ") => Passage {
            title: title.into(),
            text: text.into(),
        },
        _ if is_title => Passage {
            title: rest.into(),
            text: String::new(),
        },
        _ => passage,
    }
}

fn append(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

#[cfg(test)]
mod tests;
