use super::*;
use crate::providers::wire::messages::Messages;
use fapo_core::call::ToolChoice;

const MESSAGES: &dyn Wire = &Messages;

/// An answer as Anthropic writes it.
fn answered() -> Value {
    json!({
        "id": "msg_013Zva2CMHLNnjNjJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "EqQBCg=="},
            {"type": "redacted_thinking", "data": "EmwKAh=="},
            {"type": "text", "text": "Hi! My name is Claude."},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": null,
        "usage": {
            "input_tokens": 100,
            "cache_creation_input_tokens": 20,
            "cache_read_input_tokens": 300,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 503,
            "output_tokens_details": {"thinking_tokens": 400},
            "service_tier": "standard",
        },
    })
}

#[test]
fn a_request_has_the_words_of_the_format() {
    let written = write(MESSAGES, &tuned(), "claude-sonnet-4-6");
    assert_eq!(written.path, "/v1/messages");
    assert!(
        written
            .headers
            .contains(&("anthropic-version", "2023-06-01".into()))
    );
    assert_eq!(written.left_out, [Parameter::Seed]);
    assert_eq!(
        sent(written),
        json!({
            "model": "claude-sonnet-4-6",
            "max_tokens": 64,
            "system": "Be brief.",
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}],
            "temperature": 0.5,
            "top_p": 0.9,
            "stop_sequences": ["END"],
            "output_config": {"effort": "low"},
        })
    );
    let later = write(MESSAGES, &tuned(), "claude-opus-4-8");
    let left_out = [Parameter::Temperature, Parameter::TopP, Parameter::Seed];
    assert_eq!(later.left_out, left_out);
}

#[test]
fn an_answer_always_has_a_limit() {
    for (name, limit) in [("claude-haiku-4-5", 64_000), ("claude-of-nobody", 4_096)] {
        assert_eq!(body(MESSAGES, &hello(), name)["max_tokens"], limit);
    }
}

#[test]
fn a_schema_goes_as_it_is() {
    let mut request = hello();
    request.response_schema = answer_schema(WEATHER);
    let format = &body(MESSAGES, &request, "claude-opus-4-5")["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert_eq!(format["schema"].to_string(), WEATHER);
}

#[test]
fn tools_are_told_called_and_answered_in_the_turn_that_follows() {
    let mut request = after_tools(&[]);
    request.messages.push(says(Speaker::User, "And?"));
    let body_of = |request: &GenerateRequest| body(MESSAGES, request, "claude-opus-4-5");
    let result = |id: &str, text: &str| json!({"type": "tool_result", "tool_use_id": id, "content": [{"type": "text", "text": text}]});
    let called = |id: &str, city: &str| json!({"type": "tool_use", "id": id, "name": "weather", "input": {"city": city}});
    let body = body_of(&request);
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "Rome and Oslo?"}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "Let me look."},
                called("c1", "Rome"),
                called("c2", "Oslo"),
            ]},
            {"role": "user", "content": [
                result("c1", "sun"),
                result("c2", "snow"),
                {"type": "text", "text": "And?"},
            ]},
        ])
    );
    let schema: Value = serde_json::from_str(WEATHER).unwrap();
    assert_eq!(
        body["tools"],
        json!([{"name": "weather", "input_schema": schema, "description": "Tells the weather."}])
    );
    assert_eq!(body.get("tool_choice"), None);
    for (choice, written) in [
        (ToolChoice::None, json!({"type": "none"})),
        (ToolChoice::Required, json!({"type": "any"})),
        (
            ToolChoice::Tool("weather".into()),
            json!({"type": "tool", "name": "weather"}),
        ),
    ] {
        request.tool_choice = choice;
        assert_eq!(body_of(&request)["tool_choice"], written);
    }
    request.messages[1].tool_calls[0].arguments = "not JSON".into();
    assert!(is_invalid(MESSAGES, &request, "claude-opus-4-5"));
}

#[test]
fn images_and_documents_are_blocks() {
    let parts = vec![
        ContentPart::Text("".into()),
        media("image/jpeg", b"foo"),
        media("application/pdf", b"foo"),
        media("text/plain", b"foo"),
    ];
    let request = asks(vec![message(Speaker::User, parts)]);
    let source = |how: &str, media_type: &str, data: &str| json!({"type": how, "media_type": media_type, "data": data});
    assert_eq!(
        body(MESSAGES, &request, "claude-opus-4-5")["messages"][0]["content"],
        json!([
            {"type": "image", "source": source("base64", "image/jpeg", "Zm9v")},
            {"type": "document", "source": source("base64", "application/pdf", "Zm9v")},
            {"type": "document", "source": source("text", "text/plain", "foo")},
        ])
    );
    for parts in [
        vec![media("audio/wav", b"")],
        vec![],
        vec![ContentPart::Text("".into())],
    ] {
        let request = asks(vec![message(Speaker::User, parts)]);
        assert!(is_invalid(MESSAGES, &request, "claude-opus-4-5"));
    }
    assert!(is_invalid(MESSAGES, &asks(vec![]), "claude-opus-4-5"));
}

#[test]
fn an_answer_says_what_it_is_and_what_it_took() {
    let headers = [("request-id", "req_018EeWyXxfu5pfWkrYcMdjWG")];
    let read = MESSAGES
        .read(&reply(200, &headers, answered().to_string()))
        .unwrap();
    assert_eq!(read.completion.model.as_str(), "claude-sonnet-4-5-20250929");
    let choice = &read.completion.choices[0];
    assert_eq!(choice.text.as_str(), "Hi! My name is Claude.");
    assert_eq!(choice.finish_reason, FinishReason::Stop);
    // What a cache holds is counted beside the input, not in it.
    assert_eq!(read.completion.usage, usage(420, Some(300), 503, Some(400)));
    assert_eq!(read.served.id, answered()["id"].as_str().map(Into::into));
}

#[test]
fn thinking_goes_back_as_it_was() {
    let answer = with(
        &answered(),
        "/content/2",
        json!({
            "type": "tool_use",
            "id": "c1",
            "name": "weather",
            "input": {"city": "Rome"},
        }),
    );
    let choice = one(MESSAGES, &with(&answer, "/stop_reason", "tool_use".into()));
    assert_eq!(choice.finish_reason, FinishReason::ToolCalls);
    assert_eq!(
        choice.tool_calls,
        [call("c1", "weather", r#"{"city":"Rome"}"#)]
    );
    let again = body(MESSAGES, &asks(vec![back(&choice)]), "claude-opus-4-5");
    assert_eq!(again["messages"][0]["content"], answer["content"]);
}

#[test]
fn thinking_amid_text_keeps_its_place() {
    let thinking = |text: &str| json!({"type": "thinking", "thinking": text, "signature": text});
    let content = json!([
        thinking("1"),
        {"type": "text", "text": "First."},
        thinking("2"),
        {"type": "tool_use", "id": "c1", "name": "weather", "input": {}},
    ]);
    let choice = one(MESSAGES, &with(&answered(), "/content", content.clone()));
    let again = body(MESSAGES, &asks(vec![back(&choice)]), "claude-opus-4-5");
    assert_eq!(again["messages"][0]["content"], content);
}

#[test]
fn every_reason_to_stop_is_told_apart() {
    for (word, reason) in [
        ("end_turn", FinishReason::Stop),
        ("stop_sequence", FinishReason::Stop),
        ("max_tokens", FinishReason::Length),
        ("model_context_window_exceeded", FinishReason::Length),
        ("tool_use", FinishReason::ToolCalls),
        ("refusal", FinishReason::ContentFilter),
        ("pause_turn", FinishReason::Other("pause_turn".into())),
    ] {
        let answer = with(&answered(), "/stop_reason", word.into());
        assert_eq!(one(MESSAGES, &answer).finish_reason, reason);
    }
    let mut refusal = with(&answered(), "/stop_reason", "refusal".into());
    refusal["content"] = json!([]);
    refusal["stop_details"] = json!({"type": "refusal", "explanation": "I can't."});
    assert_eq!(one(MESSAGES, &refusal).text.as_str(), "I can't.");
}

#[test]
fn what_was_not_counted_is_unknown() {
    let usage_of = |counted| {
        read(MESSAGES, &with(&answered(), "/usage", counted))
            .completion
            .usage
    };
    assert_eq!(usage_of(Value::Null), Usage::default());
    let half = usage_of(json!({"cache_read_input_tokens": 5, "output_tokens": 1}));
    assert_eq!((half.input_tokens, half.output_tokens), (None, Some(1)));
}

#[test]
fn what_is_no_answer_is_not_read_as_one() {
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let refusal = refused(MESSAGES, &reply(200, &[], error));
    assert_eq!(refusal.code.as_deref(), Some("overloaded_error"));
    for body in ["{}", r#"{"content": "hi"}"#, r#"{"content": [{"type""#] {
        assert!(is_malformed(MESSAGES, &reply(200, &[], body)), "{body}");
    }
}
