//! What answers in this process, as a backend.

use std::sync::Arc;

use fapo_core::call::{Completion, Delivery, GenerateRequest, ProviderError};
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::Provider;

use super::{Backend, Failed, Sending, Sent};
use crate::providers::retry::Again;
use crate::providers::wire::Read;

/// Something in this process that answers calls, as a backend.
pub(crate) struct Local {
    provider: Arc<dyn Provider>,
}

impl Local {
    pub(crate) fn new(provider: Arc<dyn Provider>) -> Self {
        Self { provider }
    }
}

impl Backend for Local {
    fn send<'a>(&'a self, site: &'a CallSite, request: &'a Arc<GenerateRequest>) -> Sending<'a> {
        Box::pin(async move {
            let Delivery { answer, receipt } =
                self.provider.generate(site.clone(), request.clone()).await;
            let outcome = answer.map_err(|error| Failed {
                again: match error {
                    ProviderError::Unavailable(_) => Again::Failed,
                    _ => Again::Never,
                },
                error,
                status: None,
                wait: None,
                overloaded: false,
                had_left: true,
                maybe_paid: false,
            });
            Sent {
                outcome: outcome.map(|completion: Completion| Read {
                    completion,
                    served: receipt.served,
                }),
                left_out: receipt.left_out,
                told: None,
            }
        })
    }

    fn takes_choices(&self) -> bool {
        true
    }
}
