//! The simulator as a provider: in this process, for nothing, and without a
//! network.

use std::sync::Arc;

use fapo_core::call::{Delivery, GenerateRequest, Receipt, Served};
use fapo_core::simulator::{Key, MODEL, Rates, simulate};
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};

/// A simulated model.
#[derive(Clone, Debug)]
pub(crate) struct Sim {
    rates: Rates,
    seed: u64,
    /// What it is called where a request names no model.
    model: Arc<str>,
}

impl Sim {
    /// Returns a simulator that fails as often as `rates` say, and answers at once.
    pub(crate) fn new(rates: Rates, seed: u64, model: Option<&str>) -> Self {
        Self {
            rates,
            seed,
            model: model.unwrap_or(MODEL).into(),
        }
    }
}

impl Provider for Sim {
    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let sim = self.clone();
        Box::pin(async move {
            let key = Key {
                repeat: site.repeat,
                seed: sim.seed,
            };
            let completion = if request.model.is_some() {
                simulate(&request, &sim.rates, key)
            } else {
                let mut named = (*request).clone();
                named.model = Some((*sim.model).into());
                simulate(&named, &sim.rates, key)
            };
            Delivery {
                answer: Ok(completion),
                receipt: Receipt {
                    served: Served {
                        fingerprint: Some(format!("sim-{}", env!("CARGO_PKG_VERSION")).into()),
                        ..Served::default()
                    },
                    ..Receipt::default()
                },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::site;
    use fapo_core::message::{ContentPart, Message, Speaker};

    fn request(text: &str) -> Arc<GenerateRequest> {
        Arc::new(GenerateRequest {
            messages: vec![Message {
                role: Speaker::User,
                content: vec![ContentPart::Text(text.into())],
                tool_calls: vec![],
                tool_call_id: None,
            }],
            ..GenerateRequest::default()
        })
    }

    async fn says(sim: &Sim, repeat: u32) -> String {
        let text = "Tarn | Tarn is the capital of Vell.\nOrn | Orn is a river in Vell.\n\nQuestion: What is the capital of Vell?";
        let site = CallSite {
            repeat,
            ..site("a")
        };
        let delivery = sim.generate(site, request(text)).await;
        let completion = delivery.answer.unwrap();
        completion.choices[0].text.as_str().into()
    }

    #[tokio::test]
    async fn repeats_are_samples_and_each_is_the_same_again() {
        let sim = Sim::new(Rates::default(), 7, None);
        let mut all = Vec::new();
        for repeat in 1..=12 {
            let said = says(&sim, repeat).await;
            assert_eq!(said, says(&sim, repeat).await);
            all.push(said);
        }
        all.sort();
        all.dedup();
        assert!(all.len() > 1, "{all:?}");
    }

    #[tokio::test]
    async fn the_model_is_what_was_asked_or_what_the_policy_names() {
        for (model, named) in [(None, "sim-1"), (Some("sim-2"), "sim-2")] {
            let sim = Sim::new(Rates::NONE, 0, model);
            let delivery = sim.generate(site("a"), request("Who?")).await;
            assert_eq!(delivery.answer.unwrap().model.as_str(), named);
        }
    }
}
