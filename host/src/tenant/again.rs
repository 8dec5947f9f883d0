//! What a run is made of that goes on: what it was made of when it began.

use std::path::Path;

use fapo_core::config::{EvalConfig, ProviderSettings};
use fapo_core::run::{ProviderRecord, RunConfig};
use fapo_core::settings::Overrides;
use fapo_sandbox::Sandbox;

use super::{Cases, Tenant};
use crate::exit::{CommandError, CommandResult};
use crate::prepare::Wanted;
use crate::providers::{self, Named, Opened};

/// What may be set anew: nothing of it decides what a case comes to.
const PACE: [&str; 2] = ["provider_settings.retry", "provider_settings.rate"];

/// Reads what is set anew for a run that goes on.
pub(crate) fn pace(set: &[(String, String)]) -> CommandResult<ProviderSettings> {
    let is_pace = |path: &str| PACE.iter().any(|pace| path.starts_with(pace));
    if let Some((path, _)) = set.iter().find(|(path, _)| !is_pace(path)) {
        return Err(CommandError::person(format!(
            "`{path}` cannot be set for a run that goes on: it decides what the run is"
        ))
        .hint(format!(
            "`{}` and `{}` can be; for all else, run anew",
            PACE[0], PACE[1]
        )));
    }
    let config = EvalConfig::read("{}", set).map_err(|error| {
        let hint = error.hint();
        CommandError::person("could not use the values of `--set`")
            .because(error)
            .hint(hint)
    })?;
    Ok(config.provider_settings)
}

impl Tenant {
    /// Puts together again what a run was made of. Whether it still is the same
    /// is told by its record.
    pub(crate) async fn wanted_again(
        &self,
        sandbox: &Sandbox,
        before: &RunConfig,
        pace: &ProviderSettings,
        workers: Option<u16>,
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
            provider: match &before.provider {
                Some(provider) => Some(self.provider_again(provider, pace)?),
                None => None,
            },
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
            workers: workers.unwrap_or(before.max_workers),
            world_failures_max: before.world_failures_max,
            inputs: None,
            tenant_id: self.workspace.id().into(),
            split,
            variant: before.variant.clone(),
            run_id: None,
        })
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
        // A tenant cannot name an absolute path, so a person did.
        let file = before.name.split_once(':').map_or("", |(_, file)| file);
        let by = match Path::new(file).is_absolute() {
            true => Named::ByPerson,
            false => Named::ByTenant(&self.workspace),
        };
        providers::open(&before.name, &by, &settings)
    }
}
