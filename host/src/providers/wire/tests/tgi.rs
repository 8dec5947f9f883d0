use super::*;
use crate::providers::wire::tgi::Tgi;

const TGI: &dyn Wire = &Tgi;

#[test]
fn a_request_has_the_words_of_the_format() {
    let written = write(TGI, &tuned(), "my-endpoint");
    assert_eq!(written.path, "/endpoints/my-endpoint/invocations");
    assert_eq!(written.left_out, [Parameter::ReasoningEffort]);
    assert_eq!(
        sent(written),
        json!({
            "inputs": "System: Be brief.\n\nUser: Hello?\n\nAssistant:",
            "parameters": {
                "max_new_tokens": 64,
                "do_sample": true,
                "temperature": 0.5,
                "top_p": 0.9,
                "stop": ["END"],
                "seed": 7,
                "details": true,
                "return_full_text": false,
            },
        })
    );
}

#[test]
fn what_the_server_would_refuse_is_said_in_its_words() {
    let mut request = asks(vec![says(Speaker::User, "<s>[INST] Hello? [/INST]")]);
    request.params.temperature = Some(0.0);
    request.params.top_p = Some(1.0);
    assert_eq!(
        body(TGI, &request, "e"),
        json!({
            "inputs": "<s>[INST] Hello? [/INST]",
            "parameters": {"do_sample": false, "details": true, "return_full_text": false},
        })
    );
}

#[test]
fn nothing_but_text_can_be_asked() {
    let mut shaped = hello();
    shaped.response_schema = answer_schema(WEATHER);
    let image = asks(vec![message(Speaker::User, vec![media("image/png", b"")])]);
    let mut several = hello();
    several.params.choices = Some(2);
    for request in [shaped, after_tools(&[]), image, several, asks(vec![])] {
        assert!(is_invalid(TGI, &request, "e"), "{request:?}");
    }
}

#[test]
fn an_answer_is_read_alone_or_in_a_list() {
    let details = json!({
        "finish_reason": "eos_token",
        "generated_tokens": 3,
        "seed": null,
        "prefill": [{"id": 1, "text": "<s>", "logprob": null}, {"id": 2, "text": "a", "logprob": -1.0}],
        "tokens": [],
    });
    let answer = json!({"generated_text": "Paris.", "details": details});
    for body in [answer.clone(), json!([answer])] {
        let headers = [("x-amzn-invoked-production-variant", "AllTraffic")];
        let read = TGI.read(&reply(200, &headers, body.to_string())).unwrap();
        assert_eq!(read.completion.choices[0].text.as_str(), "Paris.");
        assert_eq!(read.completion.choices[0].finish_reason, FinishReason::Stop);
        assert_eq!(read.completion.usage, usage(2, None, 3, None));
        assert_eq!(read.served.fingerprint, Some("AllTraffic".into()));
    }
}

#[test]
fn without_details_nothing_is_known_of_the_end_or_the_tokens() {
    let read = read(TGI, &json!([{"generated_text": "Par"}]));
    let unknown = FinishReason::Other("unknown".into());
    assert_eq!(read.completion.choices[0].finish_reason, unknown);
    assert_eq!(read.completion.usage, Usage::default());
    for (word, reason) in [
        ("length", FinishReason::Length),
        ("stop_sequence", FinishReason::Stop),
    ] {
        let details = json!({"finish_reason": word, "prefill": []});
        let choice = one(TGI, &json!({"generated_text": "", "details": details}));
        assert_eq!(choice.finish_reason, reason);
    }
}

#[test]
fn the_status_of_the_model_behind_an_endpoint_is_kept() {
    let body = json!({
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL",
        "LogStreamArn": "arn:aws:logs:us-east-1:123456789012:log-group:x",
        "Message": "Received client error (422) from primary with message \"…\"",
        "OriginalMessage": "{\"error\":\"Input validation error\",\"error_type\":\"validation\"}",
        "OriginalStatusCode": 422,
    });
    let headers = [("x-amzn-errortype", "ModelError")];
    let refusal = refused(TGI, &reply(424, &headers, body.to_string()));
    assert_eq!((refusal.status, refusal.original_status), (424, Some(422)));
    assert_eq!(refusal.code.as_deref(), Some("ModelError"));
}

#[test]
fn what_is_no_answer_is_not_read_as_one() {
    for body in [
        "",
        "{}",
        "[]",
        r#"[{"generated_text": 3}]"#,
        r#"{"generated"#,
    ] {
        assert!(is_malformed(TGI, &reply(200, &[], body)), "{body}");
    }
    let error = r#"{"error":"Model is overloaded","error_type":"overloaded"}"#;
    let refusal = refused(TGI, &reply(200, &[], error));
    assert_eq!(refusal.message, "Model is overloaded");
    assert_eq!(refusal.code.as_deref(), Some("overloaded"));
}
