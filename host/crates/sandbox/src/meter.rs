//! What a guest has used: CPU time by the thread's own clock, and memory.
//!
//! CPU is charged only while the guest's future is being polled. A deadline in
//! epochs alone would also count the time that a chain waits for a model, and
//! kill every chain that does.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use fapo_core::limits::Limits;
use fapo_core::outcome::LimitHit;
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::time::Sleep;
use wasmtime::ResourceLimiter;

use crate::desk::{Desk, Errand};
use crate::engine;
use crate::guest::Waiting;
use crate::sandbox::Threads;

/// How old a reading of a thread's CPU clock may be when a poll begins, and how
/// long a poll may last to be charged by the clock on the wall.
///
/// To read a CPU clock is a call of the system, unlike the one on the wall, and
/// most polls last some microseconds. None is charged too much by more than this.
const UNREAD_MAX: Duration = Duration::from_millis(1);

thread_local! {
    /// What this thread's clock on the wall and its CPU clock said at the same time.
    static LAST_READ: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// CPU time that one guest has used, with what the host did for it meanwhile.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    used_ns: AtomicU64,
    /// The thread's CPU clock shortly before the running poll began.
    poll_began_cpu_ns: AtomicU64,
    /// The clock on the wall when it began.
    poll_began_wall_ns: AtomicU64,
    /// Whether it once had a thread for as long as one may.
    is_busy: AtomicBool,
}

/// What a running guest has to do when it looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LooksUp {
    /// Its CPU time is over.
    Ends,
    /// Others have to run, too.
    MakesRoom,
    /// Nothing.
    GoesOn,
}

impl CpuMeter {
    /// Tells what is to be done with a guest that runs.
    ///
    /// A poll uses no more CPU than the clock on the wall says.
    pub(crate) fn looks_up(&self, cpu_max: Duration) -> LooksUp {
        let used = Duration::from_nanos(self.used_ns.load(Relaxed));
        let lasts = self.poll_lasts();
        if lasts < engine::TICK && used + lasts <= cpu_max {
            return LooksUp::GoesOn;
        }
        let poll = self.poll_used(lasts);
        if used + poll > cpu_max {
            LooksUp::Ends
        } else if poll >= engine::TICK {
            self.is_busy.store(true, Relaxed);
            LooksUp::MakesRoom
        } else {
            LooksUp::GoesOn
        }
    }

    /// Returns what was used; called when no poll runs.
    pub(crate) fn used_us(&self) -> u64 {
        self.used_ns.load(Relaxed) / 1000
    }

    /// Charges what is done from here on until the charge is dropped.
    fn charge(&self) -> Charge<'_> {
        let wall = wall_ns();
        let (read_at, mut cpu) = LAST_READ.get();
        if Duration::from_nanos(wall - read_at) >= UNREAD_MAX {
            cpu = thread_cpu_ns();
            LAST_READ.set((wall, cpu));
        }
        self.poll_began_wall_ns.store(wall, Relaxed);
        self.poll_began_cpu_ns.store(cpu, Relaxed);
        Charge(self)
    }

    fn poll_lasts(&self) -> Duration {
        let began = self.poll_began_wall_ns.load(Relaxed);
        Duration::from_nanos(wall_ns().saturating_sub(began))
    }

    /// Returns what the running poll has used, which lasts that long.
    fn poll_used(&self, lasts: Duration) -> Duration {
        if lasts < UNREAD_MAX {
            return lasts;
        }
        let began = self.poll_began_cpu_ns.load(Relaxed);
        lasts.min(Duration::from_nanos(thread_cpu_ns().saturating_sub(began)))
    }
}

/// A poll that is charged.
struct Charge<'a>(&'a CpuMeter);

impl Drop for Charge<'_> {
    fn drop(&mut self) {
        let meter = self.0;
        let lasts = meter.poll_lasts();
        let used = meter.poll_used(lasts).as_nanos() as u64;
        meter.used_ns.fetch_add(used, Relaxed);
        // A thread that waits for a disk is kept, too.
        if lasts >= engine::TICK {
            meter.is_busy.store(true, Relaxed);
        }
    }
}

fn wall_ns() -> u64 {
    ns(clock_gettime(ClockId::Monotonic))
}

fn thread_cpu_ns() -> u64 {
    ns(clock_gettime(ClockId::ThreadCPUTime))
}

fn ns(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// A guest's future whose polls are charged to a meter, and in which a panic is
/// caught.
struct Charged<F> {
    meter: Arc<CpuMeter>,
    future: Pin<Box<F>>,
    desk: Arc<Desk>,
    /// What the guest waits for.
    errand: Option<Errand>,
    threads: Arc<Threads>,
    /// Whether it is on the threads for those that are busy.
    is_away: bool,
}

/// The host panicked.
struct Panicked;

impl<F: Future> Charged<F> {
    /// Goes on with what the guest waits for, and with the guest after it.
    fn go_on(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(errand) = &mut self.errand {
            ready!(errand.as_mut().poll(context));
            self.errand = None;
        }
        let _charged = self.meter.charge();
        loop {
            if let Poll::Ready(ended) = self.future.as_mut().poll(context) {
                return Poll::Ready(ended);
            }
            let Some(mut errand) = self.desk.take() else {
                return Poll::Pending;
            };
            // An index or a cache answers at once, and that is charged. What is
            // done later is not the guest's work.
            let _served_there = self.threads.io.enter();
            if errand.as_mut().poll(context).is_ready() {
                continue;
            }
            if self.is_away {
                errand = Box::pin(Waiting::on(&self.threads.io, errand));
                if errand.as_mut().poll(context).is_ready() {
                    continue;
                }
            }
            self.errand = Some(errand);
            return Poll::Pending;
        }
    }

    /// Leaves for the threads for those that are busy. What it waits for stays
    /// where imports are served.
    fn leave(mut self) -> Waiting<Result<F::Output, Panicked>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.is_away = true;
        let stays = |errand| -> Errand { Box::pin(Waiting::on(&self.threads.io, errand)) };
        self.errand = self.errand.take().map(stays);
        let busy = self.threads.busy.clone();
        Waiting::on(&busy, self)
    }
}

impl<F: Future> Future for Charged<F> {
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Nothing of the guest is looked at after a panic but its records, which are whole.
        match catch_unwind(AssertUnwindSafe(|| self.go_on(context))) {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

/// A guest's future under watch: it ends when its time on the wall is over, and
/// goes on elsewhere once it has kept the thread that it began on.
pub(crate) struct Watched<F: Future> {
    /// Where its imports are served: nearly all guests do little but wait.
    here: Option<Charged<F>>,
    /// On the threads for those that are busy.
    away: Option<Waiting<Result<F::Output, Panicked>>>,
    threads: Arc<Threads>,
    deadline: Instant,
    /// Made when the guest waits for the first time: a scorer mostly never does.
    alarm: Option<Pin<Box<Sleep>>>,
    is_late: bool,
}

/// Why there is no answer.
pub(crate) enum Stopped {
    /// Its time on the wall was over.
    Late,
    /// The host panicked.
    Panicked,
}

impl<F: Future> Watched<F> {
    pub(crate) fn new(
        meter: Arc<CpuMeter>,
        desk: Arc<Desk>,
        wall: Duration,
        threads: Arc<Threads>,
        future: F,
    ) -> Self {
        let guest = Charged {
            meter,
            future: Box::pin(future),
            desk,
            errand: None,
            threads: threads.clone(),
            is_away: false,
        };
        Self {
            here: Some(guest),
            away: None,
            threads,
            deadline: Instant::now() + wall,
            alarm: None,
            is_late: false,
        }
    }
}

impl<F> Future for Watched<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = Result<F::Output, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let told = |ran: Result<_, _>| Poll::Ready(ran.map_err(|Panicked| Stopped::Panicked));
        if let Some(guest) = &mut this.here {
            if let Poll::Ready(ran) = Pin::new(&mut *guest).poll(context) {
                return told(ran);
            }
            if guest.meter.is_busy.load(Relaxed) {
                this.away = this.here.take().map(Charged::leave);
            }
        }
        if let Some(guest) = &mut this.away {
            if this.is_late {
                return guest.poll_gone(context).map(|()| Err(Stopped::Late));
            }
            if let Poll::Ready(ran) = Pin::new(guest).poll(context) {
                return told(ran);
            }
        }
        let (deadline, io) = (this.deadline, &this.threads.io);
        let alarm = this.alarm.get_or_insert_with(|| {
            let _timers_are_there = io.enter();
            Box::pin(tokio::time::sleep_until(deadline.into()))
        });
        ready!(alarm.as_mut().poll(context));
        this.is_late = true;
        let Some(guest) = &mut this.away else {
            return Poll::Ready(Err(Stopped::Late));
        };
        // It runs on until it looks up, and is over when nothing of it is left.
        guest.stop();
        guest.poll_gone(context).map(|()| Err(Stopped::Late))
    }
}

/// Memory and tables of one instance, summed over all of them.
///
/// The runtime's own limiter bounds each memory by itself, so four memories
/// may use four times the limit.
#[derive(Debug)]
pub(crate) struct MemoryMeter {
    memory_bytes: u64,
    pub(crate) memory_bytes_peak: u64,
    table_elements: u64,
    limits: Limits,
    /// The last thing that was denied.
    pub(crate) denied: Option<LimitHit>,
}

impl MemoryMeter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_peak: 0,
            table_elements: 0,
            limits,
            denied: None,
        }
    }

    fn deny(&mut self, key: &str, value: u64) -> wasmtime::Result<bool> {
        self.denied = Some(LimitHit::new(key, value));
        Ok(false)
    }
}

impl ResourceLimiter for MemoryMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.memory_bytes - current as u64 + desired as u64;
        if sum > self.limits.memory_bytes_max {
            return self.deny("memory_bytes_max", self.limits.memory_bytes_max);
        }
        self.memory_bytes = sum;
        self.memory_bytes_peak = self.memory_bytes_peak.max(sum);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let sum = self.table_elements - current as u64 + desired as u64;
        if sum > self.limits.table_elements_max {
            return self.deny("table_elements_max", self.limits.table_elements_max);
        }
        self.table_elements = sum;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.component_instances_max as usize
    }

    fn tables(&self) -> usize {
        self.limits.tables_max as usize
    }

    fn memories(&self) -> usize {
        self.limits.memories_max as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter(memory: u64, tables: u64) -> MemoryMeter {
        let limits = Limits {
            memory_bytes_max: memory,
            table_elements_max: tables,
            ..Limits::default()
        };
        MemoryMeter::new(limits)
    }

    #[test]
    fn the_sum_of_all_memories_is_limited() {
        let mut meter = meter(100, 0);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(!meter.memory_growing(0, 41, None).unwrap());
        assert_eq!(meter.denied.as_ref().unwrap().key, "memory_bytes_max");
        assert!(meter.memory_growing(0, 40, None).unwrap());
        assert!(!meter.memory_growing(60, 61, None).unwrap());
        assert_eq!(meter.memory_bytes_peak, 100);
    }

    #[test]
    fn the_sum_of_all_tables_is_limited() {
        let mut meter = meter(0, 10);
        assert!(meter.table_growing(0, 10, None).unwrap());
        assert!(!meter.table_growing(10, 11, None).unwrap());
        assert_eq!(meter.denied.as_ref().unwrap().key, "table_elements_max");
    }

    /// Watches a future for a minute, and returns what it came to and its CPU time.
    fn runtime() -> tokio::runtime::Runtime {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(1).enable_all().build().unwrap()
    }

    fn watch<F>(wall_ms: u64, future: F) -> (Result<F::Output, Stopped>, u64)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        watch_on(Arc::default(), Arc::default(), wall_ms, future)
    }

    fn watch_on<F>(
        meter: Arc<CpuMeter>,
        desk: Arc<Desk>,
        wall_ms: u64,
        future: F,
    ) -> (Result<F::Output, Stopped>, u64)
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (io, busy) = (runtime(), runtime());
        let threads = Arc::new(Threads {
            io: io.handle().clone(),
            busy: busy.handle().clone(),
        });
        let wall = Duration::from_millis(wall_ms);
        let watched = Watched::new(meter.clone(), desk, wall, threads, future);
        (io.block_on(watched), meter.used_us())
    }

    /// Works until it is told to make room.
    async fn keep_the_thread(meter: &CpuMeter) {
        while meter.looks_up(Duration::MAX) != LooksUp::MakesRoom {}
        tokio::task::yield_now().await;
    }

    #[test]
    fn who_keeps_the_thread_goes_on_at_another_one_and_is_charged_there_too() {
        let meter = Arc::new(CpuMeter::default());
        let guest = meter.clone();
        let work = async move {
            let began_on = std::thread::current().id();
            keep_the_thread(&guest).await;
            let left = std::thread::current().id() != began_on;
            keep_the_thread(&guest).await;
            left
        };
        let (ended, cpu_us) = watch_on(meter, Arc::default(), 60_000, work);
        assert_eq!(ended.ok(), Some(true));
        assert!(cpu_us >= 10_000, "{cpu_us} us");
    }

    #[test]
    fn who_has_the_thread_wait_for_a_disk_goes_on_at_another_one_too() {
        let work = async {
            let began_on = std::thread::current().id();
            std::thread::sleep(engine::TICK);
            tokio::task::yield_now().await;
            std::thread::current().id() != began_on
        };
        let (left, cpu_us) = watch(60_000, work);
        assert_eq!(left.ok(), Some(true));
        assert!(cpu_us < 3_000, "{cpu_us} us");
    }

    #[test]
    fn who_is_late_elsewhere_is_gone_when_that_is_told() {
        struct Gone(Arc<AtomicBool>);
        impl Drop for Gone {
            fn drop(&mut self) {
                std::thread::sleep(Duration::from_millis(20));
                self.0.store(true, Relaxed);
            }
        }
        let meter = Arc::new(CpuMeter::default());
        let (guest, is_gone) = (meter.clone(), Arc::new(AtomicBool::new(false)));
        let gone = Gone(is_gone.clone());
        let work = async move {
            let _gone = gone;
            loop {
                keep_the_thread(&guest).await;
            }
        };
        let (ended, _) = watch_on(meter, Arc::default(), 50, work);
        assert!(matches!(ended, Err::<(), _>(Stopped::Late)));
        assert!(is_gone.load(Relaxed));
    }

    #[test]
    fn a_panic_elsewhere_is_caught_too() {
        let meter = Arc::new(CpuMeter::default());
        let guest = meter.clone();
        let work = async move {
            keep_the_thread(&guest).await;
            panic!("as a test");
        };
        let (ended, _) = watch_on(meter, Arc::default(), 60_000, work);
        assert!(matches!(ended, Err::<(), _>(Stopped::Panicked)));
    }

    #[test]
    fn waiting_is_not_charged() {
        let wait = async { tokio::time::sleep(Duration::from_millis(30)).await };
        let (ended, cpu_us) = watch(60_000, wait);
        assert!(ended.is_ok() && cpu_us < 10_000, "{cpu_us} us");
    }

    /// Uses three milliseconds of CPU time.
    fn work() {
        let began = thread_cpu_ns();
        while thread_cpu_ns() - began < 3_000_000 {}
    }

    /// Has a guest ask, and returns what it was told and its CPU time.
    fn ask<T: Send + 'static>(
        question: impl Future<Output = T> + Send + 'static,
    ) -> (Option<T>, u64) {
        let desk = Arc::new(Desk::default());
        let guest = desk.clone();
        let asks = async move { guest.leave(question).await };
        let (ended, cpu_us) = watch_on(Arc::default(), desk, 60_000, asks);
        (ended.ok(), cpu_us)
    }

    #[test]
    fn an_answer_that_is_there_at_once_is_charged() {
        let (answer, cpu_us) = ask(async {
            work();
            7
        });
        assert_eq!(answer, Some(7));
        assert!(cpu_us >= 3_000, "{cpu_us} us");
    }

    #[test]
    fn what_is_done_for_an_answer_that_is_waited_for_is_not_charged() {
        let (answer, cpu_us) = ask(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            work();
            7
        });
        assert_eq!(answer, Some(7));
        assert!(cpu_us < 3_000, "{cpu_us} us");
    }

    #[test]
    fn a_panic_of_whoever_answers_is_caught() {
        for begins in [false, true] {
            let (answer, _) = ask(async move {
                if begins {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                panic!("as a test");
            });
            assert_eq!(answer, None::<()>);
        }
    }

    #[test]
    fn who_is_away_is_answered_from_where_imports_are_served() {
        let (meter, desk) = (Arc::new(CpuMeter::default()), Arc::new(Desk::default()));
        let (guest, asks) = (meter.clone(), desk.clone());
        let here = || std::thread::current().id();
        let work = async move {
            // It leaves while it waits for this one, and asks the next elsewhere.
            let first = asks.leave(async move {
                std::thread::sleep(engine::TICK);
                tokio::time::sleep(Duration::from_millis(20)).await;
                here()
            });
            let first = first.await;
            let away = here();
            keep_the_thread(&guest).await;
            let second = asks.leave(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                here()
            });
            (first, away, second.await, here())
        };
        let (ended, _) = watch_on(meter, desk, 60_000, work);
        let (first, away, second, at_last) = ended.ok().unwrap();
        assert_eq!(away, at_last);
        assert!(first != away && second != away && here() != away);
    }

    #[test]
    fn working_is_charged() {
        let work = async { work() };
        let (ended, cpu_us) = watch(60_000, work);
        assert!(ended.is_ok() && cpu_us >= 3_000, "{cpu_us} us");
    }

    #[test]
    fn what_never_ends_is_stopped_and_a_panic_is_caught() {
        assert!(matches!(
            watch(10, std::future::pending::<()>()).0,
            Err(Stopped::Late)
        ));
        assert!(matches!(
            watch(10, async { panic!("as a test") }).0,
            Err::<(), _>(Stopped::Panicked)
        ));
    }
}
