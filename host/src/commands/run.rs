//! `fapo-host run`

use std::path::{Path, PathBuf};

use fapo_core::case::Case;
use fapo_core::outcome::FailureKind;
use fapo_core::settings::{Overrides, Settings};
use fapo_sandbox::Imports;
use fapo_sandbox::tenant::Tenant;

use super::{limit, load, pair, runtime};
use crate::artifacts::DiskArtifacts;
use crate::dataset::Source;
use crate::evaluate::{self, Plan, Status};
use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::home::Home;
use crate::report::Progress;
use crate::run_dir::RunDir;
use crate::{guests, manifest, providers, report};

/// Run a component's chain, and its scorer, over cases
///
/// Give a component, or the directory of a guest: that one is built first, and
/// its cases.jsonl and script.jsonl are used unless others are named. Cases are
/// JSON lines with case_id and context, and maybe task_type, expected, metadata
/// and template_fields. What happens inside a case is data: the program ends
/// with 0 whatever the guests do, and with 2 when something is wrong before the
/// first case.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A component, or the directory of a guest
    #[arg(value_name = "COMPONENT")]
    path: PathBuf,
    /// The dataset, one case a line
    #[arg(long, value_name = "FILE", conflicts_with = "input")]
    cases: Option<PathBuf>,
    /// One case, as JSON
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Put a file's text in the place of a prompt
    #[arg(long = "prompt", value_name = "NAME=FILE", value_parser = pair)]
    prompts: Vec<(String, String)>,
    /// Put a JSON value in the place of a parameter
    #[arg(long = "param", value_name = "NAME=JSON", value_parser = pair)]
    parameters: Vec<(String, String)>,
    /// What answers model calls: script:FILE
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// A directory of files that every case can read as artifacts
    #[arg(long, value_name = "DIR")]
    inputs: Option<PathBuf>,
    /// Cases in flight
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: u16,
    /// The tenant.toml that says what the component may do; by default the one
    /// of the tenant that it was built in, if there is one
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Set a limit, as tenant.toml would; `fapo-host limits` lists them
    #[arg(long = "limit", value_name = "KEY=NUMBER", value_parser = limit)]
    limits: Vec<(String, u64)>,
    /// Where to write the run; by default a new directory in $FAPO_HOME/runs
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    let home = Home::find()?;
    let guest = Guest::find(&args)?;
    let grants = manifest::grants(&home, guest.manifest.as_deref(), &args.limits)?;
    let source = match (&args.input, &guest.cases) {
        (Some(json), _) => Source::Given(Box::new(given(json)?)),
        (None, Some(file)) => Source::open(file)?,
        (None, None) => {
            return Err(CommandError::person("there is nothing to run it on")
                .hint("name a dataset with `--cases FILE`, or give one case with `--input JSON`"));
        }
    };
    let overrides = overrides(&args)?;
    let provider = guest.provider.as_deref().map(providers::open).transpose()?;
    runtime()?.block_on(async {
        let sandbox = home.sandbox(grants.limits.stack_bytes_max)?;
        let component = load(&sandbox, &guest.component, &grants.limits).await?;
        let tenant = sandbox.tenant(component, grants, Imports { provider, ..Imports::default() });
        if !tenant.has_chain() {
            return Err(CommandError::person(format!("`{}` has no chain to run", guest.component.display()))
                .hint("a scorer alone grades what a chain made; call `export_chain!` to have one in the component"));
        }
        let (tenant, settings) = describe(tenant, &overrides).await?;
        let dir = match &args.out {
            Some(dir) => RunDir::create(dir)?,
            None => RunDir::create_below(&home.runs(), &guest.name())?,
        };
        let tenant = with_artifacts(tenant, args.inputs.as_deref(), dir.path())?;
        let progress = Progress::of_cases(source.n_cases());
        let plan = Plan { tenant, settings };
        let summary = evaluate::run(plan, &source, usize::from(args.workers), dir, &progress).await;
        progress.finish();
        let summary = summary?;
        if args.json {
            report::json(&summary);
        } else {
            report::summary(&summary);
        }
        Ok(match summary.status {
            Status::Interrupted => Exit::Stopped,
            Status::Complete | Status::Degraded => Exit::Done,
        })
    })
}

/// What is run, and what it is run with by default.
struct Guest {
    component: PathBuf,
    manifest: Option<PathBuf>,
    cases: Option<PathBuf>,
    provider: Option<String>,
}

impl Guest {
    fn find(args: &Args) -> CommandResult<Self> {
        if !args.path.is_dir() {
            return Ok(Self {
                component: args.path.clone(),
                manifest: args
                    .manifest
                    .clone()
                    .or_else(|| manifest::beside(&args.path)),
                cases: args.cases.clone(),
                provider: args.provider.clone(),
            });
        }
        let mut components = guests::build(&args.path)?;
        let component = match components.len() {
            1 => components.remove(0),
            n => {
                return Err(CommandError::person(format!(
                    "`{}` holds {n} components",
                    args.path.display()
                ))
                .hint("name one of those that `fapo-host build` printed"));
            }
        };
        let file = |name: &str| Some(args.path.join(name)).filter(|path| path.is_file());
        let script = || file("script.jsonl").map(|path| format!("script:{}", path.display()));
        Ok(Self {
            component,
            manifest: args.manifest.clone().or_else(|| file(manifest::MANIFEST)),
            cases: args.cases.clone().or_else(|| file("cases.jsonl")),
            provider: args.provider.clone().or_else(script),
        })
    }

    /// Returns a word for the run's directory.
    fn name(&self) -> String {
        let stem = self
            .component
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let word: String = stem
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            })
            .take(64)
            .collect();
        if word.is_empty() { "run".into() } else { word }
    }
}

fn given(json: &str) -> CommandResult<Case> {
    Case::from_json(json).map_err(|error| {
        let hint = error.hint();
        CommandError::person("could not use the case of `--input`")
            .because(error)
            .hint(hint)
    })
}

fn overrides(args: &Args) -> CommandResult<Overrides> {
    let read = |(name, file): &(String, String)| {
        let text = std::fs::read_to_string(file)
            .map_err(|error| file_error("read", Path::new(file), error))?;
        Ok((name.clone(), text))
    };
    Ok(Overrides {
        prompts: args
            .prompts
            .iter()
            .map(read)
            .collect::<CommandResult<_>>()?,
        parameters: args.parameters.clone(),
    })
}

/// Asks the chain what it is, and completes its settings.
///
/// A chain that fails at that fails in each of its cases, as data; one that
/// answers with nonsense is no tenant.
async fn describe(
    tenant: Tenant,
    overrides: &Overrides,
) -> CommandResult<(Tenant, Result<Settings, fapo_core::outcome::Failure>)> {
    let info = match tenant.describe().await.result {
        Ok(info) => info,
        Err(failure) if matches!(failure.kind, FailureKind::Contract | FailureKind::BadAnswer) => {
            return Err(CommandError::person("the component is not a tenant")
                .because(failure.message.to_string())
                .hint("build it against the files that `fapo-host wit DIR` writes out"));
        }
        Err(failure) => {
            report::note(&format!(
                "the chain could not describe itself: {}",
                failure.message
            ));
            return Ok((tenant, Err(failure)));
        }
    };
    info.check().map_err(|error| {
        CommandError::person("the chain's description does not hold together")
            .because(error)
            .hint("`fapo-host inspect` shows what it says of itself")
    })?;
    let settings = Settings::resolve(&info, overrides).map_err(|error| {
        let hint = error.hint();
        CommandError::person("could not use these settings")
            .because(error)
            .hint(hint)
    })?;
    Ok((tenant.with_steps(&info), Ok(settings)))
}

fn with_artifacts(tenant: Tenant, inputs: Option<&Path>, dir: &Path) -> CommandResult<Tenant> {
    let cases = dir.join("artifacts");
    let store = DiskArtifacts::open(inputs, &cases)
        .map_err(|error| file_error("open", inputs.unwrap_or(&cases), error))?;
    Ok(tenant.with_artifacts(std::sync::Arc::new(store)))
}
