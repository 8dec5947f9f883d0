//! The chain: search, sum up, write a query, search again, sum up, answer.

use fapo_sdk::prelude::*;
use fapo_sdk::retrieve::{Fusion, Layout, Rescue};

/// Answers a question from two searches in an index of articles.
pub struct HotpotQa;

impl Chain for HotpotQa {
    // What a step hands on is its output, and no more.
    type State = ();

    fn graph() -> Graph<()> {
        Graph::new(
            "hotpotqa",
            "Answers a question that needs two articles: searches, sums up, and searches again for what is missing.",
        )
        .parameter(passages("k_hop1", "Passages of the first search."))
        .parameter(passages("k_hop2", "Passages of the second search."))
        .parameter(Parameter::boolean(
            "fusion",
            "Asks each line of the second query, and the question, and fuses what they find by rank.",
            false,
        ))
        .parameter(Parameter::integer(
            "rescue",
            "Further searches of a hop for names that no title found is about; 0 is none.",
            0..=5,
            0,
        ))
        .parameter(Parameter::number(
            "temperature",
            "How freely the model chooses its words.",
            0.0..=2.0,
            1.0,
        ))
        .parameter(Parameter::number(
            "top_p",
            "The share of likely words that it chooses from.",
            0.0..=1.0,
            0.95,
        ))
        .parameter(Parameter::integer(
            "max_tokens",
            "The longest answer of a step.",
            1..=32_000,
            16_000,
        ))
        .step(
            Retrieve::new("retrieve_hop1", "Finds articles for the question.", INDEX)
                .query("${question}")
                .k("k_hop1")
                .layout(Layout::Quoted)
                .rescue(Rescue::names_in("${question}").searches("rescue")),
        )
        .step(ask(
            "summarize_hop1",
            "Sums up what they say of the question.",
            include_str!("../prompts/summarize_hop1.md"),
            "summary",
        ))
        .step(ask(
            "query_hop2",
            "Writes a search for what is still missing.",
            include_str!("../prompts/query_hop2.md"),
            "query",
        ))
        .step(
            Retrieve::new("retrieve_hop2", "Finds articles for that query.", INDEX)
                .query("${steps.query_hop2.output}")
                .k("k_hop2")
                .layout(Layout::Quoted)
                .fuse(Fusion::rrf().with("${question}").when("fusion"))
                .rescue(
                    Rescue::names_in("${question}\n${steps.summarize_hop1.output}")
                        .besides("retrieve_hop1")
                        .searches("rescue"),
                ),
        )
        .step(ask(
            "summarize_hop2",
            "Sums up what both searches say of the question.",
            include_str!("../prompts/summarize_hop2.md"),
            "summary",
        ))
        .step(ask(
            "answer",
            "Answers from the two summaries.",
            include_str!("../prompts/answer.md"),
            "answer",
        ))
        .path([
            START,
            "retrieve_hop1",
            "summarize_hop1",
            "query_hop2",
            "retrieve_hop2",
            "summarize_hop2",
            "answer",
            END,
        ])
    }

    fn start(case: &Case) -> Result<(), ChainError> {
        case.text("question").map(|_| ())
    }
}

/// The index that `tenant.toml` names.
const INDEX: &str = "wiki";

fn passages(name: &'static str, description: &'static str) -> Parameter {
    Parameter::integer(name, description, 1..=50, 7)
}

/// Returns a step that asks the model for one field, beside its reasoning.
fn ask(
    name: &'static str,
    description: &'static str,
    template: &'static str,
    field: &'static str,
) -> Llm<()> {
    let prompt = Prompt::new(name, description, template).optional(
        "newline",
        "The end of a line, for a prompt whose last line is to have one.",
    );
    Llm::new(name, description)
        .prompt(prompt)
        // The blanks at both ends of a message are no part of a template.
        .value("newline", |_| "\n".to_owned())
        .temperature("temperature")
        .top_p("top_p")
        .max_tokens("max_tokens")
        .parse(parse::marked(field))
}

#[cfg(test)]
mod tests;
