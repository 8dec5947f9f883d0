//! Whose server the simulator plays: what each says with an answer, and how
//! each refuses.

use fapo_core::call::Usage;
use serde_json::{Value, json};

/// Whose interface is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vendor {
    OpenAi,
    Azure,
    Anthropic,
    Bedrock,
    SageMaker,
    Baseten,
}

/// Headers of a reply.
pub(super) type Headers = Vec<(&'static str, String)>;

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    /// OpenAI's word for it, where it has one; Amazon's is the error's type.
    pub(super) code: Option<&'static str>,
    pub(super) param: Option<String>,
}

impl Refusal {
    /// The request is not what the format allows.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::of(400, message)
    }

    pub(super) fn of(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            code: None,
            param: None,
        }
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }
}

impl Vendor {
    /// Returns the body of a refusal, and the headers that belong to it.
    pub(super) fn refusal(self, refusal: &Refusal, id: &str) -> (Value, Headers) {
        let message = refusal.message.as_str();
        let status = refusal.status;
        match self {
            Self::OpenAi => {
                let kind = match (status, refusal.code) {
                    (_, Some("insufficient_quota")) => "insufficient_quota",
                    (429, _) => "requests",
                    (500.., _) => "server_error",
                    _ => "invalid_request_error",
                };
                let code = refusal.code.or(match status {
                    401 => Some("invalid_api_key"),
                    404 => Some("model_not_found"),
                    429 => Some("rate_limit_exceeded"),
                    _ => None,
                });
                let body = json!({"error": {
                    "message": message, "type": kind, "param": refusal.param, "code": code,
                }});
                (body, Vec::new())
            }
            Self::Azure => {
                let code = refusal
                    .code
                    .map_or_else(|| status.to_string(), str::to_owned);
                let body = json!({"error": {
                    "message": message, "code": code, "param": refusal.param, "type": null,
                }});
                (body, Vec::new())
            }
            Self::Anthropic => {
                let kind = match status {
                    401 => "authentication_error",
                    403 => "permission_error",
                    404 => "not_found_error",
                    409 => "conflict_error",
                    413 => "request_too_large",
                    429 => "rate_limit_error",
                    529 => "overloaded_error",
                    500.. => "api_error",
                    _ => "invalid_request_error",
                };
                let error = json!({"type": kind, "message": message});
                (
                    json!({"type": "error", "error": error, "request_id": id}),
                    Vec::new(),
                )
            }
            Self::Bedrock => {
                let kind = refusal.code.unwrap_or(match status {
                    401 | 403 => "AccessDeniedException",
                    404 => "ResourceNotFoundException",
                    408 => "ModelTimeoutException",
                    409 => "ConflictException",
                    424 => "ModelErrorException",
                    429 => "ThrottlingException",
                    503 | 529 => "ServiceUnavailableException",
                    500.. => "InternalServerException",
                    _ => "ValidationException",
                });
                (
                    json!({"message": message}),
                    vec![("x-amzn-errortype", kind.into())],
                )
            }
            Self::SageMaker => {
                let kind = refusal.code.unwrap_or(match status {
                    401 | 403 => "AccessDeniedException",
                    404 => "ResourceNotFound",
                    424 => "ModelError",
                    429 => "ThrottlingException",
                    503 | 529 => "ServiceUnavailable",
                    500.. => "InternalFailure",
                    _ => "ValidationError",
                });
                let mut body = json!({"Message": message, "message": message});
                if kind == "ModelError" {
                    let original: u16 = refusal
                        .param
                        .as_deref()
                        .and_then(|status| status.parse().ok())
                        .unwrap_or(500);
                    body["OriginalStatusCode"] = original.into();
                    body["OriginalMessage"] = message.into();
                    body["LogStreamArn"] = "".into();
                }
                (body, vec![("x-amzn-errortype", kind.into())])
            }
            Self::Baseten => (json!({"error": message, "request_id": id}), Vec::new()),
        }
    }

    /// Returns what a server says of itself with every reply.
    pub(super) fn headers(self, id: &str) -> Headers {
        match self {
            Self::OpenAi => vec![
                ("x-request-id", format!("req_{id}")),
                ("openai-organization", "simulator".into()),
                ("openai-version", "2020-10-01".into()),
                ("openai-processing-ms", "1".into()),
            ],
            Self::Azure => vec![
                ("x-request-id", id.into()),
                ("apim-request-id", id.into()),
                ("x-ms-region", "Simulated".into()),
            ],
            Self::Anthropic => vec![
                ("request-id", format!("req_{id}")),
                ("anthropic-organization-id", "simulator".into()),
            ],
            Self::Bedrock => vec![("x-amzn-requestid", id.into())],
            Self::SageMaker => vec![
                ("x-amzn-requestid", id.into()),
                ("x-amzn-invoked-production-variant", "AllTraffic".into()),
            ],
            Self::Baseten => vec![("x-baseten-request-id", id.into())],
        }
    }
}

/// What is told of tokens, as numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) input: u32,
    pub(super) cached: u32,
    pub(super) output: u32,
    pub(super) reasoning: u32,
}

impl From<Usage> for Counts {
    fn from(usage: Usage) -> Self {
        Self {
            input: usage.input_tokens.unwrap_or(0),
            cached: usage.cached_input_tokens.unwrap_or(0),
            output: usage.output_tokens.unwrap_or(0),
            reasoning: usage.reasoning_tokens.unwrap_or(0),
        }
    }
}

impl Counts {
    pub(super) fn total(self) -> u32 {
        self.input.saturating_add(self.output)
    }
}
