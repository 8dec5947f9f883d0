//! The simulator, asked as guests ask it.

use super::trial::{messages, said};
use super::*;
use crate::call::{ResponseSchema, ToolChoice};
use crate::message::{Speaker, ToolDefinition};

const USER: &str = "Tarn | Tarn is the capital of Vell. It lies on the Orn.\nSarn | Sarn is a small river in Vell.\n\nQuestion: What is the capital of Vell?";

fn request(system: &str, user: &str) -> GenerateRequest {
    GenerateRequest {
        messages: messages(system, user),
        ..GenerateRequest::default()
    }
}

fn ask(request: &GenerateRequest) -> Completion {
    simulate(request, &Rates::NONE, Key::default())
}

fn text(completion: &Completion) -> &str {
    completion.choices[0].text.as_str()
}

fn search() -> ToolDefinition {
    ToolDefinition {
        name: "search".into(),
        description: "Searches passages.".into(),
        parameters:
            r#"{"type":"object","properties":{"query":{"type":"string"},"k":{"type":"integer"}},"required":["query","k"]}"#
                .into(),
    }
}

#[test]
fn an_answer_has_the_shape_that_was_asked_for() {
    for (system, answer) in [
        ("Answer only with the name.", "Tarn"),
        ("Output JSON: {\"answer\": \"…\"}", "{\"answer\":\"Tarn\"}"),
        (
            "Copy out the one sentence that answers the question, word for word.",
            "Tarn is the capital of Vell.",
        ),
        (
            "Quote the evidence, then answer on the last line.",
            "\"Tarn is the capital of Vell.\"\nTarn",
        ),
        (
            "Think step by step, then write the answer after `Answer:`.",
            "The passage about Tarn says: Tarn is the capital of Vell.\nAnswer: Tarn",
        ),
        (
            "Think step by step.",
            "The passage about Tarn says: Tarn is the capital of Vell.\nSo the answer is Tarn.",
        ),
        (
            "Given the fields `question`, `passages`, produce the field `query`.",
            "capital Vell",
        ),
        (
            "Given the fields `question`, `passages`, produce the field `summary`.",
            "Tarn is the capital of Vell.",
        ),
        (
            "Given the fields `question`, `passages`, produce the fields `reasoning`, `answer`.",
            "reasoning: The passage about Tarn says: Tarn is the capital of Vell.\nanswer: Tarn",
        ),
    ] {
        let completion = ask(&request(system, USER));
        assert!(
            text(&completion).starts_with(answer),
            "{system}: {}",
            text(&completion)
        );
    }
}

#[test]
fn fields_between_marks_are_answered_between_marks() {
    let system =
        "Given the fields `question`, `context`, produce the fields `reasoning`, `answer`.";
    let user = "[[ ## context ## ]]\n[1] «Tarn | Tarn is the capital of Vell.»\n\n[[ ## question ## ]]\nWhat is the capital of Vell?\n\nRespond with the fields.";
    let completion = ask(&request(system, user));
    let expected = "[[ ## reasoning ## ]]\nThe passage about Tarn says: Tarn is the capital of Vell.\n\n[[ ## answer ## ]]\nTarn\n\n[[ ## completed ## ]]";
    assert_eq!(text(&completion), expected);
}

#[test]
fn a_schema_is_filled_in() {
    let mut request = request("", USER);
    request.response_schema = Some(ResponseSchema {
        name: "a".into(),
        schema: r#"{"type":"object","properties":{"capital":{"type":"string"},"sure":{"type":"boolean"}},"required":["capital","sure"]}"#.into(),
    });
    assert_eq!(text(&ask(&request)), r#"{"capital":"Tarn","sure":true}"#);
}

#[test]
fn tools_are_called_where_nothing_is_in_view() {
    let mut asking = request("", "What is the capital of Vell?");
    asking.tools = vec![search()];
    let completion = ask(&asking);
    let choice = &completion.choices[0];
    assert_eq!(choice.finish_reason, FinishReason::ToolCalls);
    let arguments = r#"{"query":"capital Vell","k":1}"#;
    assert_eq!(choice.tool_calls[0].arguments.as_str(), arguments);
    // What the tool returned is read then.
    let mut asked = said(Speaker::Assistant, "");
    asked.tool_calls = choice.tool_calls.clone();
    asking.messages.push(asked);
    asking
        .messages
        .push(said(Speaker::Tool, "Tarn is the capital of Vell."));
    assert_eq!(text(&ask(&asking)), "Tarn");
    let mut reading = request("", USER);
    reading.tools = vec![search()];
    assert_eq!(text(&ask(&reading)), "Tarn");
    for choice in [ToolChoice::Required, ToolChoice::Tool("search".into())] {
        reading.tool_choice = choice;
        assert_eq!(ask(&reading).choices[0].tool_calls.len(), 1);
    }
    asking.messages.truncate(2);
    asking.tool_choice = ToolChoice::None;
    assert!(ask(&asking).choices[0].tool_calls.is_empty());
}

#[test]
fn a_small_limit_cuts_the_answer_and_says_so() {
    let mut request = request("Quote the evidence, then answer on the last line.", USER);
    request.params.max_tokens = Some(2);
    let completion = ask(&request);
    assert_eq!(
        (text(&completion), completion.usage.output_tokens),
        ("\"Tarn is", Some(2))
    );
    assert_eq!(completion.choices[0].finish_reason, FinishReason::Length);
    request.params.max_tokens = None;
    request.params.stop = vec!["capital".into()];
    let completion = ask(&request);
    assert_eq!(text(&completion), "\"Tarn is the ");
    assert_eq!(completion.choices[0].finish_reason, FinishReason::Stop);
}

#[test]
fn a_reasoner_thinks_before_it_answers_and_may_get_no_further() {
    let mut request = request("", USER);
    request.model = Some("sim-reasoner-1".into());
    let completion = ask(&request);
    let Usage {
        output_tokens,
        reasoning_tokens,
        ..
    } = completion.usage;
    assert!(reasoning_tokens > Some(16) && output_tokens > reasoning_tokens);
    assert_eq!(
        (text(&completion), completion.model.as_str()),
        ("Tarn", "sim-reasoner-1")
    );
    request.params.max_tokens = Some(16);
    let completion = ask(&request);
    assert_eq!(
        (text(&completion), completion.usage.reasoning_tokens),
        ("", Some(16))
    );
    assert_eq!(completion.choices[0].finish_reason, FinishReason::Length);
}

#[test]
fn several_choices_are_samples_and_all_are_counted() {
    let mut request = request("", USER);
    request.params.choices = Some(12);
    let completion = simulate(&request, &Rates::default(), Key::default());
    assert_eq!(completion.choices.len(), 12);
    let first = &completion.choices[0].text;
    assert!(
        completion
            .choices
            .iter()
            .any(|choice| choice.text != *first)
    );
    let bytes: usize = completion
        .choices
        .iter()
        .map(|choice| choice.text.as_str().len())
        .sum();
    assert!(completion.usage.output_tokens.unwrap() as usize >= bytes / TOKEN_BYTES);
    assert_eq!(
        completion,
        simulate(&request, &Rates::default(), Key::default())
    );
}

#[test]
fn without_evidence_it_abstains_unless_it_must_answer() {
    let abstains = |system: &str| {
        let request = request(system, "Question: Who designed the bridge of Tarn?");
        let told = |repeat| {
            let key = Key { repeat, seed: 0 };
            let completion = simulate(&request, &Rates::NONE, key);
            text(&completion).contains("cannot tell")
        };
        (0..100).filter(|repeat| told(*repeat)).count()
    };
    assert!(abstains("Answer the question.") > 50);
    assert_eq!(abstains("Always answer."), 0);
}

#[test]
fn an_evil_prompt_is_answered_in_time() {
    let long = "When Why Or ".repeat(20_000);
    for user in [
        long.clone(),
        format!("Context: {long}\nQuestion: {long}?"),
        format!("{}\nQuestion: Who?", "A Name Or ".repeat(30_000)),
        "[[\"".repeat(50_000),
        "Title: x\n".repeat(30_000),
        format!("Options: {}", "a, ".repeat(50_000)),
    ] {
        let completion = ask(&request("Answer as JSON, step by step.", &user));
        assert_eq!(completion.choices.len(), 1);
    }
}
