//! Running cases: each through the chain, then through the scorer, many at
//! once, and written in the order of the dataset.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use fapo_core::artifact::{CallRow, Ran, ResultRow, TimingRow};
use fapo_core::case::Case;
use fapo_core::manifest::Role;
use fapo_core::outcome::{Failure, Outcome};
use fapo_core::run::Status;
use fapo_core::score::Score;
use fapo_core::settings::Settings;
use fapo_core::trace::{Call, CaseTrace, Span};
use fapo_sandbox::Attempt;
use fapo_sandbox::tenant::{Graded, GuestRun, Tenant, Used};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::artifacts::DiskArtifacts;
use crate::dataset::{Cases, Source};
use crate::exit::{CommandResult, file_error};
use crate::model_calls::ModelCalls;
use crate::report::{self, Progress};
use crate::run_dir::{Finished, Lines, RunDir};
use crate::seed;
use crate::stop::Stop;
use crate::tally::Tally;

/// What a run does with each case.
pub(crate) struct Plan {
    pub(crate) chain: Tenant,
    /// What the chain runs with; or, when the chain could not even describe
    /// itself, the failure that each case then has.
    pub(crate) settings: Result<Arc<Settings>, Failure>,
    pub(crate) scorer: Option<Tenant>,
    pub(crate) profile: String,
    pub(crate) artifacts: Arc<DiskArtifacts>,
}

/// A run, ready to begin or to go on.
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) cases: Source,
    pub(crate) repeats: u32,
    pub(crate) workers: usize,
    /// The share of rows that the world may fail.
    pub(crate) world_failures_max: f64,
    pub(crate) calls: ModelCalls,
    pub(crate) dir: RunDir,
    /// What an earlier process of this run has done.
    pub(crate) finished: Finished,
    pub(crate) tally: Tally,
}

/// A run that has ended, and what is to be told of it.
pub(crate) struct Ended {
    pub(crate) dir: RunDir,
    pub(crate) calls: ModelCalls,
    pub(crate) tally: Tally,
    pub(crate) status: Status,
    pub(crate) wall: Duration,
}

/// Cases that may be done and wait for one before them to be written.
///
/// A case that takes ten minutes must not make the host keep all that come
/// after it.
const DONE_AHEAD_MAX: usize = 1024;

/// Bytes of the lines of such cases, beyond which no further case begins.
const HELD_BYTES_MAX: u64 = 256 << 20;

/// How often a run says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

impl Run {
    /// Returns how many rows the whole run has.
    fn n_rows(&self) -> u64 {
        self.cases.n_cases() * u64::from(self.repeats)
    }
}

/// Runs all cases and writes their rows.
pub(crate) async fn run(mut run: Run, progress: &Progress) -> CommandResult<Ended> {
    let began = Instant::now();
    let n_rows = run.n_rows();
    let world_failures_max = (run.world_failures_max * n_rows as f64).floor() as u64;
    progress.begin(n_rows, &run.tally);
    let plan = Arc::new(run.plan);
    let mut rows = Rows::new(run.cases.cases()?, run.repeats);
    let mut running: VecDeque<JoinHandle<Done>> = VecDeque::new();
    let places = Arc::new(Semaphore::new(run.workers));
    let held = Arc::new(AtomicU64::new(0));
    let mut stop = Stop::listen();
    let mut tick = tokio::time::interval(TELL_EVERY);
    // Whether there is a row left that should begin, and whether a person asked to stop.
    let (mut more, mut stopping) = (true, false);
    loop {
        let has_room =
            running.len() < run.workers + DONE_AHEAD_MAX && held.load(Relaxed) < HELD_BYTES_MAX;
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
                // What was answered and could not be kept is not built upon.
                run.calls.check()?;
                held.fetch_sub(done.lines.bytes(), Relaxed);
                run.dir.append(&done.lines)?;
                done.add_to(&mut run.tally);
                let in_flight = run.workers - places.available_permits();
                progress.row_done(&run.tally, in_flight);
                if run.tally.failures.world > world_failures_max || run.calls.is_spent() {
                    more = false;
                }
            }
            // No row is read before there is a place to run it.
            place = places.clone().acquire_owned(), if may_begin => {
                let Some((case, repeat)) = rows.next(&run.finished)? else {
                    more = false;
                    continue;
                };
                if run.finished.n_rows() > 0 {
                    // A case that an earlier process began must not meet what it wrote.
                    let forgotten = plan.artifacts.forget(&case.id, repeat);
                    forgotten.map_err(|error| file_error("clear", run.dir.path(), error))?;
                }
                let (plan, held) = (plan.clone(), held.clone());
                let asked = Instant::now();
                running.push_back(plan.chain.clone().spawn(async move {
                    let _place = place;
                    let done = run_case(&plan, &case, repeat, asked).await;
                    held.fetch_add(done.lines.bytes(), Relaxed);
                    done
                }));
            }
            _ = tick.tick() => {
                let in_flight = run.workers - places.available_permits();
                run.dir.flush()?;
                progress.tell(&run.dir, &run.tally, in_flight)?;
            }
        }
    }
    running.iter().for_each(JoinHandle::abort);
    run.dir.flush()?;
    let status = match run.tally.failures.world {
        _ if run.calls.is_spent() => Status::Budget,
        n if n > world_failures_max => Status::Failed,
        _ if stopping && run.tally.n_rows < n_rows => Status::Interrupted,
        0 => Status::Complete,
        _ => Status::Degraded,
    };
    Ok(Ended {
        dir: run.dir,
        calls: run.calls,
        tally: run.tally,
        status,
        wall: began.elapsed(),
    })
}

/// Waits for the first of the running cases.
async fn first(running: &mut VecDeque<JoinHandle<Done>>) -> Done {
    let first = running.front_mut().expect("somebody runs");
    // A case's task is ours: nobody else stops it, and if it panics so do we.
    first
        .await
        .unwrap_or_else(|ended| std::panic::resume_unwind(ended.into_panic()))
}

/// The rows to be run: each case as often as it repeats.
struct Rows {
    cases: Cases,
    repeats: u32,
    case: Option<(Arc<Case>, u32)>,
}

impl Rows {
    fn new(cases: Cases, repeats: u32) -> Self {
        Self {
            cases,
            repeats,
            case: None,
        }
    }

    /// Returns the next row that is not finished.
    fn next(&mut self, finished: &Finished) -> CommandResult<Option<(Arc<Case>, u32)>> {
        loop {
            let (case, repeat) = match self.case.take() {
                Some((case, repeat)) if repeat < self.repeats => (case, repeat + 1),
                _ => match self.cases.next().transpose()? {
                    Some(case) => (Arc::new(case), 1),
                    None => return Ok(None),
                },
            };
            self.case = Some((case.clone(), repeat));
            if !finished.has(&case.id, repeat) {
                return Ok(Some((case, repeat)));
            }
        }
    }
}

/// What one row left.
pub(crate) struct Done {
    lines: Lines,
    row: ResultRow,
    timing: TimingRow,
    calls: Vec<CallRow>,
}

impl Done {
    /// Puts together what chain and scorer left of a row. What the scorer took
    /// is added to the chain's timing, and its calls come after the chain's.
    pub(crate) fn new(
        case: &Case,
        ran: &Ran<Outcome>,
        mut trace: CaseTrace,
        scored: Option<GuestRun<Score>>,
        timing: TimingRow,
    ) -> Self {
        let repeat = timing.repeat;
        let told = scored
            .as_ref()
            .map(|scored| (&scored.result, &scored.trace));
        let row = ResultRow::new(case, repeat, (ran, &mut trace), told, scored.is_some());
        let scorer_cpu_us = scored.as_ref().map_or(0, |scored| scored.used.cpu_us);
        let judged = scored.map_or_else(Vec::new, |scored| scored.trace.calls);
        let timing = TimingRow {
            scorer_cpu_us,
            judge_timings: spans(&judged),
            ..timing
        };
        let rows = |role, calls| CallRow::of(&case.id, repeat, role, calls);
        let calls = rows(Role::Chain, trace.calls).chain(rows(Role::Scorer, judged));
        let mut calls: Vec<_> = calls.collect();
        let lines = Lines::new(&row, &timing, &calls);
        // It may have to wait for the rows before it.
        calls.iter_mut().for_each(CallRow::forget_texts);
        Self {
            lines,
            row,
            timing,
            calls,
        }
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn add_to(&self, tally: &mut Tally) {
        tally.add(&self.row);
        tally.add_timing(&self.timing);
        self.calls.iter().for_each(|call| tally.add_call(call));
    }
}

/// Returns what decides the clock and the randomness of a row's guests: the
/// row, and nothing that changes from run to run.
pub(crate) fn attempt(case: &Case, repeat: u32) -> Attempt {
    let id = case.id.as_str();
    let seed = match repeat {
        1 => seed::of(id),
        _ => seed::of(&format!("{id}\n{repeat}")),
    };
    Attempt { repeat, seed }
}

async fn run_case(plan: &Plan, case: &Arc<Case>, repeat: u32, asked: Instant) -> Done {
    let began = Instant::now();
    let attempt = attempt(case, repeat);
    let ran = match &plan.settings {
        Ok(settings) => plan.chain.run_chain(case, settings, attempt).await,
        Err(failure) => GuestRun {
            result: Err(failure.clone()),
            trace: CaseTrace::default(),
            used: Used::default(),
        },
    };
    let trace = Arc::new(ran.trace);
    let scored = score(
        plan.scorer.as_ref(),
        &plan.profile,
        case,
        attempt,
        &ran.result,
        &trace,
    )
    .await;
    let timing = TimingRow {
        case_id: case.id.clone(),
        repeat,
        queue_us: (began - asked).as_micros() as u64,
        wall_us: began.elapsed().as_micros() as u64,
        chain_cpu_us: ran.used.cpu_us,
        chain_memory_bytes: ran.used.memory_bytes,
        step_timings: trace
            .visits
            .iter()
            .map(|v| (v.step.clone(), v.visit, v.span))
            .collect(),
        call_timings: spans(&trace.calls),
        ..TimingRow::default()
    };
    let trace = Arc::unwrap_or_clone(trace);
    Done::new(case, &ran.result, trace, scored, timing)
}

fn spans(calls: &[Call]) -> Vec<Span> {
    calls.iter().map(|call| call.span).collect()
}

/// Grades what a chain made of a case: an empty outcome, where it failed.
///
/// A row without an expected value has nothing to be graded against.
pub(crate) async fn score(
    scorer: Option<&Tenant>,
    profile: &str,
    case: &Arc<Case>,
    attempt: Attempt,
    result: &Result<Outcome, Failure>,
    trace: &Arc<CaseTrace>,
) -> Option<GuestRun<Score>> {
    let scorer = scorer.filter(|_| case.is_labelled())?;
    let pipeline = Graded::Pipeline {
        outcome: result.as_ref().cloned().unwrap_or_default(),
        trace: trace.clone(),
        profile: profile.to_owned(),
    };
    Some(scorer.score(case, pipeline, attempt).await)
}
