//! A tenant, open for a command: its directory, what it may do, its variants,
//! its cases, and its test set in the ledger.

use std::collections::BTreeMap;
use std::path::Path;

use fapo_core::config::{BudgetsConfig, EvalConfig};
use fapo_core::manifest::Grants;
use fapo_core::policy::WrittenPolicy;
use fapo_core::run::VariantRecord;
use fapo_core::settings::Overrides;
use fapo_core::split::Split;
use fapo_core::variant::{Variant, VariantId};
use fapo_sandbox::Sandbox;
use tokio::sync::OnceCell;

use crate::commands::load_bytes;
use crate::dataset::Place;
use crate::exit::{CommandError, CommandResult, file_error};
use crate::home::Home;
use crate::ledger::{HeldOut, Ledger, TestSet};
use crate::model_calls::{Asking, Choices};
use crate::prepare::{Loaded, Wanted};
use crate::providers::{Named, Opened, Operator};
use crate::retrieval::{self, GivenCorpus, Indexes, Settling};
use crate::shipped::{self, STANDARD};
use crate::workspace::Workspace;

mod again;
mod cases;
mod order;

pub(crate) use cases::Cases;
pub(crate) use order::{Asked, Order};

/// The config of a tenant that is used when none is named.
const CONFIG: &str = "configs/default.json";

/// Cases in flight, where nobody says.
const WORKERS: u16 = 16;

/// The share of cases that the world may fail, where nobody says.
const WORLD_FAILURES_MAX: f64 = 0.2;

/// A tenant, open.
pub(crate) struct Tenant {
    pub(crate) home: Home,
    pub(crate) workspace: Workspace,
    pub(crate) grants: Grants,
    pub(crate) policy: WrittenPolicy,
    pub(crate) ledger: Ledger,
    /// The test set, where the tenant has one. It is sealed by now.
    pub(crate) test_set: Option<TestSet>,
    held_out: HeldOut,
    /// The tenant's own chain, which its scorer may lie in, once it is loaded.
    own_chain: OnceCell<Loaded>,
}

impl Tenant {
    /// Opens a tenant's directory, and seals its test set.
    pub(crate) fn open(path: &Path) -> CommandResult<Self> {
        let mut tenant = Self::open_unsealed(path)?;
        if let Some(named) = tenant.workspace.dataset(Split::Test)? {
            let set = TestSet::read(&Place::Tenant(named))?;
            tenant.ledger.seal(&set)?;
            tenant.test_set = Some(set);
        }
        tenant.held_out = tenant.ledger.held_out()?;
        Ok(tenant)
    }

    /// Opens a tenant's directory, whatever is in its test set.
    pub(crate) fn open_unsealed(path: &Path) -> CommandResult<Self> {
        let home = Home::find()?;
        let workspace = Workspace::open(path)?;
        let policy = home.policy()?;
        let grants = workspace.grants(&policy)?;
        let ledger = Ledger::open(&home, workspace.id())?;
        Ok(Self {
            held_out: HeldOut::default(),
            home,
            workspace,
            grants,
            policy,
            ledger,
            test_set: None,
            own_chain: OnceCell::new(),
        })
    }

    /// Reads an eval config: of the tenant, or of a person, with values put over it.
    pub(crate) fn config(
        &self,
        file: Option<&Path>,
        set: &[(String, String)],
    ) -> CommandResult<EvalConfig> {
        let (shown, text) = match file {
            Some(file) if file.is_file() => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| file_error("read", file, error))?;
                (file.display().to_string(), text)
            }
            Some(file) => {
                let path = file.to_string_lossy();
                (
                    path.to_string(),
                    self.workspace.named("--config", &path)?.text()?,
                )
            }
            None if self.workspace.has(CONFIG) => (
                CONFIG.into(),
                self.workspace.named("--config", CONFIG)?.text()?,
            ),
            None => ("--set".into(), "{}".into()),
        };
        self.read_config(&shown, &text, set)
    }

    /// Reads one of the tenant's own configs.
    pub(crate) fn tenant_config(&self, path: &str) -> CommandResult<EvalConfig> {
        let text = self.workspace.named("--config", path)?.text()?;
        self.read_config(path, &text, &[])
    }

    fn read_config(
        &self,
        shown: &str,
        text: &str,
        set: &[(String, String)],
    ) -> CommandResult<EvalConfig> {
        let config = EvalConfig::read(text, set).map_err(|error| {
            let hint = error.hint();
            CommandError::person(format!("could not use the config `{shown}`"))
                .because(error)
                .hint(hint)
        })?;
        match &config.tenant_id {
            Some(id) if id != self.workspace.id() => Err(CommandError::person(format!(
                "the config `{shown}` is for the tenant `{}`, and this one is `{}`",
                fapo_core::Untrusted::from(id.as_str()),
                self.workspace.id()
            ))
            .hint("name the config of this tenant")),
            _ => Ok(config),
        }
    }

    /// Returns the ids of the variants that have a record, in order.
    pub(crate) fn variant_ids(&self) -> Vec<VariantId> {
        let names = self.workspace.names_in("variants").into_iter();
        names
            .filter_map(|name| VariantId::try_from(name.strip_suffix(".json")?.to_owned()).ok())
            .collect()
    }

    /// Reads a variant and the texts of its prompts, and checks that they are
    /// as they were written.
    pub(crate) fn variant(
        &self,
        id: &VariantId,
    ) -> CommandResult<(Variant, BTreeMap<String, String>)> {
        let path = format!("variants/{id}.json");
        if !self.workspace.has(&path) {
            if *id == VariantId::baseline() {
                return Ok((Variant::baseline(), BTreeMap::new()));
            }
            let known = self.variant_ids();
            let known: Vec<_> = known.iter().map(VariantId::as_str).collect();
            let hint = match known.is_empty() {
                true => "it has the baseline `000` alone".to_owned(),
                false => format!("it has {}", known.join(", ")),
            };
            return Err(CommandError::person(format!(
                "tenant `{}` has no variant `{id}`",
                self.workspace.id()
            ))
            .hint(hint));
        }
        let text = self.workspace.named("--variant", &path)?.text()?;
        let variant: Variant = serde_json::from_str(&text).map_err(|error| {
            CommandError::person(format!("could not read `{path}`"))
                .because(error)
                .hint("`fapo-host variant` writes these records")
        })?;
        let texts = self.texts(&format!("{path}: prompts"), &variant.prompts)?;
        variant.check(id, &texts).map_err(|error| {
            let hint = error.hint();
            CommandError::person(format!("could not use `{path}`"))
                .because(error)
                .hint(hint)
        })?;
        Ok((variant, texts))
    }

    /// Reads the prompts that some keys name.
    fn texts(
        &self,
        key: &str,
        paths: &BTreeMap<String, String>,
    ) -> CommandResult<BTreeMap<String, String>> {
        let read = |(name, path): (&String, &String)| {
            let text = self
                .workspace
                .named(&format!("{key}.{name}"), path)?
                .text()?;
            Ok((name.clone(), text))
        };
        paths.iter().map(read).collect()
    }

    /// Returns what a config puts in the place of prompts and parameters.
    pub(crate) fn config_overrides(&self, config: &EvalConfig) -> CommandResult<Overrides> {
        let texts = self.texts("chain.config.prompt_paths", &config.prompt_paths())?;
        Ok(Overrides {
            prompts: texts.into_iter().collect(),
            parameters: config.parameters(),
        })
    }

    /// Reads a component that a key of the tenant names.
    pub(crate) async fn component(
        &self,
        sandbox: &Sandbox,
        key: &str,
        path: &str,
    ) -> CommandResult<Loaded> {
        let limits = &self.grants.limits;
        let named = self.workspace.named(key, path)?;
        let bytes = named.bytes(limits.component_bytes_max).map_err(|error| {
            error.hint(format!(
                "`fapo-host build {}` builds the components of a tenant",
                self.workspace.path().display()
            ))
        })?;
        Ok(Loaded {
            component: load_bytes(sandbox, path.as_ref(), &bytes, limits).await?,
            named: path.into(),
        })
    }

    /// Returns the tenant's own chain, and nothing that a variant puts in its place.
    pub(crate) async fn chain(&self, sandbox: &Sandbox) -> CommandResult<Loaded> {
        match &self.workspace.manifest.components.chain {
            Some(path) => {
                let load = || self.component(sandbox, "components.chain", path);
                self.own_chain.get_or_try_init(load).await.cloned()
            }
            None => Err(CommandError::person(format!(
                "tenant `{}` names no chain",
                self.workspace.id()
            ))
            .hint("name it as `chain = \"build/NAME.wasm\"` in `[components]` of `tenant.toml`")),
        }
    }

    /// Returns what grades: the scorer that the manifest names, or the one in the
    /// tenant's own chain, or the one that ships with the host. A variant cannot
    /// bring another one along.
    pub(crate) async fn scorer(&self, sandbox: &Sandbox) -> CommandResult<Loaded> {
        let components = &self.workspace.manifest.components;
        match components.scorer.as_deref() {
            Some(STANDARD) => {}
            Some(path) => return self.component(sandbox, "components.scorer", path).await,
            None if components.chain.is_none() => {}
            None => {
                let chain = self.chain(sandbox).await?;
                let roles = chain.component.roles();
                if roles.contains(&fapo_core::manifest::Role::Scorer) {
                    return Ok(chain);
                }
            }
        }
        let limits = &self.grants.limits;
        Ok(Loaded {
            component: load_bytes(sandbox, STANDARD.as_ref(), shipped::SCORER, limits).await?,
            named: STANDARD.into(),
        })
    }

    /// Opens what answers model calls: what a person names, else the config.
    pub(crate) fn provider(
        &self,
        by_person: Option<&str>,
        config: &EvalConfig,
    ) -> CommandResult<Option<Opened>> {
        let operator = Operator {
            policy: &self.policy,
        };
        let by_tenant = Named::ByTenant(&self.workspace);
        let (name, by) = match (by_person, &config.provider) {
            (Some(name), _) => (name, &Named::ByPerson),
            (None, Some(name)) if config.provider_by_person => (name.as_str(), &Named::ByPerson),
            (None, Some(name)) => (name.as_str(), &by_tenant),
            (None, None) => return Ok(None),
        };
        let first = operator.open(name, by, &config.provider_settings)?;
        let mut roles = BTreeMap::new();
        for (role, of_role) in &config.roles {
            let settings = &of_role.provider_settings;
            let opened = match &of_role.provider {
                Some(name) => operator.open(name, &by_tenant, settings)?,
                None => operator.open(name, by, settings)?,
            };
            roles.insert(role.clone(), opened);
        }
        Ok(Some(first.with_roles(roles)))
    }

    /// Settles what answers searches: what the manifest and the operator say,
    /// and corpora of a person in their place.
    pub(crate) fn indexes(&self, given: &[GivenCorpus], is_replay: bool) -> CommandResult<Indexes> {
        let settling = Settling {
            tenant_id: self.workspace.id(),
            written: &self.workspace.manifest.indexes,
            place: retrieval::Place::Tenant(&self.workspace),
            policy: &self.policy,
            given,
            is_replay,
        };
        settling.indexes()
    }

    /// Returns how model calls are answered, beside the provider.
    pub(crate) fn asking(&self, choices: Choices, budgets: BudgetsConfig) -> Asking {
        Asking {
            home: self.home.clone(),
            policy: self.policy.clone(),
            choices,
            budgets,
        }
    }

    /// Returns how the scorer weighs things.
    pub(crate) fn profile(&self, config: &EvalConfig) -> String {
        let profile = config.profile();
        profile.unwrap_or_else(|| self.workspace.manifest.profile())
    }

    /// Puts together what a run of a variant is made of.
    pub(crate) async fn wanted(
        &self,
        sandbox: &Sandbox,
        config: &EvalConfig,
        asked: &Asked,
    ) -> CommandResult<Wanted> {
        let (variant, texts) = self.variant(&asked.variant)?;
        let (source, split) = self.source(&asked.cases, config)?;
        let over = self.config_overrides(config)?;
        let changed_by_config = over != Overrides::default() || config.chain.component.is_some();
        let digest = variant.digest_of(&texts);
        let of_variant = variant.parameters.iter();
        let overrides = Overrides {
            // The later ones win.
            prompts: texts.into_iter().chain(over.prompts).collect(),
            parameters: of_variant
                .map(|(name, value)| (name.clone(), value.to_string()))
                .chain(over.parameters)
                .collect(),
        };
        let chain = match (&config.chain.component, &variant.chain) {
            (Some(path), _) => self.component(sandbox, "chain.component", path).await?,
            (None, Some(path)) => {
                let key = format!("variants/{}.json: chain", variant.id);
                self.component(sandbox, &key, path).await?
            }
            (None, None) => self.chain(sandbox).await?,
        };
        Ok(Wanted {
            chain,
            scorer: Some(self.scorer(sandbox).await?),
            grants: self.grants.clone(),
            provider: self.provider(asked.provider.as_deref(), config)?,
            asking: self.asking(asked.choices.clone(), config.budgets),
            indexes: self.indexes(&asked.corpora, asked.choices.is_replay())?,
            overrides,
            source,
            profile: self.profile(config),
            repeats: asked.repeats.or(config.repeats).unwrap_or(1),
            workers: asked.workers.or(config.max_workers).unwrap_or(WORKERS),
            world_failures_max: config.world_failures_max.unwrap_or(WORLD_FAILURES_MAX),
            inputs: None,
            tenant_id: self.workspace.id().into(),
            split,
            variant: Some(VariantRecord {
                id: variant.id,
                digest,
                changed_by_config,
            }),
            run_id: config.run_id.clone(),
        })
    }
}
