//! How the simulator puts what it found into words.

use serde_json::{Map, Value, json};

use super::Rates;
use super::chance::Chance;
use super::find::{self, Found};
use super::prompt::Prompt;
use super::schema;
use super::told::{Brevity, Quote, Task, Told, is_thought};
use super::words::{sentences, words};

/// How long a summary is.
const SUMMARY_BYTES: usize = 480;

/// What an answer is made from.
pub(super) struct Composer<'a> {
    pub(super) prompt: &'a Prompt,
    pub(super) told: &'a Told,
    pub(super) found: &'a Found<'a>,
    pub(super) rates: &'a Rates,
    pub(super) chance: &'a Chance,
}

impl Composer<'_> {
    /// Returns the whole text.
    pub(super) fn text(&self, schema: Option<&str>) -> String {
        if let Some(schema) = schema {
            let value = match serde_json::from_str(schema) {
                Ok(schema) => schema::fill(&schema, &mut |name| self.field(name)),
                Err(_) => json!({ "answer": self.bare() }),
            };
            // A server that holds to a schema seldom lets a mistake through.
            return self.json(&value, self.rates.malformed * 0.2);
        }
        if self.told.json {
            let keys = match self.told.keys.as_slice() {
                [] => vec!["answer".to_owned()],
                keys => keys.to_vec(),
            };
            let fields: Map<_, _> = keys
                .into_iter()
                .map(|key| {
                    let value = self.field(&key).unwrap_or_else(|| self.bare());
                    (key, Value::String(value))
                })
                .collect();
            return self.json(&Value::Object(fields), self.rates.malformed);
        }
        if self.told.fields.len() > 1 || (self.told.is_marked && !self.told.fields.is_empty()) {
            return self.fields();
        }
        if self.told.is_marked && self.told.fields.is_empty() {
            return format!(
                "[[ ## answer ## ]]\n{}\n\n[[ ## completed ## ]]",
                self.answer()
            );
        }
        match &self.told.task {
            Task::Query => self.query(),
            Task::Summary => self.summary(),
            Task::Rewrite => self.rewritten(),
            Task::Answer if self.is_order() => self.essay(),
            Task::Answer | Task::Choose(_) => self.with_reasoning(),
        }
    }

    fn fields(&self) -> String {
        let mut text = String::new();
        for field in &self.told.fields {
            let value = self.field(field).unwrap_or_else(|| self.answer());
            if self.told.is_marked {
                text.push_str(&format!("[[ ## {field} ## ]]\n{value}\n\n"));
            } else {
                text.push_str(&format!("{field}: {value}\n"));
            }
        }
        if self.told.is_marked {
            text.push_str("[[ ## completed ## ]]");
        }
        text.trim_end().into()
    }

    /// Returns what belongs into a field, where its name tells.
    fn field(&self, name: &str) -> Option<String> {
        let name = name.to_lowercase();
        Some(if is_thought(&name) {
            self.thought()
        } else if name.contains("query") || name.contains("queries") {
            self.query()
        } else if name.contains("summary") {
            self.summary()
        } else if name.contains("quote")
            || name.contains("evidence")
            || name == "sentence"
            || name == "support"
        {
            self.quoted().into()
        } else if name.contains("question") {
            self.prompt.question.clone()
        } else if name.contains("confidence") {
            "0.7".into()
        } else if name.contains("answer") || name == "result" || name == "label" || name == "output"
        {
            match schema::is_structured(self.told) {
                true => self.bare(),
                false => self.answer(),
            }
        } else {
            return None;
        })
    }

    /// Writes JSON, with a mistake now and then.
    fn json(&self, value: &Value, malformed: f64) -> String {
        let json = value.to_string();
        if !self.chance.happens("malformed", malformed) {
            return json;
        }
        match self.chance.pick("mistake", 3) {
            0 => format!("Here is the JSON:\n```json\n{json}\n```"),
            1 => json.trim_end_matches(['}', ']']).into(),
            _ => format!("{},}}", json.trim_end_matches('}')),
        }
    }

    fn with_reasoning(&self) -> String {
        let told = self.told;
        if told.quote == Quote::Only {
            return self.quoted().into();
        }
        let mut text = String::new();
        if told.quote == Quote::First {
            text.push_str(&format!("\"{}\"\n", self.quoted()));
        }
        if told.thinks {
            text.push_str(&self.thought());
            text.push('\n');
        }
        let is_placed = told.last_line || told.after_label;
        let answer = match is_placed {
            true => self.placed(),
            // What has been thought aloud is not put apart by itself.
            false if told.thinks && told.brevity < Brevity::Strict => {
                format!("So the answer is {}.", self.bare())
            }
            false => self.answer(),
        };
        if told.after_label {
            text.push_str("Answer: ");
        }
        text.push_str(&answer);
        text
    }

    /// Returns the answer where it stands apart: there it is seldom wordy.
    fn placed(&self) -> String {
        let wordy = self.rates.verbose
            * if self.told.brevity == Brevity::Free {
                0.3
            } else {
                0.05
            };
        match self.chance.happens("wordy", wordy) {
            true => format!("The answer is {}.", self.bare()),
            false => self.bare(),
        }
    }

    /// Returns the answer alone, or that there is none.
    fn bare(&self) -> String {
        if let Task::Choose(options) = &self.told.task {
            let at = find::choose(options, self.found, self.prompt, self.chance);
            return options[at].clone();
        }
        let Some(answer) = &self.found.answer else {
            return self
                .told
                .unknown
                .clone()
                .unwrap_or_else(|| "unknown".into());
        };
        match self.told.brevity {
            Brevity::Word => {
                let last = words(answer).last().map(|word| word.text.to_owned());
                last.unwrap_or_else(|| answer.clone())
            }
            _ => answer.clone(),
        }
    }

    /// Returns the answer in as many words as it was told.
    fn answer(&self) -> String {
        if self.found.answer.is_none() && !matches!(self.told.task, Task::Choose(_)) {
            return match &self.told.unknown {
                Some(unknown) => unknown.clone(),
                None if self.prompt.passages.is_empty() => {
                    "I cannot tell: there is no passage about it.".into()
                }
                None => "I cannot tell from the passages.".into(),
            };
        }
        let bare = self.bare();
        let wordy = match self.told.brevity {
            Brevity::Free => self.rates.verbose,
            Brevity::Brief => self.rates.verbose * 0.35,
            Brevity::Strict | Brevity::Word => 0.0,
        };
        if !self.chance.happens("verbose", wordy) {
            return bare;
        }
        match (self.chance.pick("manner", 4), self.found.evidence.first()) {
            (0, _) => format!("The answer is {bare}."),
            (1, Some(best)) => format!("{bare}. {}", best.text),
            (2, _) => format!("Based on the passages, the answer to the question is {bare}."),
            (_, Some(best)) => best.text.into(),
            (_, None) => format!("I think that it is {bare}."),
        }
    }

    fn thought(&self) -> String {
        match self.found.evidence.first() {
            Some(best) if !best.title.is_empty() => {
                format!("The passage about {} says: {}", best.title, best.text)
            }
            Some(best) => format!("The evidence says: {}", best.text),
            None => "There is no evidence about it.".into(),
        }
    }

    fn quoted(&self) -> &str {
        let best = self.found.evidence.first();
        best.map_or("There is no such sentence.", |best| best.text)
    }

    /// Keeps the sentences that have most to do with the question, in the
    /// order in which they were found.
    fn summary(&self) -> String {
        let mut left = SUMMARY_BYTES;
        let mut kept: Vec<String> = Vec::new();
        let best = self.found.evidence.first().map_or(0.0, |best| best.score);
        for sentence in &self.found.evidence {
            let is_named = sentence.title.is_empty()
                || words(sentence.title)
                    .first()
                    .is_none_or(|title| sentence.words.iter().any(|word| word.stem == title.stem));
            let text = match is_named {
                true => sentence.text.to_owned(),
                false => format!("{}: {}", sentence.title, sentence.text),
            };
            if text.len() > left || sentence.score < 0.3 * best {
                break;
            }
            left -= text.len();
            if !kept.contains(&text) {
                kept.push(text);
            }
        }
        match kept.is_empty() {
            true => "The passages say nothing about it.".into(),
            false => kept.join(" "),
        }
    }

    /// Keeps the words of the question that say something, and adds names that
    /// the evidence leads to.
    pub(super) fn query(&self) -> String {
        let question = words(&self.prompt.question);
        let mut query: Vec<&str> = Vec::new();
        for word in question.iter().filter(|word| !word.is_stop) {
            if !query.contains(&word.text) && query.len() < 16 {
                query.push(word.text);
            }
        }
        let mut n_new = 0;
        for sentence in self.found.evidence.iter().take(2) {
            for word in sentence.words.iter().skip(1) {
                let is_new = word.is_capital
                    && !word.is_stop
                    && !question.iter().any(|asked| asked.stem == word.stem)
                    && !query.contains(&word.text);
                if is_new && n_new < 4 {
                    n_new += 1;
                    query.push(word.text);
                }
            }
        }
        query.join(" ")
    }

    /// Leaves names out, which is all that it can do with a text.
    fn rewritten(&self) -> String {
        let text = match self.prompt.passages.first() {
            Some(passage) => passage.text.as_str(),
            None => self.prompt.question.as_str(),
        };
        let mut kept = String::new();
        let mut from = 0;
        for (at, word) in words(text).iter().enumerate() {
            let is_name = at > 0 && word.is_capital && !word.is_stop;
            if is_name && self.chance.happens(word.text, 0.5) {
                kept.push_str(&text[from..word.at]);
                from = word.end();
            }
        }
        kept.push_str(&text[from..]);
        kept.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Tells whether there is an order, and nothing to read.
    fn is_order(&self) -> bool {
        let question = &self.prompt.question;
        self.prompt.passages.is_empty()
            && !question.contains('?')
            && super::line::is_imperative(question)
    }

    /// Says something about what it was ordered to write.
    fn essay(&self) -> String {
        let question = words(&self.prompt.question);
        let content: Vec<_> = question
            .iter()
            .filter(|word| !word.is_stop)
            .skip(1)
            .take(12)
            .collect();
        let about: Vec<_> = content.iter().map(|word| word.text).collect();
        let about = about.join(" ");
        let first = sentences(&self.prompt.question)
            .first()
            .copied()
            .unwrap_or_default();
        match self.chance.happens("verbose", self.rates.verbose) {
            true => format!("Here is what you asked for ({first}). It is about {about}."),
            false => format!("This is about {about}."),
        }
    }
}
