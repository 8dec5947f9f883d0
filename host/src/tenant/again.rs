//! What a run is made of that goes on: what it was made of when it began.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fapo_core::budget::Budget;
use fapo_core::config::{BudgetsConfig, EvalConfig, ProviderSettings};
use fapo_core::run::{ProviderRecord, RunConfig};
use fapo_core::settings::Overrides;
use fapo_sandbox::Sandbox;

use super::{Asked, Cases, Tenant};
use crate::exit::{CommandError, CommandResult};
use crate::prepare::Wanted;
use crate::providers::{Named, Opened, Operator};
use crate::retrieval::GivenCorpus;

/// What may be set anew: nothing of it decides what a case comes to.
const ANEW: [&str; 3] = [
    "provider_settings.retry",
    "provider_settings.rate",
    "budgets",
];

/// Reads what is set anew for a run that goes on.
pub(crate) fn anew(set: &[(String, String)]) -> CommandResult<EvalConfig> {
    let may_be = |path: &str| ANEW.iter().any(|anew| path.starts_with(anew));
    if let Some((path, _)) = set.iter().find(|(path, _)| !may_be(path)) {
        return Err(CommandError::person(format!(
            "`{path}` cannot be set for a run that goes on: it decides what the run is"
        ))
        .hint(format!(
            "`{}`, `{}` and `{}` can be; for all else, run anew",
            ANEW[0], ANEW[1], ANEW[2]
        )));
    }
    EvalConfig::read("{}", set).map_err(|error| {
        let hint = error.hint();
        CommandError::person("could not use the values of `--set`")
            .because(error)
            .hint(hint)
    })
}

impl Tenant {
    /// Puts together again what a run was made of. Whether it still is the same
    /// is told by its record.
    pub(crate) async fn wanted_again(
        &self,
        sandbox: &Sandbox,
        before: &RunConfig,
        anew: &EvalConfig,
        asked: &Asked,
    ) -> CommandResult<Wanted> {
        let (source, split) = self.source(&Cases::of(before), &EvalConfig::default())?;
        let prompts = before.prompts.iter();
        let parameters = before.parameters.iter();
        let key = "run_config.json: chain.component";
        Ok(Wanted {
            chain: self
                .component(sandbox, key, &before.chain.component)
                .await?,
            scorer: Some(self.scorer(sandbox).await?),
            grants: self.grants.clone(),
            provider: self.providers_again(before, &anew.provider_settings)?,
            asking: self.asking(
                asked.choices.again(before.no_cache),
                budgets_again(before, anew),
            ),
            indexes: self.indexes(&corpora_of(before), asked.choices.is_replay())?,
            overrides: Overrides {
                prompts: prompts
                    .map(|(name, prompt)| (name.clone(), prompt.template.as_str().into()))
                    .collect(),
                parameters: parameters
                    .map(|(name, value)| (name.clone(), value.to_string()))
                    .collect(),
            },
            source,
            profile: before.scoring_profile.clone(),
            repeats: before.repeats,
            workers: asked.workers.unwrap_or(before.max_workers),
            world_failures_max: before.world_failures_max,
            inputs: None,
            tenant_id: self.workspace.id().into(),
            split,
            variant: before.variant.clone(),
            run_id: None,
        })
    }

    fn providers_again(
        &self,
        before: &RunConfig,
        pace: &ProviderSettings,
    ) -> CommandResult<Option<Opened>> {
        let Some(first) = &before.provider else {
            return Ok(None);
        };
        let mut roles = BTreeMap::new();
        for (role, provider) in &before.roles {
            roles.insert(role.clone(), self.provider_again(provider, pace)?);
        }
        Ok(Some(self.provider_again(first, pace)?.with_roles(roles)))
    }

    fn provider_again(
        &self,
        before: &ProviderRecord,
        pace: &ProviderSettings,
    ) -> CommandResult<Opened> {
        let settings = ProviderSettings {
            retry: pace.retry.or(before.settings.retry),
            rate: pace.rate,
            ..before.settings.clone()
        };
        let by = match before.by_person {
            true => Named::ByPerson,
            false => Named::ByTenant(&self.workspace),
        };
        let operator = Operator {
            policy: &self.policy,
        };
        operator.open(&before.name, &by, &settings)
    }
}

/// Returns the corpora that a person put behind indexes of a run.
fn corpora_of(before: &RunConfig) -> Vec<GivenCorpus> {
    let given = before.indexes.iter().filter_map(|(name, index)| {
        let corpus = index.corpus.as_ref().filter(|corpus| corpus.by_person)?;
        Some(GivenCorpus {
            name: Some(name.clone()),
            path: PathBuf::from(&corpus.path),
        })
    });
    given.collect()
}

/// Returns the budgets of a run that goes on: those that are set anew, else
/// those that it had.
fn budgets_again(before: &RunConfig, anew: &EvalConfig) -> BudgetsConfig {
    let or = |anew: Budget, before: Budget| match anew.is_unbounded() {
        true => before,
        false => anew,
    };
    BudgetsConfig {
        case: or(anew.budgets.case, before.budgets.case),
        run: or(anew.budgets.run, before.budgets.run),
    }
}
