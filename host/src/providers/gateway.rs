//! The way of a model call to a provider: room in the budgets, a turn at the
//! limiter, an attempt, and another one where that helps.

mod amounts;
mod joined;
mod local;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fapo_core::Untrusted;
use fapo_core::budget::Amount;
use fapo_core::call::{Delivery, FailedAttempt, GenerateRequest, ProviderError, Receipt, Usage};
use fapo_core::config::{ProviderSettings, RetrySettings};
use fapo_core::manifest::Role;
use fapo_core::model::{Model, Parameter, Price};
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};
use tokio::task::JoinSet;
use tracing::Instrument;

use amounts::{actual, after_failure, counted, most, usual_tokens};
use joined::{both, join};
pub(crate) use local::Local;

use super::limiter::{Feedback, Flow, Limiter, Outcome, Told};
use super::retry::{Again, Tries};
use super::telemetry;
use super::wire::Read;
use crate::budgets::Budgets;
use crate::journal::Journal;

/// What answers a request once: a server, or something in this process.
pub(crate) trait Backend: Send + Sync {
    /// Sends a request once.
    fn send<'a>(&'a self, site: &'a CallSite, request: &'a Arc<GenerateRequest>) -> Sending<'a>;

    /// Tells whether one request can ask for several completions.
    fn takes_choices(&self) -> bool;
}

/// An attempt under way.
pub(crate) type Sending<'a> = Pin<Box<dyn Future<Output = Sent> + Send + 'a>>;

/// What came of one attempt.
pub(crate) struct Sent {
    pub(crate) outcome: Result<Read, Failed>,
    pub(crate) left_out: Vec<Parameter>,
    /// What the server said of its limits.
    pub(crate) told: Option<Told>,
}

/// An attempt that failed.
pub(crate) struct Failed {
    pub(crate) error: ProviderError,
    pub(crate) status: Option<u16>,
    pub(crate) again: Again,
    /// How long the server asks to wait.
    pub(crate) wait: Option<Duration>,
    /// Whether the server is in trouble.
    pub(crate) overloaded: bool,
    /// Whether it left at all.
    pub(crate) had_left: bool,
    /// Whether it may be paid for all the same.
    pub(crate) maybe_paid: bool,
}

/// What the tokens of a provider cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cost {
    /// Nothing: no model stands behind it.
    Free,
    /// As a table says.
    Of(Price),
    /// Nobody knows.
    Unknown,
}

impl Cost {
    /// Returns what an answer cost; none is unknown.
    pub(crate) fn of(self, usage: &Usage) -> Option<f64> {
        match self {
            Self::Free => Some(0.0),
            Self::Of(price) => price.of(usage),
            Self::Unknown => None,
        }
    }
}

/// A provider as runs see it.
#[derive(Clone)]
pub(crate) struct Gateway(Arc<Parts>);

struct Parts {
    backend: Arc<dyn Backend>,
    model: Model,
    cost: Cost,
    settings: ProviderSettings,
    retry: RetrySettings,
    /// None where nothing is limited.
    limiter: Option<Arc<Limiter>>,
    /// As telemetry names it.
    system: &'static str,
    /// Whether it answers for one role alone.
    has_one_role: bool,
    /// Whether its answers are made in this process.
    is_local: bool,
}

/// What a gateway is made of.
pub(crate) struct Setup {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) model: Model,
    pub(crate) cost: Cost,
    pub(crate) settings: ProviderSettings,
    pub(crate) limiter: Option<Arc<Limiter>>,
    pub(crate) system: &'static str,
    pub(crate) has_one_role: bool,
    pub(crate) is_local: bool,
    /// How often a request is sent where the settings do not say.
    pub(crate) retry: RetrySettings,
}

/// What a run brings along.
pub(crate) struct OfRun {
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) flow: Flow,
    /// Notes that a request is about to leave; none where nothing is paid for it.
    pub(crate) journal: Option<Arc<Journal>>,
}

impl Gateway {
    pub(crate) fn new(setup: Setup) -> Self {
        let retry = setup.settings.retry.unwrap_or(setup.retry);
        Self(Arc::new(Parts {
            backend: setup.backend,
            model: setup.model,
            cost: setup.cost,
            settings: setup.settings,
            retry,
            limiter: setup.limiter,
            system: setup.system,
            has_one_role: setup.has_one_role,
            is_local: setup.is_local,
        }))
    }

    /// Returns the provider of a run.
    pub(crate) fn of_run(&self, run: Arc<OfRun>) -> Arc<dyn Provider> {
        Arc::new(Asked {
            gateway: self.clone(),
            run,
        })
    }
}

/// Fills in what a request leaves to the run.
pub(crate) fn complete(settings: &ProviderSettings, request: &mut GenerateRequest) {
    let params = &mut request.params;
    params.temperature = params.temperature.or(settings.temperature);
    params.top_p = params.top_p.or(settings.top_p);
    params.max_tokens = params.max_tokens.or(settings.max_tokens);
    params.seed = params.seed.or(settings.seed);
    if params.reasoning_effort.is_none() {
        params.reasoning_effort = settings.reasoning_effort.as_deref().map(Untrusted::from);
    }
}

struct Asked {
    gateway: Gateway,
    run: Arc<OfRun>,
}

impl Provider for Asked {
    fn complete(&self, _role: Role, request: &mut GenerateRequest) {
        complete(&self.gateway.0.settings, request);
    }

    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let (parts, run) = (self.gateway.0.clone(), self.run.clone());
        let span = telemetry::span(parts.system, &parts.model.name, &site, &request);
        let call = async move {
            if !parts.is_local {
                // What is sent over a network is not a guest's work: the rest
                // happens in a task of its own.
                tokio::task::yield_now().await;
            }
            let delivery = called(parts, run, site, request).await;
            telemetry::record(&delivery);
            delivery
        };
        Box::pin(call.instrument(span))
    }
}

/// Makes a call. It is a function of its own, so that a guest that only has it
/// begin needs no stack for all of it.
#[inline(never)]
fn called(
    parts: Arc<Parts>,
    run: Arc<OfRun>,
    site: CallSite,
    request: Arc<GenerateRequest>,
) -> Answer<Delivery> {
    Box::pin(async move { parts.call(&run, &site, request).await })
}

impl Parts {
    /// Answers a call, by several requests where one can have one completion only.
    async fn call(
        self: &Arc<Self>,
        run: &Arc<OfRun>,
        site: &CallSite,
        request: Arc<GenerateRequest>,
    ) -> Delivery {
        if let Some(role) = &request.model
            && self.has_one_role
            && !self.knows(role.as_str())
        {
            return not_sent(ProviderError::UnknownModel(
                format!("the run has no model for the role `{role}`").into(),
            ));
        }
        let request = match (&request.model, self.has_one_role) {
            // Behind the role is a model, and there is one only.
            (Some(_), true) => Arc::new(GenerateRequest {
                model: None,
                ..GenerateRequest::clone(&request)
            }),
            _ => request,
        };
        let n_choices = request.params.choices.unwrap_or(1);
        let in_one = self.backend.takes_choices() && self.model.takes(Parameter::Choices);
        let (first, n_there) = match n_choices == 1 || in_one {
            true => {
                let first = self.ask(run, site, &request).await;
                // Some servers are asked for several, and give one all the same.
                let n_there = match &first.answer {
                    Ok(answer) => answer.choices.len() as u32,
                    Err(_) => n_choices,
                };
                (Some(first), n_there)
            }
            false => (None, 0),
        };
        let mut asked = JoinSet::new();
        for nth in n_there..n_choices {
            let mut one = GenerateRequest::clone(&request);
            one.params.choices = None;
            // The same seed would give the same text.
            one.params.seed = one.params.seed.map(|seed| seed.wrapping_add(nth));
            let (parts, run, site) = (self.clone(), run.clone(), site.clone());
            asked.spawn(async move { (nth, parts.ask(&run, &site, &Arc::new(one)).await) });
        }
        let mut deliveries = asked.join_all().await;
        deliveries.sort_by_key(|(nth, _)| *nth);
        let deliveries = deliveries.into_iter().map(|(_, delivery)| delivery);
        let mut deliveries = first.into_iter().chain(deliveries);
        let mut whole = deliveries
            .next()
            .expect("a request asks for one completion at least");
        deliveries.for_each(|more| join(&mut whole, more));
        whole
    }

    /// Tells whether a role of models is the one that this provider answers.
    fn knows(&self, role: &str) -> bool {
        role == "main" || role == self.model.name
    }

    /// Sends one request, until there is an answer or no use in trying.
    async fn ask(&self, run: &OfRun, site: &CallSite, request: &Arc<GenerateRequest>) -> Delivery {
        let mut receipt = Receipt {
            attempts: 0,
            ..Receipt::default()
        };
        let answer_tokens_max = request.params.max_tokens.or(self.model.output_tokens_max);
        let costs = self.cost != Cost::Free;
        if answer_tokens_max.is_none() && run.budgets.bounds_answers(costs) {
            return not_sent(ProviderError::Denied(UNBOUNDED.into()));
        }
        let most = most(request, answer_tokens_max, self.cost);
        let mut tries = Tries::default();
        loop {
            let permit = match &self.limiter {
                Some(limiter) => Some(limiter.admit(&run.flow, usual_tokens(request)).await),
                None => None,
            };
            let reserved = match run.budgets.reserve(site, most).await {
                Ok(reserved) => reserved,
                Err(refused) => {
                    receipt.refused_by = Some(refused.of);
                    let error = ProviderError::BudgetSpent(refused.why.into());
                    return Delivery {
                        answer: Err(error),
                        receipt,
                    };
                }
            };
            if let (0, Some(journal)) = (receipt.attempts, &run.journal)
                && let Err(error) = journal.sends(site).await
            {
                reserved.settle(Amount::default());
                return Delivery {
                    answer: Err(error),
                    receipt,
                };
            }
            receipt.attempts += 1;
            let sent = self.backend.send(site, request).await;
            receipt.left_out = sent.left_out;
            let failed = match sent.outcome {
                Ok(mut read) => {
                    // Some servers do not say: then it is the one that was asked.
                    if read.completion.model.is_empty() {
                        read.completion.model = self.model.name.as_str().into();
                    }
                    let usage = read.completion.usage;
                    let paid = self.cost.of(&usage);
                    reserved.settle(actual(most, &usage, paid));
                    if let Some(permit) = permit {
                        let tokens = counted(&usage);
                        permit.done(Feedback {
                            outcome: Outcome::Answered { tokens },
                            told: sent.told,
                        });
                    }
                    receipt.paid_usd = both(receipt.paid_usd, paid);
                    receipt.worth_usd = paid;
                    receipt.served = read.served;
                    return Delivery {
                        answer: Ok(read.completion),
                        receipt,
                    };
                }
                Err(failed) => failed,
            };
            reserved.settle(after_failure(most, &failed));
            if let Some(permit) = permit {
                let throttled = failed.again == Again::Throttled || failed.overloaded;
                let outcome = match throttled {
                    true => Outcome::Throttled {
                        retry_after: failed.wait,
                        slow_down: failed.overloaded,
                    },
                    false => Outcome::Failed,
                };
                permit.done(Feedback {
                    outcome,
                    told: sent.told,
                });
            }
            let next = tries.next(failed.again, failed.wait, &self.retry, site);
            receipt.failed.push(FailedAttempt {
                status: failed.status,
                why: failed.error.why().clone(),
                maybe_paid: failed.maybe_paid,
                waited_ms: next.map_or(0, |wait| wait.as_millis() as u64),
            });
            match next {
                Ok(wait) => {
                    tracing::debug!(
                        attempt = receipt.attempts,
                        status = failed.status,
                        wait_ms = wait.as_millis() as u64,
                        "a model call is tried again"
                    );
                    tokio::time::sleep(wait).await;
                }
                Err(given_up) => {
                    let error = given_up.tell(failed.error, receipt.attempts);
                    return Delivery {
                        answer: Err(error),
                        receipt,
                    };
                }
            }
        }
    }
}

/// Said of a request whose answer may be of any length, where that is counted.
const UNBOUNDED: &str = "a budget of tokens or money needs a bound on answers: \
                         set `provider_settings.max_tokens`";

/// Returns a delivery of a request that never left.
fn not_sent(error: ProviderError) -> Delivery {
    Delivery {
        answer: Err(error),
        receipt: Receipt {
            attempts: 0,
            ..Receipt::default()
        },
    }
}
