//! Running cases: each through the chain, then through the scorer, many at
//! once, and written in the order of the dataset.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use fapo_core::artifact::{ResultRow, TimingRow};
use fapo_core::case::Case;
use fapo_core::manifest::Role;
use fapo_core::outcome::Failure;
use fapo_core::score::{Interval, Mean};
use fapo_core::settings::Settings;
use fapo_core::trace::{CallBody, CaseTrace};
use fapo_sandbox::tenant::{Attempt, Graded, GuestRun, Tenant, Used};
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::dataset::Source;
use crate::exit::CommandResult;
use crate::report::{self, Progress};
use crate::run_dir::{Lines, RunDir};
use crate::seed;

/// What a run does with each case.
pub(crate) struct Plan {
    pub(crate) tenant: Tenant,
    /// What the chain runs with; or, when the chain could not even describe
    /// itself, the failure that each case then has.
    pub(crate) settings: Result<Settings, Failure>,
}

/// What a run came to. Its fields are promised to scripts that read them.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) run_dir: String,
    pub(crate) status: Status,
    pub(crate) n_cases: u64,
    pub(crate) score: Option<Interval>,
    pub(crate) failures: Failures,
    pub(crate) calls: Calls,
    pub(crate) tokens: Tokens,
    pub(crate) guest_cpu_s: f64,
    pub(crate) wall_s: f64,
    /// The first rows; all of them are in `results.jsonl`.
    pub(crate) cases: Vec<ResultRow>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Every case ran.
    #[default]
    Complete,
    /// Every case ran, and the world failed some of them.
    Degraded,
    /// It was stopped.
    Interrupted,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Failures {
    /// Cases in which a guest failed.
    pub(crate) guest: u64,
    /// Cases that a failure of the world touched.
    pub(crate) world: u64,
    /// Guests' failures by kind.
    pub(crate) kinds: BTreeMap<&'static str, u64>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Calls {
    pub(crate) total: u64,
    pub(crate) generate: u64,
    pub(crate) search: u64,
    pub(crate) tool: u64,
    pub(crate) artifact: u64,
}

/// Tokens as far as providers counted them.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Tokens {
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// How many rows a summary shows.
const ROWS_SHOWN: usize = 20;

/// Cases that may be done and wait for one before them to be written.
///
/// A case that takes ten minutes must not make the host keep all that come
/// after it.
const DONE_AHEAD_MAX: usize = 1024;

/// Bytes of the lines of such cases, beyond which no further case begins.
const HELD_BYTES_MAX: u64 = 256 << 20;

/// Runs all cases and writes the run.
pub(crate) async fn run(
    plan: Plan,
    cases: &Source,
    workers: usize,
    mut dir: RunDir,
    progress: &Progress,
) -> CommandResult<Summary> {
    let began = Instant::now();
    let plan = Arc::new(plan);
    let mut tally = Tally::default();
    let mut rows = cases.cases()?;
    let mut running: VecDeque<JoinHandle<Done>> = VecDeque::new();
    let places = Arc::new(Semaphore::new(workers));
    let held = Arc::new(AtomicU64::new(0));
    let mut stop = Stop::listen();
    // Whether there is a case left that should begin, and whether a person asked to stop.
    let (mut more, mut stopping) = (true, false);
    loop {
        let has_room =
            running.len() < workers + DONE_AHEAD_MAX && held.load(Relaxed) < HELD_BYTES_MAX;
        let may_begin = more && (running.is_empty() || has_room);
        if running.is_empty() && !may_begin {
            break;
        }
        tokio::select! {
            biased;
            () = stop.asked() => {
                if stopping {
                    break;
                }
                report::note("stopping after the cases that run now; once more stops at once");
                (more, stopping) = (false, true);
            }
            done = first(&mut running), if !running.is_empty() => {
                running.pop_front();
                held.fetch_sub(done.lines.bytes(), Relaxed);
                dir.append(&done.lines)?;
                tally.add(&done);
                progress.case_done(&tally.mean, tally.failures.guest + tally.failures.world);
                if tally.rows.len() < ROWS_SHOWN {
                    tally.rows.push(done.row);
                }
            }
            // No row is read before there is a place to run it.
            place = places.clone().acquire_owned(), if may_begin => {
                let Some(case) = rows.next() else {
                    more = false;
                    continue;
                };
                let (plan, held, case) = (plan.clone(), held.clone(), case?);
                running.push_back(plan.tenant.clone().spawn(async move {
                    let _place = place;
                    let done = run_case(&plan, &case).await;
                    held.fetch_add(done.lines.bytes(), Relaxed);
                    done
                }));
            }
        }
    }
    running.iter().for_each(JoinHandle::abort);
    let summary = tally.summary(&dir, stopping, began);
    dir.finish(&summary)?;
    Ok(summary)
}

/// Waits for the first of the running cases.
async fn first(running: &mut VecDeque<JoinHandle<Done>>) -> Done {
    let first = running.front_mut().expect("somebody runs");
    // A case's task is ours: nobody else stops it, and if it panics so do we.
    first
        .await
        .unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()))
}

/// Hears the wish to stop, from a person or a system.
struct Stop {
    interrupt: Option<Signal>,
    terminate: Option<Signal>,
}

impl Stop {
    fn listen() -> Self {
        Self {
            interrupt: signal(SignalKind::interrupt()).ok(),
            terminate: signal(SignalKind::terminate()).ok(),
        }
    }

    async fn asked(&mut self) {
        tokio::select! {
            () = heard(&mut self.interrupt) => {}
            () = heard(&mut self.terminate) => {}
        }
    }
}

/// Waits for a signal; for ever where it cannot be heard.
async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// What one case left.
struct Done {
    lines: Lines,
    row: ResultRow,
    calls: Calls,
    tokens: Tokens,
    cpu_us: u64,
}

async fn run_case(plan: &Plan, case: &Case) -> Done {
    let began = Instant::now();
    // A guest's clock and randomness are made of the case, and of nothing that
    // changes from run to run.
    let attempt = Attempt::first(seed::of(case.id.as_str()));
    let ran = match &plan.settings {
        Ok(settings) => plan.tenant.run_chain(case, settings, attempt).await,
        Err(failure) => GuestRun {
            result: Err(failure.clone()),
            trace: CaseTrace::default(),
            used: Used::default(),
        },
    };
    // A row without an expected value has nothing to be graded against.
    let graded = plan.tenant.has_scorer() && case.is_labelled();
    let scored = match &ran.result {
        // A case that failed is scored as empty, and nobody needs to be asked what that is worth.
        Ok(outcome) if graded => {
            let pipeline = Graded::Pipeline {
                outcome: outcome.clone(),
                visits: ran.trace.visits.clone(),
                calls: ran.trace.calls.clone(),
                profile: String::new(),
            };
            Some(plan.tenant.score(case, pipeline, attempt).await)
        }
        _ => None,
    };
    let row = ResultRow::new(
        case,
        1,
        (&ran.result, &ran.trace),
        scored
            .as_ref()
            .map(|scored| (&scored.result, &scored.trace)),
        graded,
    );
    let timing = TimingRow {
        case_id: case.id.clone(),
        repeat: 1,
        queue_us: 0,
        wall_us: began.elapsed().as_micros() as u64,
        chain_cpu_us: ran.used.cpu_us,
        scorer_cpu_us: scored.as_ref().map_or(0, |scored| scored.used.cpu_us),
        chain_memory_bytes: ran.used.memory_bytes,
        step_timings: ran
            .trace
            .visits
            .iter()
            .map(|v| (v.step.clone(), v.visit, v.span))
            .collect(),
        call_timings: ran.trace.calls.iter().map(|call| call.span).collect(),
        judge_timings: vec![],
    };
    let judged = scored
        .as_ref()
        .map_or(&[][..], |scored| &scored.trace.calls);
    let lines = Lines::new(
        case,
        &row,
        &timing,
        &[(Role::Chain, &ran.trace.calls), (Role::Scorer, judged)],
    );
    let (calls, tokens) = count(ran.trace.calls.iter().chain(judged).map(|call| &call.body));
    Done {
        lines,
        row,
        calls,
        tokens,
        cpu_us: timing.chain_cpu_us + timing.scorer_cpu_us,
    }
}

fn count<'a>(bodies: impl Iterator<Item = &'a CallBody>) -> (Calls, Tokens) {
    let (mut calls, mut tokens) = (Calls::default(), Tokens::default());
    for body in bodies {
        calls.total += 1;
        match body {
            CallBody::Generate { answer, .. } => {
                calls.generate += 1;
                if let Some(completion) = answer {
                    tokens.input += u64::from(completion.usage.input_tokens.unwrap_or(0));
                    tokens.output += u64::from(completion.usage.output_tokens.unwrap_or(0));
                }
            }
            CallBody::Search { .. } => calls.search += 1,
            CallBody::Tool { .. } => calls.tool += 1,
            CallBody::Artifact { .. } => calls.artifact += 1,
        }
    }
    (calls, tokens)
}

/// What the cases so far come to.
#[derive(Default)]
struct Tally {
    n_cases: u64,
    mean: Mean,
    failures: Failures,
    calls: Calls,
    tokens: Tokens,
    cpu_us: u64,
    rows: Vec<ResultRow>,
}

impl Tally {
    fn add(&mut self, done: &Done) {
        self.n_cases += 1;
        if let Some(score) = done.row.composite_score {
            self.mean.add(score);
        }
        if done.row.world_failure.is_some() {
            self.failures.world += 1;
        } else if let Some(failure) = done
            .row
            .failure
            .as_ref()
            .or(done.row.scorer_failure.as_ref())
        {
            self.failures.guest += 1;
            *self.failures.kinds.entry(failure.kind.name()).or_default() += 1;
        }
        self.calls.total += done.calls.total;
        self.calls.generate += done.calls.generate;
        self.calls.search += done.calls.search;
        self.calls.tool += done.calls.tool;
        self.calls.artifact += done.calls.artifact;
        self.tokens.input += done.tokens.input;
        self.tokens.output += done.tokens.output;
        self.cpu_us += done.cpu_us;
    }

    fn summary(self, dir: &RunDir, interrupted: bool, began: Instant) -> Summary {
        Summary {
            run_dir: dir.path().display().to_string(),
            status: match (interrupted, self.failures.world) {
                (true, _) => Status::Interrupted,
                (false, 0) => Status::Complete,
                (false, _) => Status::Degraded,
            },
            n_cases: self.n_cases,
            score: self.mean.interval(),
            failures: self.failures,
            calls: self.calls,
            tokens: self.tokens,
            guest_cpu_s: self.cpu_us as f64 / 1e6,
            wall_s: began.elapsed().as_secs_f64(),
            cases: self.rows,
        }
    }
}
