//! A model that calls tools.

use fapo_sdk::fake::{self, FakeHost};
use fapo_sdk::{Completion, Role, ToolChoice};

use super::*;

chain!(Research, Vec<String>, {
    let note = |state: &mut Vec<String>, arguments: &Value, _: &Visit| {
        let text = arguments["text"].as_str().ok_or("`text` is missing")?;
        state.push(text.to_owned());
        Ok("noted".to_owned())
    };
    Graph::new("research", "").step(
        Agent::new(ask("agent"))
            .granted(["search"])
            .tool("note", "Notes a text.", "{}", note)
            .turns(3),
    )
});

fn host() -> FakeHost {
    FakeHost::new()
        .tool("search", |arguments| match arguments["q"].as_str() {
            Some(q) => Ok(format!("found {q}")),
            None => Err("no query".into()),
        })
        .tool("delete", |_| Ok("deleted".into()))
}

fn deleted(calls: &[Call]) -> bool {
    let is_delete = |call: &Call| match call {
        Call::Tools(requests) => requests.iter().any(|request| request.name == "delete"),
        _ => false,
    };
    calls.iter().any(is_delete)
}

fn calling(name: &str, arguments: &Value) -> Completion {
    Completion::from("").calling("id1", name, arguments)
}

#[test]
fn calls_are_answered_until_the_model_calls_none() {
    fake::check::<Research>();
    let first = Completion::from("Let me look.")
        .calling("c1", "search", &json!({"q": "Dracula"}))
        .calling("c2", "note", &json!({"text": "a novel"}))
        .calling("c3", "search", &json!({"q": "Stoker"}));
    let host = host().complete("agent", [first, Completion::from("Bram Stoker\n")]);
    let outcome = fake::run::<Research>(&host, question()).unwrap();
    assert_eq!(outcome.output_text, "Bram Stoker");
    assert_eq!(outcome.diagnostics, []);
    assert_eq!(
        trace(&host.calls()),
        [
            "begin agent",
            "generate 1",
            "tools 2",
            "generate 1",
            "end agent"
        ]
    );

    let requests = host.requests("agent");
    let offered: Vec<_> = requests[0]
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    assert_eq!(offered, ["note", "search"]);
    let messages = &requests[1].messages;
    assert_eq!(messages[1].role, Role::Assistant);
    assert_eq!(messages[1].tool_calls.len(), 3);
    let results: Vec<_> = messages[2..]
        .iter()
        .map(|m| (m.tool_call_id.as_deref().unwrap(), m.text()))
        .collect();
    assert_eq!(
        results,
        [
            ("c1", "found Dracula".into()),
            ("c2", "noted".into()),
            ("c3", "found Stoker".into())
        ]
    );
}

#[test]
fn a_model_that_never_stops_calling_has_to_answer_in_its_last_turn() {
    let again = calling("search", &json!({"q": "x"}));
    let last = Completion::from("x").calling("id1", "search", &json!({"q": "x"}));
    let host = host().complete("agent", [again.clone(), again, last]);
    let outcome = fake::run::<Research>(&host, question()).unwrap();
    assert_eq!(outcome.output_text, "x");
    assert_eq!(diagnostics(&outcome), ["turns_spent: agent"]);
    let requests = host.requests("agent");
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[1].tool_choice, ToolChoice::Auto);
    assert_eq!(requests[2].tool_choice, ToolChoice::None);
}

#[test]
fn a_tool_that_fails_is_told_to_the_model_and_reported() {
    for (call, told) in [
        (calling("search", &json!({})), "The tool failed: no query"),
        (
            calling("note", &json!({})),
            "The tool failed: `text` is missing",
        ),
        (
            calling("delete", &json!({})),
            "The tool failed: there is no such tool",
        ),
    ] {
        let host = host().complete("agent", [call, Completion::from("x")]);
        let outcome = fake::run::<Research>(&host, question()).unwrap();
        let told_to = host.requests("agent")[1].messages[2].text();
        assert_eq!(told_to, told);
        assert_eq!(outcome.diagnostics[0].name, "tool_failed");
        // `delete` is granted, but this agent was not to have it.
        assert!(!deleted(&host.calls()));
    }
}

#[test]
fn arguments_that_are_not_json_reach_no_tool_of_the_chains_own() {
    let mut call = calling("note", &json!(null));
    call.choices[0].tool_calls[0].arguments = "{text:".into();
    let host = host().complete("agent", [call, Completion::from("x")]);
    fake::run::<Research>(&host, question()).unwrap();
    let told = host.requests("agent")[1].messages[2].text();
    assert!(
        told.starts_with("The tool failed: the arguments are not JSON"),
        "{told}"
    );
}

#[test]
fn a_tool_that_is_not_granted_fails_the_step() {
    let host = FakeHost::new().answer("agent", "x");
    let error = fake::run::<Research>(&host, question()).unwrap_err();
    assert_eq!(
        error,
        ChainError::step("agent", "tool `search` is not granted")
    );
    assert_eq!(trace(&host.calls()), ["begin agent", "fail agent"]);
}

#[test]
fn an_agent_without_tools_or_with_many_requests_is_a_problem() {
    let graph = Graph::<()>::new("c", "").step(Agent::new(ask("a").samples(2, parse::majority)));
    assert_eq!(
        graph.check(),
        [
            "agent `a` has no tools",
            "agent `a` cannot have `each` or `samples`"
        ]
    );
}
