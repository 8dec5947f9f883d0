use super::*;
use crate::providers::wire::converse::Converse;
use fapo_core::call::ToolChoice;

const CONVERSE: &dyn Wire = &Converse;
const NAME: &str = "us.anthropic.claude-opus-4-5-20251101-v1:0";

/// An answer as Bedrock writes it.
fn answered() -> Value {
    json!({
        "metrics": {"latencyMs": 1275},
        "output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "EqQBCg=="}}},
            {"reasoningContent": {"redactedContent": "EmwKAh=="}},
            {"text": "Here is a list."},
        ]}},
        "stopReason": "end_turn",
        "usage": {
            "inputTokens": 125,
            "outputTokens": 60,
            "totalTokens": 190,
            "cacheReadInputTokens": 3,
            "cacheWriteInputTokens": 2,
        },
    })
}

#[test]
fn a_request_has_the_words_of_the_format() {
    let written = write(CONVERSE, &tuned(), NAME);
    assert_eq!(
        written.path,
        "/model/us.anthropic.claude-opus-4-5-20251101-v1%3A0/converse"
    );
    assert_eq!(written.left_out, [Parameter::Seed]);
    assert_eq!(
        sent(written),
        json!({
            "system": [{"text": "Be brief."}],
            "messages": [{"role": "user", "content": [{"text": "Hello?"}]}],
            "inferenceConfig": {
                "maxTokens": 64,
                "temperature": 0.5,
                "topP": 0.9,
                "stopSequences": ["END"],
            },
            "outputConfig": {"effort": "low"},
        })
    );
    let arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.x-v1:0";
    let path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.x-v1%3A0/converse";
    assert_eq!(write(CONVERSE, &hello(), arn).path, path);
}

#[test]
fn a_schema_goes_as_the_text_that_it_is() {
    let mut request = hello();
    request.response_schema = answer_schema(" {\"type\": \"object\"} ");
    assert_eq!(
        body(CONVERSE, &request, NAME)["outputConfig"],
        json!({"textFormat": {
            "type": "json_schema",
            "structure": {"jsonSchema": {
                "name": "answer",
                "schema": " {\"type\": \"object\"} ",
            }},
        }})
    );
    request.response_schema = answer_schema("{");
    assert!(is_invalid(CONVERSE, &request, NAME));
}

#[test]
fn tools_are_told_called_and_answered_in_the_turn_that_follows() {
    let mut request = after_tools(&[]);
    let called = |id: &str, city: &str| json!({"toolUse": {"toolUseId": id, "name": "weather", "input": {"city": city}}});
    let result = |id: &str, text: &str| json!({"toolResult": {"toolUseId": id, "content": [{"text": text}]}});
    let schema: Value = serde_json::from_str(WEATHER).unwrap();
    let tools = json!([{"toolSpec": {
        "name": "weather",
        "inputSchema": {"json": schema},
        "description": "Tells the weather.",
    }}]);
    assert_eq!(
        body(CONVERSE, &request, NAME),
        json!({
            "messages": [
                {"role": "user", "content": [{"text": "Rome and Oslo?"}]},
                {"role": "assistant", "content": [
                    {"text": "Let me look."},
                    called("c1", "Rome"),
                    called("c2", "Oslo"),
                ]},
                {"role": "user", "content": [result("c1", "sun"), result("c2", "snow")]},
            ],
            "toolConfig": {"tools": tools},
        })
    );
    for (choice, written) in [
        (ToolChoice::Required, json!({"any": {}})),
        (
            ToolChoice::Tool("weather".into()),
            json!({"tool": {"name": "weather"}}),
        ),
    ] {
        request.tool_choice = choice;
        assert_eq!(
            body(CONVERSE, &request, NAME)["toolConfig"]["toolChoice"],
            written
        );
    }
}

#[test]
fn tools_that_must_not_be_called_are_not_told() {
    let mut request = after_tools(&[]);
    request.tool_choice = ToolChoice::None;
    assert!(is_invalid(CONVERSE, &request, NAME));
    request.messages.truncate(1);
    assert_eq!(body(CONVERSE, &request, NAME).get("toolConfig"), None);
}

#[test]
fn images_and_documents_are_blocks_and_blank_text_is_none() {
    let parts = vec![
        ContentPart::Text(" \n".into()),
        media("image/gif", b"foo"),
        media("application/pdf", b"foo"),
        media("text/plain", b"foo"),
    ];
    let request = asks(vec![message(Speaker::User, parts)]);
    let document = |format: &str, name: &str| json!({"document": {"format": format, "name": name, "source": {"bytes": "Zm9v"}}});
    assert_eq!(
        body(CONVERSE, &request, NAME)["messages"][0]["content"],
        json!([
            {"image": {"format": "gif", "source": {"bytes": "Zm9v"}}},
            document("pdf", "document-1"),
            document("txt", "document-2"),
        ])
    );
    assert!(is_invalid(
        CONVERSE,
        &asks(vec![says(Speaker::User, " ")]),
        NAME
    ));
    let sound = asks(vec![message(Speaker::User, vec![media("audio/wav", b"")])]);
    assert!(is_invalid(CONVERSE, &sound, NAME));
}

#[test]
fn an_answer_says_what_it_took() {
    let headers = [("x-amzn-requestid", "9b7c")];
    let mut answer = answered();
    answer["trace"] = json!({"promptRouter": {"invokedModelId": "arn:aws:bedrock:x"}});
    let read = CONVERSE
        .read(&reply(200, &headers, answer.to_string()))
        .unwrap();
    assert_eq!(read.completion.model.as_str(), "arn:aws:bedrock:x");
    assert_eq!(read.completion.usage, usage(130, Some(3), 60, None));
    assert_eq!(read.served.id, Some("9b7c".into()));
    let choice = one(CONVERSE, &answered());
    assert_eq!(choice.text.as_str(), "Here is a list.");
    assert_eq!(choice.finish_reason, FinishReason::Stop);
}

#[test]
fn reasoning_goes_back_as_it_was() {
    let pointer = "/output/message/content";
    let tool =
        json!({"toolUse": {"toolUseId": "c1", "name": "weather", "input": {"city": "Rome"}}});
    let mut answer = with(&answered(), &format!("{pointer}/2"), tool.clone());
    let choice = one(CONVERSE, &answer);
    assert_eq!(
        choice.tool_calls,
        [call("c1", "weather", r#"{"city":"Rome"}"#)]
    );
    let again = body(CONVERSE, &asks(vec![back(&choice)]), NAME);
    assert_eq!(
        again["messages"][0]["content"],
        answer.pointer(pointer).unwrap().clone()
    );
    // In the middle it keeps its place.
    let content = answer.pointer_mut(pointer).unwrap().as_array_mut().unwrap();
    content.swap(1, 2);
    let choice = one(CONVERSE, &answer);
    let again = body(CONVERSE, &asks(vec![back(&choice)]), NAME);
    assert_eq!(
        again["messages"][0]["content"],
        answer.pointer(pointer).unwrap().clone()
    );
}

#[test]
fn every_reason_to_stop_is_told_apart() {
    let other = |word: &str| FinishReason::Other(word.into());
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("tool_use", FinishReason::ToolCalls),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("guardrail_intervened", FinishReason::ContentFilter),
        ("content_filtered", FinishReason::ContentFilter),
        ("malformed_model_output", other("malformed_model_output")),
        ("malformed_tool_use", other("malformed_tool_use")),
    ] {
        let answer = with(&answered(), "/stopReason", word.into());
        assert_eq!(one(CONVERSE, &answer).finish_reason, reason);
    }
}

#[test]
fn what_is_no_answer_is_not_read_as_one() {
    for body in ["{}", r#"{"output": {}}"#, r#"{"output": {"message""#] {
        assert!(is_malformed(CONVERSE, &reply(200, &[], body)), "{body}");
    }
}
