//! `fapo-host inspect`

use std::path::PathBuf;

use fapo_core::chain::{ChainInfo, StepKind};
use fapo_core::outcome::Failure;
use fapo_sandbox::Imports;
use fapo_sandbox::sandbox::Component;
use serde::Serialize;

use super::{load, load_bytes, runtime};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::home::Home;
use crate::manifest;
use crate::report::{self, Table};
use crate::shipped;

/// Tell what a component is: digest, imports, exports, steps, prompts, cost
///
/// The component is read, compiled and asked to describe itself, with every
/// import denied. One that the host would refuse ends with the reason.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The component, or `standard` for the scorer that ships with the host
    component: PathBuf,
    /// The tenant.toml whose limits hold; by default the one of the tenant
    /// that the component was built in, if there is one
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What an inspection tells.
#[derive(Serialize)]
struct Inspection<'a> {
    path: &'a std::path::Path,
    digest: String,
    roles: Vec<fapo_core::manifest::Role>,
    #[serde(flatten)]
    structure: &'a fapo_sandbox::upload::Structure,
    compiled: fapo_sandbox::compile::CompileReport,
    chain: Option<&'a ChainInfo>,
    describe_failure: Option<&'a Failure>,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let home = Home::find()?;
    let beside = manifest::beside(&args.component);
    let grants = manifest::grants(&home, args.manifest.as_deref().or(beside.as_deref()), &[])?;
    runtime()?.block_on(async {
        let sandbox = home.sandbox(grants.limits.stack_bytes_max)?;
        let component = match shipped::named(&args.component) {
            Some(bytes) => load_bytes(&sandbox, &args.component, bytes, &grants.limits).await?,
            None => load(&sandbox, &args.component, &grants.limits).await?,
        };
        let tenant = sandbox.tenant(component.clone(), grants, Imports::default());
        let described = if tenant.has_chain() {
            Some(tenant.describe().await.result)
        } else {
            None
        };
        let (chain, failure) = match &described {
            Some(Ok(info)) => (Some(info), None),
            Some(Err(failure)) => (None, Some(failure)),
            None => (None, None),
        };
        if args.json {
            report::json(&Inspection {
                path: &args.component,
                digest: format!("sha256:{}", component.digest),
                roles: component.roles(),
                structure: &component.structure,
                compiled: component.compiled,
                chain,
                describe_failure: failure,
            });
        } else {
            print(&component, chain);
        }
        if let Some(failure) = failure {
            return Err(CommandError::person(format!(
                "the chain could not describe itself: {}",
                failure.message
            )));
        }
        match chain.map(ChainInfo::check) {
            Some(Err(error)) => Err(CommandError::person(
                "the chain's description does not hold together",
            )
            .because(error)),
            _ => Ok(Exit::Done),
        }
    })
}

fn print(component: &Component, chain: Option<&ChainInfo>) {
    let structure = &component.structure;
    let list = |names: &[fapo_core::Untrusted]| {
        names
            .iter()
            .map(|n| n.cut(80))
            .collect::<Vec<_>>()
            .join("\n           ")
    };
    report::line(&format!("digest     sha256:{}", component.digest));
    report::line(&format!(
        "size       {} bytes, {} functions, {} core modules, {} instances",
        structure.bytes, structure.functions, structure.modules, structure.instances
    ));
    let compiled = component.compiled;
    let how = if compiled.kept {
        "kept from before, opened"
    } else {
        "compiled"
    };
    report::line(&format!(
        "code       {} bytes, {how} in {} ms",
        compiled.code_bytes, compiled.wall_ms
    ));
    report::line(&format!("exports    {}", list(&structure.exports)));
    report::line(&format!("imports    {}", list(&structure.imports)));
    let Some(chain) = chain else { return };
    report::line(&format!("chain      {}: {}", chain.name, chain.description));
    report::line("");
    let mut steps = Table::new(["step", "kind", "prompts", "what it does"]);
    for step in &chain.steps {
        let kind = match &step.kind {
            StepKind::Llm => "llm".into(),
            StepKind::Retrieval => "retrieval".into(),
            StepKind::Code => "code".into(),
            StepKind::Agent => "agent".into(),
            StepKind::Other(kind) => kind.cut(16),
        };
        let prompts: Vec<_> = step.prompts.iter().map(ToString::to_string).collect();
        steps.row([
            step.name.to_string(),
            kind,
            prompts.join(", "),
            step.description.cut(72),
        ]);
    }
    steps.print();
    report::line("");
    let mut edges = Table::new(["from", "to", "when"]);
    for edge in &chain.edges {
        let when = edge
            .condition
            .as_ref()
            .map_or(String::new(), |condition| condition.cut(72));
        edges.row([edge.source.to_string(), edge.target.to_string(), when]);
    }
    edges.print();
    report::line("");
    let mut prompts = Table::new(["prompt", "placeholders", "what it is for"]);
    for prompt in &chain.prompts {
        let names: Vec<_> = prompt
            .placeholders
            .iter()
            .map(|p| {
                if p.required {
                    p.name.to_string()
                } else {
                    format!("[{}]", p.name)
                }
            })
            .collect();
        prompts.row([
            prompt.name.to_string(),
            names.join(" "),
            prompt.description.cut(72),
        ]);
    }
    prompts.print();
    if !chain.parameters.is_empty() {
        report::line("");
        let mut parameters = Table::new(["parameter", "default", "takes", "what it does"]);
        for parameter in &chain.parameters {
            parameters.row([
                parameter.name.to_string(),
                parameter.default.cut(24),
                parameter.kind.expects(),
                parameter.description.cut(72),
            ]);
        }
        parameters.print();
    }
}
