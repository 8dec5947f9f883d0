//! The instructions that the simulator understands.

use super::Rates;
use super::chance::Chance;
use super::prompt::Prompt;
use super::spelled::{fields, keys, options, unknown};

/// How much may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Brevity {
    /// Nothing was said of it.
    Free,
    /// Be brief.
    Brief,
    /// The answer alone.
    Strict,
    /// One word.
    Word,
}

/// Whether the evidence is to be quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quote {
    No,
    /// Before the answer.
    First,
    /// In place of an answer.
    Only,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Task {
    Answer,
    Summary,
    Query,
    /// One of these.
    Choose(Vec<String>),
    Rewrite,
}

/// What the simulator was told, and heeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) task: Task,
    pub(super) brevity: Brevity,
    pub(super) quote: Quote,
    /// Never to abstain.
    pub(super) must_answer: bool,
    /// What to say in place of an answer that is not there.
    pub(super) unknown: Option<String>,
    pub(super) thinks: bool,
    pub(super) last_line: bool,
    pub(super) after_label: bool,
    pub(super) json: bool,
    /// Names of the JSON's fields.
    pub(super) keys: Vec<String>,
    /// To look at the evidence with care.
    pub(super) checks: bool,
    /// To look at all of it.
    pub(super) reads_all: bool,
    /// Fields to produce.
    pub(super) fields: Vec<String>,
    pub(super) is_marked: bool,
}

const STRICT: [&str; 30] = [
    "answer only",
    "answers only",
    "only answer with",
    "only the answer",
    "answer alone",
    "number alone",
    "name alone",
    "only with the",
    "only the name",
    "only the number",
    "just the answer",
    "nothing else",
    "no other word",
    "no other text",
    "no additional text",
    "no extra text",
    "no explanation",
    "without explanation",
    "do not explain",
    "don't explain",
    "no sentence",
    "not a sentence",
    "no full sentence",
    "exact answer",
    "shortest span",
    "shortest possible",
    "minimal answer",
    "bare answer",
    "output only",
    "respond only with",
];
const BRIEF: [&str; 11] = [
    "brief",
    "concise",
    "as few words",
    "few words",
    "short answer",
    "keep it short",
    "short phrase",
    "at most 5 words",
    "at most five words",
    "terse",
    "short factoid",
];
const WORD: [&str; 4] = ["one word", "single word", "one-word", "single-word"];
const MUST: [&str; 13] = [
    "always answer",
    "always give an answer",
    "never say you",
    "never abstain",
    "do not abstain",
    "don't abstain",
    "best guess",
    "must answer",
    "never refuse",
    "do not refuse",
    "don't refuse",
    "do not say you",
    "don't say you",
];
const THINK: [&str; 13] = [
    "step by step",
    "step-by-step",
    "think first",
    "reason first",
    "first think",
    "first reason",
    "explain your reasoning",
    "show your reasoning",
    "show your work",
    "chain of thought",
    "think carefully",
    "think about",
    "think through",
];
const LAST: [&str; 3] = ["last line", "final line", "line of its own"];
const LABELLED: [&str; 13] = [
    "after `answer:`",
    "after answer:",
    "after \"answer:\"",
    "after 'answer:'",
    "with `answer:`",
    "with answer:",
    "with \"answer:\"",
    "with 'answer:'",
    "answer: <",
    "answer: [",
    "answer: {",
    "answer: your",
    "write `answer: ",
];
const QUOTE: [&str; 10] = [
    "quote the",
    "quote a",
    "quote one",
    "quote evidence",
    "copy out",
    "copy the sentence",
    "word for word",
    "verbatim",
    "cite the sentence",
    "cite the passage",
];
const CHECK: [&str; 12] = [
    "check",
    "verify",
    "make sure",
    "carefully",
    "based only on",
    "only on the",
    "only use",
    "use only",
    "rely on",
    "double-check",
    "look-alike",
    "similar names",
];
const ALL: [&str; 7] = [
    "all passages",
    "every passage",
    "each passage",
    "all the passages",
    "all documents",
    "every document",
    "all of the evidence",
];
const SUMMARY: [&str; 6] = [
    "summarize",
    "summarise",
    "write a summary",
    "give a summary",
    "a short summary",
    "produce a summary",
];
const QUERY: [&str; 5] = [
    "search query",
    "write a query",
    "produce a query",
    "generate a query",
    "next query",
];
const REWRITE: [&str; 5] = [
    "rewrite",
    "translate",
    "paraphrase",
    "rephrase",
    "reformulate",
];

impl Told {
    /// Reads the instructions; each of them is overlooked now and then.
    pub(super) fn read(prompt: &Prompt, rates: &Rates, chance: &Chance) -> Self {
        let low = prompt.instructions.to_lowercase().replace('’', "'");
        let says = |patterns: &[&str]| patterns.iter().any(|pattern| low.contains(pattern));
        let heeds =
            |name: &str, patterns: &[&str]| says(patterns) && !chance.happens(name, rates.ignores);
        let brevity = if heeds("word", &WORD) {
            Brevity::Word
        } else if heeds("strict", &STRICT) {
            Brevity::Strict
        } else if heeds("brief", &BRIEF) || short_examples(&prompt.examples) {
            Brevity::Brief
        } else {
            Brevity::Free
        };
        let fields = fields(&low);
        let last_line = heeds("last line", &LAST);
        let after_label = heeds("label", &LABELLED);
        let thinks = heeds("think", &THINK);
        let quote = match heeds("quote", &QUOTE) {
            false => Quote::No,
            true if last_line
                || after_label
                || low.contains("then answer")
                || low.contains("and then")
                || low.contains("then give")
                || low.contains("then write")
                || !fields.is_empty() =>
            {
                Quote::First
            }
            true => Quote::Only,
        };
        let json = heeds("json", &["json"]);
        Self {
            task: task(prompt, &low, &fields),
            brevity,
            quote,
            must_answer: heeds("must answer", &MUST),
            unknown: unknown(&prompt.instructions),
            thinks,
            last_line,
            after_label,
            keys: if json {
                keys(&prompt.instructions)
            } else {
                Vec::new()
            },
            json,
            checks: heeds("check", &CHECK),
            reads_all: heeds("all", &ALL),
            fields,
            is_marked: prompt.is_marked,
        }
    }

    /// How much of its usual carelessness is left.
    pub(super) fn care(&self) -> f64 {
        let mut care = 1.0;
        if self.quote != Quote::No {
            care *= 0.35;
        }
        if self.checks {
            care *= 0.5;
        }
        if self.thinks || self.fields.iter().any(|field| is_thought(field)) {
            care *= 0.6;
        }
        care
    }
}

/// Tells whether a field holds what leads to an answer.
pub(super) fn is_thought(field: &str) -> bool {
    ["reason", "rationale", "thought", "explanation", "analysis"]
        .iter()
        .any(|thought| field.to_lowercase().contains(thought))
}

/// Examples show how long an answer is.
fn short_examples(examples: &[String]) -> bool {
    !examples.is_empty()
        && examples
            .iter()
            .all(|example| example.split_whitespace().count() <= 5)
}

fn task(prompt: &Prompt, low: &str, fields: &[String]) -> Task {
    let last = fields.iter().rev().find(|field| !is_thought(field));
    if let Some(field) = last {
        if field.contains("query") || field.contains("queries") {
            return Task::Query;
        }
        if field.contains("summary") {
            return Task::Summary;
        }
        if field.contains("answer") {
            return Task::Answer;
        }
    }
    let says = |patterns: &[&str]| patterns.iter().any(|pattern| low.contains(pattern));
    let options = options(&prompt.instructions);
    if options.len() >= 2 {
        return Task::Choose(options);
    }
    if says(&QUERY) {
        return Task::Query;
    }
    if says(&SUMMARY) {
        return Task::Summary;
    }
    if says(&REWRITE) {
        return Task::Rewrite;
    }
    Task::Answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(instructions: &str) -> Told {
        let prompt = Prompt {
            instructions: instructions.into(),
            ..Prompt::default()
        };
        Told::read(&prompt, &Rates::NONE, &Chance::new(0, 0, 1, 1.0))
    }

    #[test]
    fn instructions_are_understood_in_several_words() {
        for (instructions, brevity) in [
            ("Answer the question.", Brevity::Free),
            ("Be brief.", Brevity::Brief),
            (
                "Answer with the name or number alone: no sentence.",
                Brevity::Strict,
            ),
            ("Answer only with the name.", Brevity::Strict),
            (
                "Give just the answer, without explanation.",
                Brevity::Strict,
            ),
            ("Reply with a single word.", Brevity::Word),
        ] {
            assert_eq!(told(instructions).brevity, brevity, "{instructions}");
        }
        let told = told("Think step by step. Always answer. Put the answer on the last line.");
        assert!(told.thinks && told.must_answer && told.last_line && !told.json);
    }

    #[test]
    fn a_quote_comes_before_an_answer_or_in_place_of_it() {
        for (instructions, quote) in [
            (
                "Copy out the one sentence that answers the question, word for word.",
                Quote::Only,
            ),
            (
                "Quote the evidence, then answer on the last line.",
                Quote::First,
            ),
            ("Answer.", Quote::No),
        ] {
            assert_eq!(told(instructions).quote, quote, "{instructions}");
        }
    }

    #[test]
    fn the_task_is_read_off_fields_and_words() {
        let choose = |options: &[&str]| Task::Choose(options.iter().map(|o| (*o).into()).collect());
        for (instructions, task) in [
            (
                "Given the fields `question`, `passages`, produce the field `summary`.",
                Task::Summary,
            ),
            (
                "Given the fields `question`, `summary_1`, produce the fields `reasoning`, `query`.",
                Task::Query,
            ),
            (
                "Given the fields `summary_1`, produce the field `answer`.",
                Task::Answer,
            ),
            ("Summarize the passages.", Task::Summary),
            (
                "Classify the review as positive, negative or neutral.",
                choose(&["positive", "negative", "neutral"]),
            ),
            ("Answer with one of: yes, no", choose(&["yes", "no"])),
            (
                "Pick the right one.\nA) a river\nB) a lake",
                choose(&["a river", "a lake"]),
            ),
            ("Translate it into Vellish.", Task::Rewrite),
        ] {
            assert_eq!(told(instructions).task, task, "{instructions}");
        }
    }

    #[test]
    fn the_fields_of_json_are_read_off_an_example_or_a_list() {
        assert_eq!(
            told("Reply in JSON: {\"answer\": \"…\", \"why\": \"…\"}").keys,
            ["answer", "why"]
        );
        assert_eq!(
            told("Output JSON with the keys `result` and `why`.").keys,
            ["result", "why"]
        );
    }

    #[test]
    fn what_to_say_without_an_answer_is_taken_from_the_quotes() {
        let told = told("If the passages do not say it, answer \"unknown\".");
        assert_eq!(told.unknown.as_deref(), Some("unknown"));
    }
}
