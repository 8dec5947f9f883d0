//! `fapo-host bench sandbox`
//!
//! A case is the six-step chain with imports that answer at once: a fresh
//! store, its limits, rendering, trace and records, and the drop. Beside it
//! stand the same steps in an instance that is used again, as native code, and
//! in a process of their own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fapo_core::Untrusted;
use fapo_core::call::{
    Choice, Completion, Delivery, FinishReason, Found, GenerateRequest, Passage, SearchRequest,
    Usage,
};
use fapo_core::case::Case;
use fapo_core::manifest::Grants;
use fapo_core::settings::{Overrides, Settings};
use fapo_sandbox::Attempt;
use fapo_sandbox::imports::{Answer, Provider, Retriever};
use fapo_sandbox::tenant::Tenant;
use fapo_sandbox::{CallSite, Imports, Sandbox};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::native::{self, Canned};
use crate::commands::{load, runtime_on};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::home::Home;
use crate::{guests, report};

/// Measure a case in a fresh instance, beside what else one could do
///
/// Prints one line of JSON. Times are microseconds for one case; `cpu_us` is
/// all the CPU time of the process, `reused_cpu_us` that of an instance that
/// runs case after case, `native_cpu_us` the same steps without a sandbox,
/// `process_cpu_us` a process for each case, and `cpu_us_2` is `cpu_us` while two
/// cores run cases. `call_10k_us` is what 10 KB more
/// each way add to one call, and `waiting_case_kib` the memory of a case that
/// waits for a model.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Cases of each measurement
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..))]
    n: u32,
    /// The component of `components/six-step`; without it, it is built
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

/// The figures. Their names are promised to scripts that read them.
#[derive(Serialize)]
struct Figures {
    us_min: f64,
    us_p50: f64,
    us_p99: f64,
    cpu_us: f64,
    reused_cpu_us: f64,
    native_cpu_us: f64,
    process_cpu_us: f64,
    cases_per_s_1: f64,
    cases_per_s_2: f64,
    cpu_us_2: f64,
    call_10k_us: f64,
    waiting_case_kib: f64,
    n: u32,
}

/// Cases in flight for each core while throughput is measured.
const IN_FLIGHT: usize = 4;

/// Cases that wait at once while their memory is measured.
const WAITING: usize = 1000;

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let component = match &args.component {
        Some(component) => component.clone(),
        None => build()?,
    };
    let cores = cores()?;
    let small = Canned {
        reply: "r".repeat(200),
        passage: "p".repeat(200),
    };
    let large = Canned {
        reply: "r".repeat(10_200),
        passage: small.passage.clone(),
    };
    let question = "q".repeat(60);
    let n = args.n;

    let one = Bench::on(&cores[..1], &component, small.clone())?;
    one.run(&question, n, IN_FLIGHT);
    let mut one_by_one = one.latencies(&question, n);
    one_by_one.sort_unstable_by(f64::total_cmp);
    let alone = one.run(&question, n, IN_FLIGHT);
    let reused_cpu_us = one.reused(&question, n)?;
    drop(one);

    let long = Bench::on(&cores[..1], &component, large)?;
    let with_long_texts = long.run(&"q".repeat(10_060), n / 4, IN_FLIGHT);
    drop(long);

    let both = Bench::on(&cores, &component, small.clone())?;
    both.run(&question, n, IN_FLIGHT * cores.len());
    let together = both.run(&question, n * 4, IN_FLIGHT * cores.len());
    drop(both);

    let waiting = Bench::on(&cores, &component, small.clone())?;
    let waiting_case_kib = waiting.waiting(&question);
    drop(waiting);

    report::json(&Figures {
        us_min: one_by_one[0],
        us_p50: one_by_one[one_by_one.len() / 2],
        us_p99: one_by_one[one_by_one.len() * 99 / 100],
        cpu_us: alone.cpu_us,
        reused_cpu_us,
        native_cpu_us: native_cpu_us(&small, &question, n),
        process_cpu_us: process_cpu_us(&small, &question, n.div_ceil(10).min(300))?,
        cases_per_s_1: alone.cases_per_s,
        cases_per_s_2: together.cases_per_s,
        cpu_us_2: together.cpu_us,
        // Four calls carry a longer request and a longer answer.
        call_10k_us: (with_long_texts.cpu_us - alone.cpu_us) / 4.0,
        waiting_case_kib,
        n,
    });
    Ok(Exit::Done)
}

/// Builds the chain from the sources that this program was built from.
fn build() -> CommandResult<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../components/six-step");
    let built = guests::build(&sources).map_err(|error| {
        error.hint("where the sources are not at hand, name the built component with `--component`")
    })?;
    Ok(built
        .into_iter()
        .next()
        .expect("a crate makes one component"))
}

/// Two cores to measure on, or what there is.
fn cores() -> CommandResult<Vec<usize>> {
    let set = sched_getaffinity(None)
        .map_err(|error| CommandError::world("could not ask for cores").because(error))?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|core| set.is_set(*core))
        .take(2)
        .collect())
}

/// A sandbox on some cores, with the chain in it.
struct Bench {
    runtime: tokio::runtime::Runtime,
    tenant: Tenant,
    settings: Arc<Settings>,
    _sandbox: Sandbox,
}

/// What a case came to when many were run.
struct Throughput {
    cpu_us: f64,
    cases_per_s: f64,
}

impl Bench {
    /// Sets up everything anew on some cores: threads keep to those that they
    /// were started on.
    fn on(cores: &[usize], component: &Path, canned: Canned) -> CommandResult<Self> {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        sched_setaffinity(None, &set)
            .map_err(|error| CommandError::world("could not choose cores").because(error))?;
        let runtime = runtime_on(cores.len())?;
        let home = Home::find()?;
        let (tenant, settings, sandbox) = runtime.block_on(async {
            let grants = Grants::default();
            let sandbox = home.sandbox_on(cores.len(), grants.limits.stack_bytes_max)?;
            let loaded = load(&sandbox, component, &grants.limits).await?;
            let answers = Arc::new(AtOnce(canned));
            let imports = Imports {
                provider: Some(answers.clone()),
                retriever: Some(answers),
                ..Imports::default()
            };
            let tenant = sandbox.tenant(loaded, grants, imports);
            let info = tenant.describe().await.result.map_err(|failure| {
                CommandError::person(format!(
                    "this is not the chain to measure: {}",
                    failure.message
                ))
            })?;
            let settings = Settings::resolve(&info, &Overrides::default()).map_err(|error| {
                CommandError::person("the chain's settings do not hold together").because(error)
            })?;
            CommandResult::Ok((tenant.with_steps(&info), settings, sandbox))
        })?;
        Ok(Self {
            runtime,
            tenant,
            settings: Arc::new(settings),
            _sandbox: sandbox,
        })
    }

    /// Runs cases one after the other, and returns the time of each.
    fn latencies(&self, question: &str, n: u32) -> Vec<f64> {
        let case = Arc::new(case(question));
        self.runtime.block_on(async {
            let mut times = Vec::new();
            for seed in 0..n {
                let began = Instant::now();
                let ran = self
                    .tenant
                    .run_chain(&case, &self.settings, Attempt::first(u64::from(seed)))
                    .await;
                times.push(began.elapsed().as_nanos() as f64 / 1000.0);
                ran.result.expect("canned answers fail no case");
            }
            times
        })
    }

    /// Runs cases with some in flight.
    fn run(&self, question: &str, n: u32, in_flight: usize) -> Throughput {
        let case = Arc::new(case(question));
        let (began, cpu) = (Instant::now(), process_cpu());
        self.runtime.block_on(async {
            let each = n.div_ceil(in_flight as u32);
            let lanes = (0..in_flight).map(|_| {
                let (tenant, settings, case) =
                    (self.tenant.clone(), self.settings.clone(), case.clone());
                tenant.clone().spawn(async move {
                    for seed in 0..each {
                        let ran = tenant
                            .run_chain(&case, &settings, Attempt::first(u64::from(seed)))
                            .await;
                        ran.result.expect("canned answers fail no case");
                    }
                })
            });
            for lane in lanes.collect::<Vec<_>>() {
                lane.await.expect("a lane does not panic");
            }
        });
        let n = f64::from(n.div_ceil(in_flight as u32) * in_flight as u32);
        Throughput {
            cpu_us: (process_cpu() - cpu).as_secs_f64() * 1e6 / n,
            cases_per_s: n / began.elapsed().as_secs_f64(),
        }
    }

    /// Runs cases in one instance, and returns the CPU time of one.
    fn reused(&self, question: &str, n: u32) -> CommandResult<f64> {
        let case = Arc::new(case(question));
        let ran = self
            .runtime
            .block_on(self.tenant.repeat_chain(&case, &self.settings, n));
        match ran.result {
            Ok(cpu_us) => Ok(cpu_us as f64 / f64::from(n)),
            Err(failure) => Err(CommandError::person(format!(
                "the chain failed: {}",
                failure.message
            ))),
        }
    }

    /// Has many cases wait for a model, and returns what memory one takes.
    fn waiting(&self, question: &str) -> f64 {
        let case = Arc::new(case(question));
        self.runtime.block_on(async {
            let before = resident_kib();
            let waiting = Arc::new(Waiting::default());
            let tenant = self.tenant.clone().with_provider(waiting.clone());
            let cases: Vec<_> = (0..WAITING)
                .map(|seed| {
                    let (tenant, settings, case) =
                        (tenant.clone(), self.settings.clone(), case.clone());
                    tokio::spawn(async move {
                        tenant
                            .run_chain(&case, &settings, Attempt::first(seed as u64))
                            .await
                    })
                })
                .collect();
            while waiting.0.load(std::sync::atomic::Ordering::Relaxed) < WAITING {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            let during = resident_kib();
            cases.iter().for_each(tokio::task::JoinHandle::abort);
            (during - before) / WAITING as f64
        })
    }
}

fn case(question: &str) -> Case {
    let row = serde_json::json!({"case_id": "1", "context": native::context(question)});
    Case::from_json(&row.to_string()).expect("the row is a case")
}

fn native_cpu_us(canned: &Canned, question: &str, n: u32) -> f64 {
    let settings = native::settings();
    let cpu = process_cpu();
    for _ in 0..n {
        assert!(native::run(&settings, question, canned) > 0);
    }
    (process_cpu() - cpu).as_secs_f64() * 1e6 / f64::from(n)
}

fn process_cpu_us(canned: &Canned, question: &str, n: u32) -> CommandResult<f64> {
    let failed = |error| CommandError::world("could not run a process for a case").because(error);
    let cpu = process_cpu() + children_cpu();
    for _ in 0..n {
        native::run_process(canned, question).map_err(failed)?;
    }
    Ok((process_cpu() + children_cpu() - cpu).as_secs_f64() * 1e6 / f64::from(n))
}

fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// CPU time of children that have ended, in the kernel's hundredths of seconds.
fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name may hold spaces; what follows its parenthesis does not.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let ticks: u64 = fields
        .get(13..15)
        .unwrap_or_default()
        .iter()
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn resident_kib() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0.0);
    pages * rustix::param::page_size() as f64 / 1024.0
}

/// Answers at once.
struct AtOnce(Canned);

impl Provider for AtOnce {
    fn generate(&self, _site: CallSite, _request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let text = Untrusted::from(self.0.reply.as_str());
        let completion = Completion {
            model: "canned".into(),
            choices: vec![Choice {
                text,
                tool_calls: vec![],
                finish_reason: FinishReason::Stop,
                opaque: vec![],
            }],
            usage: Usage::default(),
        };
        Box::pin(std::future::ready(Ok(completion).into()))
    }
}

impl Retriever for AtOnce {
    fn search(&self, _site: CallSite, request: Arc<SearchRequest>) -> Answer<Found> {
        let passages: Vec<_> = (1..=request.k)
            .map(|rank| Passage {
                id: rank.to_string().into(),
                title: "Title".into(),
                text: self.0.passage.as_str().into(),
                score: 1.0,
                rank,
                metadata: "{}".into(),
            })
            .collect();
        Box::pin(std::future::ready(Ok(passages).into()))
    }
}

/// Never answers, and counts who waits.
#[derive(Default)]
struct Waiting(std::sync::atomic::AtomicUsize);

impl Provider for Waiting {
    fn generate(&self, _site: CallSite, _request: Arc<GenerateRequest>) -> Answer<Delivery> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Box::pin(std::future::pending())
    }
}
