//! Which tool the simulator calls, and with what.

use serde_json::Value;

use crate::call::{GenerateRequest, ToolChoice};
use crate::message::{ToolCall, ToolDefinition};

use super::chance::Chance;
use super::prompt::Prompt;
use super::schema;
use super::words::words;

/// Returns the call that the simulator makes in place of an answer.
pub(super) fn call(
    request: &GenerateRequest,
    prompt: &Prompt,
    query: &str,
    chance: &Chance,
) -> Option<ToolCall> {
    let tool = match &request.tool_choice {
        ToolChoice::None => return None,
        ToolChoice::Tool(name) => request.tools.iter().find(|tool| tool.name == *name)?,
        ToolChoice::Required => best(&request.tools, prompt)?.0,
        ToolChoice::Auto => {
            // It asks only where nothing is in view, and only once.
            if !prompt.passages.is_empty() || prompt.n_tool_results > 0 {
                return None;
            }
            let (tool, fits) = best(&request.tools, prompt)?;
            fits.then_some(tool)?
        }
    };
    let schema: Value = serde_json::from_str(tool.parameters.as_str()).ok()?;
    let arguments = match schema.get("properties") {
        Some(_) => schema::fill(&schema, &mut |name| Some(argument(name, prompt, query))),
        None => serde_json::json!({}),
    };
    Some(ToolCall {
        id: format!(
            "call_{:016x}{:08x}",
            chance.id(),
            chance.pick("call", 1 << 30)
        )
        .into(),
        name: tool.name.clone(),
        arguments: arguments.to_string().into(),
    })
}

/// Returns the tool whose description fits best, and whether it fits at all.
fn best<'a>(tools: &'a [ToolDefinition], prompt: &Prompt) -> Option<(&'a ToolDefinition, bool)> {
    let question = words(&prompt.question);
    let fit = |tool: &ToolDefinition| {
        let about = format!(
            "{} {}",
            tool.name.as_str().replace('_', " "),
            tool.description.as_str()
        );
        let about = words(&about);
        let shared = question
            .iter()
            .take(64)
            .filter(|word| !word.is_stop && about.iter().any(|other| other.stem == word.stem))
            .count();
        let searches = about.iter().any(|word| {
            word.is_one_of(&[
                "search",
                "searches",
                "find",
                "finds",
                "retrieve",
                "retrieves",
                "lookup",
                "look",
                "fetch",
                "query",
                "wikipedia",
                "passages",
                "documents",
            ])
        });
        shared * 2 + usize::from(searches)
    };
    let scored = tools.iter().map(|tool| (tool, fit(tool)));
    let best = scored.rev().max_by_key(|(_, fit)| *fit);
    best.map(|(tool, fit)| (tool, fit > 0))
}

fn argument(name: &str, prompt: &Prompt, query: &str) -> String {
    let name = name.to_lowercase();
    let question = &prompt.question;
    if ["query", "search", "keyword", "term", "text", "input"]
        .iter()
        .any(|word| name.contains(word))
    {
        return query.into();
    }
    if name.contains("expression") || name.contains("formula") {
        let keep = |c: &char| c.is_ascii_digit() || "+-*/().% ".contains(*c);
        let kept: String = question.chars().filter(keep).collect();
        return kept.trim().trim_end_matches('.').into();
    }
    if name.contains("question") {
        return question.clone();
    }
    // A place, a person, a thing: the last name that the question has.
    let words = words(question);
    let last = words
        .iter()
        .rposition(|word| word.is_capital && !word.is_stop);
    match last {
        Some(last) => {
            let mut first = last;
            while first > 0 && words[first - 1].is_capital && !words[first - 1].is_stop {
                first -= 1;
            }
            question[words[first].at..words[last].end()].into()
        }
        None => question.clone(),
    }
}
