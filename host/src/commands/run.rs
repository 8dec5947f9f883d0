//! `fapo-host run`

use std::path::{Path, PathBuf};

use fapo_core::case::Case;
use fapo_core::config::{BudgetsConfig, EvalConfig};
use fapo_core::manifest::{Role, WrittenManifest};
use fapo_core::settings::Overrides;
use fapo_core::split::Split;

use super::{limit, load, pair, provider_settings, runtime, tell};
use crate::dataset::{Place, Selection, Source};
use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::home::Home;
use crate::ledger::HeldOut;
use crate::model_calls::{Asking, Choices};
use crate::prepare::{Destination, Loaded, Settled, Told, Wanted};
use crate::providers::{Named, Operator};
use crate::retrieval::{GivenCorpus, Indexes, Settling};
use crate::run_dir::Written;
use crate::tenant::{Cases, Tenant};
use crate::{guests, manifest, retrieval, workspace};

/// Run a component's chain, and its scorer, over cases
///
/// Give a component, or the directory of a guest: that one is built first. If it
/// is a tenant, its training cases are run with the provider of its default
/// config, unless others are named. Cases are JSON lines with case_id and context, and maybe task_type, expected, metadata
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
    /// What answers model calls: sim, openai, a name in policy.toml, script:FILE
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    /// Set how it is asked, as provider_settings.model=gpt-4o-mini
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = pair, requires = "provider")]
    set: Vec<(String, String)>,
    /// Search this corpus: in the place of the manifest's index NAME, or of its only one; without a manifest, whatever the component calls its index
    #[arg(long = "corpus", value_name = "[NAME=]FILE", value_parser = GivenCorpus::parse)]
    corpora: Vec<GivenCorpus>,
    #[command(flatten)]
    choices: Choices,
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
    /// Go on with a run that was cut off, from its directory
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    let home = Home::find()?;
    let guest = Guest::find(&args)?;
    let grants = manifest::grants(&home, guest.manifest.as_deref(), &args.limits)?;
    let held_out = HeldOut::of_all(&home)?;
    let source = match (&args.input, &args.cases, &guest.tenant) {
        (Some(json), ..) => {
            let case = given(json)?;
            held_out.check(&case, 1, "--input")?;
            Source::Given(Box::new(case))
        }
        (None, Some(file), _) => {
            let shown = file.display().to_string();
            Source::open(
                Place::Path(file.clone()),
                Selection::default(),
                |case, line| held_out.check(case, line, &shown),
            )?
        }
        (None, None, Some((tenant, config))) => {
            let train = Cases {
                split: Some(Split::Train),
                ..Cases::default()
            };
            tenant.source(&train, config)?.0
        }
        (None, None, None) => {
            return Err(CommandError::person("there is nothing to run it on")
                .hint("name a dataset with `--cases FILE`, or give one case with `--input JSON`"));
        }
    };
    let overrides = overrides(&args)?;
    let asking = Asking {
        policy: home.policy()?,
        home: home.clone(),
        choices: args.choices.clone(),
        budgets: BudgetsConfig::default(),
    };
    let provider = match (&args.provider, &guest.tenant) {
        (Some(name), _) => {
            let operator = Operator {
                policy: &asking.policy,
            };
            Some(operator.open(name, &Named::ByPerson, &provider_settings(&args.set)?)?)
        }
        (None, Some((tenant, config))) => tenant.provider(None, config)?,
        (None, None) => None,
    };
    let indexes = guest.indexes(&args, &asking)?;
    runtime()?.block_on(async {
        let sandbox = home.sandbox(grants.limits.stack_bytes_max)?;
        let component = load(&sandbox, &guest.component, &grants.limits).await?;
        let loaded = || Loaded {
            component: component.clone(),
            named: guest.component.display().to_string(),
        };
        let has_scorer = component.roles().contains(&Role::Scorer);
        let wanted = Wanted {
            chain: loaded(),
            scorer: has_scorer.then(loaded),
            grants,
            provider,
            asking,
            indexes,
            overrides,
            source,
            profile: String::new(),
            repeats: 1,
            workers: args.workers,
            world_failures_max: 1.0,
            inputs: args.inputs.clone(),
            tenant_id: String::new(),
            split: None,
            variant: None,
            run_id: None,
        };
        let settled = Settled::new(&sandbox, wanted).await?;
        let place = match (&args.out, &args.resume) {
            (_, Some(run)) => Destination::Resumed(Box::new(Written::open(run)?)),
            (Some(dir), None) => {
                workspace::check_not_raw(dir)?;
                Destination::New(dir.clone())
            }
            (None, None) => Destination::Below(home.runs(), guest.name()),
        };
        let told = Told {
            shows_progress: true,
            before_it_runs: None,
        };
        let summary = settled.run(place, told).await?;
        Ok(tell(&summary, args.json))
    })
}

/// What is run, and what it is run with by default.
struct Guest {
    component: PathBuf,
    manifest: Option<PathBuf>,
    /// The tenant whose directory was named, with its default config.
    tenant: Option<(Tenant, EvalConfig)>,
}

impl Guest {
    fn find(args: &Args) -> CommandResult<Self> {
        let path = &args.path;
        let kind = std::fs::metadata(path).map_err(|error| file_error("open", path, error))?;
        if !kind.is_dir() {
            return Ok(Self {
                component: args.path.clone(),
                manifest: args
                    .manifest
                    .clone()
                    .or_else(|| manifest::beside(&args.path)),
                tenant: None,
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
        let own = Some(args.path.join(manifest::MANIFEST)).filter(|path| path.is_file());
        let tenant = match &own {
            Some(_) => {
                let tenant = Tenant::open(&args.path)?;
                let config = tenant.config(None, &[])?;
                Some((tenant, config))
            }
            None => None,
        };
        Ok(Self {
            component,
            manifest: args.manifest.clone().or(own),
            tenant,
        })
    }

    /// Settles what answers searches, as the manifest says.
    fn indexes(&self, args: &Args, asking: &Asking) -> CommandResult<Indexes> {
        let is_replay = args.choices.is_replay();
        if let Some((tenant, _)) = &self.tenant {
            return tenant.indexes(&args.corpora, is_replay);
        }
        let written = match &self.manifest {
            Some(manifest) => manifest::read(manifest)?,
            None => WrittenManifest::default(),
        };
        let manifest = self.manifest.as_deref().unwrap_or(&args.path);
        let settling = Settling {
            tenant_id: "",
            written: &written.indexes,
            place: retrieval::Place::Below(manifest.parent().unwrap_or(manifest)),
            policy: &asking.policy,
            given: &args.corpora,
            is_replay,
        };
        settling.indexes()
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
