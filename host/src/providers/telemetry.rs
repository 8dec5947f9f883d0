//! Spans of model calls, with the names of OpenTelemetry's conventions for
//! generative AI. What was asked and answered is in a span only where the
//! person who runs the program wants it there.

use std::sync::OnceLock;

use fapo_core::call::{Delivery, GenerateRequest};
use fapo_sandbox::CallSite;
use tracing::Span;
use tracing::field::{Empty, display};

/// The variable that puts prompts and answers into spans.
const CONTENT: &str = "FAPO_LOG_CONTENT";

/// Begins the span of a model call.
pub(crate) fn span(
    system: &'static str,
    model: &str,
    site: &CallSite,
    request: &GenerateRequest,
) -> Span {
    let params = &request.params;
    let span = tracing::info_span!(
        "chat",
        "otel.name" = Empty,
        "otel.kind" = "client",
        "gen_ai.operation.name" = "chat",
        "gen_ai.provider.name" = system,
        "gen_ai.request.model" = model,
        "gen_ai.request.max_tokens" = params.max_tokens,
        "gen_ai.request.temperature" = params.temperature,
        "gen_ai.request.top_p" = params.top_p,
        "gen_ai.request.seed" = params.seed,
        "gen_ai.request.choice.count" = params.choices,
        "gen_ai.response.model" = Empty,
        "gen_ai.response.id" = Empty,
        "gen_ai.response.finish_reasons" = Empty,
        "gen_ai.usage.input_tokens" = Empty,
        "gen_ai.usage.cache_read.input_tokens" = Empty,
        "gen_ai.usage.output_tokens" = Empty,
        "gen_ai.usage.reasoning.output_tokens" = Empty,
        "gen_ai.input.messages" = Empty,
        "gen_ai.output.messages" = Empty,
        "error.type" = Empty,
        "fapo.case" = %site.case,
        "fapo.repeat" = site.repeat,
        "fapo.role" = site.role.name(),
        "fapo.step" = %site.step,
        "fapo.attempts" = Empty,
    );
    if span.is_disabled() {
        return span;
    }
    span.record("otel.name", display(format_args!("chat {model}")));
    if has_content() {
        let messages = serde_json::to_string(&request.messages).unwrap_or_default();
        span.record("gen_ai.input.messages", messages);
    }
    span
}

/// Writes what came of a call into the span that is open.
pub(crate) fn record(delivery: &Delivery) {
    let span = Span::current();
    if span.is_disabled() {
        return;
    }
    span.record("fapo.attempts", delivery.receipt.attempts);
    let completion = match &delivery.answer {
        Ok(completion) => completion,
        Err(error) => {
            span.record("error.type", error.name());
            return;
        }
    };
    span.record("gen_ai.response.model", display(&completion.model));
    if let Some(id) = &delivery.receipt.served.id {
        span.record("gen_ai.response.id", display(id));
    }
    let reasons: Vec<&str> = completion
        .choices
        .iter()
        .map(|choice| choice.finish_reason.name())
        .collect();
    span.record("gen_ai.response.finish_reasons", reasons.join(","));
    let usage = &completion.usage;
    span.record("gen_ai.usage.input_tokens", usage.input_tokens);
    span.record(
        "gen_ai.usage.cache_read.input_tokens",
        usage.cached_input_tokens,
    );
    span.record("gen_ai.usage.output_tokens", usage.output_tokens);
    span.record(
        "gen_ai.usage.reasoning.output_tokens",
        usage.reasoning_tokens,
    );
    if has_content() {
        let choices = serde_json::to_string(&completion.choices).unwrap_or_default();
        span.record("gen_ai.output.messages", choices);
    }
}

fn has_content() -> bool {
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| std::env::var_os(CONTENT).is_some_and(|value| value == "1"))
}
