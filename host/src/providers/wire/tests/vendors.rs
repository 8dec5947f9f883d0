//! Refusals as the vendors of models write them.

use super::refused::check;
use super::*;

#[test]
fn refusals_of_openai_and_azure() {
    for (status, body, code, expected) in [
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            "invalid_api_key",
            "denied",
        ),
        (
            403,
            r#"{"error":{"message":"Country not supported","type":"request_forbidden","code":"unsupported_country_region_territory"}}"#,
            "unsupported_country_region_territory",
            "denied",
        ),
        (
            404,
            r#"{"error":{"message":"The model `gpt-9` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            "model_not_found",
            "denied",
        ),
        (
            400,
            r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
            "unsupported_parameter",
            "invalid",
        ),
        (
            400,
            r#"{"error":{"message":"max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.","type":"invalid_request_error","param":"max_tokens","code":null}}"#,
            "invalid_request_error",
            "invalid",
        ),
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            "context_length_exceeded",
            "too long",
        ),
        (
            400,
            r#"{"error":{"message":"Invalid 'input': string too long.","type":"invalid_request_error","code":"string_above_max_length"}}"#,
            "string_above_max_length",
            "too long",
        ),
        (
            400,
            r#"{"error":{"message":"Your input exceeds the context window of this model.","type":"invalid_request_error","code":"context_length_exceeded"}}"#,
            "context_length_exceeded",
            "too long",
        ),
        (
            400,
            r#"{"error":{"message":"Invalid prompt: your prompt was flagged as potentially violating our usage policy.","type":"invalid_request_error","code":"invalid_prompt"}}"#,
            "invalid_prompt",
            "filtered",
        ),
        (
            400,
            r#"{"error":{"inner_error":{"code":"ResponsibleAIPolicyViolation"},"code":"content_filter","message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","status":400}}"#,
            "content_filter",
            "filtered",
        ),
        (
            404,
            r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}"#,
            "DeploymentNotFound",
            "denied",
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit reached for gpt-4o: Limit 30000, Used 29000, Requested 2000 tokens.","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            "rate_limit_exceeded",
            "unavailable",
        ),
        (
            429,
            r#"{"error":{"message":"Request too large for gpt-4o: the input or output tokens must be reduced. Too many tokens.","type":"tokens","code":"rate_limit_exceeded"}}"#,
            "rate_limit_exceeded",
            "unavailable",
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            "insufficient_quota",
            "denied",
        ),
        (
            500,
            r#"{"error":{"message":"The server had an error.","type":"server_error","param":null,"code":null}}"#,
            "server_error",
            "unavailable",
        ),
        (
            503,
            r#"{"error":{"message":"That model is overloaded.","type":"server_error"}}"#,
            "server_error",
            "unavailable",
        ),
    ] {
        check(status, &[], body, code, expected);
    }
}

#[test]
fn refusals_of_anthropic() {
    for (status, kind, message, expected) in [
        (
            400,
            "invalid_request_error",
            "messages: at least one message is required",
            "invalid",
        ),
        (
            400,
            "invalid_request_error",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "too long",
        ),
        (
            400,
            "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
            "too long",
        ),
        (
            400,
            "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API.",
            "denied",
        ),
        (
            400,
            "invalid_request_error",
            "Output blocked by content filtering policy",
            "filtered",
        ),
        (401, "authentication_error", "invalid x-api-key", "denied"),
        (
            402,
            "billing_error",
            "Please update your payment method.",
            "denied",
        ),
        (
            403,
            "permission_error",
            "Your API key does not have permission.",
            "denied",
        ),
        (404, "not_found_error", "model: claude-9", "denied"),
        (
            413,
            "request_too_large",
            "Request exceeds the maximum size",
            "invalid",
        ),
        (
            429,
            "rate_limit_error",
            "This request would exceed your rate limit.",
            "unavailable",
        ),
        (500, "api_error", "Internal server error", "unavailable"),
        (529, "overloaded_error", "Overloaded", "unavailable"),
    ] {
        let body = json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"});
        check(status, &[], &body.to_string(), kind, expected);
    }
}

#[test]
fn refusals_of_amazon() {
    for (status, header, body, code, expected) in [
        (
            400,
            "ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/",
            r#"{"message":"Malformed input request"}"#,
            "ValidationException",
            "invalid",
        ),
        (
            400,
            "ValidationException",
            r#"{"message":"Input is too long for requested model."}"#,
            "ValidationException",
            "too long",
        ),
        (
            400,
            "ValidationException",
            r#"{"message":"The provided model identifier is invalid."}"#,
            "ValidationException",
            "denied",
        ),
        (
            403,
            "AccessDeniedException",
            r#"{"Message":"User is not authorized"}"#,
            "AccessDeniedException",
            "denied",
        ),
        (
            403,
            "",
            r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token included in the request is invalid."}"#,
            "UnrecognizedClientException",
            "denied",
        ),
        (
            403,
            "InvalidSignatureException",
            r#"{"message":"The request signature we calculated does not match"}"#,
            "InvalidSignatureException",
            "denied",
        ),
        (
            404,
            "ResourceNotFoundException",
            r#"{"message":"Could not resolve the foundation model"}"#,
            "ResourceNotFoundException",
            "denied",
        ),
        (
            408,
            "ModelTimeoutException",
            r#"{"message":"timed out"}"#,
            "ModelTimeoutException",
            "unavailable",
        ),
        (
            424,
            "ModelErrorException",
            r#"{"message":"an error while processing the model"}"#,
            "ModelErrorException",
            "unavailable",
        ),
        (
            429,
            "ThrottlingException",
            r#"{"message":"Too many tokens, please wait before trying again."}"#,
            "ThrottlingException",
            "unavailable",
        ),
        (
            429,
            "ModelNotReadyException",
            r#"{"message":"not ready"}"#,
            "ModelNotReadyException",
            "unavailable",
        ),
        (
            503,
            "ServiceUnavailableException",
            r#"{"message":"unavailable"}"#,
            "ServiceUnavailableException",
            "unavailable",
        ),
        (
            403,
            "",
            "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>no match</Message></Error></ErrorResponse>",
            "SignatureDoesNotMatch",
            "denied",
        ),
        // Behind an endpoint of SageMaker the status of the model counts.
        (
            424,
            "ModelError",
            r#"{"Message":"Received client error (422)","OriginalStatusCode":422}"#,
            "ModelError",
            "invalid",
        ),
        (
            424,
            "ModelError",
            r#"{"Message":"Received client error (422) with message \"`inputs` must have less than 1024 tokens. Given: 2000\"","OriginalStatusCode":422}"#,
            "ModelError",
            "too long",
        ),
        (
            424,
            "ModelError",
            r#"{"Message":"Received server error (500)","OriginalStatusCode":500}"#,
            "ModelError",
            "unavailable",
        ),
        (
            400,
            "ValidationError",
            r#"{"Message":"Endpoint x of account 1 not found."}"#,
            "ValidationError",
            "invalid",
        ),
        (
            530,
            "InternalDependencyException",
            r#"{"Message":"dependency"}"#,
            "InternalDependencyException",
            "unavailable",
        ),
    ] {
        check(
            status,
            &[("x-amzn-errortype", header)],
            body,
            code,
            expected,
        );
    }
}
