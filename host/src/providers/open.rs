//! Opening a provider: who may name it, and which of its models is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use fapo_core::config::ProviderSettings;
use fapo_core::digest::{canonical_json, sha256_hex};
use fapo_core::model::Model;
use fapo_core::nearest::nearest;
use fapo_core::policy::{Kind, WrittenPolicy, WrittenProvider};
use fapo_core::run::ProviderRecord;

use super::{Opened, Source, cost, models, place, script, sim};
use crate::exit::{CommandError, CommandResult, file_error};
use crate::workspace::Workspace;

/// Who names a provider: what a tenant names lies in its directory, or was
/// granted to it.
pub(crate) enum Named<'a> {
    ByTenant(&'a Workspace),
    ByPerson,
}

/// What the operator says of providers.
pub(crate) struct Operator<'a> {
    pub(crate) policy: &'a WrittenPolicy,
}

/// The simulator's model, where nobody names one.
const SIM_MODEL: &str = "sim-1";

/// The most tokens that the simulator writes.
const SIM_OUTPUT_TOKENS_MAX: u32 = 4096;

impl Operator<'_> {
    /// Opens the provider that a word names.
    pub(crate) fn open(
        &self,
        name: &str,
        by: &Named<'_>,
        settings: &ProviderSettings,
    ) -> CommandResult<Opened> {
        let by_person = matches!(by, Named::ByPerson);
        if let Some(("script", file)) = name.split_once(':') {
            return open_script(file, by, settings);
        }
        let written = self.written(name, by)?;
        let mut written = written.clone();
        if let Some(base_url) = &settings.base_url {
            written.base_url = Some(base_url.clone());
        }
        let named = settings.model.as_ref().or(written.model.as_ref());
        let model = match (named, written.kind) {
            (Some(model), _) => model.clone(),
            (None, Kind::Sim) => SIM_MODEL.into(),
            (None, _) => {
                return Err(CommandError::person(format!(
                    "nobody says which model of `{name}` to ask"
                ))
                .hint("set `provider_settings.model`"));
            }
        };
        if !by_person && !written.offers(&model) {
            return Err(CommandError::refused(format!(
                "the operator does not grant the model `{model}` of `{name}` to tenants"
            ))
            .hint("`models` of `[providers.NAME]` in `policy.toml` lists those that are"));
        }
        let record = ProviderRecord {
            by_person,
            kind: Some(written.kind),
            model: Some(model.clone()),
            simulated: written.kind == Kind::Sim,
            settings: settings.clone(),
            ..ProviderRecord::named(name)
        };
        let own = models::of_policy(&self.policy.models);
        let mut model = Model::find(&model, &[&own, models::shipped()]);
        if written.kind == Kind::Sim {
            model.output_tokens_max = Some(SIM_OUTPUT_TOKENS_MAX);
            return Ok(self.open_sim(record, &written, model));
        }
        place::settle(name, &mut written)?;
        Ok(Opened {
            record: ProviderRecord {
                base_url: written.base_url.clone(),
                format: written.format,
                prices: model
                    .price
                    .map(|_| models::table_version(&self.policy.models)),
                ..record
            },
            settings: settings.clone(),
            cost: cost(model.price),
            model,
            source: Source::Network(Box::new(written)),
            roles: BTreeMap::new(),
            gateway: Arc::default(),
        })
    }

    /// Returns what is known of a provider: what the operator wrote, or what a
    /// person may ask by the kind alone.
    fn written(&self, name: &str, by: &Named<'_>) -> CommandResult<WrittenProvider> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        let written = match (self.policy.providers.get(name), kind) {
            (Some(written), _) => written.clone(),
            (None, Some(kind)) => WrittenProvider::of(kind),
            (None, None) => return Err(self.unknown(name)),
        };
        let Named::ByTenant(workspace) = by else {
            return Ok(written);
        };
        let is_written = self.policy.providers.contains_key(name);
        if (is_written || kind == Some(Kind::Sim)) && written.is_granted_to(workspace.id()) {
            return Ok(written);
        }
        Err(CommandError::refused(format!(
            "the operator does not grant the provider `{name}` to the tenant `{}`",
            workspace.id()
        ))
        .hint(format!(
            "grant it with `[providers.{name}]` in `policy.toml`, or name it yourself with `--provider {name}`"
        )))
    }

    fn unknown(&self, name: &str) -> CommandError {
        let granted = self.policy.providers.keys().map(String::as_str);
        let known: Vec<_> = granted.chain(Kind::ALL.map(Kind::name)).collect();
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "it is {}, or `script:FILE` to answer by the rules in a file",
                known.join(", ")
            ),
        };
        CommandError::person(format!("there is no provider `{name}`")).hint(hint)
    }

    fn open_sim(&self, record: ProviderRecord, written: &WrittenProvider, model: Model) -> Opened {
        let rates = &written.simulator;
        let digest = canonical_json(&serde_json::to_value(rates).unwrap_or_default());
        let answers = Arc::new(sim::Sim::new(*rates, 0, Some(&model.name)));
        let record = ProviderRecord {
            digest: Some(sha256_hex(&digest)),
            ..record
        };
        let name = model.name.clone();
        Opened {
            model,
            ..Opened::local(record, Source::Sim(answers), &name)
        }
    }
}

fn open_script(file: &str, by: &Named<'_>, settings: &ProviderSettings) -> CommandResult<Opened> {
    if settings.base_url.is_some() {
        return Err(CommandError::person(
            "the provider `script` has no `base_url`: it answers by itself",
        ));
    }
    let (text, name) = match by {
        Named::ByTenant(workspace) => (
            workspace.named("provider", file)?.text()?,
            format!("script:{file}"),
        ),
        Named::ByPerson => {
            // The record names the file wherever it is read from later.
            let path = std::path::absolute(file)
                .map_err(|error| file_error("find", file.as_ref(), error))?;
            let text =
                std::fs::read_to_string(&path).map_err(|error| file_error("read", &path, error))?;
            (text, format!("script:{}", path.display()))
        }
    };
    let script = script::Script::parse(&text, file, settings.model.as_deref())?;
    let record = ProviderRecord {
        simulated: true,
        by_person: matches!(by, Named::ByPerson),
        digest: Some(sha256_hex(&text)),
        settings: settings.clone(),
        ..ProviderRecord::named(&name)
    };
    let model = settings.model.as_deref().unwrap_or("script");
    Ok(Opened::local(
        record,
        Source::Script(Arc::new(script)),
        model,
    ))
}
