use super::*;
use crate::providers::wire::chat::Chat;

const CHAT: &dyn Wire = &Chat::OPENAI;

/// An answer as OpenAI writes it.
fn answered() -> Value {
    json!({
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "gpt-4.1-2025-04-14",
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello! How can I assist you today?",
                "refusal": null,
                "annotations": [],
            },
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 4,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_44709d6fcb",
    })
}

#[test]
fn a_request_has_the_words_of_the_format() {
    let written = write(CHAT, &tuned(), "gpt-4o");
    assert_eq!(written.path, "/chat/completions");
    assert_eq!(written.left_out, [Parameter::ReasoningEffort]);
    assert_eq!(
        sent(written),
        json!({
            "model": "gpt-4o",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello?"},
            ],
            "max_tokens": 64,
            "temperature": 0.5,
            "top_p": 0.9,
            "stop": ["END"],
            "seed": 7,
        })
    );
}

#[test]
fn a_field_of_every_request_stands_in_the_place_of_the_formats_own() {
    let sent = |chat: &Chat, fields: Value| -> Value {
        let fields = fields.as_object().unwrap();
        serde_json::from_slice(&write(chat, &hello(), "m").json(fields)).unwrap()
    };
    let hello = body(CHAT, &hello(), "m")["messages"].take();
    assert_eq!(
        sent(&Chat::OPENAI, json!({"model": "other", "user": "me"})),
        json!({"model": "other", "user": "me", "messages": hello})
    );
    assert_eq!(
        sent(&Chat::DEPLOYMENT, json!({})),
        json!({"messages": hello})
    );
    let own = json!({"messages": []});
    assert_eq!(sent(&Chat::DEPLOYMENT, own.clone()), own);
}

#[test]
fn a_model_that_reasons_gets_its_own_limit_and_no_advice_on_sampling() {
    let written = write(CHAT, &tuned(), "gpt-5-mini");
    let sampling = [Parameter::Temperature, Parameter::TopP, Parameter::Stop];
    assert_eq!(written.left_out, sampling);
    let body = sent(written);
    assert_eq!(body["max_completion_tokens"], 64);
    assert_eq!(body["reasoning_effort"], "low");
    for name in ["max_tokens", "temperature", "top_p", "stop"] {
        assert!(body.get(name).is_none(), "{name}");
    }
}

#[test]
fn several_choices_are_asked_for_at_once() {
    let mut request = hello();
    request.params.choices = Some(3);
    assert!(CHAT.takes_choices());
    assert_eq!(body(CHAT, &request, "gpt-4o")["n"], 3);
    request.params.choices = Some(1);
    assert_eq!(body(CHAT, &request, "gpt-4o").get("n"), None);
    let answer = &answered()["choices"][0];
    let answers = with(&answered(), "/choices", json!([answer, answer, answer]));
    assert_eq!(read(CHAT, &answers).completion.choices.len(), 3);
}

#[test]
fn where_a_request_goes_is_data() {
    for (chat, path, named) in [
        (Chat::OPENAI, "/chat/completions", true),
        (
            Chat::DEPLOYMENT,
            "/openai/deployments/my%2Fown/chat/completions",
            false,
        ),
        (Chat::SAGEMAKER, "/endpoints/my%2Fown/invocations", false),
    ] {
        let written = write(&chat, &hello(), "my/own");
        assert_eq!(written.path, path);
        assert_eq!(sent(written).get("model").is_some(), named);
    }
}

#[test]
fn a_schema_is_strict_when_it_is_closed_and_goes_as_it_is() {
    let open = r#"{"type":"object","properties":{"b":{"type":"string"},"a":{}}}"#;
    for (schema, strict) in [(WEATHER, true), (open, false)] {
        let mut request = hello();
        request.response_schema = answer_schema(schema);
        let format = &body(CHAT, &request, "gpt-4o")["response_format"];
        assert_eq!(format["type"], "json_schema");
        assert_eq!(format["json_schema"]["name"], "answer");
        assert_eq!(format["json_schema"]["strict"], strict);
        assert_eq!(format["json_schema"]["schema"].to_string(), schema);
    }
    let mut request = hello();
    request.response_schema = answer_schema("{");
    assert!(is_invalid(CHAT, &request, "gpt-4o"));
}

#[test]
fn tools_are_told_called_and_answered() {
    let mut request = after_tools(&[]);
    let called = |id: &str, city: &str| {
        json!({"id": id, "type": "function", "function": {
            "name": "weather",
            "arguments": format!("{{\"city\":\"{city}\"}}"),
        }})
    };
    assert_eq!(
        body(CHAT, &request, "gpt-5"),
        json!({
            "model": "gpt-5",
            "messages": [
                {"role": "user", "content": "Rome and Oslo?"},
                {
                    "role": "assistant",
                    "content": "Let me look.",
                    "tool_calls": [called("c1", "Rome"), called("c2", "Oslo")],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "sun"},
                {"role": "tool", "tool_call_id": "c2", "content": "snow"},
            ],
            "tools": [{"type": "function", "function": {
                "name": "weather",
                "parameters": serde_json::from_str::<Value>(WEATHER).unwrap(),
                "description": "Tells the weather.",
            }}],
        })
    );
    use fapo_core::call::ToolChoice;
    for (choice, written) in [
        (ToolChoice::None, json!("none")),
        (ToolChoice::Required, json!("required")),
        (
            ToolChoice::Tool("weather".into()),
            json!({"type": "function", "function": {"name": "weather"}}),
        ),
    ] {
        request.tool_choice = choice;
        assert_eq!(body(CHAT, &request, "gpt-5")["tool_choice"], written);
    }
    request.tools.clear();
    assert!(is_invalid(CHAT, &request, "gpt-5"));
}

#[test]
fn images_sounds_and_documents_are_parts_of_a_users_message_alone() {
    let parts = vec![
        ContentPart::Text("What is this?".into()),
        media("image/png", b"foo"),
        media("audio/wav", b"foo"),
        media("application/pdf", b"foo"),
    ];
    let request = asks(vec![message(Speaker::User, parts)]);
    assert_eq!(
        body(CHAT, &request, "gpt-4o")["messages"][0]["content"],
        json!([
            {"type": "text", "text": "What is this?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,Zm9v"}},
            {"type": "input_audio", "input_audio": {"data": "Zm9v", "format": "wav"}},
            {"type": "file", "file": {
                "filename": "document.pdf",
                "file_data": "data:application/pdf;base64,Zm9v",
            }},
        ])
    );
    for (role, media_type) in [
        (Speaker::System, "image/png"),
        (Speaker::Assistant, "image/png"),
        (Speaker::User, "text/plain"),
        (Speaker::User, "video/mp4"),
    ] {
        let request = asks(vec![message(role, vec![media(media_type, b"")])]);
        assert!(is_invalid(CHAT, &request, "gpt-4o"), "{media_type}");
    }
}

#[test]
fn what_cannot_be_sent_is_the_requests_fault() {
    let unanswerable = asks(vec![says(Speaker::Tool, "sun")]);
    let mut endless = hello();
    endless.params.temperature = Some(f64::NAN);
    let mut shapeless = after_tools(&[]);
    shapeless.tools[0].parameters = "[]".into();
    for request in [asks(vec![]), unanswerable, endless, shapeless] {
        assert!(is_invalid(CHAT, &request, "gpt-4o"), "{request:?}");
    }
}

#[test]
fn an_answer_says_what_it_is_and_what_it_took() {
    let headers = [("openai-version", "2020-10-01"), ("x-request-id", "req_1")];
    let read = CHAT
        .read(&reply(200, &headers, answered().to_string()))
        .unwrap();
    assert_eq!(read.completion.model.as_str(), "gpt-4.1-2025-04-14");
    let choice = &read.completion.choices[0];
    assert_eq!(choice.text.as_str(), "Hello! How can I assist you today?");
    assert_eq!(choice.finish_reason, FinishReason::Stop);
    assert_eq!(read.completion.usage, usage(19, Some(8), 10, Some(4)));
    let served = read.served;
    assert_eq!(served.id, answered()["id"].as_str().map(Into::into));
    assert_eq!(served.fingerprint, Some("fp_44709d6fcb".into()));
    assert_eq!(served.version, Some("2020-10-01".into()));
}

#[test]
fn a_cut_answer_is_never_a_whole_one() {
    for (word, reason) in [
        (json!("stop"), FinishReason::Stop),
        (json!("length"), FinishReason::Length),
        (json!("content_filter"), FinishReason::ContentFilter),
        (json!("model_length"), FinishReason::Length),
        (json!("error"), FinishReason::Other("error".into())),
        (json!(null), FinishReason::Other("unknown".into())),
        (json!(3), FinishReason::Other("unknown".into())),
    ] {
        let answer = with(&answered(), "/choices/0/finish_reason", word);
        assert_eq!(one(CHAT, &answer).finish_reason, reason);
    }
    // All of the limit went into reasoning that nobody sees.
    let silent = with(&answered(), "/choices/0/message/content", "".into());
    let silent = with(&silent, "/choices/0/finish_reason", "length".into());
    let choice = one(CHAT, &silent);
    assert_eq!(
        (choice.text.as_str(), choice.finish_reason),
        ("", FinishReason::Length)
    );
}

#[test]
fn a_refusal_is_text_that_was_silenced() {
    let answer = with(&answered(), "/choices/0/message/content", Value::Null);
    let answer = with(&answer, "/choices/0/message/refusal", "I can't.".into());
    let choice = one(CHAT, &answer);
    assert_eq!(choice.text.as_str(), "I can't.");
    assert_eq!(choice.finish_reason, FinishReason::ContentFilter);
}

#[test]
fn calls_are_read_however_a_server_writes_them() {
    let arguments = r#"{"city":"Rome"}"#;
    let object: Value = serde_json::from_str(arguments).unwrap();
    for (tool_call, id) in [
        (
            json!({"id": "c1", "type": "function", "function": {"name": "weather", "arguments": arguments}}),
            "c1",
        ),
        (
            json!({"id": "", "function": {"name": "weather", "arguments": arguments}}),
            "call_0",
        ),
        (
            json!({"function": {"name": "weather", "arguments": object}}),
            "call_0",
        ),
    ] {
        let message = json!({"role": "assistant", "content": null, "tool_calls": [tool_call]});
        for word in ["tool_calls", "stop"] {
            let answer = with(&answered(), "/choices/0/message", message.clone());
            let answer = with(&answer, "/choices/0/finish_reason", word.into());
            let choice = one(CHAT, &answer);
            assert_eq!(choice.tool_calls, [call(id, "weather", arguments)]);
            assert_eq!(choice.finish_reason, FinishReason::ToolCalls);
        }
    }
    let message =
        json!({"content": null, "function_call": {"name": "weather", "arguments": arguments}});
    let choice = one(CHAT, &with(&answered(), "/choices/0/message", message));
    assert_eq!(choice.tool_calls, [call("call_0", "weather", arguments)]);
}

#[test]
fn what_a_server_put_beside_a_call_goes_back_with_it() {
    let signed = json!({"google": {"thought_signature": "c2ln"}});
    let calls = json!([{
        "id": "c1",
        "type": "function",
        "function": {"name": "weather", "arguments": "{}"},
        "extra_content": signed,
    }]);
    let answer = with(
        &answered(),
        "/choices/0/message",
        json!({"tool_calls": calls}),
    );
    let choice = one(CHAT, &answer);
    assert_eq!(choice.opaque.len(), 1);
    let again = body(CHAT, &asks(vec![back(&choice)]), "gemini-3-pro");
    assert_eq!(again["messages"][0]["tool_calls"], calls);
}

#[test]
fn text_in_parts_is_joined() {
    let parts = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]);
    let answer = with(&answered(), "/choices/0/message/content", parts);
    assert_eq!(one(CHAT, &answer).text.as_str(), "ab");
}

#[test]
fn usage_is_what_was_counted_and_nothing_else() {
    let unknown = Usage::default();
    let gemini = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45});
    let xai = json!({
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 30},
    });
    let other = json!({
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45,
        "completion_tokens_details": {"reasoning_tokens": 0},
    });
    let deepseek = json!({
        "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
        "prompt_cache_hit_tokens": 4, "prompt_cache_miss_tokens": 6,
    });
    let absurd = json!({"prompt_tokens": -1, "completion_tokens": 1e20, "total_tokens": "many"});
    for (counted, expected) in [
        (Value::Null, unknown),
        (json!({}), unknown),
        (json!("?"), unknown),
        (absurd, unknown),
        (gemini, usage(10, None, 35, Some(30))),
        (xai, usage(10, None, 35, Some(30))),
        (other, usage(10, None, 5, Some(0))),
        (deepseek, usage(10, Some(4), 5, None)),
    ] {
        let answer = with(&answered(), "/usage", counted.clone());
        assert_eq!(read(CHAT, &answer).completion.usage, expected, "{counted}");
    }
}

#[test]
fn what_is_no_answer_is_not_read_as_one() {
    let whole = answered().to_string();
    let html = [("content-type", "text/html")];
    for (headers, body) in [
        (&[][..], &whole[..whole.len() / 2]),
        (&[], ""),
        (&[], "null"),
        (&[], "{}"),
        (&[], r#"{"choices": []}"#),
        (&[], r#"{"choices": [{"index": 0}]}"#),
        (&[], r#"{"choices": [{"message": "hi"}]}"#),
        (&html, whole.as_str()),
        (&[("content-type", "text/event-stream")], "data: {}\n\n"),
    ] {
        assert!(is_malformed(CHAT, &reply(200, headers, body)), "{body}");
    }
    let typed = [("content-type", "application/json; charset=utf-8")];
    assert!(CHAT.read(&reply(201, &typed, whole)).is_ok());
}

#[test]
fn an_error_that_comes_as_an_answer_is_one() {
    let gateway = r#"{"error":{"message":"Provider returned error","code":502}}"#;
    let refusal = refused(CHAT, &reply(200, &[], gateway));
    assert_eq!(
        (refusal.status, refusal.message.as_str()),
        (502, "Provider returned error")
    );
    let mut answer = answered();
    answer["choices"][0]["error"] = json!({"message": "cut off", "code": 503});
    let refusal = refused(CHAT, &reply(200, &[], answer.to_string()));
    assert_eq!((refusal.status, refusal.message.as_str()), (503, "cut off"));
}
