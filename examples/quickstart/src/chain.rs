//! The chain: find the evidence, then answer from it alone.

use fapo_sdk::prelude::*;

/// Answers a question from a passage.
pub struct Quickstart;

impl Chain for Quickstart {
    // Two steps that hand on nothing but their outputs need no state.
    type State = ();

    fn graph() -> Graph<()> {
        let find = Prompt::new(
            "find",
            "Finds the evidence.",
            include_str!("../prompts/find.md"),
        );
        let answer = Prompt::new(
            "answer",
            "Answers from the evidence.",
            include_str!("../prompts/answer.md"),
        );
        Graph::new(
            "quickstart",
            "Answers a question from a passage in two steps: find the evidence, then answer.",
        )
        .parameter(Parameter::number(
            "temperature",
            "How freely the model chooses its words.",
            0.0..=2.0,
            0.0,
        ))
        .parameter(Parameter::integer(
            "max_tokens",
            "The longest answer of a step.",
            1..=4096,
            256,
        ))
        .step(
            Llm::new("find", "Copies the sentence that answers the question.")
                .prompt(find)
                .temperature("temperature")
                .max_tokens("max_tokens"),
        )
        .step(
            Llm::new("answer", "Answers from that sentence alone.")
                .prompt(answer)
                .temperature("temperature")
                .max_tokens("max_tokens"),
        )
        .path([START, "find", "answer", END])
    }

    fn start(case: &Case) -> Result<(), ChainError> {
        case.text("question")?;
        case.text("passage")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fapo_sdk::bindings::chain::{Edge, NumberRange, ParameterKind};
    use fapo_sdk::fake::{self, FakeHost};
    use fapo_sdk::{ProviderError, Role};

    use super::*;

    fn tower() -> TestCase {
        TestCase::new(
            "tower",
            &json!({
                "question": "Which city is the Tower Bridge in?",
                "passage": "Tower Bridge was opened in 1894. It crosses the River Thames in London.",
            }),
        )
    }

    #[test]
    fn the_graph_can_be_used() {
        fake::check::<Quickstart>();
    }

    #[test]
    fn the_evidence_of_the_first_step_is_all_that_the_second_sees() {
        let host = FakeHost::new()
            .answer("find", " It crosses the River Thames in London.\n")
            .answer("answer", "London\n");
        let outcome = fake::run::<Quickstart>(&host, tower()).unwrap();
        assert_eq!(outcome.output_text, "London");
        assert_eq!(outcome.diagnostics, []);

        let find = &host.requests("find")[0];
        assert_eq!(find.messages[0].role, Role::System);
        assert_eq!(
            find.messages[1].text(),
            "Passage: Tower Bridge was opened in 1894. It crosses the River Thames in London.\n\n\
             Question: Which city is the Tower Bridge in?"
        );
        assert_eq!(find.params.temperature, Some(0.0));
        assert_eq!(find.params.max_tokens, Some(256));

        let answer = &host.requests("answer")[0];
        assert_eq!(
            answer.messages[1].text(),
            "Evidence: It crosses the River Thames in London.\n\n\
             Question: Which city is the Tower Bridge in?"
        );
    }

    #[test]
    fn a_case_without_a_question_or_a_passage_is_bad() {
        for (context, missing) in [
            (json!({"passage": "x"}), "question"),
            (json!({"question": "x"}), "passage"),
            (json!({"question": 1, "passage": "x"}), "question"),
            (json!("text"), "question"),
        ] {
            let host = FakeHost::new();
            let outcome = fake::run::<Quickstart>(&host, TestCase::new("1", &context));
            let message = format!("`context.{missing}` is missing");
            assert_eq!(outcome, Err(ChainError::BadCase(message)));
            assert_eq!(host.calls(), []);
        }
    }

    #[test]
    fn a_provider_that_is_down_fails_the_step_and_the_chain() {
        let down = ProviderError::Unavailable("no answer".into());
        let host = FakeHost::new().refuse("find", down.clone());
        let outcome = fake::run::<Quickstart>(&host, tower());
        assert_eq!(outcome, Err(ChainError::Provider(down)));
        let failure = host.steps()[0].failure.clone();
        assert_eq!(failure.as_deref(), Some("unavailable: no answer"));
    }

    #[test]
    fn the_description_is_the_graph() {
        let info = fake::describe::<Quickstart>();
        let edge = |source: &str, target: &str| Edge {
            source: source.into(),
            target: target.into(),
            condition: None,
        };
        assert_eq!(
            info.edges,
            [
                edge("start", "find"),
                edge("find", "answer"),
                edge("answer", "end")
            ]
        );
        assert_eq!(info.steps[1].name, "answer");
        assert_eq!(info.steps[1].prompts, ["answer"]);
        assert_eq!(info.steps[1].parameters, ["temperature", "max_tokens"]);
        let placeholders = &info.prompts[1].placeholders;
        let names: Vec<_> = placeholders.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["steps.find.output", "question"]);
        assert!(placeholders.iter().all(|placeholder| placeholder.required));
        let range = NumberRange { min: 0.0, max: 2.0 };
        assert_eq!(info.parameters[0].kind, ParameterKind::Number(range));
        assert_eq!(info.parameters[1].default, "256");
    }
}
