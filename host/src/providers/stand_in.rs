//! A stand-in for a provider: it answers nothing of worth, and counts what the
//! real one would be asked. `--dry-run` asks it.

use std::sync::Arc;

use fapo_core::call::{Choice, Completion, Delivery, FinishReason, GenerateRequest, Usage};
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};

/// What the stand-in says, whatever it is asked.
const SAYS: &str = "This text stands in for an answer of the model.";

/// How long an answer is thought to be at most, where a request does not say.
const TOKENS_MAX: u32 = 1024;

/// Answers with a text that means nothing.
pub(crate) struct StandIn;

impl Provider for StandIn {
    fn generate(&self, _site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let texts = request.messages.iter().flat_map(|message| message.texts());
        let bytes: usize = texts.map(str::len).sum();
        let n_choices = request.params.choices.unwrap_or(1).clamp(1, 128);
        let choice = Choice {
            text: SAYS.into(),
            tool_calls: vec![],
            finish_reason: FinishReason::Stop,
            opaque: vec![],
        };
        let completion = Completion {
            model: "stand-in".into(),
            choices: vec![choice; n_choices as usize],
            usage: Usage {
                // Four bytes a token is what English comes to.
                input_tokens: u32::try_from(bytes.div_ceil(4)).ok(),
                cached_input_tokens: None,
                output_tokens: Some(
                    request
                        .params
                        .max_tokens
                        .unwrap_or(TOKENS_MAX)
                        .saturating_mul(n_choices),
                ),
                reasoning_tokens: None,
            },
        };
        Box::pin(std::future::ready(Ok(completion).into()))
    }
}
