//! Answers that are kept: what was answered once is not paid for again.
//!
//! The cache lies in the operator's home, and several processes share it. An
//! answer is found by the content of its question: the tenant, whoever would
//! answer, the whole request, and which sample of the case's this is. So the
//! steps before a change cost nothing, and variants are compared on the same
//! answers. Only answers are kept, never errors. The same question that is
//! asked several times at once is sent once.

mod key;
mod prune;
mod store;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use fapo_core::call::{Delivery, GenerateRequest, ProviderError, Receipt};
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};
use tokio::sync::OnceCell;

pub(crate) use prune::{Choice, File, Pruned, Stats};

use crate::clock;
use crate::database::OpenError;
use crate::exit::CommandResult;
use key::{Asked, Key};
use store::{Clock, Kept, Store, Warning};

/// The cache of this process.
#[derive(Clone)]
pub(crate) struct Cache(Arc<Inner>);

struct Inner {
    /// None where the disk does not let it be used.
    store: Option<Store>,
    flights: Flights,
}

/// How a run uses the cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What is kept is used, and what is answered is kept.
    #[default]
    Use,
    /// Nothing is asked that is not kept.
    Only,
}

/// Whose answers these are, and whose they would be.
#[derive(Clone)]
pub(crate) struct Scope {
    /// None where the operator shares answers among tenants.
    pub(crate) tenant: Option<String>,
    /// Tells who would answer a request.
    pub(crate) identity: Arc<dyn Fn(&GenerateRequest) -> Identity + Send + Sync>,
}

/// Who would answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The provider's name, for people.
    pub(crate) provider: String,
    /// The model's name, for people.
    pub(crate) model: String,
    /// All that can change an answer and is not in the request: the kind, the
    /// base URL, the format, the model, fixed fields. What is not in it makes
    /// no difference.
    pub(crate) text: String,
}

impl Cache {
    /// Opens the cache, and makes it where there is none.
    ///
    /// A file that is something else is an error. A disk that cannot be used is
    /// a warning: a run does without, since its journal holds what it paid for.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> CommandResult<Self> {
        Self::open_by(path, bytes_max, &(Arc::new(clock::seconds) as Clock))
    }

    fn open_by(path: &Path, bytes_max: u64, clock: &Clock) -> CommandResult<Self> {
        let warning = Warning::default();
        let store = match Store::open(path, bytes_max, clock, &warning) {
            Ok(store) => Some(store),
            Err(OpenError::Disk { source, .. }) => {
                warning.tell("the cache cannot be used", &source);
                None
            }
            Err(error) => return Err(error.told()),
        };
        Ok(Self(Arc::new(Inner {
            store,
            flights: Flights::default(),
        })))
    }

    async fn get(&self, key: Key) -> Option<Kept> {
        self.0.store.as_ref()?.get(key).await
    }

    /// Keeps an answer; returns the one that others will get.
    async fn put(&self, scope: &Scope, identity: Identity, key: Key, kept: Kept) -> Kept {
        match &self.0.store {
            Some(store) => {
                let tenant = scope.tenant.clone();
                let before = store.put(key, tenant, identity, &kept).await;
                before.unwrap_or(kept)
            }
            None => kept,
        }
    }
}

/// Puts the cache before a provider.
pub(crate) fn cached(
    provider: Arc<dyn Provider>,
    cache: Cache,
    scope: Scope,
    mode: Mode,
) -> Arc<dyn Provider> {
    Arc::new(Cached {
        provider,
        cache,
        scope,
        only: mode == Mode::Only,
    })
}

struct Cached {
    provider: Arc<dyn Provider>,
    cache: Cache,
    scope: Scope,
    only: bool,
}

impl Provider for Cached {
    fn complete(&self, role: Role, request: &mut GenerateRequest) {
        self.provider.complete(role, request);
    }

    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let identity = (self.scope.identity)(&request);
        let asked = Asked {
            tenant: self.scope.tenant.as_deref(),
            identity: &identity.text,
            repeat: site.repeat,
            request: &request,
        }
        .digest();
        let key = key::nth(&asked, site.sample);
        let cache = self.cache.clone();
        if self.only {
            return Box::pin(async move {
                match cache.get(key).await {
                    Some(kept) => found(kept),
                    None => {
                        let why = format!("the answer to step `{}` is not in the cache", site.step);
                        Err(ProviderError::Unavailable(why.into())).into()
                    }
                }
            });
        }
        let (provider, scope) = (self.provider.clone(), self.scope.clone());
        let flight = cache.0.flights.join(key);
        Box::pin(async move {
            let mut receipt = None;
            let kept = flight
                .answer
                .get_or_try_init(async || {
                    if let Some(kept) = cache.get(key).await {
                        return Ok(kept);
                    }
                    let delivery = provider.generate(site, request).await;
                    match delivery.answer {
                        // Without a choice it is no answer to anyone.
                        Ok(completion) if !completion.choices.is_empty() => {
                            let kept = Kept::new(completion, &delivery.receipt);
                            receipt = Some(delivery.receipt);
                            Ok(cache.put(&scope, identity, key, kept).await)
                        }
                        _ => Err(delivery),
                    }
                })
                .await
                .cloned();
            match (kept, receipt) {
                (Ok(kept), None) => found(kept),
                // What was paid is this call's, and the answer is the one that
                // was kept first, so that all who ask get the same.
                (Ok(kept), Some(receipt)) => Delivery {
                    answer: Ok(kept.completion),
                    receipt: Receipt {
                        left_out: kept.left_out,
                        served: kept.served,
                        ..receipt
                    },
                },
                (Err(delivery), _) => delivery,
            }
        })
    }
}

/// Delivers what was kept.
fn found(kept: Kept) -> Delivery {
    Delivery {
        answer: Ok(kept.completion),
        receipt: Receipt {
            attempts: 0,
            cached: true,
            paid_usd: Some(0.0),
            worth_usd: kept.worth_usd,
            failed: Vec::new(),
            left_out: kept.left_out,
            served: kept.served,
            refused_by: None,
        },
    }
}

/// Questions that are being asked.
///
/// Whoever asks first sends it, and the others wait for that. If it fails, or
/// whoever sent it goes away, the next one sends it.
#[derive(Clone, Default)]
struct Flights(Arc<Mutex<HashMap<Key, Asking>>>);

/// An answer that is waited for, and how many wait.
#[derive(Default)]
struct Asking {
    answer: Arc<OnceCell<Kept>>,
    waiting: usize,
}

/// One of those who wait.
struct Flight {
    flights: Flights,
    key: Key,
    answer: Arc<OnceCell<Kept>>,
}

impl Flights {
    fn join(&self, key: Key) -> Flight {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asking = flights.entry(key).or_default();
        asking.waiting += 1;
        Flight {
            flights: self.clone(),
            key,
            answer: asking.answer.clone(),
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let mut flights = self
            .flights
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut asking) = flights.entry(self.key) {
            asking.get_mut().waiting -= 1;
            if asking.get().waiting == 0 {
                asking.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests;
