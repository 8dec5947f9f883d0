//! One call as people read it: short facts, then texts by what they are. A
//! model call, a search and a tool call differ in no other way here.

use fapo_core::Untrusted;
use fapo_core::artifact::CallRow;
use fapo_core::call::{
    Completion, FinishReason, GenerateRequest, Passage, Receipt, ToolResult, Usage,
};
use fapo_core::message::{ContentPart, Message, Speaker};
use fapo_core::trace::{ArtifactOperation, CallBody, Span};
use serde::Serialize;

use super::case::{name, text};

/// A call.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CallView {
    /// What it is, in a word or two: `model call`, `search of docs`.
    pub(crate) title: String,
    pub(crate) span: Option<Span>,
    /// Short facts, by name.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// Texts, by what they are.
    pub(crate) parts: Vec<(String, String)>,
    /// Why it has no answer.
    pub(crate) error: String,
}

impl CallView {
    pub(crate) fn new(row: &CallRow, span: Option<Span>, bytes_max: usize) -> Self {
        let mut view = Building {
            bytes_max,
            facts: Vec::new(),
            parts: Vec::new(),
        };
        let (title, error, answered) = match &row.body {
            CallBody::Generate {
                request,
                answer,
                error,
                receipt,
            } => {
                view.request(request);
                view.receipt(receipt, row.usage);
                answer.iter().for_each(|answer| view.completion(answer));
                let error = error.as_ref().map(told);
                ("model call".into(), error, answer.is_some())
            }
            CallBody::Search {
                request,
                answer,
                error,
                requests,
            } => {
                view.facts.push(("k", request.k.to_string()));
                if *requests > 0 {
                    view.facts.push(("requests", requests.to_string()));
                }
                view.part("query", request.query.as_str());
                for passage in answer.iter().flat_map(|answer| answer.iter()) {
                    view.passage(passage);
                }
                let title = format!("search of {}", name(&request.index));
                (title, error.as_ref().map(told), answer.is_some())
            }
            CallBody::Tool {
                request,
                answer,
                error,
            } => {
                view.part("arguments", request.arguments.as_str());
                answer.iter().for_each(|answer| view.tool_result(answer));
                let title = format!("tool {}", name(&request.name));
                (title, error.as_ref().map(told), answer.is_some())
            }
            CallBody::Artifact {
                operation,
                name: blob,
                bytes,
                error,
            } => {
                let title = match operation {
                    ArtifactOperation::Read => format!("read of artifact {}", name(blob)),
                    ArtifactOperation::Write => format!("write of artifact {}", name(blob)),
                    ArtifactOperation::List => "list of artifacts".into(),
                };
                view.facts.push(("bytes", bytes.to_string()));
                (title, error.as_ref().map(told), true)
            }
        };
        let ended_first = || "no answer: the case ended first".to_owned();
        Self {
            title,
            // A call that never ended has no end.
            span: span.filter(|span| span.ended_us >= span.began_us),
            facts: view.facts,
            parts: view.parts,
            error: match error {
                None if !answered => ended_first(),
                error => error.unwrap_or_default(),
            },
        }
    }
}

/// A call's facts and texts, while they are put together.
struct Building {
    bytes_max: usize,
    facts: Vec<(&'static str, String)>,
    parts: Vec<(String, String)>,
}

impl Building {
    fn part(&mut self, what: &str, of: &str) {
        self.parts.push((what.into(), text(of, self.bytes_max)));
    }

    fn request(&mut self, request: &GenerateRequest) {
        let params = &request.params;
        let tools: Vec<_> = request.tools.iter().map(|tool| name(&tool.name)).collect();
        let shape = request.response_schema.as_ref();
        let given = [
            ("asked", request.model.as_ref().map(name)),
            ("temperature", params.temperature.map(|n| n.to_string())),
            ("top_p", params.top_p.map(|n| n.to_string())),
            ("max_tokens", params.max_tokens.map(|n| n.to_string())),
            ("seed", params.seed.map(|n| n.to_string())),
            ("effort", params.reasoning_effort.as_ref().map(name)),
            ("shape", shape.map(|shape| name(&shape.name))),
            ("tools", (!tools.is_empty()).then(|| tools.join(", "))),
        ];
        let given = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        self.facts.extend(given);
        request
            .messages
            .iter()
            .for_each(|message| self.message(message));
    }

    fn message(&mut self, message: &Message) {
        let speaker = match message.role {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
            Speaker::Tool => "tool",
        };
        if !message.content.is_empty() {
            self.part(speaker, &content(&message.content));
        }
        for call in &message.tool_calls {
            let what = format!("{speaker} calls {}", name(&call.name));
            self.part(&what, call.arguments.as_str());
        }
    }

    fn completion(&mut self, answer: &Completion) {
        self.facts.push(("model", name(&answer.model)));
        for (at, choice) in answer.choices.iter().enumerate() {
            let what = match at {
                0 => "answer".to_owned(),
                _ => format!("answer {}", at + 1),
            };
            self.part(&what, choice.text.as_str());
            for call in &choice.tool_calls {
                let what = format!("{what} calls {}", name(&call.name));
                self.part(&what, call.arguments.as_str());
            }
            let finish = match &choice.finish_reason {
                FinishReason::Stop => "stop".into(),
                FinishReason::Length => "length".into(),
                FinishReason::ToolCalls => "tool_calls".into(),
                FinishReason::ContentFilter => "content_filter".into(),
                FinishReason::Other(other) => name(other),
            };
            self.facts.push(("finish", finish));
        }
    }

    fn receipt(&mut self, receipt: &Receipt, usage: Option<Usage>) {
        if let Some(usage) = usage {
            let count = |n: Option<u32>| n.map_or("?".into(), |n| n.to_string());
            self.facts.push(("tokens in", count(usage.input_tokens)));
            self.facts.push(("tokens out", count(usage.output_tokens)));
        }
        self.facts.push(("attempts", receipt.attempts.to_string()));
        if receipt.cached {
            self.facts.push(("cached", "yes".into()));
        }
    }

    fn passage(&mut self, passage: &Passage) {
        let what = format!(
            "{}. {} · {} · {:.3}",
            passage.rank,
            name(&passage.id),
            name(&passage.title),
            passage.score
        );
        self.part(&what, passage.text.as_str());
    }

    fn tool_result(&mut self, answer: &ToolResult) {
        let what = match answer.is_error {
            true => "answer: it failed",
            false => "answer",
        };
        self.part(what, &content(&answer.content));
    }
}

/// Returns the text of a message, and what is none in brackets.
fn content(parts: &[ContentPart]) -> String {
    let shown = |part: &ContentPart| match part {
        ContentPart::Text(text) => text.as_str().to_owned(),
        ContentPart::Media { media_type, data } => {
            format!("[{} of {} bytes]", name(media_type), data.len())
        }
        ContentPart::Opaque(part) => format!(
            "[{} bytes that only {} understands]",
            part.data.as_str().len(),
            name(&part.provider)
        ),
    };
    let shown: Vec<_> = parts.iter().map(shown).collect();
    shown.join("\n")
}

/// Returns an error of an import: its case, and what it says.
fn told(error: &impl Serialize) -> String {
    let Ok(serde_json::Value::Object(object)) = serde_json::to_value(error) else {
        return "failed".into();
    };
    let one = |(kind, why): (&String, &serde_json::Value)| {
        let why = Untrusted::from(why.as_str().unwrap_or_default());
        format!("{kind}: {why}")
    };
    object.iter().map(one).collect()
}
