//! The chain that `fapo-host bench` measures: search, summarise, write a
//! query, search again, summarise both, answer.
//!
//! It has the shape of the HotpotQA pipeline that optimizers are compared on:
//! four model calls, two searches, and a step's output in each next prompt.

use fapo_sdk::prelude::*;

/// Two searches and four model calls in a row.
pub struct SixStep;

impl Chain for SixStep {
    type State = ();

    fn graph() -> Graph<()> {
        Graph::new("six-step", "Answers a question in two hops.")
            .parameter(Parameter::integer("k", "Passages of a search.", 1..=100, 5))
            .step(Retrieve::new("search1", "Finds passages for the question.", "corpus").k("k"))
            .step(llm("summary1", SUMMARY_1))
            .step(llm("query", QUERY))
            .step(
                Retrieve::new("search2", "Finds passages for the second hop.", "corpus")
                    .query("${steps.query.output}")
                    .k("k"),
            )
            .step(llm("summary2", SUMMARY_2))
            .step(llm("answer", ANSWER))
            .path([
                START, "search1", "summary1", "query", "search2", "summary2", "answer", END,
            ])
    }
}

fn llm(name: &'static str, template: &'static str) -> Llm<()> {
    Llm::new(name, "Asks the model.").prompt(Prompt::new(name, "Asks the model.", template))
}

const SUMMARY_1: &str = "System: Given the fields `question`, `passages`, produce the field `summary`.\n\
    User: question: ${question}\npassages: ${steps.search1.output}";
const QUERY: &str = "System: Given the fields `question`, `summary_1`, produce the field `query`.\n\
    User: question: ${question}\nsummary_1: ${steps.summary1.output}";
const SUMMARY_2: &str = "System: Given the fields `question`, `context`, `passages`, produce the field `summary`.\n\
    User: question: ${question}\ncontext: ${steps.summary1.output}\npassages: ${steps.search2.output}";
const ANSWER: &str = "System: Given the fields `question`, `summary_1`, `summary_2`, produce the field `answer`.\n\
    User: question: ${question}\nsummary_1: ${steps.summary1.output}\nsummary_2: ${steps.summary2.output}";

export_chain!(SixStep);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graph_can_be_used() {
        fapo_sdk::fake::check::<SixStep>();
    }
}
