//! Refusals as servers and gateways write them that others run.

use super::refused::check;

#[test]
fn refusals_of_all_others() {
    for (status, body, code, expected) in [
        // vLLM, old and new.
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","param":null,"code":400}"#,
            "BadRequestError",
            "too long",
        ),
        (
            404,
            r#"{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","param":"model","code":404}}"#,
            "NotFoundError",
            "denied",
        ),
        // llama.cpp.
        (
            400,
            r#"{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_prompt_tokens":5000,"n_ctx":4096}}"#,
            "exceed_context_size_error",
            "too long",
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
            "unavailable_error",
            "unavailable",
        ),
        // Ollama.
        (
            404,
            r#"{"error":"model 'x' not found, try pulling it first"}"#,
            "",
            "denied",
        ),
        // Text Generation Inference.
        (
            422,
            r#"{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 512 `max_new_tokens`","error_type":"validation"}"#,
            "validation",
            "too long",
        ),
        (
            429,
            r#"{"error":"Model is overloaded","error_type":"overloaded"}"#,
            "overloaded",
            "unavailable",
        ),
        // A key that is not known, as Gemini, xAI and litellm's proxy say it.
        (
            400,
            r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
            "INVALID_ARGUMENT",
            "denied",
        ),
        (
            400,
            r#"{"code":"invalid-argument","error":"Incorrect API key provided: xa***12. You can obtain one from https://console.x.ai."}"#,
            "invalid-argument",
            "denied",
        ),
        (
            400,
            r#"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#,
            "no_db_connection",
            "denied",
        ),
        // Gemini, which wraps its errors in a list.
        (
            400,
            r#"[{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}]"#,
            "INVALID_ARGUMENT",
            "too long",
        ),
        (
            429,
            r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan and billing details.","status":"RESOURCE_EXHAUSTED"}}]"#,
            "RESOURCE_EXHAUSTED",
            "unavailable",
        ),
        // Mistral.
        (
            400,
            r#"{"object":"error","message":"Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length","type":"invalid_request_prompt","param":null,"code":"3051"}"#,
            "invalid_request_prompt",
            "too long",
        ),
        (
            422,
            r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","seed"],"msg":"Extra inputs are not permitted"}]},"type":"invalid_request_error","code":null}"#,
            "invalid_request_error",
            "invalid",
        ),
        // litellm.
        (
            400,
            r#"{"error":{"message":"litellm.ContextWindowExceededError: this is a mock","type":null,"param":null,"code":"400"}}"#,
            "",
            "too long",
        ),
        (
            429,
            r#"{"error":{"message":"litellm.RateLimitError: mock","type":"None","param":"None","code":"429"}}"#,
            "",
            "unavailable",
        ),
        (
            400,
            r#"{"error":{"message":"/chat/completions: Invalid model name passed in model=x.","type":"invalid_request_error","param":"model","code":"400"}}"#,
            "invalid_request_error",
            "denied",
        ),
        // DeepSeek.
        (
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}"#,
            "invalid_request_error",
            "denied",
        ),
        // FastAPI, Spring, a proxy, nothing.
        (404, r#"{"detail":"Not Found"}"#, "", "denied"),
        (
            422,
            r#"{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"}]}"#,
            "",
            "invalid",
        ),
        (
            500,
            r#"{"timestamp":"2026-01-01","status":500,"error":"Internal Server Error","path":"/"}"#,
            "",
            "unavailable",
        ),
        (
            502,
            "<html>\r\n<head><TITLE>502 Bad\n Gateway</TITLE></head></html>",
            "",
            "unavailable",
        ),
        (504, "upstream request timeout", "", "unavailable"),
        (500, "", "", "unavailable"),
        (400, "[]", "", "invalid"),
        (302, "", "", "unavailable"),
    ] {
        check(status, &[], body, code, expected);
    }
}
