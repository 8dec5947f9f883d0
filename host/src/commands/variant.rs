//! `fapo-host variant`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fapo_core::Untrusted;
use fapo_core::settings::{Overrides, Settings};
use fapo_core::variant::{Level, Variant, VariantId};
use fapo_sandbox::Imports;
use serde_json::Value;

use super::{pair, runtime, variant_id};
use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::report::{self, Table};
use crate::tenant::Tenant;

/// Write a new variant of a tenant, or list those that it has
///
/// A variant changes prompts, parameters or the component of another one, its
/// parent. It gets the next number, is checked against what the chain declares,
/// and is never edited afterwards: its digest tells if somebody did.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's directory
    #[arg(value_name = "TENANT")]
    path: PathBuf,
    /// The variant that it changes
    #[arg(long, value_name = "NNN", value_parser = variant_id)]
    parent: Option<VariantId>,
    /// Put a file's text in the place of a prompt; it is copied to prompts/NAME/
    #[arg(long = "prompt", value_name = "NAME=FILE", value_parser = pair)]
    prompts: Vec<(String, String)>,
    /// Put a JSON value in the place of a parameter
    #[arg(long = "param", value_name = "NAME=JSON", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// Another component, by its path in the tenant's directory
    #[arg(long, value_name = "PATH")]
    chain: Option<String>,
    /// Why it should be better
    #[arg(long, value_name = "TEXT", default_value = "")]
    hypothesis: String,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let tenant = Tenant::open(&args.path)?;
    let changes = !args.prompts.is_empty() || !args.parameters.is_empty() || args.chain.is_some();
    match changes {
        true => write(args, &tenant),
        false => list(args, &tenant),
    }
}

fn list(args: &Args, tenant: &Tenant) -> CommandResult<Exit> {
    let mut ids = tenant.variant_ids();
    if !ids.contains(&VariantId::baseline()) {
        ids.insert(0, VariantId::baseline());
    }
    let variants: Vec<Variant> = ids
        .iter()
        .map(|id| Ok(tenant.variant(id)?.0))
        .collect::<CommandResult<_>>()?;
    if args.json {
        report::json(&variants);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(["variant", "parent", "level", "changes", "hypothesis"]);
    for variant in &variants {
        let names = variant.prompts.keys().chain(variant.parameters.keys());
        let changes: Vec<_> = names
            .map(String::as_str)
            .chain(variant.chain.as_deref())
            .collect();
        table.row([
            variant.id.to_string(),
            variant
                .parent
                .as_ref()
                .map_or(String::new(), VariantId::to_string),
            variant.level.name().into(),
            Untrusted::from(changes.join(", ")).cut(48),
            variant.hypothesis.cut(72),
        ]);
    }
    table.print();
    Ok(Exit::Done)
}

fn write(args: &Args, tenant: &Tenant) -> CommandResult<Exit> {
    let parent_id = args.parent.clone().unwrap_or_else(VariantId::baseline);
    let (parent, mut texts) = tenant.variant(&parent_id)?;
    let last = tenant.variant_ids().last().map_or(0, VariantId::number);
    let id = VariantId::of(last + 1);
    let mut variant = Variant {
        id: id.clone(),
        parent: Some(parent_id),
        level: level(args),
        hypothesis: args.hypothesis.as_str().into(),
        digest: None,
        chain: args.chain.clone().or(parent.chain),
        ..parent
    };
    let mut written: BTreeMap<String, String> = BTreeMap::new();
    for (name, file) in &args.prompts {
        let text = std::fs::read_to_string(file)
            .map_err(|error| file_error("read", Path::new(file), error))?;
        let path = format!("prompts/{name}/variant-{id}.md");
        variant.prompts.insert(name.clone(), path.clone());
        texts.insert(name.clone(), text.clone());
        written.insert(path, text);
    }
    for (name, value) in &args.parameters {
        let value: Value = serde_json::from_str(value).map_err(|error| {
            CommandError::person(format!("the value of `{name}` is not JSON"))
                .because(error)
                .hint("write texts in quotes: NAME='\"text\"'")
        })?;
        variant.parameters.insert(name.clone(), value);
    }
    check(tenant, &variant, &texts)?;
    variant.digest = Some(variant.digest_of(&texts));
    // The record comes last: a variant is there when its record is.
    for (path, text) in &written {
        tenant.workspace.write_new(path, text)?;
    }
    let mut record = serde_json::to_string_pretty(&variant).expect("records can be written");
    record.push('\n');
    tenant
        .workspace
        .write_new(&format!("variants/{id}.json"), &record)?;
    match args.json {
        true => report::json(&variant),
        false => report::line(&format!(
            "variant {id} of {}; `fapo-host eval {} --variant {id}` runs it",
            tenant.workspace.id(),
            args.path.display()
        )),
    }
    Ok(Exit::Done)
}

/// Returns the level of the deepest change.
fn level(args: &Args) -> Level {
    match (&args.chain, args.parameters.is_empty()) {
        (Some(_), _) => Level::Structure,
        (None, false) => Level::Parameter,
        (None, true) => Level::Prompt,
    }
}

/// Checks a variant against what its chain declares.
fn check(
    tenant: &Tenant,
    variant: &Variant,
    texts: &BTreeMap<String, String>,
) -> CommandResult<()> {
    let overrides = Overrides {
        prompts: texts.clone().into_iter().collect(),
        parameters: variant
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
    };
    runtime()?.block_on(async {
        let sandbox = tenant.home.sandbox(tenant.grants.limits.stack_bytes_max)?;
        let chain = match &variant.chain {
            Some(path) => tenant.component(&sandbox, "--chain", path).await?,
            None => tenant.chain(&sandbox).await?,
        };
        let bound = sandbox.tenant(chain.component, tenant.grants.clone(), Imports::default());
        let failed = |why: String| {
            CommandError::person("the chain could not describe itself")
                .because(why)
                .hint("`fapo-host check` tells more")
        };
        if !bound.has_chain() {
            return Err(failed(format!("`{}` exports no chain", chain.named)));
        }
        let info = bound.describe().await.result;
        let info = info.map_err(|failure| failed(failure.message.to_string()))?;
        Settings::resolve(&info, &overrides)
            .map(drop)
            .map_err(|error| {
                let hint = error.hint();
                CommandError::person("could not use these settings")
                    .because(error)
                    .hint(hint)
            })
    })
}
