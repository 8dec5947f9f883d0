//! Settling a run: everything that decides it, checked before anything is paid
//! for, and written down before the first case.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fapo_core::case::Case;
use fapo_core::chain::ChainInfo;
use fapo_core::manifest::{Capability, Grants, Role};
use fapo_core::outcome::{Failure, FailureKind};
use fapo_core::run::{
    ComponentRecord, Cost, FORMAT, RunConfig, Status, Summary, VariantRecord, setting_records,
};
use fapo_core::settings::{Overrides, Settings};
use fapo_core::split::Split;
use fapo_core::summary;
use fapo_sandbox::sandbox::{Component, Sandbox};
use fapo_sandbox::tenant::Tenant;
use fapo_sandbox::{Attempt, Imports};

use crate::artifacts::DiskArtifacts;
use crate::dataset::Source;
use crate::evaluate::{self, Plan, Run};
use crate::exit::{CommandError, CommandResult, file_error};
use crate::in_order;
use crate::model_calls::{Asker, Asking, ModelCalls};
use crate::providers::Opened;
use crate::report::{self, Doing, Progress, counted};
use crate::retrieval::{Indexes, OpenIndexes};
use crate::run_dir::{self, Finished, RunDir, Written};
use crate::seed;
use crate::tally::Tally;

mod forecast;

pub(crate) use forecast::Forecast;

/// A component as a run names it.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) component: Arc<Component>,
    /// The file, or a word for one that ships with the host.
    pub(crate) named: String,
}

impl Loaded {
    /// Tells whether it imports searches.
    pub(crate) fn searches(&self) -> bool {
        let mut imports = self.component.structure.imports.iter();
        imports.any(|import| import.as_str().starts_with("fapo:tenant/retrieval@"))
    }

    pub(crate) fn record(&self, steps: usize) -> ComponentRecord {
        ComponentRecord {
            component: self.named.clone(),
            digest: self.component.digest.clone(),
            bytes: self.component.structure.bytes,
            steps: steps as u64,
        }
    }
}

/// What a command wants run.
pub(crate) struct Wanted {
    pub(crate) chain: Loaded,
    /// What grades; none where nothing does.
    pub(crate) scorer: Option<Loaded>,
    pub(crate) grants: Grants,
    pub(crate) provider: Option<Opened>,
    pub(crate) asking: Asking,
    /// What answers searches.
    pub(crate) indexes: Indexes,
    pub(crate) overrides: Overrides,
    pub(crate) source: Source,
    pub(crate) profile: String,
    pub(crate) repeats: u32,
    pub(crate) workers: u16,
    pub(crate) world_failures_max: f64,
    pub(crate) inputs: Option<PathBuf>,
    /// Of a tenant; a component that is run by itself has none of these.
    pub(crate) tenant_id: String,
    pub(crate) split: Option<Split>,
    pub(crate) variant: Option<VariantRecord>,
    pub(crate) run_id: Option<String>,
}

/// Where a run goes.
pub(crate) enum Destination {
    /// A directory that has no run yet.
    New(PathBuf),
    /// A numbered directory below this one.
    Below(PathBuf, String),
    /// A run that was cut off.
    Resumed(Box<Written>),
}

/// A run that is settled.
pub(crate) struct Settled {
    wanted: Wanted,
    chain: Tenant,
    info: Option<ChainInfo>,
    settings: Result<Settings, Failure>,
    scorer: Option<Tenant>,
    /// Those that the chain can search, open once the run begins.
    indexes: OpenIndexes,
}

impl Settled {
    /// Binds the components, asks the chain what it is, and completes its settings.
    pub(crate) async fn new(sandbox: &Sandbox, wanted: Wanted) -> CommandResult<Self> {
        wanted.asking.check(wanted.provider.as_ref())?;
        // Nobody answers before the run begins: what is asked then would be
        // paid for, and be in no record.
        let bind = |loaded: &Loaded| {
            let imports = Imports::default();
            sandbox.tenant(loaded.component.clone(), wanted.grants.clone(), imports)
        };
        let chain = bind(&wanted.chain);
        if !chain.has_chain() {
            return Err(CommandError::person(format!(
                "`{}` has no chain to run",
                wanted.chain.named
            ))
            .hint("a scorer alone grades what a chain made; call `export_chain!` to have one in the component"));
        }
        let scorer = wanted.scorer.as_ref().map(bind);
        let (chain, info, settings) = describe(chain, &wanted.overrides).await?;
        Ok(Self {
            wanted,
            chain,
            info,
            settings,
            scorer,
            indexes: OpenIndexes::default(),
        })
    }

    /// Opens what the chain can search, if it can search at all: building an
    /// index takes time, and is done when all else was checked.
    fn open_indexes(&mut self) -> CommandResult<()> {
        let wanted = &self.wanted;
        if wanted.chain.searches() && wanted.grants.chain.contains(&Capability::Retrieval) {
            self.indexes = wanted.indexes.open(&wanted.asking.home)?;
        }
        Ok(())
    }

    /// Asks the scorer of every case whether it can be scored at all.
    pub(crate) async fn validate(&self) -> CommandResult<()> {
        /// How many cases an error names.
        const NAMED_MAX: usize = 10;
        let Some(scorer) = &self.scorer else {
            return Ok(());
        };
        let n_cases = self.wanted.source.n_cases();
        let _doing = Doing::what(format!(
            "asking the scorer about {}",
            counted(n_cases, "case")
        ));
        let mut bad = Vec::new();
        let validated = validate(
            scorer,
            &self.wanted.source,
            &self.wanted.profile,
            |case, why| {
                bad.push(format!("`{}`: {why}", case.id));
            },
        );
        validated.await?;
        if bad.is_empty() {
            return Ok(());
        }
        let more = bad.len().saturating_sub(NAMED_MAX);
        bad.truncate(NAMED_MAX);
        if more > 0 {
            bad.push(format!("and {more} more"));
        }
        Err(CommandError::person("the scorer cannot score these cases")
            .because(bad.join("\n"))
            .hint("mend their `expected`, or the scoring profile; `fapo-host check TENANT` lists all of them"))
    }

    /// Returns the record of the run.
    pub(crate) fn config(&self, run_id: &str) -> RunConfig {
        let wanted = &self.wanted;
        let (prompts, parameters) = match &self.settings {
            Ok(settings) => setting_records(settings),
            Err(_) => (BTreeMap::new(), serde_json::Map::new()),
        };
        let granted =
            |role| -> Vec<Capability> { wanted.grants.of(role).iter().copied().collect() };
        RunConfig {
            format: FORMAT,
            host_version: env!("CARGO_PKG_VERSION").into(),
            run_id: run_id.into(),
            tenant_id: wanted.tenant_id.clone(),
            split: wanted.split,
            variant: wanted.variant.clone(),
            dataset: wanted.source.record(),
            repeats: wanted.repeats,
            chain: wanted
                .chain
                .record(self.info.as_ref().map_or(0, |info| info.steps.len())),
            scorer: wanted.scorer.as_ref().map(|scorer| scorer.record(0)),
            scoring_profile: wanted.profile.clone(),
            prompts,
            parameters,
            provider: wanted.provider.as_ref().map(|opened| opened.record.clone()),
            roles: wanted
                .provider
                .as_ref()
                .map_or_else(BTreeMap::new, Opened::role_records),
            indexes: self.indexes.records().clone(),
            budgets: wanted.asking.budgets,
            replayed: wanted.asking.choices.is_replay(),
            no_cache: wanted.asking.choices.no_cache,
            world_failures_max: wanted.world_failures_max,
            max_workers: wanted.workers,
            capabilities: granted(Role::Chain),
            scorer_capabilities: granted(Role::Scorer),
            scorer_without_calls: !wanted.grants.reads_calls,
            limits: wanted.grants.limits,
            rescored_from: None,
        }
    }

    /// Returns a word for the run's directory: the split and the variant.
    pub(crate) fn name(&self) -> String {
        let split = self.wanted.split.map_or("cases", Split::name);
        match &self.wanted.variant {
            Some(variant) => format!("{split}-{}", variant.id),
            None => split.into(),
        }
    }

    /// Runs the cases at a place, and writes what they come to.
    pub(crate) async fn run(mut self, to: Destination, mut told: Told) -> CommandResult<Summary> {
        self.open_indexes()?;
        let asking = &self.wanted.asking;
        asking.connect(self.wanted.provider.as_ref(), &self.indexes)?;
        let mut tally = self.tally();
        let (dir, finished, config) = self.begin(&to, &mut tally)?;
        let artifacts = Arc::new(self.artifacts(dir.path())?);
        let asker = Asker {
            tenant_id: &self.wanted.tenant_id,
            run_id: &config.run_id,
            dir: dir.path(),
            spent: tally.spent(),
            is_resumed: matches!(to, Destination::Resumed(_)),
        };
        let opened = self.wanted.provider.as_ref();
        let asking = &self.wanted.asking;
        let calls = ModelCalls::open(asking, opened, &self.indexes, &asker, |case, repeat| {
            finished.has(case, repeat)
        })?;
        // Whatever can be wrong is found out before a test set counts as read.
        let test_reads_before = told.test_reads(dir.path())?;
        let with_provider = |tenant: Tenant| match calls.provider() {
            Some(provider) => tenant.with_provider(provider.clone()),
            None => tenant,
        };
        let with_retriever = |tenant: Tenant| match calls.retriever() {
            Some(retriever) => tenant.with_retriever(retriever.clone()),
            None => tenant,
        };
        tally.calls.maybe_paid += calls.maybe_paid();
        let run = Run {
            plan: Plan {
                chain: with_retriever(with_provider(self.chain)).with_artifacts(artifacts.clone()),
                settings: self.settings.map(Arc::new),
                scorer: self.scorer.map(with_provider),
                profile: self.wanted.profile,
                artifacts,
            },
            cases: self.wanted.source,
            repeats: self.wanted.repeats,
            workers: usize::from(self.wanted.workers),
            world_failures_max: self.wanted.world_failures_max,
            calls,
            dir,
            finished,
            tally,
        };
        let progress = Progress::new(told.shows_progress);
        let ended = evaluate::run(run, &progress).await;
        progress.finish();
        finish(ended?, &config, test_reads_before)
    }

    /// Writes what the run is made of; or finds out that it still is what it was.
    fn begin(
        &self,
        to: &Destination,
        tally: &mut Tally,
    ) -> CommandResult<(RunDir, Finished, RunConfig)> {
        let run_id = self.wanted.run_id.as_deref();
        let dir = match (to, run_id) {
            (Destination::New(path), _) => RunDir::create(path)?,
            (Destination::Below(parent, _), Some(run_id)) => RunDir::create(&parent.join(run_id))?,
            (Destination::Below(parent, name), None) => RunDir::create_below(parent, name)?,
            (Destination::Resumed(written), _) => {
                let (path, before) = (&written.path, &written.config);
                let config = self.config(&before.run_id);
                check_same(before, &config, path)?;
                let (dir, finished) = RunDir::resume(path, tally)?;
                return Ok((dir, finished, config));
            }
        };
        let config = self.config(run_id.unwrap_or(&dir.name()));
        dir.put(run_dir::CONFIG, &config)?;
        Ok((dir, Finished::default(), config))
    }

    fn tally(&self) -> Tally {
        let wanted = &self.wanted;
        Tally::new(wanted.repeats, wanted.split)
    }

    fn artifacts(&self, dir: &Path) -> CommandResult<DiskArtifacts> {
        let inputs = self.wanted.inputs.as_deref();
        let cases = dir.join("artifacts");
        DiskArtifacts::open(inputs, &cases)
            .map_err(|error| file_error("open", inputs.unwrap_or(&cases), error))
    }
}

/// What is told of a run, and what is to be done just before it begins.
pub(crate) struct Told {
    pub(crate) shows_progress: bool,
    /// Notes the reading of a test set at this place, and returns how often it
    /// was read before.
    #[expect(clippy::type_complexity, reason = "it is called in one place")]
    pub(crate) before_it_runs: Option<Box<dyn FnOnce(&Path) -> CommandResult<u64>>>,
}

impl Told {
    fn test_reads(&mut self, dir: &Path) -> CommandResult<Option<u64>> {
        self.before_it_runs.take().map(|note| note(dir)).transpose()
    }
}

/// Refuses to go on with a run that was made of other things.
fn check_same(before: &RunConfig, now: &RunConfig, path: &Path) -> CommandResult<()> {
    let (before, now) = (before.decisive(), now.decisive());
    if before == now {
        return Ok(());
    }
    let json = |config: &RunConfig| match serde_json::to_value(config) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    let (before, now) = (json(&before), json(&now));
    let differ: Vec<_> = before
        .iter()
        .filter(|(key, value)| now.get(*key) != Some(*value))
        .map(|(key, _)| format!("`{key}`"))
        .collect();
    Err(CommandError::person(format!(
        "`{}` cannot be resumed: {} changed since it began",
        path.display(),
        differ.join(", ")
    ))
    .hint("undo the change, or run it anew; `run_config.json` says what the run was made of"))
}

/// Writes what a run came to.
pub(crate) fn finish(
    ended: evaluate::Ended,
    config: &RunConfig,
    test_reads_before: Option<u64>,
) -> CommandResult<Summary> {
    let evaluate::Ended {
        dir,
        calls,
        tally,
        status,
        wall,
    } = ended;
    let prices = config
        .provider
        .as_ref()
        .and_then(|provider| provider.prices.clone());
    let mut summary = Summary {
        run_dir: dir.path().display().to_string(),
        status,
        tenant_id: config.tenant_id.clone(),
        split: config.split,
        variant: config.variant.as_ref().map(|variant| variant.id.clone()),
        provider: config
            .provider
            .as_ref()
            .map(|provider| provider.name.clone()),
        cpu_s: report::cpu_s(),
        wall_s: wall.as_secs_f64(),
        test_reads_before,
        prices: prices.clone(),
        cache: calls.cache_use(&tally.calls),
        ..tally.summary()
    };
    let named = config.provider.iter().chain(config.roles.values());
    summary.simulated |= named.into_iter().any(|provider| provider.simulated);
    let cost = Cost {
        prices,
        ..tally.cost()
    };
    write_reports(&dir, config, &summary, &cost)?;
    // Only a run with nothing left to ask has no more use for its answers.
    if status == Status::Complete {
        calls.forget()?;
        dir.seal()?;
    }
    Ok(summary)
}

/// Writes the records that people and other commands read.
pub(crate) fn write_reports(
    dir: &RunDir,
    config: &RunConfig,
    summary: &Summary,
    cost: &Cost,
) -> CommandResult<()> {
    dir.put(run_dir::COST, cost)?;
    dir.put_text(
        run_dir::REPORT,
        &summary::to_markdown(config, summary, cost),
    )?;
    dir.put(run_dir::PROGRESS, &report::State::ended(summary))?;
    dir.put(run_dir::SUMMARY, summary)
}

/// Asks a scorer of every case whether it can be scored, and tells of each that cannot.
///
/// A few are asked about in one instance; of one that is refused there, another
/// instance is asked, which has seen no other case.
pub(crate) async fn validate(
    scorer: &Tenant,
    source: &Source,
    profile: &str,
    mut bad: impl FnMut(&Case, String),
) -> CommandResult<()> {
    let mut cases = source.cases()?.filter(is_asked_about);
    let next = || {
        let cases = few(&mut cases)?;
        let (tenant, profile) = (scorer.clone(), profile.to_owned());
        Ok((!cases.is_empty()).then_some(async move {
            let mut refused = Vec::new();
            let mut left = &cases[..];
            loop {
                left = &left[tenant.count_valid(left, &profile).await..];
                let [case, rest @ ..] = left else {
                    return refused;
                };
                let attempt = Attempt::first(seed::of(case.id.as_str()));
                let alone = tenant.validate_case(case, &profile, attempt).await;
                refused.extend(alone.result.err().map(|why| (case.clone(), why)));
                left = rest;
            }
        }))
    };
    in_order::each(scorer, next, |refused| {
        for (case, why) in refused {
            bad(&case, why.message.to_string());
        }
        Ok(())
    })
    .await
}

/// The most cases that an instance is asked about, and the bytes after which
/// there are enough of them.
const FEW: usize = 32;
const FEW_BYTES: usize = 256 << 10;

/// Takes the next few cases.
fn few(cases: &mut impl Iterator<Item = CommandResult<Case>>) -> CommandResult<Vec<Case>> {
    let (mut few, mut bytes) = (Vec::new(), 0);
    while few.len() < FEW && bytes < FEW_BYTES {
        let Some(case) = cases.next().transpose()? else {
            break;
        };
        bytes += case.context.len() + case.expected.len() + case.metadata.len();
        few.push(case);
    }
    Ok(few)
}

/// Tells whether a scorer is asked about a row: one without an expected value
/// is not graded.
fn is_asked_about(case: &CommandResult<Case>) -> bool {
    case.as_ref().map_or(true, Case::is_labelled)
}

/// Asks the chain what it is, and completes its settings.
///
/// A chain that fails at that fails in each of its cases, as data; one that
/// answers with nonsense is no tenant.
async fn describe(
    tenant: Tenant,
    overrides: &Overrides,
) -> CommandResult<(Tenant, Option<ChainInfo>, Result<Settings, Failure>)> {
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
            return Ok((tenant, None, Err(failure)));
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
    Ok((tenant.with_steps(&info), Some(info), Ok(settings)))
}
