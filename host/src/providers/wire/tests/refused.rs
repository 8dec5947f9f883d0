use super::*;
use crate::providers::wire::chat::Chat;
use crate::providers::wire::refused::error_of;

/// Returns how an error of ours is called.
fn kind(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Denied(_) => "denied",
        ProviderError::UnknownModel(_) => "denied",
        ProviderError::InvalidRequest(_) => "invalid",
        ProviderError::ContextTooLong(_) => "too long",
        ProviderError::ContentFiltered(_) => "filtered",
        ProviderError::Unavailable(_) => "unavailable",
        ProviderError::Other(_) => "other",
        ProviderError::UnknownStep(_) | ProviderError::BudgetSpent(_) => "not a provider's",
    }
}

/// Checks what a refusal comes to.
pub(super) fn check(status: u16, headers: &[(&str, &str)], body: &str, code: &str, expected: &str) {
    let refusal = refused(&Chat::OPENAI, &reply(status, headers, body));
    assert_eq!(refusal.status, status, "{body}");
    assert_eq!(refusal.code.as_deref().unwrap_or_default(), code, "{body}");
    let error = error_of(&refusal, "m");
    assert_eq!(kind(&error), expected, "{body}: {error:?}");
}

#[test]
fn a_message_is_what_a_person_would_read_first() {
    for (body, message) in [
        (r#"{"error":{"message":" Slow down. "}}"#, "Slow down."),
        (r#"{"error":"Slow down."}"#, "Slow down."),
        (
            r#"{"detail":[{"loc":["body","n"],"msg":"too many"},{"msg":"b"}]}"#,
            "body.n: too many; b",
        ),
        (r#"{"message":{"detail":[{"msg":"a"}]}}"#, "a"),
        (r#""just a text""#, "just a text"),
        (r#"{"x":1}"#, r#"{"x":1}"#),
        (
            "<title>\n Sorry \n</title>",
            "a page with the title `Sorry`",
        ),
        ("<p>no title", "<p>no title"),
        (
            "<?xml version=\"1.0\"?>\n<ErrorResponse><Error><Code>AccessDenied</Code>\
             <Message>You may not.</Message></Error></ErrorResponse>",
            "You may not.",
        ),
        ("", "no reason was given"),
    ] {
        assert_eq!(
            refused(&Chat::OPENAI, &reply(500, &[], body)).message,
            message
        );
    }
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let refusal = refused(&Chat::OPENAI, &reply(404, &[], r#"{"detail":"Not Found"}"#));
    let ProviderError::Denied(why) = error_of(&refusal, "gpt-9") else {
        panic!("{refusal:?}");
    };
    assert_eq!(why.as_str(), "no model `gpt-9`: status 404: Not Found");
}

#[test]
fn an_error_without_a_status_is_told_by_its_code() {
    for (code, expected) in [
        ("server_error", "unavailable"),
        ("rate_limit_exceeded", "unavailable"),
        ("overloaded_error", "unavailable"),
        ("authentication_error", "denied"),
        ("invalid_request_error", "invalid"),
        ("context_length_exceeded", "too long"),
        ("content_filter", "filtered"),
        ("shrug", "unavailable"),
    ] {
        let body = json!({"error": {"code": code, "message": "…"}});
        check(200, &[], &body.to_string(), code, expected);
    }
}

#[test]
fn a_servers_words_are_bounded() {
    let long = "x".repeat(1 << 20);
    for body in [
        json!({"error": {"message": long, "code": long}}).to_string(),
        json!({"detail": vec![json!({"msg": long}); 9]}).to_string(),
        format!("<title>{long}</title>"),
        long.clone(),
    ] {
        let refusal = refused(&Chat::OPENAI, &reply(500, &[], body));
        assert!(refusal.message.chars().count() <= 601);
        assert!(refusal.code.is_none_or(|code| code.chars().count() <= 81));
    }
}
