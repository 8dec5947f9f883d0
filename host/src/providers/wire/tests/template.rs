use super::*;
use crate::providers::wire::template::{Template, TemplateError};
use fapo_core::policy;

fn template(request: Value) -> policy::Template {
    policy::Template {
        request,
        text: "/output/text".into(),
        finish_reason: Some("/output/why".into()),
        input_tokens: Some("/n/0".into()),
        output_tokens: Some("/n/1".into()),
    }
}

fn wire(request: Value) -> Template {
    Template::new(Template::PREDICT, template(request)).unwrap()
}

#[test]
fn a_placeholder_gets_the_value_whatever_its_type() {
    let wire = wire(json!({
        "prompt": "${prompt}",
        "options": {"t": "${temperature}", "p": "${top_p}", "n": "${max_tokens}"},
        "stop": "${stop}",
        "list": [1, "${seed}", "a ${prompt}", null],
        "model": "${model}",
    }));
    let written = write(&wire, &tuned(), "mine");
    assert_eq!(written.path, "/predict");
    assert_eq!(written.left_out, [Parameter::ReasoningEffort]);
    assert_eq!(
        sent(written),
        json!({
            "prompt": "System: Be brief.\n\nUser: Hello?\n\nAssistant:",
            "options": {"t": 0.5, "p": 0.9, "n": 64},
            "stop": ["END"],
            "list": [1, 7, "a ${prompt}", null],
            "model": "mine",
        })
    );
}

#[test]
fn a_field_without_a_value_is_left_out_and_a_value_without_a_field_is_told() {
    let wire = wire(json!({"m": "${messages}", "o": {"t": "${temperature}"}, "s": "${stop}"}));
    assert_eq!(
        body(&wire, &hello(), "mine"),
        json!({
            "m": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hello?"},
            ],
            "o": {},
        })
    );
    let left_out = [Parameter::TopP, Parameter::Seed, Parameter::ReasoningEffort];
    assert_eq!(write(&wire, &tuned(), "mine").left_out, left_out);
}

#[test]
fn instructions_with_a_place_of_their_own_are_no_part_of_the_prompt() {
    let wire = wire(json!({"system": "${system}", "prompt": "${prompt}"}));
    let expected = json!({"system": "Be brief.", "prompt": "Hello?"});
    assert_eq!(body(&wire, &hello(), "mine"), expected);
    let alone = asks(vec![says(Speaker::User, "Hello?")]);
    assert_eq!(body(&wire, &alone, "mine"), json!({"prompt": "Hello?"}));
}

#[test]
fn a_text_of_a_guest_is_not_read_as_a_template() {
    let wire = wire(json!({"prompt": "${prompt}"}));
    let request = asks(vec![says(Speaker::User, "${model}")]);
    assert_eq!(body(&wire, &request, "mine")["prompt"], "${model}");
}

#[test]
fn nothing_but_text_can_be_asked() {
    let wire = wire(json!({"prompt": "${prompt}"}));
    let mut shaped = hello();
    shaped.response_schema = answer_schema(WEATHER);
    let image = asks(vec![message(Speaker::User, vec![media("image/png", b"")])]);
    for request in [shaped, after_tools(&[]), image, asks(vec![])] {
        assert!(is_invalid(&wire, &request, "mine"), "{request:?}");
    }
}

#[test]
fn a_template_that_cannot_work_is_refused_at_once() {
    let refusal = |template| Template::new(Template::PREDICT, template).unwrap_err();
    let request = json!({"prompt": "${prompt}"});
    assert_eq!(refusal(template(json!([]))), TemplateError::NotAnObject);
    assert_eq!(
        refusal(template(json!({"a": 1}))),
        TemplateError::AsksNothing
    );
    let unknown = refusal(template(json!({"a": ["${promt}"], "b": "${prompt}"})));
    assert_eq!(
        unknown,
        TemplateError::UnknownPlaceholder("${promt}".into())
    );
    let mut wrong = template(request);
    wrong.output_tokens = Some("n".into());
    assert_eq!(refusal(wrong), TemplateError::NotAPointer("n".into()));
}

#[test]
fn an_answer_lies_where_the_pointers_say() {
    let wire = wire(json!({"prompt": "${prompt}"}));
    let answer = json!({"output": {"text": "Paris.", "why": "max_tokens"}, "n": [5, 6]});
    let read_it = read(&wire, &answer);
    assert_eq!(read_it.completion.choices[0].text.as_str(), "Paris.");
    assert_eq!(
        read_it.completion.choices[0].finish_reason,
        FinishReason::Length
    );
    assert_eq!(read_it.completion.usage, usage(5, None, 6, None));
    let bare = read(&wire, &json!({"output": {"text": ""}}));
    assert_eq!(bare.completion.usage, Usage::default());
    assert!(matches!(
        bare.completion.choices[0].finish_reason,
        FinishReason::Other(_)
    ));
    let error = reply(200, &[], r#"{"error": "out of memory"}"#);
    assert_eq!(refused(&wire, &error).message, "out of memory");
    for body in ["{}", "[1]", r#"{"output": {"text": 3}}"#, "nonsense"] {
        assert!(is_malformed(&wire, &reply(200, &[], body)), "{body}");
    }
}

#[test]
fn a_reply_may_be_the_text_itself() {
    let whole = policy::Template {
        text: String::new(),
        finish_reason: None,
        input_tokens: None,
        output_tokens: None,
        ..template(json!({"prompt": "${prompt}"}))
    };
    let wire = Template::new(Template::SAGEMAKER, whole).unwrap();
    let plain = [("content-type", "text/plain")];
    let read = wire.read(&reply(200, &plain, "\"Paris.\"")).unwrap();
    assert_eq!(read.completion.choices[0].text.as_str(), "Paris.");
}
