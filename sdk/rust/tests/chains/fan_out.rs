//! Steps that are in flight together.

use fapo_sdk::ProviderError;
use fapo_sdk::fake::{self, FakeHost};

use super::*;

chain!(Both, Vec<String>, {
    let branch = |name| ask(name).keep(|state: &mut Vec<String>, output| state.push(output.into()));
    Graph::new("both", "")
        .step(
            FanOut::new("candidates")
                .branch(branch("a"))
                .branch(branch("b")),
        )
        .step(
            Llm::new("join", "").prompt(prompt("join", "${steps.a.output} or ${steps.b.output}?")),
        )
        .path([START, "candidates", "join", END])
});

#[test]
fn branches_are_in_flight_together_and_each_is_a_step() {
    fake::check::<Both>();
    let host = FakeHost::new()
        .answer("a", "A")
        .answer("b", "B")
        .answer("join", "A");
    let outcome = fake::run::<Both>(&host, question()).unwrap();
    assert_eq!(outcome.output_text, "A");
    assert_eq!(
        trace(&host.calls())[..5],
        ["begin a", "begin b", "generate 2", "end a", "end b"]
    );
    assert_eq!(host.requests("join")[0].messages[0].text(), "A or B?");
}

#[test]
fn the_host_sees_edges_to_every_branch_and_no_step_of_the_fan_outs_name() {
    let info = fake::describe::<Both>();
    let edges: Vec<_> = info
        .edges
        .iter()
        .map(|e| (e.source.as_str(), e.target.as_str()))
        .collect();
    assert_eq!(
        edges,
        [
            ("start", "a"),
            ("start", "b"),
            ("a", "join"),
            ("b", "join"),
            ("join", "end")
        ]
    );
    let steps: Vec<_> = info.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["a", "b", "join"]);
    // Both branches share a prompt, which is declared once.
    assert_eq!(info.prompts.len(), 2);
}

#[test]
fn one_failure_fails_the_fan_out_and_leaves_no_step_open() {
    let down = ProviderError::Unavailable("down".into());
    let host = FakeHost::new().refuse("a", down.clone()).answer("b", "B");
    let error = fake::run::<Both>(&host, question()).unwrap_err();
    assert_eq!(error, ChainError::Provider(down));
    assert_eq!(trace(&host.calls())[2..], ["generate 2", "fail a", "end b"]);
}

#[test]
fn enough_branches_are_enough_and_the_failures_are_reported() {
    chain!(C, (), {
        let both = FanOut::new("candidates").branch(ask("a")).branch(ask("b"));
        Graph::new("c", "").step(both.at_least(1))
    });
    let down = ProviderError::Unavailable("down".into());
    let host = FakeHost::new().refuse("a", down.clone()).answer("b", "B");
    let outcome = fake::run::<C>(&host, question()).unwrap();
    assert_eq!(outcome.output_text, "B");
    assert_eq!(
        diagnostics(&outcome),
        ["branch_failed: a: unavailable: down"]
    );

    let host = FakeHost::new().refuse("a", down.clone()).refuse("b", down);
    assert!(fake::run::<C>(&host, question()).is_err());
}

#[test]
fn a_branch_that_cannot_ask_saves_the_price_of_the_others() {
    chain!(C, (), {
        Graph::new("c", "")
            .parameter(Parameter::integer("n", "", 0..=9, 1))
            .step(
                FanOut::new("all")
                    .branch(ask("a"))
                    .branch(ask("b").max_tokens("n")),
            )
    });
    let host = FakeHost::new().answer("a", "A").answer("b", "B");
    let settings = fake::settings::<C>().with_parameter("n", "null");
    let error = fake::run_with::<C>(&host, question(), &settings).unwrap_err();
    assert!(matches!(error, ChainError::BadSettings(_)));
    assert_eq!(
        trace(&host.calls()),
        ["begin a", "begin b", "fail b", "fail a"]
    );
}

#[test]
fn models_and_indexes_can_be_asked_by_one_fan_out() {
    chain!(C, Vec<Passage>, {
        let search = Retrieve::new("search", "", "wiki")
            .keep(|state: &mut Vec<Passage>, passages| state.extend(passages));
        Graph::new("c", "").step(FanOut::new("all").branch(search).branch(ask("guess")))
    });
    let host = FakeHost::new()
        .passages("wiki", [Passage::new("1", "Dracula", "")])
        .answer("guess", "Stoker");
    assert_eq!(
        fake::run::<C>(&host, question()).unwrap().output_text,
        "Stoker"
    );
    assert_eq!(host.steps()[0].output.as_deref(), Some("[1] Dracula\n"));
}
