//! A component bound to its grants, its limits and what stands behind its
//! imports: what one customer's cases run in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use fapo_core::Untrusted;
use fapo_core::case::{Case, CaseId};
use fapo_core::chain::ChainInfo;
use fapo_core::manifest::{Grants, Role};
use fapo_core::outcome::{Failure, LimitHit, Outcome};
use fapo_core::score::Score;
use fapo_core::settings::Settings;
use fapo_core::trace::CaseTrace;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::bindings::exports::fapo::tenant::{chain, scorer};
use crate::bindings::fapo::tenant::types::{ProviderError, RetrievalError};
use crate::convert::{self, list_bytes, text_bytes};
use crate::exports::{ChainExports, ScorerExports};
use crate::failure::Returned;
use crate::guest::{self, Prepared, Work};
use crate::handed::{HandedCase, HandedOutcome, HandedScoredCase, HandedSettings, HandedVisit};
use crate::imports::{ArtifactStore, Imports, Provider, Retriever};
use crate::sandbox::{Component, Shared};

/// A component that can run cases.
#[derive(Clone)]
pub struct Tenant {
    pub(crate) shared: Arc<Shared>,
    /// Shared by all its guests, in one piece: what each of them would have to
    /// count for itself, the cores would quarrel about.
    pub(crate) binding: Arc<Binding>,
}

/// What is settled when a tenant is configured.
#[derive(Clone)]
pub(crate) struct Binding {
    pub(crate) component: Arc<Component>,
    pub(crate) grants: Grants,
    pub(crate) imports: Imports,
    /// The declared steps; none where they are not known.
    pub(crate) steps: Option<BTreeSet<String>>,
}

/// One run of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first run of the case, 2 for the second …
    pub repeat: u32,
    /// What decides the guest's clock and randomness; nothing else does.
    pub seed: u64,
}

impl Attempt {
    /// Returns the first run of a case.
    pub fn first(seed: u64) -> Self {
        Self { repeat: 1, seed }
    }
}

/// What a guest's work came to, and what the host saw of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GuestRun<T> {
    /// What it returned, or how it failed.
    pub result: Result<T, Failure>,
    /// Its course.
    pub trace: CaseTrace,
    /// What it took.
    pub used: Used,
}

/// What a guest took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// CPU time of the guest; waiting and the host's own work are not in it.
    pub cpu_us: u64,
    /// Time by the clock on the wall.
    pub wall_us: u64,
    /// Peak of its memories; zero when it was stopped by the clock.
    pub memory_bytes: u64,
}

/// What a scorer grades, and by which profile: its own way to weigh things, of
/// which the empty one is the usual.
#[derive(Clone, Debug)]
pub enum Graded {
    /// A text alone.
    Text {
        /// The text.
        text: Untrusted,
        /// The scorer's profile.
        profile: String,
    },
    /// What a chain left, with how it came to that.
    Pipeline {
        /// What it made.
        outcome: Outcome,
        /// The visits of its steps, and the calls that it made. A scorer sees
        /// those of models, indexes and tools, and no accesses of artifacts.
        trace: Arc<CaseTrace>,
        /// The scorer's profile.
        profile: String,
    },
}

impl Tenant {
    /// Tells whether there is a chain.
    pub fn has_chain(&self) -> bool {
        self.binding.component.chain.is_some()
    }

    /// Tells whether there is a scorer.
    pub fn has_scorer(&self) -> bool {
        self.binding.component.scorer.is_some()
    }

    /// Runs what a case takes, all its guests and what lies between them, in one
    /// task where imports are served.
    pub fn spawn<F>(&self, case: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.shared.threads.io.spawn(case)
    }

    /// Returns the tenant with the steps of a description: from now on a call
    /// that names another step is told so.
    pub fn with_steps(mut self, info: &ChainInfo) -> Self {
        let steps = info
            .steps
            .iter()
            .map(|step| step.name.as_str().to_owned())
            .collect();
        Arc::make_mut(&mut self.binding).steps = Some(steps);
        self
    }

    /// Returns the tenant with another provider.
    pub fn with_provider(mut self, provider: Arc<dyn Provider>) -> Self {
        Arc::make_mut(&mut self.binding).imports.provider = Some(provider);
        self
    }

    /// Returns the tenant with something to search.
    pub fn with_retriever(mut self, retriever: Arc<dyn Retriever>) -> Self {
        Arc::make_mut(&mut self.binding).imports.retriever = Some(retriever);
        self
    }

    /// Returns the tenant with a store of artifacts.
    pub fn with_artifacts(mut self, artifacts: Arc<dyn ArtifactStore>) -> Self {
        Arc::make_mut(&mut self.binding).imports.artifacts = Some(artifacts);
        self
    }

    /// Asks the chain to describe itself, with every import denied.
    pub async fn describe(&self) -> GuestRun<ChainInfo> {
        let exports = self.chain();
        let bytes_max = self.binding.grants.limits.output_bytes_max;
        let mut prepared = self.prepared(Role::Chain, CaseId::default(), Attempt::first(0));
        prepared.alone = true;
        self.run(
            prepared,
            Box::new(move |store, instance| {
                Box::pin(async move {
                    let chain = exports.load(store, instance)?;
                    let info = convert::chain_info(chain.call_describe(store).await?);
                    Ok(fits(info, info_bytes, bytes_max))
                })
            }),
        )
        .await
    }

    /// Runs one case.
    pub async fn run_chain(
        &self,
        case: &Arc<Case>,
        settings: &Arc<Settings>,
        attempt: Attempt,
    ) -> GuestRun<Outcome> {
        let exports = self.chain();
        let bytes_max = self.binding.grants.limits.output_bytes_max;
        let (case, settings) = (case.clone(), settings.clone());
        self.run(
            self.prepared(Role::Chain, case.id.clone(), attempt),
            Box::new(move |store, instance| {
                Box::pin(async move {
                    let run = exports.run_fn(store, instance)?;
                    let handed = (HandedCase::from(&*case), HandedSettings::from(&*settings));
                    Ok(match run.call_async(store, handed).await?.0 {
                        Ok(outcome) => fits(convert::outcome_in(outcome), outcome_bytes, bytes_max),
                        Err(error) => Err(chain_error(error)),
                    })
                })
            }),
        )
        .await
    }

    /// Runs one case many times in one instance, and returns the CPU time of
    /// all in microseconds.
    ///
    /// For measurements alone: what it saves is the price of isolation. No two
    /// cases of a run ever share an instance.
    pub async fn repeat_chain(
        &self,
        case: &Arc<Case>,
        settings: &Arc<Settings>,
        n: u32,
    ) -> GuestRun<u64> {
        let exports = self.chain();
        let (case, settings) = (case.clone(), settings.clone());
        let mut ran = self
            .run(
                self.prepared(Role::Chain, case.id.clone(), Attempt::first(0)),
                Box::new(move |store, instance| {
                    Box::pin(async move {
                        let run = exports.run_fn(store, instance)?;
                        for _ in 0..n {
                            let handed =
                                (HandedCase::from(&*case), HandedSettings::from(&*settings));
                            if let Err(error) = run.call_async(&mut *store, handed).await?.0 {
                                return Ok(Err(chain_error(error)));
                            }
                            store.data_mut().start_anew();
                        }
                        Ok(Ok(0))
                    })
                }),
            )
            .await;
        ran.result = ran.result.map(|_| ran.used.cpu_us);
        ran
    }

    /// Asks the scorer whether a case can be scored at all under a profile.
    pub async fn validate_case(
        &self,
        case: &Case,
        profile: &str,
        attempt: Attempt,
    ) -> GuestRun<()> {
        let exports = self.scorer();
        let (case, profile) = (case.clone(), profile.to_owned());
        self.run(
            self.prepared(Role::Scorer, case.id.clone(), attempt),
            Box::new(move |store, instance| {
                Box::pin(async move {
                    let validate = exports.validate_fn(store, instance)?;
                    let handed = (HandedScoredCase::from(&case), profile.as_str());
                    let (valid,) = validate.call_async(store, handed).await?;
                    Ok(valid.map_err(score_error))
                })
            }),
        )
        .await
    }

    /// Asks the scorer of cases one after the other, in one instance, whether
    /// they can be scored. Returns how many can, up to the first that cannot.
    ///
    /// Whether that one cannot is for [`validate_case`](Self::validate_case) to
    /// say: what an instance says after others, it may say because of them.
    pub async fn count_valid(&self, cases: &[Case], profile: &str) -> usize {
        let Some(first) = cases.first() else { return 0 };
        let exports = self.scorer();
        let (id, profile) = (first.id.clone(), profile.to_owned());
        let cases = cases.to_vec();
        // It outlives an instance that ends amid them.
        let n_valid = Arc::new(AtomicUsize::new(0));
        let counted = n_valid.clone();
        self.run(
            self.prepared(Role::Scorer, id, Attempt::first(0)),
            Box::new(move |store, instance| {
                Box::pin(async move {
                    let validate = exports.validate_fn(store, instance)?;
                    for case in &cases {
                        let handed = (HandedScoredCase::from(case), profile.as_str());
                        let (valid,) = validate.call_async(&mut *store, handed).await?;
                        if valid.is_err() {
                            break;
                        }
                        counted.fetch_add(1, Relaxed);
                    }
                    Ok(Ok(()))
                })
            }),
        )
        .await;
        n_valid.load(Relaxed)
    }

    /// Asks the scorer for a grade.
    pub async fn score(
        &self,
        case: &Arc<Case>,
        graded: Graded,
        attempt: Attempt,
    ) -> GuestRun<Score> {
        let exports = self.scorer();
        let bytes_max = self.binding.grants.limits.output_bytes_max;
        let reads_calls = self.binding.grants.reads_calls;
        let case = case.clone();
        self.run(
            self.prepared(Role::Scorer, case.id.clone(), attempt),
            Box::new(move |store, instance| {
                Box::pin(async move {
                    let case = HandedScoredCase::from(&*case);
                    let (scored,) = match &graded {
                        Graded::Text { text, profile } => {
                            let score = exports.score_fn(store, instance)?;
                            let handed = (case, text.as_str(), profile.as_str());
                            score.call_async(store, handed).await?
                        }
                        Graded::Pipeline {
                            outcome,
                            trace,
                            profile,
                        } => {
                            let score = exports.score_pipeline_fn(store, instance)?;
                            let outcome = HandedOutcome::from(outcome);
                            let steps = trace.visits.iter().map(HandedVisit::from).collect();
                            let calls = match reads_calls {
                                true => trace
                                    .calls
                                    .iter()
                                    .filter_map(convert::call_record)
                                    .collect(),
                                false => Vec::new(),
                            };
                            let handed = (case, outcome, steps, calls, profile.as_str());
                            score.call_async(store, handed).await?
                        }
                    };
                    Ok(match scored {
                        Ok(score) => {
                            fits(convert::score(score), score_bytes, bytes_max).and_then(|score| {
                                score
                                    .check()
                                    .map_err(|error| Returned::bad_answer(error.to_string()))
                            })
                        }
                        Err(error) => Err(score_error(error)),
                    })
                })
            }),
        )
        .await
    }

    fn chain(&self) -> ChainExports {
        let chain = self.binding.component.chain.clone();
        chain.expect("whoever asks for a chain knows that there is one")
    }

    fn scorer(&self) -> ScorerExports {
        let scorer = self.binding.component.scorer.clone();
        scorer.expect("whoever asks for a scorer knows that there is one")
    }

    async fn run<T: Send + 'static>(&self, prepared: Prepared, work: Work<T>) -> GuestRun<T> {
        guest::run(&self.shared, prepared, work).await
    }

    fn prepared(&self, role: Role, case: CaseId, attempt: Attempt) -> Prepared {
        Prepared {
            binding: self.binding.clone(),
            role,
            alone: false,
            case,
            attempt,
        }
    }
}

/// Refuses an answer that is longer than a guest's may be.
fn fits<T: Sized>(
    answer: T,
    bytes: impl FnOnce(&T) -> usize,
    bytes_max: u64,
) -> Result<T, Returned> {
    let bytes = bytes(&answer) as u64;
    if bytes <= bytes_max {
        return Ok(answer);
    }
    let limit = LimitHit::new("output_bytes_max", bytes_max);
    let message =
        format!("the answer has {bytes} bytes, and `output_bytes_max` allows {bytes_max}");
    Err(Returned::over_limit(message, limit))
}

fn outcome_bytes(outcome: &Outcome) -> usize {
    outcome.output_text.as_str().len()
        + list_bytes(&outcome.diagnostics, |(name, text)| {
            text_bytes([name, text])
        })
}

fn score_bytes(score: &Score) -> usize {
    score.feedback.as_str().len()
        + list_bytes(&score.breakdown, |(name, _)| name.as_str().len())
        + list_bytes(&score.diagnostics, |text| text.as_str().len())
}

fn info_bytes(info: &ChainInfo) -> usize {
    serde_json::to_vec(info).map_or(usize::MAX, |json| json.len())
}

fn chain_error(error: chain::ChainError) -> Returned {
    match error {
        chain::ChainError::BadCase(why) => {
            Returned::error(format!("the chain cannot read the case: {why}"))
        }
        chain::ChainError::BadSettings(why) => {
            Returned::error(format!("the chain cannot use its settings: {why}"))
        }
        chain::ChainError::StepFailed(failure) => Returned {
            step: Some(failure.step.into()),
            ..Returned::error(failure.reason)
        },
        chain::ChainError::Provider(error) => Returned::error(provider_error(error)),
        chain::ChainError::Retrieval(error) => Returned::error(retrieval_error(error)),
        chain::ChainError::Other(why) => Returned::error(why),
    }
}

fn score_error(error: scorer::ScoreError) -> Returned {
    match error {
        scorer::ScoreError::BadCase(why) => {
            Returned::error(format!("the scorer cannot score the case: {why}"))
        }
        scorer::ScoreError::UnknownProfile(why) => {
            Returned::error(format!("the scorer cannot use the profile: {why}"))
        }
        scorer::ScoreError::Provider(error) => Returned::error(provider_error(error)),
        scorer::ScoreError::Other(why) => Returned::error(why),
    }
}

fn provider_error(error: ProviderError) -> String {
    let (what, why) = match error {
        ProviderError::Denied(why) => ("was denied", why),
        ProviderError::UnknownStep(why) => ("named an unknown step", why),
        ProviderError::UnknownModel(why) => ("named an unknown model", why),
        ProviderError::InvalidRequest(why) => ("was invalid", why),
        ProviderError::ContextTooLong(why) => ("was too long for the model", why),
        ProviderError::ContentFiltered(why) => ("was filtered", why),
        ProviderError::BudgetSpent(why) => ("found the budget spent", why),
        ProviderError::Unavailable(why) => ("found no provider", why),
        ProviderError::Other(why) => ("failed", why),
    };
    format!("a model call {what}: {why}")
}

fn retrieval_error(error: RetrievalError) -> String {
    let (what, why) = match error {
        RetrievalError::Denied(why) => ("was denied", why),
        RetrievalError::UnknownStep(why) => ("named an unknown step", why),
        RetrievalError::UnknownIndex(why) => ("named an unknown index", why),
        RetrievalError::InvalidRequest(why) => ("was invalid", why),
        RetrievalError::Unavailable(why) => ("found no index", why),
        RetrievalError::Other(why) => ("failed", why),
    };
    format!("a search {what}: {why}")
}
