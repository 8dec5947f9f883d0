//! What answers model calls: a script, the simulator, or a provider on the
//! network that the operator granted.
//!
//! A provider is opened when a command is settled, with everything checked
//! that costs nothing, and connected when a run begins to ask: only then are
//! keys read. `gateway` is the way that every call takes.

pub(crate) mod connect;
mod gateway;
pub(crate) mod http;
pub(crate) mod limiter;
mod models;
mod open;
pub(crate) mod place;
pub(crate) mod remote;
pub(crate) mod retry;
mod script;
pub(crate) mod secret;
mod sign;
mod sim;
mod stand_in;
mod telemetry;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use fapo_core::call::{Delivery, GenerateRequest, ProviderError, Usage};
use fapo_core::config::{ProviderSettings, RetrySettings};
use fapo_core::manifest::Role;
use fapo_core::model::{Model, Price};
use fapo_core::policy::{Kind, WrittenProvider};
use fapo_core::run::ProviderRecord;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};
use serde_json::json;

use crate::cache::Identity;
use crate::exit::CommandResult;
use gateway::{Cost, Gateway, Local, Setup};

pub(crate) use gateway::OfRun;
pub(crate) use limiter::Flow;
pub(crate) use open::{Named, Operator};

/// A provider, open, and what a run's record says of it.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) record: ProviderRecord,
    source: Source,
    model: Model,
    cost: Cost,
    settings: ProviderSettings,
    /// What answers for other roles than the run's first.
    roles: BTreeMap<String, Opened>,
    /// The way there, once it is connected.
    gateway: Arc<OnceLock<Gateway>>,
}

/// Where answers come from.
#[derive(Clone)]
enum Source {
    /// Rules in this process, which anybody may be asked by.
    Script(Arc<dyn Provider>),
    /// The simulator in this process.
    Sim(Arc<dyn Provider>),
    /// A server.
    Network(Box<WrittenProvider>),
}

impl Opened {
    /// Returns a stand-in for a provider, for what costs nothing.
    pub(crate) fn stand_in() -> Self {
        let record = ProviderRecord {
            simulated: true,
            ..ProviderRecord::named("stand-in")
        };
        let answers = Arc::new(stand_in::StandIn);
        Self::local(record, Source::Script(answers), "stand-in")
    }

    fn local(record: ProviderRecord, source: Source, model: &str) -> Self {
        Self {
            settings: record.settings.clone(),
            record,
            source,
            model: Model::find(model, &[]),
            cost: Cost::Free,
            roles: BTreeMap::new(),
            gateway: Arc::default(),
        }
    }

    /// Returns the provider with others that answer for roles of their own.
    pub(crate) fn with_roles(mut self, roles: BTreeMap<String, Self>) -> Self {
        self.roles = roles;
        self
    }

    /// Returns the records of those that answer for other roles.
    pub(crate) fn role_records(&self) -> BTreeMap<String, ProviderRecord> {
        let roles = self.roles.iter();
        roles
            .map(|(role, opened)| (role.clone(), opened.record.clone()))
            .collect()
    }

    fn all(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.roles.values())
    }

    /// Tells whether answers are made in this process, so that nothing leaves it.
    pub(crate) fn is_local(&self) -> bool {
        self.all()
            .all(|opened| !matches!(opened.source, Source::Network(_)))
    }

    /// Tells whether answers cost nothing.
    pub(crate) fn is_free(&self) -> bool {
        self.all().all(|opened| opened.cost == Cost::Free)
    }

    /// Returns the model whose price nobody knows, if there is one.
    pub(crate) fn without_price(&self) -> Option<&str> {
        let mut all = self.all();
        let unknown = all.find(|opened| opened.cost == Cost::Unknown)?;
        Some(&unknown.model.name)
    }

    /// Returns what tokens of the run's first model cost; none is unknown.
    pub(crate) fn cost_of(&self, usage: &Usage) -> Option<f64> {
        self.cost.of(usage)
    }

    /// Tells whether answers are worth keeping: those of a script are not, being
    /// there at once and decided by their file.
    pub(crate) fn is_kept(&self) -> bool {
        !matches!(self.source, Source::Script(_))
    }

    /// Returns all that decides an answer beside the request: what another
    /// provider would have to share to give the same one.
    pub(crate) fn identity(&self, request: &GenerateRequest) -> Identity {
        let role = request.model.as_ref().map_or("main", |role| role.as_str());
        let opened = self.roles.get(role).unwrap_or(self);
        let identity = match &opened.source {
            Source::Script(_) => json!({ "script": opened.record.digest }),
            Source::Sim(_) => json!({ "sim": opened.record.digest, "model": opened.model.name }),
            Source::Network(written) => json!({
                "kind": written.kind,
                "base_url": written.base_url,
                "format": written.format,
                "model": opened.model.name,
                "query": written.query,
                "body": written.body,
                "headers": written.headers,
                "template": written.template,
                "refuses": opened.model.refuses,
            }),
        };
        Identity {
            provider: opened.record.name.clone(),
            model: opened.model.name.clone(),
            text: identity.to_string(),
        }
    }

    /// Gets ready to ask: reads keys, and sets up clients. A command does so
    /// before it leaves anything behind.
    pub(crate) fn connect(&self) -> CommandResult<()> {
        for opened in self.all() {
            if opened.gateway.get().is_none() {
                let _ = opened.gateway.set(opened.new_gateway()?);
            }
        }
        Ok(())
    }

    /// Returns what answers a run, under its budgets.
    pub(crate) fn of_run(&self, run: &Arc<OfRun>) -> Arc<dyn Provider> {
        let of_run = |opened: &Self| {
            let gateway = opened.gateway.get();
            gateway
                .expect("it is connected before a run begins")
                .of_run(run.clone())
        };
        let first = of_run(self);
        if self.roles.is_empty() {
            return first;
        }
        let roles = self.roles.iter();
        let roles = roles.map(|(role, opened)| (role.clone(), of_run(opened)));
        Arc::new(ByRole {
            first,
            roles: roles.collect(),
        })
    }

    /// Returns a provider that fills in requests as this one does, and answers none.
    pub(crate) fn disconnected(&self) -> Arc<dyn Provider> {
        let roles = self.roles.iter();
        Arc::new(ByRole {
            first: Arc::new(Silent(self.settings.clone())),
            roles: roles
                .map(|(role, opened)| {
                    let silent: Arc<dyn Provider> = Arc::new(Silent(opened.settings.clone()));
                    (role.clone(), silent)
                })
                .collect(),
        })
    }

    fn new_gateway(&self) -> CommandResult<Gateway> {
        let setup = |backend, system| Setup {
            backend,
            model: self.model.clone(),
            cost: self.cost,
            settings: self.settings.clone(),
            limiter: None,
            system,
            has_one_role: true,
            is_local: true,
            // What is in this process fails for good.
            retry: RetrySettings {
                attempts_max: 1,
                ..RetrySettings::default()
            },
        };
        let limiter = || limiter::of_process(None, &[self.settings.rate]);
        Ok(Gateway::new(match &self.source {
            Source::Script(answers) => Setup {
                limiter: limiter(),
                has_one_role: false,
                ..setup(Arc::new(Local::new(answers.clone())), "script")
            },
            Source::Sim(answers) => Setup {
                limiter: limiter(),
                ..setup(Arc::new(Local::new(answers.clone())), Kind::Sim.name())
            },
            Source::Network(written) => {
                let (remote, credential) =
                    connect::connect(&self.record.name, written, &self.model)?;
                let rates = [written.rate, self.settings.rate];
                Setup {
                    limiter: limiter::of_process(Some(&credential), &rates),
                    is_local: false,
                    retry: RetrySettings::default(),
                    ..setup(Arc::new(remote), place::system(written))
                }
            }
        }))
    }
}

/// Tells whether model calls cost nothing: nobody answers them, or no model does.
pub(crate) fn is_free(provider: Option<&Opened>) -> bool {
    provider.is_none_or(Opened::is_free)
}

/// Fills in requests, and answers none.
struct Silent(ProviderSettings);

impl Provider for Silent {
    fn complete(&self, _role: Role, request: &mut GenerateRequest) {
        gateway::complete(&self.0, request);
    }

    fn generate(&self, _site: CallSite, _request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let error = ProviderError::Unavailable("nothing is sent in this run".into());
        Box::pin(std::future::ready(Err(error).into()))
    }
}

/// Providers by the roles that they answer for.
struct ByRole {
    first: Arc<dyn Provider>,
    roles: BTreeMap<String, Arc<dyn Provider>>,
}

impl ByRole {
    fn of(&self, request: &GenerateRequest) -> Option<&Arc<dyn Provider>> {
        self.roles.get(request.model.as_ref()?.as_str())
    }
}

impl Provider for ByRole {
    fn complete(&self, role: Role, request: &mut GenerateRequest) {
        self.of(request)
            .unwrap_or(&self.first)
            .complete(role, request);
    }

    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let Some(provider) = self.of(&request) else {
            return self.first.generate(site, request);
        };
        // To that provider, it is the first role.
        let mut request = GenerateRequest::clone(&request);
        request.model = None;
        provider.generate(site, Arc::new(request))
    }
}

/// Returns what is charged for a model, where a table says it.
fn cost(price: Option<Price>) -> Cost {
    price.map_or(Cost::Unknown, Cost::Of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::site;

    /// Says its own name, and the role that it was asked for.
    struct Named(&'static str);

    impl Provider for Named {
        fn complete(&self, _role: Role, request: &mut GenerateRequest) {
            request.params.seed = Some(self.0.len() as u32);
        }

        fn generate(&self, _: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
            let role = request.model.as_ref().map_or("none", |role| role.as_str());
            let error = ProviderError::Other(format!("{} as {role}", self.0).into());
            Box::pin(std::future::ready(Err(error).into()))
        }
    }

    #[tokio::test]
    async fn each_role_is_answered_by_its_own_provider() {
        let judge: Arc<dyn Provider> = Arc::new(Named("judge"));
        let by_role = ByRole {
            first: Arc::new(Named("first one")),
            roles: [("judge".to_owned(), judge)].into(),
        };
        for (role, said, seed) in [
            (None, "first one as none", 9),
            (Some("judge"), "judge as none", 5),
            (Some("critic"), "first one as critic", 9),
        ] {
            let mut request = GenerateRequest {
                model: role.map(Into::into),
                ..GenerateRequest::default()
            };
            by_role.complete(Role::Scorer, &mut request);
            assert_eq!(request.params.seed, Some(seed), "{role:?}");
            let answer = by_role.generate(site("a"), Arc::new(request)).await.answer;
            assert_eq!(answer.unwrap_err().why().as_str(), said);
        }
    }
}
