//! `fapo-host check`

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use fapo_core::Untrusted;
use fapo_core::chain::ChainInfo;
use fapo_core::lint::{Level, Lint};
use fapo_core::manifest::{Capability, Role};
use fapo_core::run::ProviderRecord;
use fapo_core::settings::{Overrides, Settings};
use fapo_core::split::Split;
use fapo_core::variant::VariantId;
use fapo_sandbox::Imports;
use fapo_sandbox::sandbox::Sandbox;
use serde::Serialize;

use super::runtime;
use crate::dataset::{Lines, Place, Selection, Source};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::prepare::{self, Loaded};
use crate::report::{self, Doing, Table, counted};
use crate::retrieval::{self, Looked, Settling};
use crate::tenant::Tenant;

/// Check all of a tenant that can be checked without paying for anything
///
/// Files and their digests, components against their capabilities, variants
/// and configs against what the chain declares, every case through the
/// scorer's validate-case, and the datasets for rows that are broken, repeated,
/// nearly repeated in another split, or that give their answer away. Ends with
/// 1 when there is an error; warnings may be meant.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's directory
    #[arg(value_name = "TENANT")]
    path: PathBuf,
    /// Take warnings for errors
    #[arg(long)]
    strict: bool,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// One thing to mend, or to look at.
#[derive(Serialize)]
struct Finding {
    level: Level,
    /// What was looked at: a key, a file, a line.
    place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    case_id: Option<String>,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// What a check tells.
#[derive(Default, Serialize)]
struct Checked {
    tenant_id: String,
    ok: bool,
    n_errors: usize,
    n_warnings: usize,
    /// SHA-256 of what was read, by key.
    digests: BTreeMap<String, String>,
    n_cases: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    indexes: BTreeMap<String, Looked>,
    findings: Vec<Finding>,
}

impl Checked {
    fn add(&mut self, level: Level, place: impl Into<String>, message: impl Into<String>) {
        self.findings.push(Finding {
            level,
            place: place.into(),
            check: None,
            case_id: None,
            message: message.into(),
            hint: None,
        });
    }

    /// Keeps what went well; what did not is a finding.
    fn take<T>(&mut self, place: &str, result: CommandResult<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.findings.push(Finding {
                    level: Level::Error,
                    place: place.into(),
                    check: None,
                    case_id: None,
                    message: error.chain().join(": "),
                    hint: error.hint_text().map(str::to_owned),
                });
                None
            }
        }
    }
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let tenant = Tenant::open_unsealed(&args.path)?;
    let mut checked = Checked {
        tenant_id: tenant.workspace.id().into(),
        ..Checked::default()
    };
    let doing = Doing::what(format!("checking {}", tenant.workspace.id()));
    runtime()?.block_on(async {
        let sandbox = tenant.home.sandbox(tenant.grants.limits.stack_bytes_max)?;
        let info = check_chain(&mut checked, &tenant, &sandbox).await;
        let scorer = tenant.scorer(&sandbox).await;
        let scorer = checked.take("components.scorer", scorer);
        if let Some(scorer) = &scorer {
            check_component(
                &mut checked,
                &tenant,
                "components.scorer",
                scorer,
                Role::Scorer,
            );
        }
        check_variants(&mut checked, &tenant, info.as_ref());
        check_configs(&mut checked, &tenant, info.as_ref());
        check_indexes(&mut checked, &tenant);
        check_datasets(&mut checked, &tenant, &sandbox, scorer.as_ref()).await
    })?;
    drop(doing);
    let count = |level| checked.findings.iter().filter(|f| f.level == level).count();
    (checked.n_errors, checked.n_warnings) = (count(Level::Error), count(Level::Warning));
    checked.ok = checked.n_errors == 0 && !(args.strict && checked.n_warnings > 0);
    match args.json {
        true => report::json(&checked),
        false => print(&checked),
    }
    Ok(if checked.ok { Exit::Done } else { Exit::NotMet })
}

async fn check_chain(
    checked: &mut Checked,
    tenant: &Tenant,
    sandbox: &Sandbox,
) -> Option<ChainInfo> {
    let key = "components.chain";
    let loaded = tenant.chain(sandbox).await;
    let loaded = checked.take(key, loaded)?;
    check_component(checked, tenant, key, &loaded, Role::Chain);
    if loaded.searches() && tenant.workspace.manifest.indexes.is_empty() {
        let message = "the chain imports `retrieval`, and the tenant names no index";
        checked.add(Level::Warning, "indexes", message);
    }
    let bound = sandbox.tenant(loaded.component, tenant.grants.clone(), Imports::default());
    if !bound.has_chain() {
        checked.add(Level::Error, key, "the component exports no chain");
        return None;
    }
    match bound.describe().await.result {
        Ok(info) => match info.check() {
            Ok(()) => Some(info),
            Err(error) => {
                let message = format!("its description does not hold together: {error}");
                checked.add(Level::Error, key, message);
                None
            }
        },
        Err(failure) => {
            let message = format!("it could not describe itself: {}", failure.message);
            checked.add(Level::Error, key, message);
            None
        }
    }
}

/// Notes a component's digest, and what it imports and was not granted.
fn check_component(checked: &mut Checked, tenant: &Tenant, key: &str, loaded: &Loaded, role: Role) {
    let component = &loaded.component;
    checked.digests.insert(key.into(), component.digest.clone());
    if !component.roles().contains(&role) {
        let message = format!("the component exports no {}", role.name());
        checked.add(Level::Error, key, message);
    }
    // One component for both is granted what either is.
    let granted: BTreeSet<_> = match component.roles().len() {
        1 => tenant.grants.of(role).clone(),
        _ => tenant
            .grants
            .chain
            .union(&tenant.grants.scorer)
            .copied()
            .collect(),
    };
    for capability in Capability::ALL {
        let interface = format!("fapo:tenant/{}@", capability.name());
        let imports = component.structure.imports.iter();
        let imported = imports
            .clone()
            .any(|import| import.as_str().starts_with(&interface));
        if imported && !granted.contains(&capability) {
            let message = format!(
                "the component imports `{}`, which it is not granted: its calls will be denied",
                capability.name()
            );
            checked.add(Level::Warning, key, message);
        }
    }
}

fn check_variants(checked: &mut Checked, tenant: &Tenant, info: Option<&ChainInfo>) {
    let ids: BTreeSet<VariantId> = tenant.variant_ids().into_iter().collect();
    for id in &ids {
        let place = format!("variants/{id}.json");
        let Some((variant, texts)) = checked.take(&place, tenant.variant(id)) else {
            continue;
        };
        checked
            .digests
            .insert(place.clone(), variant.digest_of(&texts));
        if variant.digest.is_none() {
            let message = "it has no `digest`, so a later change would go unnoticed";
            checked.add(Level::Warning, &*place, message);
        }
        match &variant.parent {
            Some(parent) if *parent != VariantId::baseline() && !ids.contains(parent) => {
                checked.add(
                    Level::Error,
                    &*place,
                    format!("there is no parent `{parent}`"),
                );
            }
            None if *id != VariantId::baseline() => {
                checked.add(Level::Warning, &*place, "it names no parent");
            }
            _ => {}
        }
        let parameters = variant.parameters.iter();
        let overrides = Overrides {
            prompts: texts.into_iter().collect(),
            parameters: parameters
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
        };
        // Another structure declares prompts and parameters of its own.
        if let (Some(info), None) = (info, &variant.chain) {
            check_settings(checked, &place, info, &overrides);
        }
    }
}

fn check_settings(checked: &mut Checked, place: &str, info: &ChainInfo, overrides: &Overrides) {
    let resolved = Settings::resolve(info, overrides).map_err(|error| {
        let hint = error.hint();
        CommandError::person(error.to_string()).hint(hint)
    });
    checked.take(place, resolved);
}

fn check_configs(checked: &mut Checked, tenant: &Tenant, info: Option<&ChainInfo>) {
    let names = tenant.workspace.names_in("configs").into_iter();
    for name in names.filter(|name| name.ends_with(".json")) {
        let place = format!("configs/{name}");
        let Some(config) = checked.take(&place, tenant.tenant_config(&place)) else {
            continue;
        };
        let overrides = tenant.config_overrides(&config);
        if let (Some(overrides), Some(info)) = (checked.take(&place, overrides), info)
            && config.chain.component.is_none()
        {
            check_settings(checked, &place, info, &overrides);
        }
        let provider = tenant.provider(None, &config);
        if let Some(Some(opened)) = checked.take(&place, provider) {
            let ProviderRecord { digest, .. } = opened.record;
            if let Some(digest) = digest {
                checked.digests.insert(format!("{place}: provider"), digest);
            }
        }
        if let Some((key, path)) = config.dataset() {
            let opened = tenant
                .workspace
                .named(key, path)
                .and_then(|named| named.open());
            checked.take(&place, opened);
        }
        if let Some(path) = &config.chain.component {
            let named = tenant.workspace.named("chain.component", path);
            checked.take(&place, named.and_then(|named| named.open()));
        }
    }
}

/// Looks at what the chain can search, one index after the other, so that each
/// has a finding of its own.
fn check_indexes(checked: &mut Checked, tenant: &Tenant) {
    for (name, index) in &tenant.workspace.manifest.indexes {
        let settling = Settling {
            tenant_id: tenant.workspace.id(),
            written: &[(name.clone(), index.clone())].into(),
            place: retrieval::Place::Tenant(&tenant.workspace),
            policy: &tenant.policy,
            given: &[],
            is_replay: false,
        };
        let settled = settling.indexes();
        let looked = settled.and_then(|indexes| indexes.look(&tenant.home));
        if let Some(Some(looked)) = checked.take(&format!("indexes.{name}"), looked) {
            checked.indexes.insert(name.clone(), looked);
        }
    }
}

async fn check_datasets(
    checked: &mut Checked,
    tenant: &Tenant,
    sandbox: &Sandbox,
    scorer: Option<&Loaded>,
) -> CommandResult<()> {
    let mut lint = Lint::new();
    let mut lines_of = BTreeMap::new();
    let mut places = Vec::new();
    for split in Split::ALL {
        let key = ["datasets.train", "datasets.validation", "datasets.test"][split as usize];
        if let Some(Some(named)) = checked.take(key, tenant.workspace.dataset(split)) {
            places.push((split.name(), key, Place::Tenant(named)));
        }
    }
    if let Some(dev) = &tenant.workspace.manifest.datasets.dev
        && let Some(named) =
            checked.take("datasets.dev", tenant.workspace.named("datasets.dev", dev))
    {
        places.push(("dev", "datasets.dev", Place::Tenant(named)));
    }
    if places.is_empty() {
        checked.add(Level::Error, "datasets", "the tenant has no dataset");
    }
    for (name, key, place) in &places {
        let read = read_dataset(&mut lint, name, place, |id, line| {
            lines_of.insert((*name, id.to_owned()), line);
        });
        let Some((n_cases, n_broken, digest)) = checked.take(key, read) else {
            continue;
        };
        checked.digests.insert((*key).into(), digest);
        checked.n_cases.insert(name, n_cases);
        if let (Some(scorer), 0, 1..) = (scorer, n_broken, n_cases) {
            let profile = tenant.workspace.manifest.profile();
            let bound = sandbox.tenant(
                scorer.component.clone(),
                tenant.grants.clone(),
                Imports::default(),
            );
            // A repeated id is a finding of the lint, and keeps the file from being read as a run would.
            let Ok(source) = Source::open(place.clone(), Selection::default(), |_, _| Ok(()))
            else {
                continue;
            };
            let mut bad = Vec::new();
            prepare::validate(&bound, &source, &profile, |case, why| {
                bad.push((case.id.as_str().to_owned(), why));
            })
            .await?;
            for (id, why) in bad {
                let line = lines_of.get(&(*name, id.clone())).copied().unwrap_or(0);
                checked.findings.push(Finding {
                    level: Level::Error,
                    place: format!("line {line} of `{name}`"),
                    check: Some("validate_case"),
                    case_id: Some(Untrusted::from(id).to_string()),
                    message: why,
                    hint: None,
                });
            }
        }
    }
    for found in lint.finish() {
        let place = found
            .place
            .as_ref()
            .map_or("datasets".into(), ToString::to_string);
        checked.findings.push(Finding {
            level: found.level,
            place,
            check: Some(found.check.name()),
            case_id: found.case_id.as_ref().map(ToString::to_string),
            message: found.message,
            hint: Some(found.check.hint().to_owned()),
        });
    }
    Ok(())
}

/// Reads every row of a dataset into the lint; returns how many are cases, how
/// many are not, and the digest of the file.
fn read_dataset(
    lint: &mut Lint,
    split: &str,
    place: &Place,
    mut case_at: impl FnMut(&str, usize),
) -> CommandResult<(u64, u64, String)> {
    let (mut n_cases, mut n_broken) = (0, 0);
    let (mut lines, mut bytes) = (Lines::open(place)?, Vec::new());
    while lines.read(&mut bytes)? {
        let line = lines.number() as u64;
        match lines.case(&bytes) {
            Ok(Some(case)) => {
                n_cases += 1;
                case_at(case.id.as_str(), lines.number());
                lint.case(split, line, &case);
            }
            Ok(None) => {}
            Err(error) => {
                n_broken += 1;
                let why = error.chain().split_off(1).join(": ");
                lint.unreadable(split, line, &why);
            }
        }
    }
    Ok((n_cases, n_broken, lines.digest()))
}

fn print(checked: &Checked) {
    let mut table = Table::new(["", "where", "what"]);
    for finding in &checked.findings {
        let case = finding
            .case_id
            .as_ref()
            .map_or(String::new(), |case| format!("`{case}`: "));
        table.row([
            finding.level.name().into(),
            finding.place.clone(),
            format!("{case}{}", finding.message),
        ]);
    }
    if !checked.findings.is_empty() {
        table.print();
        report::line("");
    }
    for (name, index) in &checked.indexes {
        report::line(&format!("index {name}: {}", index.told()));
    }
    let cases: Vec<_> = checked
        .n_cases
        .iter()
        .map(|(split, n)| format!("{n} {split}"))
        .collect();
    report::line(&format!(
        "{}: {} · {} · cases: {}",
        checked.tenant_id,
        counted(checked.n_errors as u64, "error"),
        counted(checked.n_warnings as u64, "warning"),
        if cases.is_empty() {
            "none".into()
        } else {
            cases.join(", ")
        }
    ));
}
