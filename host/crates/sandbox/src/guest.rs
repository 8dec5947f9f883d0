//! One instance at work: its state, its way through the guest runtime, and
//! what is left of it.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use fapo_core::Untrusted;
use fapo_core::call::{ArtifactError, ProviderError, RetrievalError, ToolError};
use fapo_core::case::CaseId;
use fapo_core::limits::Limits;
use fapo_core::manifest::{Capability, Role};
use fapo_core::outcome::Failure;
use fapo_core::trace::CallBody;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use wasmtime::component::{Instance, ResourceTable};
use wasmtime::{Store, Trap, UpdateDeadline};

use crate::bindings::fapo::tenant::types;
use crate::desk::Desk;
use crate::failure;
use crate::imports::{Answer, CallSite, Imports, Trace};
use crate::meter::{CpuMeter, LooksUp, MemoryMeter, Stopped, Watched};
use crate::recorder::{Recorder, Spent, within};
use crate::sandbox::Shared;
use crate::tenant::{Attempt, Binding, GuestRun, Used};
use crate::wasi::Wasi;

/// Everything about a guest that is settled before it starts.
pub(crate) struct Prepared {
    pub(crate) binding: Arc<Binding>,
    pub(crate) role: Role,
    /// Whether every import is denied, whatever was granted.
    pub(crate) alone: bool,
    pub(crate) case: CaseId,
    pub(crate) attempt: Attempt,
}

/// The state of one instance.
pub(crate) struct Guest {
    shared: Arc<Shared>,
    binding: Arc<Binding>,
    pub(crate) role: Role,
    alone: bool,
    case: CaseId,
    repeat: u32,
    pub(crate) recorder: Arc<Recorder>,
    cpu: Arc<CpuMeter>,
    cpu_max: Duration,
    desk: Arc<Desk>,
    pub(crate) counts: Counts,
    pub(crate) artifact_bytes: BTreeMap<String, u64>,
    pub(crate) memory: MemoryMeter,
    pub(crate) table: ResourceTable,
    pub(crate) wasi: Wasi,
}

/// How often each import was called.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) provider: u64,
    pub(crate) retrieval: u64,
    pub(crate) tools: u64,
    pub(crate) artifacts: u64,
}

impl types::Host for Guest {}

impl Guest {
    /// Forgets what the case before has used.
    pub(crate) fn start_anew(&mut self) {
        self.counts = Counts::default();
        self.recorder.take();
    }

    /// Returns what the guest may use.
    pub(crate) fn limits(&self) -> &Limits {
        &self.binding.grants.limits
    }

    /// Tells whether the calls of this case are shown to a scorer.
    pub(crate) fn reads_calls(&self) -> bool {
        self.binding.grants.reads_calls
    }

    /// Ends the guest when its CPU time is over. The engine sees to that while
    /// the guest runs; work that the host does for it is checked before it begins.
    pub(crate) fn check_cpu(&self) -> wasmtime::Result<()> {
        match self.cpu.looks_up(self.cpu_max) {
            LooksUp::Ends => Err(Trap::Interrupt.into()),
            LooksUp::MakesRoom | LooksUp::GoesOn => Ok(()),
        }
    }

    /// Tells whether the guest has had this thread for as long as one may.
    pub(crate) fn is_due(&self) -> bool {
        self.cpu.looks_up(self.cpu_max) == LooksUp::MakesRoom
    }

    /// Ends the guest when a request is too large, or does not fit beside those
    /// that are kept of this case.
    pub(crate) fn check_request(&self, bytes: usize) -> Result<(), Spent> {
        within(
            "request_bytes_max",
            self.limits().request_bytes_max,
            bytes as u64,
        )?;
        self.recorder.take_room(bytes as u64)
    }

    /// Returns a check of answers: the error is what the guest is told.
    pub(crate) fn answer_check(&self) -> impl Fn(usize) -> Result<(), String> + Send + use<> {
        let (recorder, max) = (self.recorder.clone(), self.limits().answer_bytes_max);
        move |bytes| {
            if bytes as u64 > max {
                return Err(format!(
                    "the answer is larger than `answer_bytes_max`, which is {max}"
                ));
            }
            recorder.take_room(bytes as u64).map_err(|spent| {
                format!(
                    "the calls of this case are larger than `{}`, which is {}",
                    spent.key, spent.max
                )
            })
        }
    }

    /// Returns what stands behind an import that a step calls, or why the call
    /// is not admitted.
    pub(crate) fn admit<'a, T: ?Sized>(
        &'a self,
        capability: Capability,
        step: &Untrusted,
        behind: impl FnOnce(&'a Imports) -> Option<&'a T>,
    ) -> Result<&'a T, NotAdmitted> {
        let name = capability.name();
        if self.alone || !self.binding.grants.of(self.role).contains(&capability) {
            let role = match self.role {
                Role::Chain => "chain",
                Role::Scorer => "scorer",
            };
            return Err(NotAdmitted::Denied(format!(
                "`{name}` is not granted to the {role}"
            )));
        }
        let behind = behind(&self.binding.imports)
            .ok_or_else(|| NotAdmitted::Denied(format!("this run has no `{name}`")))?;
        self.check_step(step.as_str())
            .map_err(NotAdmitted::UnknownStep)?;
        Ok(behind)
    }

    /// Returns who decides what becomes of the steps, where somebody does.
    pub(crate) fn replay(&self) -> Option<&dyn Trace> {
        self.binding
            .imports
            .trace
            .as_deref()
            .filter(|_| !self.alone)
    }

    /// Checks that a step is declared; the error is what the guest is told.
    pub(crate) fn check_step(&self, step: &str) -> Result<(), Untrusted> {
        match (&self.binding.steps, self.role) {
            (Some(steps), Role::Chain) if !steps.contains(step) => Err(step.into()),
            _ => Ok(()),
        }
    }

    /// Notes a call and returns where it comes from, and its place in the trace.
    pub(crate) fn call_begins(&self, step: Untrusted, body: CallBody) -> (CallSite, usize) {
        let (at, visit, sample) = self.recorder.call_begins(&step, body);
        let mut site = self.site(step, at);
        (site.visit, site.sample) = (visit, sample);
        (site, at)
    }

    pub(crate) fn site(&self, step: Untrusted, at: usize) -> CallSite {
        CallSite {
            role: self.role,
            case: self.case.clone(),
            repeat: self.repeat,
            step,
            visit: 0,
            sample: 0,
            seq: u32::try_from(at).unwrap_or(u32::MAX),
        }
    }

    /// Asks a question, and waits for its answer.
    pub(crate) fn ask<Q>(&self, question: Q) -> impl Future<Output = Q::Output> + Send + use<Q>
    where
        Q: Future<Output: Send> + Send + 'static,
    {
        self.desk.leave(question)
    }

    /// Asks a question that was admitted; the error is why it was not.
    pub(crate) fn ask_admitted<Q, T, E>(
        &self,
        question: Result<Q, E>,
    ) -> impl Future<Output = Result<T, E>> + Send + use<Q, T, E>
    where
        Q: Future<Output = Result<T, E>> + Send + 'static,
        T: Send,
        E: Send,
    {
        let asked = question.map(|question| self.ask(question));
        async move { asked?.await }
    }

    /// Sends one of several questions on its way, if it was admitted.
    ///
    /// Answers that are there at once, from a cache or a script, cost nothing
    /// more. The rest are tasks of their own where imports are served: what is
    /// done for them is not the guest's work.
    pub(crate) fn send<Q, T, E>(&self, question: Result<Q, E>) -> Sent<Result<T, E>>
    where
        Q: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let mut question: Answer<Result<T, E>> = match question {
            Ok(question) => Box::pin(question),
            Err(refused) => return Sent::Answered(Err(refused)),
        };
        let served_there = self.shared.threads.io.enter();
        // Whoever has to wait is looked at again over there at once, so there
        // is nothing to wake this guest for.
        let polled = question
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        drop(served_there);
        match polled {
            Poll::Ready(answer) => Sent::Answered(answer),
            Poll::Pending => Sent::Waiting(Waiting::on(&self.shared.threads.io, question)),
        }
    }
}

/// Why a call is not admitted, whatever it asks for.
pub(crate) enum NotAdmitted {
    Denied(String),
    UnknownStep(Untrusted),
}

macro_rules! is_told_as {
    ($($error:ident)+) => {
        $(impl From<NotAdmitted> for $error {
            fn from(refused: NotAdmitted) -> Self {
                match refused {
                    NotAdmitted::Denied(why) => Self::Denied(why.into()),
                    NotAdmitted::UnknownStep(step) => Self::UnknownStep(step),
                }
            }
        })+
    };
}

is_told_as!(ProviderError RetrievalError ToolError ArtifactError);

/// A question on its way.
pub(crate) enum Sent<T> {
    Answered(T),
    Waiting(Waiting<T>),
}

/// Waits for the answers of all that was sent, and returns them in its order as
/// guests are handed them.
pub(crate) async fn answers<T, U>(sent: Vec<Sent<T>>, handed_over: impl Fn(T) -> U) -> Vec<U> {
    let mut answers = Vec::with_capacity(sent.len());
    for sent in sent {
        answers.push(handed_over(match sent {
            Sent::Answered(answer) => answer,
            Sent::Waiting(waiting) => waiting.await,
        }));
    }
    answers
}

/// A question that is given up when nobody waits for its answer any more.
pub(crate) struct Waiting<T>(JoinHandle<T>);

impl<T: Send + 'static> Waiting<T> {
    /// Has a runtime work on the answer.
    pub(crate) fn on(runtime: &Handle, future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(runtime.spawn(future))
    }
}

impl<T> Waiting<T> {
    /// Has nobody work on it any more.
    pub(crate) fn stop(&self) {
        self.0.abort();
    }

    /// Waits until nobody works on it, answered or not.
    pub(crate) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(context).map(drop)
    }
}

impl<T> Future for Waiting<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match Pin::new(&mut self.0).poll(context) {
            Poll::Ready(Ok(answer)) => Poll::Ready(answer),
            Poll::Ready(Err(ended)) if ended.is_panic() => {
                std::panic::resume_unwind(ended.into_panic())
            }
            // The runtime that was to answer is shutting down, and so is all that waits.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is called in an instance: given its store, the answer or how it ended.
pub(crate) type Work<T> =
    Box<dyn for<'a> FnOnce(&'a mut Store<Guest>, Instance) -> WorkDone<'a, T> + Send>;

/// The answer of some work: the outer error is the instance's end, the inner
/// one what the guest returned as an error of its own.
pub(crate) type WorkDone<'a, T> =
    Pin<Box<dyn Future<Output = wasmtime::Result<Result<T, failure::Returned>>> + Send + 'a>>;

/// Runs some work in a fresh instance, and tells what came of it.
///
/// It begins where imports are served: in this task, if it is one.
pub(crate) async fn run<T: Send + 'static>(
    shared: &Arc<Shared>,
    prepared: Prepared,
    work: Work<T>,
) -> GuestRun<T> {
    let run = run_here(shared.clone(), prepared, work);
    if tokio::task::try_id().is_some() {
        return run.await;
    }
    // Whoever stops waiting stops the guest.
    Waiting::on(&shared.threads.io, run).await
}

async fn run_here<T: Send + 'static>(
    shared: Arc<Shared>,
    prepared: Prepared,
    work: Work<T>,
) -> GuestRun<T> {
    let limits = prepared.binding.grants.limits;
    let role = prepared.role;
    let (cpu_ms, wall_ms) = match role {
        Role::Chain => (limits.cpu_ms_max, limits.wall_ms_max),
        Role::Scorer => (limits.scorer_cpu_ms_max, limits.scorer_wall_ms_max),
    };
    // Waiting for a place is nobody's fault, so it is on nobody's clock.
    let place = shared
        .places
        .clone()
        .acquire_owned()
        .await
        .expect("the sandbox never closes its places");
    let recorder = Arc::new(Recorder::new(limits));
    let cpu = Arc::new(CpuMeter::default());
    let desk = Arc::new(Desk::default());
    let in_store = {
        let (shared, recorder, cpu, desk) =
            (shared.clone(), recorder.clone(), cpu.clone(), desk.clone());
        async move {
            // The store is dropped in here, whatever becomes of it, and its place is free after it.
            let _place = place;
            let binding = prepared.binding.clone();
            let mut store = store(&shared, prepared, recorder, cpu, desk, cpu_ms);
            let answer = async {
                let instance = binding.component.pre.instantiate_async(&mut store).await?;
                work(&mut store, instance).await
            }
            .await;
            let memory = &store.data().memory;
            (answer, memory.denied.clone(), memory.memory_bytes_peak)
        }
    };
    let wall = Duration::from_millis(wall_ms);
    let watched = Watched::new(cpu.clone(), desk, wall, shared.threads.clone(), in_store);
    let ended = failure::Ended::new(&recorder, role, cpu_ms, wall_ms);
    let (result, memory_bytes): (Result<T, Failure>, u64) = match watched.await {
        Ok((Ok(Ok(answer)), _, peak)) => (Ok(answer), peak),
        Ok((Ok(Err(returned)), _, peak)) => (Err(ended.by_itself(returned)), peak),
        Ok((Err(error), denied, peak)) => (Err(ended.by_error(error, denied)), peak),
        Err(Stopped::Late) => (Err(ended.by_clock()), 0),
        Err(Stopped::Panicked) => (Err(ended.by_host_panic()), 0),
    };
    let used = Used {
        cpu_us: cpu.used_us(),
        wall_us: recorder.elapsed_us(),
        memory_bytes,
    };
    GuestRun {
        result,
        used,
        trace: recorder.take(),
    }
}

fn store(
    shared: &Arc<Shared>,
    prepared: Prepared,
    recorder: Arc<Recorder>,
    cpu: Arc<CpuMeter>,
    desk: Arc<Desk>,
    cpu_ms: u64,
) -> Store<Guest> {
    let limits = prepared.binding.grants.limits;
    let mut table = ResourceTable::new();
    table.set_max_capacity(limits.resources_max as usize);
    let cpu_max = Duration::from_millis(cpu_ms);
    let guest = Guest {
        cpu: cpu.clone(),
        cpu_max,
        desk,
        shared: shared.clone(),
        binding: prepared.binding,
        role: prepared.role,
        alone: prepared.alone,
        case: prepared.case,
        repeat: prepared.attempt.repeat,
        counts: Counts::default(),
        artifact_bytes: BTreeMap::new(),
        memory: MemoryMeter::new(limits),
        table,
        wasi: Wasi::new(
            prepared.attempt.seed,
            limits.random_bytes_max,
            recorder.clone(),
        ),
        recorder,
    };
    let mut store = Store::new(&shared.engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(limits.hostcall_bytes_max as usize);
    store.set_max_component_handles(limits.handles_max as usize);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        Ok(match cpu.looks_up(cpu_max) {
            LooksUp::Ends => UpdateDeadline::Interrupt,
            LooksUp::MakesRoom => UpdateDeadline::Yield(1),
            LooksUp::GoesOn => UpdateDeadline::Continue(1),
        })
    });
    store
}
