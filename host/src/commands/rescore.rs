//! `fapo-host rescore`

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fapo_core::artifact::{CallRow, Diagnostic, ResultRow, TimingRow};
use fapo_core::budget::Amount;
use fapo_core::case::Case;
use fapo_core::manifest::Role;
use fapo_core::outcome::{Failure, Outcome};
use fapo_core::run::{RunConfig, Status, Summary};
use fapo_core::split::Split;
use fapo_core::trace::CaseTrace;
use fapo_sandbox::Imports;

use super::{pair, runtime, tell};
use crate::dataset::Cases as CasesOf;
use crate::evaluate::{self, Done};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::in_order;
use crate::model_calls::{Asker, Choices, ModelCalls};
use crate::prepare;
use crate::retrieval::OpenIndexes;
use crate::run_dir::{self, RunDir, Written};
use crate::tally::Tally;
use crate::tenant::{Cases, Tenant};
use crate::workspace::{self, MANIFEST};

/// Grade the outputs of a finished run again, without asking the chain's model
///
/// The scorer is the tenant's as it is now, with the profile of its manifest
/// or of --config. What comes out is another run, with the outputs, steps and
/// calls of the first. A test run is graded once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run's directory
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The tenant's directory; by default the one that the run lies in
    #[arg(long, value_name = "DIR")]
    tenant: Option<PathBuf>,
    /// An eval config: its scoring_profile, and its provider for a judge
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Put a value over the config's, as scoring_profile=f1
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// What answers a judge, in place of the config's: sim, openai, a name in policy.toml, script:FILE
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    #[command(flatten)]
    choices: Choices,
    /// Where to write the new run; by default beside the old one
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let began = std::time::Instant::now();
    let written = Written::open(&args.run)?;
    check_finished(&written)?;
    let tenant = Tenant::open(&tenant_of(args)?)?;
    let config = tenant.config(args.config.as_deref(), &args.set)?;
    let of = &written.config;
    let (source, _) = tenant.source(&Cases::of(of), &config)?;
    if source.record().digest != of.dataset.digest {
        return Err(CommandError::person(format!(
            "`{}` has changed since the run",
            of.dataset.path
        ))
        .hint("grade outputs against the cases that they were made of, or run anew"));
    }
    check_passages(&written, &tenant)?;
    let profile = tenant.profile(&config);
    let provider = tenant.provider(args.provider.as_deref(), &config)?;
    let asking = tenant.asking(args.choices.clone(), config.budgets);
    asking.check(provider.as_ref())?;
    asking.connect(provider.as_ref(), &OpenIndexes::default())?;
    let dir = match &args.out {
        Some(dir) => {
            workspace::check_not_raw(dir)?;
            RunDir::create(dir)?
        }
        None => {
            let name = written
                .path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            let parent = written.path.parent().unwrap_or(Path::new("."));
            RunDir::create_below(parent, &format!("{name}-rescored"))?
        }
    };
    let summary = runtime()?.block_on(async {
        let sandbox = tenant.home.sandbox(tenant.grants.limits.stack_bytes_max)?;
        let scorer = tenant.scorer(&sandbox).await?;
        let now = RunConfig {
            run_id: dir.name(),
            scorer: Some(scorer.record(0)),
            scoring_profile: profile.clone(),
            scorer_without_calls: !tenant.grants.reads_calls,
            rescored_from: Some(of.run_id.clone()),
            ..of.clone()
        };
        dir.put(run_dir::CONFIG, &now)?;
        let asker = Asker {
            tenant_id: tenant.workspace.id(),
            run_id: &now.run_id,
            dir: dir.path(),
            spent: Amount::default(),
            is_resumed: false,
        };
        let calls = ModelCalls::open(
            &asking,
            provider.as_ref(),
            &OpenIndexes::default(),
            &asker,
            |_, _| false,
        )?;
        let imports = Imports {
            provider: calls.provider().cloned(),
            ..Imports::default()
        };
        let scorer = sandbox.tenant(scorer.component, tenant.grants.clone(), imports);
        let mut outputs = Outputs::open(&written, source.cases()?)?;
        let mut dir = dir;
        let mut tally = Tally::new(of.repeats, of.split);
        let next = || {
            let Some((case, output)) = outputs.next()? else {
                return Ok(None);
            };
            let (scorer, profile) = (scorer.clone(), profile.clone());
            Ok(Some(async move {
                output.graded(&case, &scorer, &profile).await
            }))
        };
        in_order::each(&scorer, next, |done: Done| {
            calls.check()?;
            dir.append(done.lines())?;
            done.add_to(&mut tally);
            Ok(())
        })
        .await?;
        dir.flush()?;
        let status = match tally.failures.world {
            _ if calls.is_spent() => Status::Budget,
            0 => Status::Complete,
            _ => Status::Degraded,
        };
        let ended = evaluate::Ended {
            dir,
            calls,
            tally,
            status,
            wall: began.elapsed(),
        };
        prepare::finish(ended, &now, None)
    })?;
    Ok(tell(&summary, args.json))
}

fn check_finished(written: &Written) -> CommandResult<()> {
    if written.config.split == Some(Split::Test) {
        return Err(CommandError::refused(format!(
            "`{}` is a test run, and a test run is graded once",
            written.path.display()
        ))
        .hint("`fapo-host test --override \"REASON\"` reads the test set again"));
    }
    let summary: Option<Summary> = written.record(run_dir::SUMMARY).ok();
    if !summary.is_some_and(|summary| summary.status.has_all_rows()) {
        return Err(
            CommandError::person(format!("`{}` is not finished", written.path.display()))
                .hint("go on with it by `fapo-host eval TENANT --resume RUN`"),
        );
    }
    Ok(())
}

/// Refuses a run that kept no more of its passages than their names, where the
/// scorer would read them.
fn check_passages(written: &Written, tenant: &Tenant) -> CommandResult<()> {
    let of = &written.config;
    let searched_here = of.indexes.values().any(|index| index.corpus.is_some());
    if !of.scorer_without_calls || !tenant.grants.reads_calls || !searched_here {
        return Ok(());
    }
    Err(CommandError::person(format!(
        "`{}` did not keep the texts of its passages, and the scorer reads them now",
        written.path.display()
    ))
    .hint("run the cases anew, or write `reads_calls = false` under `[metric]` again"))
}

/// Returns the directory of the tenant that a run lies in.
fn tenant_of(args: &Args) -> CommandResult<PathBuf> {
    if let Some(dir) = &args.tenant {
        return Ok(dir.clone());
    }
    let run = std::path::absolute(&args.run).unwrap_or_else(|_| args.run.clone());
    let found = run
        .ancestors()
        .skip(1)
        .find(|dir| dir.join(MANIFEST).is_file());
    found.map(Path::to_path_buf).ok_or_else(|| {
        CommandError::person(format!(
            "`{}` does not lie in a tenant's directory",
            args.run.display()
        ))
        .hint("name the tenant with `--tenant DIR`")
    })
}

/// What a chain made of one row, as a run's files tell it.
struct Output {
    row: ResultRow,
    timing: TimingRow,
    calls: Vec<CallRow>,
}

impl Output {
    async fn graded(
        self,
        case: &Arc<Case>,
        scorer: &fapo_sandbox::tenant::Tenant,
        profile: &str,
    ) -> Done {
        let repeat = self.row.repeat;
        let trace = Arc::new(CaseTrace {
            visits: self.row.visits(),
            calls: self.calls.into_iter().map(CallRow::into_call).collect(),
            ..CaseTrace::default()
        });
        let ran: Result<Outcome, Failure> = match self.row.failure {
            Some(failure) => Err(failure),
            None => Ok(Outcome {
                output_text: self.row.output_text,
                // What others noted then, they note again.
                diagnostics: self
                    .row
                    .diagnostics
                    .into_iter()
                    .filter(Diagnostic::is_of_chain)
                    .map(|noted| (noted.name, noted.text))
                    .collect(),
            }),
        };
        let attempt = evaluate::attempt(case, repeat);
        let scored = evaluate::score(Some(scorer), profile, case, attempt, &ran, &trace).await;
        Done::new(case, &ran, Arc::unwrap_or_clone(trace), scored, self.timing)
    }
}

/// Records of a file, one by one.
type Records<T> = Box<dyn Iterator<Item = CommandResult<T>>>;

/// The rows of a run, each with its case and its chain's calls.
struct Outputs {
    rows: Records<ResultRow>,
    timings: Records<TimingRow>,
    calls: Peekable<Records<CallRow>>,
    cases: CasesOf,
    case: Option<Arc<Case>>,
}

impl Outputs {
    fn open(written: &Written, cases: CasesOf) -> CommandResult<Self> {
        let calls: Records<CallRow> = Box::new(written.rows(run_dir::CALLS)?);
        Ok(Self {
            rows: Box::new(written.rows(run_dir::RESULTS)?),
            timings: Box::new(written.rows(run_dir::TIMINGS)?),
            calls: calls.peekable(),
            cases,
            case: None,
        })
    }

    /// Returns the next row. All files are in the order of the dataset.
    fn next(&mut self) -> CommandResult<Option<(Arc<Case>, Output)>> {
        let Some(row) = self.rows.next().transpose()? else {
            return Ok(None);
        };
        if row.repeat == 1 {
            self.case = self.cases.next().transpose()?.map(Arc::new);
        }
        let case = self.case.clone().filter(|case| case.id == row.case_id);
        let timing = self.timings.next().transpose()?;
        let (Some(case), Some(timing)) = (case, timing) else {
            return Err(CommandError::person(format!(
                "the run's files do not fit together at case `{}`",
                row.case_id
            ))
            .hint("they were changed after the run; run it anew"));
        };
        let mut calls = Vec::new();
        let is_of_row = |call: &CommandResult<CallRow>| match call {
            Ok(call) => call.case_id == row.case_id && call.repeat == row.repeat,
            Err(_) => true,
        };
        while let Some(call) = self.calls.next_if(is_of_row) {
            calls.push(call?);
        }
        calls.retain(|call| call.role == Role::Chain);
        Ok(Some((case, Output { row, timing, calls })))
    }
}
