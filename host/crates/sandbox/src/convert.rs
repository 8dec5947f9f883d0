//! Between the records of `fapo-core` and the types of the contract's version
//! 0.1. What a guest hands over is moved, never copied; what many may read,
//! such as a recorded answer, is copied into the guest once.

use fapo_core::Untrusted;
use fapo_core::call::{
    ArtifactError, ArtifactInfo, Completion, FinishReason, GenerateParams, GenerateRequest,
    Passage, ProviderError, ResponseSchema, RetrievalError, SearchRequest, ToolChoice, ToolError,
    ToolRequest, ToolResult,
};
use fapo_core::chain::{
    ChainInfo, Edge, ParameterInfo, ParameterKind, Placeholder, PromptInfo, StepInfo, StepKind,
};
use fapo_core::message::{ContentPart, Message, OpaquePart, Speaker, ToolCall, ToolDefinition};
use fapo_core::outcome::Outcome;
use fapo_core::score::Score;
use fapo_core::trace::{Call, CallBody};
use serde::Serialize;

use crate::bindings::exports::fapo::tenant::{chain, scorer};
use crate::bindings::fapo::tenant::{artifacts, tools, types as wit};

// ------------------------------------------------------------------- cases

pub(crate) fn outcome_in(outcome: wit::Outcome) -> Outcome {
    Outcome {
        output_text: outcome.output_text.into(),
        diagnostics: outcome
            .diagnostics
            .into_iter()
            .map(|d| (d.name.into(), d.text.into()))
            .collect(),
    }
}

/// Returns a call as a scorer sees it; none where it is of the artifact store.
pub(crate) fn call_record(call: &Call) -> Option<wit::CallRecord> {
    let body = match &call.body {
        CallBody::Generate {
            request,
            answer,
            error,
            ..
        } => wit::CallBody::Generate(wit::GenerateCall {
            request: generate_request_out(&call.step, request),
            answer: answer.as_deref().map(completion),
            error: error.as_ref().map(error_text),
        }),
        CallBody::Search {
            request,
            answer,
            error,
            ..
        } => wit::CallBody::Search(wit::SearchCall {
            request: wit::SearchRequest {
                step: text(&call.step),
                index: text(&request.index),
                query: text(&request.query),
                k: request.k,
            },
            answer: answer
                .as_deref()
                .map(|passages| passages.iter().cloned().map(passage).collect()),
            error: error.as_ref().map(error_text),
        }),
        CallBody::Tool {
            request,
            answer,
            error,
        } => wit::CallBody::Tool(wit::ToolCallMade {
            name: text(&request.name),
            arguments: text(&request.arguments),
            answer: answer.as_deref().map(|result| wit::ToolAnswer {
                content: parts_out(&result.content),
                is_error: result.is_error,
            }),
            error: error.as_ref().map(error_text),
        }),
        CallBody::Artifact { .. } => return None,
    };
    Some(wit::CallRecord {
        step: text(&call.step),
        visit: call.visit,
        body,
    })
}

/// Returns an import's error as the contract spells it, and what it says.
///
/// Each of them is a case with a text, and is read as it is recorded: so the
/// three need no list of their cases here.
fn error_text(error: &impl Serialize) -> String {
    let recorded = serde_json::to_value(error).expect("an error can be recorded");
    let cases = recorded.as_object().expect("an error is one of its cases");
    let texts = cases.iter().map(|(name, says)| {
        let says = says.as_str().expect("a case has a text");
        format!("{}: {says}", name.replace('_', "-"))
    });
    texts.collect()
}

pub(crate) fn score(score: scorer::Score) -> Score {
    Score {
        composite: score.composite,
        breakdown: score
            .breakdown
            .into_iter()
            .map(|m| (m.name.into(), m.value))
            .collect(),
        points: score.points.map(|p| (p.earned, p.possible)),
        feedback: score.feedback.into(),
        diagnostics: score.diagnostics.into_iter().map(Into::into).collect(),
    }
}

// ------------------------------------------------------------- description

pub(crate) fn chain_info(info: chain::ChainInfo) -> ChainInfo {
    ChainInfo {
        name: info.name.into(),
        description: info.description.into(),
        steps: info.steps.into_iter().map(step_info).collect(),
        edges: info
            .edges
            .into_iter()
            .map(|e| Edge {
                source: e.source.into(),
                target: e.target.into(),
                condition: e.condition.map(Into::into),
            })
            .collect(),
        prompts: info.prompts.into_iter().map(prompt_info).collect(),
        parameters: info.parameters.into_iter().map(parameter_info).collect(),
    }
}

fn step_info(step: chain::StepInfo) -> StepInfo {
    StepInfo {
        name: step.name.into(),
        kind: match step.kind {
            chain::StepKind::Llm => StepKind::Llm,
            chain::StepKind::Retrieval => StepKind::Retrieval,
            chain::StepKind::Code => StepKind::Code,
            chain::StepKind::Agent => StepKind::Agent,
            chain::StepKind::Other(kind) => StepKind::Other(kind.into()),
        },
        description: step.description.into(),
        prompts: step.prompts.into_iter().map(Into::into).collect(),
        parameters: step.parameters.into_iter().map(Into::into).collect(),
    }
}

fn prompt_info(prompt: chain::PromptInfo) -> PromptInfo {
    PromptInfo {
        name: prompt.name.into(),
        description: prompt.description.into(),
        default_template: prompt.default_template.into(),
        placeholders: prompt
            .placeholders
            .into_iter()
            .map(|p| Placeholder {
                name: p.name.into(),
                required: p.required,
                description: p.description.into(),
            })
            .collect(),
    }
}

fn parameter_info(parameter: chain::ParameterInfo) -> ParameterInfo {
    ParameterInfo {
        name: parameter.name.into(),
        description: parameter.description.into(),
        kind: match parameter.kind {
            chain::ParameterKind::Boolean => ParameterKind::Boolean,
            chain::ParameterKind::Integer(range) => ParameterKind::Integer {
                min: range.min,
                max: range.max,
            },
            chain::ParameterKind::Number(range) => ParameterKind::Number {
                min: range.min,
                max: range.max,
            },
            chain::ParameterKind::Choice(texts) => {
                ParameterKind::Choice(texts.into_iter().map(Into::into).collect())
            }
            chain::ParameterKind::Text(bytes) => ParameterKind::Text(bytes),
        },
        default: parameter.default.into(),
    }
}

// ------------------------------------------------------------- model calls

pub(crate) fn generate_request(request: wit::GenerateRequest) -> (Untrusted, GenerateRequest) {
    let params = request.params;
    let converted = GenerateRequest {
        model: request.model.map(Into::into),
        messages: request.messages.into_iter().map(message).collect(),
        params: GenerateParams {
            temperature: params.temperature,
            top_p: params.top_p,
            max_tokens: params.max_tokens,
            seed: params.seed,
            stop: params.stop.into_iter().map(Into::into).collect(),
            reasoning_effort: params.reasoning_effort.map(Into::into),
            choices: params.choices,
        },
        response_schema: request.response_schema.map(|s| ResponseSchema {
            name: s.name.into(),
            schema: s.schema.into(),
        }),
        tools: request.tools.into_iter().map(tool_definition_in).collect(),
        tool_choice: match request.tool_choice {
            wit::ToolChoice::Auto => ToolChoice::Auto,
            wit::ToolChoice::None => ToolChoice::None,
            wit::ToolChoice::Required => ToolChoice::Required,
            wit::ToolChoice::Tool(name) => ToolChoice::Tool(name.into()),
        },
    };
    (request.step.into(), converted)
}

fn generate_request_out(step: &Untrusted, request: &GenerateRequest) -> wit::GenerateRequest {
    let params = &request.params;
    wit::GenerateRequest {
        step: text(step),
        model: request.model.as_ref().map(text),
        messages: request.messages.iter().map(message_out).collect(),
        params: wit::GenerateParams {
            temperature: params.temperature,
            top_p: params.top_p,
            max_tokens: params.max_tokens,
            seed: params.seed,
            stop: params.stop.iter().map(text).collect(),
            reasoning_effort: params.reasoning_effort.as_ref().map(text),
            choices: params.choices,
        },
        response_schema: request
            .response_schema
            .as_ref()
            .map(|s| wit::ResponseSchema {
                name: text(&s.name),
                schema: text(&s.schema),
            }),
        tools: request.tools.iter().map(tool_definition_out).collect(),
        tool_choice: match &request.tool_choice {
            ToolChoice::Auto => wit::ToolChoice::Auto,
            ToolChoice::None => wit::ToolChoice::None,
            ToolChoice::Required => wit::ToolChoice::Required,
            ToolChoice::Tool(name) => wit::ToolChoice::Tool(text(name)),
        },
    }
}

fn message_out(message: &Message) -> wit::Message {
    wit::Message {
        role: match message.role {
            Speaker::System => wit::Role::System,
            Speaker::User => wit::Role::User,
            Speaker::Assistant => wit::Role::Assistant,
            Speaker::Tool => wit::Role::Tool,
        },
        content: parts_out(&message.content),
        tool_calls: message.tool_calls.iter().map(tool_call_out).collect(),
        tool_call_id: message.tool_call_id.as_ref().map(text),
    }
}

fn parts_out(parts: &[ContentPart]) -> Vec<wit::ContentPart> {
    let part = |part: &ContentPart| match part {
        ContentPart::Text(says) => wit::ContentPart::Text(text(says)),
        ContentPart::Media { media_type, data } => wit::ContentPart::Media(wit::Media {
            media_type: text(media_type),
            data: data.clone(),
        }),
        ContentPart::Opaque(part) => wit::ContentPart::Opaque(opaque_out(part)),
    };
    parts.iter().map(part).collect()
}

fn opaque_out(part: &OpaquePart) -> wit::OpaquePart {
    wit::OpaquePart {
        provider: text(&part.provider),
        data: text(&part.data),
    }
}

fn tool_call_out(call: &ToolCall) -> wit::ToolCall {
    wit::ToolCall {
        id: text(&call.id),
        name: text(&call.name),
        arguments: text(&call.arguments),
    }
}

fn message(message: wit::Message) -> Message {
    Message {
        role: match message.role {
            wit::Role::System => Speaker::System,
            wit::Role::User => Speaker::User,
            wit::Role::Assistant => Speaker::Assistant,
            wit::Role::Tool => Speaker::Tool,
        },
        content: message
            .content
            .into_iter()
            .map(|part| match part {
                wit::ContentPart::Text(text) => ContentPart::Text(text.into()),
                wit::ContentPart::Media(media) => ContentPart::Media {
                    media_type: media.media_type.into(),
                    data: media.data,
                },
                wit::ContentPart::Opaque(part) => ContentPart::Opaque(OpaquePart {
                    provider: part.provider.into(),
                    data: part.data.into(),
                }),
            })
            .collect(),
        tool_calls: message
            .tool_calls
            .into_iter()
            .map(|c| ToolCall {
                id: c.id.into(),
                name: c.name.into(),
                arguments: c.arguments.into(),
            })
            .collect(),
        tool_call_id: message.tool_call_id.map(Into::into),
    }
}

pub(crate) fn completion(completion: &Completion) -> wit::Completion {
    wit::Completion {
        model: text(&completion.model),
        choices: completion
            .choices
            .iter()
            .map(|choice| wit::Choice {
                text: text(&choice.text),
                tool_calls: choice.tool_calls.iter().map(tool_call_out).collect(),
                finish_reason: match &choice.finish_reason {
                    FinishReason::Stop => wit::FinishReason::Stop,
                    FinishReason::Length => wit::FinishReason::Length,
                    FinishReason::ToolCalls => wit::FinishReason::ToolCalls,
                    FinishReason::ContentFilter => wit::FinishReason::ContentFilter,
                    FinishReason::Other(why) => wit::FinishReason::Other(text(why)),
                },
                opaque: choice.opaque.iter().map(opaque_out).collect(),
            })
            .collect(),
        usage: wit::Usage {
            input_tokens: completion.usage.input_tokens,
            cached_input_tokens: completion.usage.cached_input_tokens,
            output_tokens: completion.usage.output_tokens,
            reasoning_tokens: completion.usage.reasoning_tokens,
        },
    }
}

pub(crate) fn provider_error_out(error: ProviderError) -> wit::ProviderError {
    match error {
        ProviderError::Denied(why) => wit::ProviderError::Denied(why.into_string()),
        ProviderError::UnknownStep(why) => wit::ProviderError::UnknownStep(why.into_string()),
        ProviderError::UnknownModel(why) => wit::ProviderError::UnknownModel(why.into_string()),
        ProviderError::InvalidRequest(why) => wit::ProviderError::InvalidRequest(why.into_string()),
        ProviderError::ContextTooLong(why) => wit::ProviderError::ContextTooLong(why.into_string()),
        ProviderError::ContentFiltered(why) => {
            wit::ProviderError::ContentFiltered(why.into_string())
        }
        ProviderError::BudgetSpent(why) => wit::ProviderError::BudgetSpent(why.into_string()),
        ProviderError::Unavailable(why) => wit::ProviderError::Unavailable(why.into_string()),
        ProviderError::Other(why) => wit::ProviderError::Other(why.into_string()),
    }
}

// ------------------------------------------------- search, tools, artifacts

pub(crate) fn search_request(request: wit::SearchRequest) -> (Untrusted, SearchRequest) {
    let converted = SearchRequest {
        index: request.index.into(),
        query: request.query.into(),
        k: request.k,
    };
    (request.step.into(), converted)
}

pub(crate) fn passage(passage: Passage) -> wit::Passage {
    wit::Passage {
        id: passage.id.into_string(),
        title: passage.title.into_string(),
        text: passage.text.into_string(),
        score: passage.score,
        rank: passage.rank,
        metadata: passage.metadata.into_string(),
    }
}

pub(crate) fn retrieval_error_out(error: RetrievalError) -> wit::RetrievalError {
    match error {
        RetrievalError::Denied(why) => wit::RetrievalError::Denied(why.into_string()),
        RetrievalError::UnknownStep(why) => wit::RetrievalError::UnknownStep(why.into_string()),
        RetrievalError::UnknownIndex(why) => wit::RetrievalError::UnknownIndex(why.into_string()),
        RetrievalError::InvalidRequest(why) => {
            wit::RetrievalError::InvalidRequest(why.into_string())
        }
        RetrievalError::Unavailable(why) => wit::RetrievalError::Unavailable(why.into_string()),
        RetrievalError::Other(why) => wit::RetrievalError::Other(why.into_string()),
    }
}

pub(crate) fn tool_request(request: tools::ToolRequest) -> (Untrusted, ToolRequest) {
    let converted = ToolRequest {
        name: request.name.into(),
        arguments: request.arguments.into(),
    };
    (request.step.into(), converted)
}

fn tool_definition_in(tool: wit::ToolDefinition) -> ToolDefinition {
    ToolDefinition {
        name: tool.name.into(),
        description: tool.description.into(),
        parameters: tool.parameters.into(),
    }
}

pub(crate) fn tool_definition_out(tool: &ToolDefinition) -> wit::ToolDefinition {
    wit::ToolDefinition {
        name: text(&tool.name),
        description: text(&tool.description),
        parameters: text(&tool.parameters),
    }
}

pub(crate) fn tool_result(result: &ToolResult) -> tools::ToolResult {
    tools::ToolResult {
        content: parts_out(&result.content),
        is_error: result.is_error,
    }
}

pub(crate) fn tool_error_out(error: ToolError) -> tools::ToolError {
    match error {
        ToolError::Denied(why) => tools::ToolError::Denied(why.into_string()),
        ToolError::UnknownStep(why) => tools::ToolError::UnknownStep(why.into_string()),
        ToolError::UnknownTool(why) => tools::ToolError::UnknownTool(why.into_string()),
        ToolError::InvalidRequest(why) => tools::ToolError::InvalidRequest(why.into_string()),
        ToolError::Unavailable(why) => tools::ToolError::Unavailable(why.into_string()),
        ToolError::Other(why) => tools::ToolError::Other(why.into_string()),
    }
}

pub(crate) fn artifact_info(info: ArtifactInfo) -> artifacts::ArtifactInfo {
    artifacts::ArtifactInfo {
        name: info.name,
        size: info.size,
        read_only: info.read_only,
    }
}

pub(crate) fn artifact_error_out(error: ArtifactError) -> artifacts::ArtifactError {
    match error {
        ArtifactError::Denied(why) => artifacts::ArtifactError::Denied(why.into_string()),
        ArtifactError::UnknownStep(why) => artifacts::ArtifactError::UnknownStep(why.into_string()),
        ArtifactError::NotFound(why) => artifacts::ArtifactError::NotFound(why.into_string()),
        ArtifactError::InvalidName(why) => artifacts::ArtifactError::InvalidName(why.into_string()),
        ArtifactError::ReadOnly(why) => artifacts::ArtifactError::ReadOnly(why.into_string()),
        ArtifactError::Unavailable(why) => artifacts::ArtifactError::Unavailable(why.into_string()),
        ArtifactError::Other(why) => artifacts::ArtifactError::Other(why.into_string()),
    }
}

// ------------------------------------------------------------------- sizes

fn text(text: &Untrusted) -> String {
    text.as_str().to_owned()
}

/// What an item of a list counts beside its texts: a hundred thousand empty
/// messages are not free.
pub(crate) const ITEM_BYTES: usize = 64;

/// Returns the bytes of some texts together.
pub(crate) fn text_bytes<'a>(texts: impl IntoIterator<Item = &'a Untrusted>) -> usize {
    texts.into_iter().map(|text| text.as_str().len()).sum()
}

/// Returns the bytes of a list of items, given what the texts of each take.
pub(crate) fn list_bytes<T>(items: &[T], texts: impl Fn(&T) -> usize) -> usize {
    items.iter().map(|item| texts(item) + ITEM_BYTES).sum()
}

/// Returns the bytes of a message's content.
pub(crate) fn parts_bytes(parts: &[ContentPart]) -> usize {
    list_bytes(parts, |part| match part {
        ContentPart::Text(text) => text.as_str().len(),
        ContentPart::Media { media_type, data } => media_type.as_str().len() + data.len(),
        ContentPart::Opaque(part) => text_bytes([&part.provider, &part.data]),
    })
}

/// Returns the bytes of a message.
pub(crate) fn message_bytes(message: &Message) -> usize {
    parts_bytes(&message.content)
        + tool_calls_bytes(&message.tool_calls)
        + message
            .tool_call_id
            .as_ref()
            .map_or(0, |id| id.as_str().len())
}

/// Returns the bytes of the tool calls of a message or an answer.
pub(crate) fn tool_calls_bytes(calls: &[ToolCall]) -> usize {
    list_bytes(calls, |call| {
        text_bytes([&call.id, &call.name, &call.arguments])
    })
}
