//! A scripted provider: it answers by rules, and knows nothing.
//!
//! A rules file has one JSON object a line; lines that begin with `#` are
//! comments. The first rule whose `match`, a regular expression, is found in
//! the messages (their texts, joined by line breaks) gives the answer:
//!
//! | field | meaning |
//! |---|---|
//! | `match` | the expression; `(?s)` lets `.` cross lines |
//! | `model` | the rule is for this model alone |
//! | `reply`, `choices` | the answer, or one of several, chosen by the request |
//! | `status` | fail as a server would with this HTTP status |
//! | `fails` | with `status`: only so often for each call, then answer |
//! | `latency_ms` | answer after this long |
//! | `answer` | how `${answer}` is found: see [`AnswerSpec`] |
//! | `note` | for the reader |
//!
//! In an answer, `${1}` is a captured group, `${pick:N}` some `N` words of the
//! last user message, `${words:N}` made-up words, `${hash}` 16 hex digits.
//! Whatever looks random is decided by the request, so a run can be repeated.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fapo_core::Untrusted;
use fapo_core::call::{
    Choice, Completion, Delivery, FinishReason, GenerateRequest, ProviderError, Usage,
};
use fapo_core::case::CaseId;
use fapo_core::manifest::Role;
use fapo_core::message::Speaker;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};
use regex::Regex;
use serde::Deserialize;

use crate::exit::{CommandError, CommandResult};
use crate::seed;

/// What the scripted model calls itself.
const MODEL: &str = "script";

/// Rules, in the order in which they are tried.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    rules: Arc<[Rule]>,
    /// What the model is called.
    model: Arc<str>,
    /// How often a call was failed by a rule that does so only a few times.
    failed: Arc<Mutex<HashMap<CallKey, u32>>>,
}

/// A call of a run.
type CallKey = (CaseId, u32, Role, u32);

#[derive(Debug)]
struct Rule {
    find: Regex,
    model: Option<String>,
    replies: Vec<String>,
    status: Option<u16>,
    fails: Option<u32>,
    latency: Duration,
    answer: Option<(Regex, AnswerSpec)>,
}

/// One line of a rules file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    #[serde(rename = "match")]
    find: String,
    model: Option<String>,
    reply: Option<String>,
    choices: Option<Vec<String>>,
    status: Option<u16>,
    fails: Option<u32>,
    latency_ms: Option<u64>,
    answer: Option<AnswerSpec>,
    #[serde(rename = "note")]
    _note: Option<serde::de::IgnoredAny>,
}

/// How `${answer}` is found. A script has no answer key, so it is always one
/// of `wrong`, as from a model that knows nothing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerSpec {
    /// An expression whose first group is the question.
    question: String,
    #[serde(rename = "p")]
    _p: f64,
    #[serde(default, rename = "needs_evidence")]
    _needs_evidence: bool,
    #[serde(default)]
    wrong: Vec<String>,
    #[serde(default, rename = "salt")]
    _salt: String,
}

impl Script {
    /// Reads the text of a rules file.
    pub(crate) fn parse(text: &str, shown: &str, model: Option<&str>) -> CommandResult<Self> {
        let mut rules = Vec::new();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let rule = Rule::read(line).map_err(|error| {
                CommandError::person(format!(
                    "could not use line {} of the script `{shown}`",
                    at + 1,
                ))
                .because(error)
                .hint("a rule is a JSON object with `match`, and `reply`, `choices` or `status`")
            })?;
            rules.push(rule);
        }
        if rules.is_empty() {
            return Err(CommandError::person(format!(
                "the script `{shown}` has no rule"
            )));
        }
        Ok(Self {
            rules: rules.into(),
            model: model.unwrap_or(MODEL).into(),
            failed: Arc::default(),
        })
    }

    /// Returns the answer, and how long it takes to come.
    fn answer(
        &self,
        site: &CallSite,
        request: &GenerateRequest,
    ) -> (Duration, Result<Completion, ProviderError>) {
        let all = texts(request);
        let name = request
            .model
            .as_ref()
            .map_or(&*self.model, Untrusted::as_str);
        let rule = self.rules.iter().find(|rule| {
            let model = rule.model.as_deref();
            model.is_none_or(|model| model == name || model == &*self.model)
                && rule.find.is_match(&all)
        });
        let Some(rule) = rule else {
            let why = "no rule of the script matches the request";
            return (Duration::ZERO, Err(ProviderError::Other(why.into())));
        };
        if let Some(status) = rule.status.filter(|status| *status != 200)
            && self.still_fails(rule, site)
        {
            return (rule.latency, Err(failure(status)));
        }
        (
            rule.latency,
            Ok(rule.completion(site, request, &all, &self.model)),
        )
    }

    /// Tells whether a rule fails a call once more.
    fn still_fails(&self, rule: &Rule, site: &CallSite) -> bool {
        let Some(times) = rule.fails else { return true };
        let key = (site.case.clone(), site.repeat, site.role, site.seq);
        let mut failed = self.failed.lock().expect("nobody panics with it");
        let so_far = failed.entry(key).or_default();
        *so_far += 1;
        *so_far <= times
    }
}

/// Returns all texts of a request, line by line.
fn texts(request: &GenerateRequest) -> String {
    let mut all = String::new();
    for message in &request.messages {
        message.texts().for_each(|text| all.push_str(text));
        all.push('\n');
    }
    all
}

/// Returns what a server's status comes to.
fn failure(status: u16) -> ProviderError {
    let why = Untrusted::from(format!("the script answers with status {status}"));
    match status {
        400 | 404 | 422 => ProviderError::InvalidRequest(why),
        401 | 403 => ProviderError::Denied(why),
        408 | 409 | 425 | 429 | 500..=599 => ProviderError::Unavailable(why),
        _ => ProviderError::Other(why),
    }
}

impl Provider for Script {
    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let script = self.clone();
        Box::pin(async move {
            let (latency, answer) = script.answer(&site, &request);
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            answer.into()
        })
    }
}

impl Rule {
    fn completion(
        &self,
        site: &CallSite,
        request: &GenerateRequest,
        all: &str,
        model: &str,
    ) -> Completion {
        // Another run of the case, or another seed, is another answer.
        let key = match (site.repeat, request.params.seed) {
            (1, None) => Key(seed::of(all)),
            (repeat, seed) => Key(seed::of(&format!("{repeat} {seed:?} {all}"))),
        };
        let n_choices = request.params.choices.unwrap_or(1).min(16);
        let choices: Vec<_> = (0..n_choices)
            .map(|nth| {
                let text = self.reply(all, last_user(request), key.nth(u64::from(nth)));
                Choice {
                    text: text.into(),
                    tool_calls: vec![],
                    finish_reason: FinishReason::Stop,
                    opaque: vec![],
                }
            })
            .collect();
        // Four bytes a token is what English comes to.
        let tokens = |bytes: usize| u32::try_from(bytes.div_ceil(4)).ok();
        let usage = Usage {
            input_tokens: tokens(all.len()),
            cached_input_tokens: Some(0),
            output_tokens: tokens(
                choices
                    .iter()
                    .map(|choice| choice.text.as_str().len())
                    .sum(),
            ),
            reasoning_tokens: Some(0),
        };
        Completion {
            model: model.into(),
            choices,
            usage,
        }
    }

    fn read(line: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let written: WrittenRule = serde_json::from_str(line)?;
        let mut replies = written.choices.unwrap_or_default();
        replies.extend(written.reply);
        if replies.is_empty() && written.status.is_none() {
            return Err("it has neither `reply`, `choices` nor `status`".into());
        }
        let answer = match written.answer {
            Some(spec) => Some((Regex::new(&spec.question)?, spec)),
            None => None,
        };
        Ok(Self {
            find: Regex::new(&written.find)?,
            model: written.model,
            replies,
            status: written.status,
            fails: written.fails,
            latency: Duration::from_millis(written.latency_ms.unwrap_or(0)),
            answer,
        })
    }

    /// Fills in the template of an answer, left to right, once.
    fn reply(&self, all: &str, user: &str, key: Key) -> String {
        let Some(template) = key.choose(&self.replies) else {
            return String::new();
        };
        let captures = self.find.captures(all);
        let mut reply = String::with_capacity(template.len());
        let mut rest = template.as_str();
        while let Some(at) = rest.find("${") {
            reply.push_str(&rest[..at]);
            let Some(end) = rest[at..].find('}') else {
                rest = &rest[at..];
                break;
            };
            let name = &rest[at + 2..at + end];
            rest = &rest[at + end + 1..];
            match name.split_once(':') {
                Some(("pick", n)) => pick(&mut reply, user, key, n.parse().unwrap_or(8)),
                Some(("words", n)) => made_up(&mut reply, key, n.parse().unwrap_or(8)),
                _ if name == "hash" => reply.push_str(&format!("{:016x}", key.0)),
                _ if name == "answer" => self.wrong_answer(&mut reply, key),
                _ => {
                    let group = name
                        .parse()
                        .ok()
                        .and_then(|n: usize| captures.as_ref()?.get(n));
                    reply.push_str(group.map_or("", |group| group.as_str()));
                }
            }
        }
        reply.push_str(rest);
        reply
    }

    fn wrong_answer(&self, reply: &mut String, key: Key) {
        match self
            .answer
            .as_ref()
            .and_then(|(_, spec)| key.nth(7).choose(&spec.wrong))
        {
            Some(wrong) => reply.push_str(wrong),
            None => made_up(reply, key, 2),
        }
    }
}

fn last_user(request: &GenerateRequest) -> &str {
    let message = request
        .messages
        .iter()
        .rev()
        .find(|message| message.role == Speaker::User);
    message
        .and_then(|message| message.texts().next())
        .unwrap_or_default()
}

/// Writes some consecutive words of a text.
fn pick(reply: &mut String, text: &str, key: Key, n: usize) {
    let words: Vec<_> = text.split_whitespace().collect();
    let from = key.below(words.len().saturating_sub(n) + 1);
    reply.push_str(&words[from..words.len().min(from + n)].join(" "));
}

/// Writes words that mean nothing.
fn made_up(reply: &mut String, key: Key, n: usize) {
    const SYLLABLES: [&str; 16] = [
        "ka", "lo", "mi", "te", "ru", "va", "sen", "dor", "pel", "ni", "gra", "tus", "be", "hol",
        "fi", "zan",
    ];
    for word in 0..n {
        if word > 0 {
            reply.push(' ');
        }
        for syllable in 0..2 {
            reply.push_str(SYLLABLES[key.nth((word * 2 + syllable) as u64).below(SYLLABLES.len())]);
        }
    }
}

/// What decides all that looks random in an answer.
#[derive(Clone, Copy)]
struct Key(u64);

impl Key {
    /// Another key, decided by this one (splitmix64).
    fn nth(self, n: u64) -> Self {
        let mut z = self.0.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(z ^ (z >> 31))
    }

    fn below(self, n: usize) -> usize {
        (self.0 % n.max(1) as u64) as usize
    }

    fn choose<T>(self, of: &[T]) -> Option<&T> {
        of.get(self.nth(1).below(of.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;
    use fapo_core::message::{ContentPart, Message};

    fn script(rules: &str) -> Script {
        Script::parse(rules, "rules", None).unwrap_or_else(|error| panic!("{:?}", error.chain()))
    }

    fn ask(rules: &str, text: &str) -> Result<String, ProviderError> {
        ask_again(&script(rules), text, 1)
    }

    fn ask_again(script: &Script, text: &str, repeat: u32) -> Result<String, ProviderError> {
        let message = Message {
            role: Speaker::User,
            content: vec![ContentPart::Text(text.into())],
            tool_calls: vec![],
            tool_call_id: None,
        };
        let request = GenerateRequest {
            messages: vec![message],
            ..GenerateRequest::default()
        };
        let site = CallSite {
            repeat,
            ..trial::site("a")
        };
        let completion = script.answer(&site, &request).1?;
        Ok(completion.choices[0].text.as_str().into())
    }

    #[test]
    fn the_first_rule_that_matches_answers() {
        let rules =
            "# a comment\n{\"match\":\"cat\",\"reply\":\"1\"}\n{\"match\":\"c\",\"reply\":\"2\"}";
        assert_eq!(ask(rules, "a cat").unwrap(), "1");
        assert_eq!(ask(rules, "a cow").unwrap(), "2");
        assert!(matches!(ask(rules, "dog"), Err(ProviderError::Other(_))));
    }

    #[test]
    fn captured_text_is_not_read_as_a_template() {
        let rules = r#"{"match":"say (.*)","reply":"<${1}> ${2}."}"#;
        assert_eq!(ask(rules, "say ${hash}").unwrap(), "<${hash}> .");
    }

    #[test]
    fn a_status_fails_as_a_server_would() {
        let rules = "{\"match\":\"x\",\"status\":503}\n{\"match\":\"y\",\"status\":400}";
        assert!(matches!(
            ask(rules, "x"),
            Err(ProviderError::Unavailable(_))
        ));
        assert!(matches!(
            ask(rules, "y"),
            Err(ProviderError::InvalidRequest(_))
        ));
    }

    #[test]
    fn a_call_that_fails_a_few_times_is_then_answered() {
        let script = script(r#"{"match":"","status":503,"fails":2,"reply":"ok"}"#);
        let answers: Vec<_> = (0..3).map(|_| ask_again(&script, "x", 1).is_ok()).collect();
        assert_eq!(answers, [false, false, true]);
    }

    #[test]
    fn another_run_of_a_case_gets_another_answer() {
        let script = script(r#"{"match":"","reply":"${hash}"}"#);
        let answer = |repeat| ask_again(&script, "x", repeat).unwrap();
        assert_eq!(
            answer(1),
            ask(r#"{"match":"","reply":"${hash}"}"#, "x").unwrap()
        );
        assert_ne!(answer(1), answer(2));
        assert_eq!(answer(2), answer(2));
    }

    #[test]
    fn what_looks_random_is_decided_by_the_request() {
        let rules = r#"{"match":"","choices":["${words:3}","${pick:2}","${hash}"]}"#;
        for text in ["one two three", "four five six", "seven"] {
            assert_eq!(ask(rules, text).unwrap(), ask(rules, text).unwrap());
        }
    }
}
