//! What a guest has used: CPU time by the thread's own clock, and memory.
//!
//! CPU is charged only while the guest's future is being polled. A deadline in
//! epochs alone would also count the time that a chain waits for a model, and
//! kill every chain that does.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fapo_core::limits::Limits;
use fapo_core::outcome::LimitHit;
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;
use wasmtime::ResourceLimiter;

use crate::guest::Waiting;

/// CPU time that one guest has used, with what the host did for it meanwhile.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    used_ns: AtomicU64,
    /// The thread's CPU clock when the running poll began.
    poll_began_ns: AtomicU64,
}

impl CpuMeter {
    /// Returns what was used until now, and in the running poll of it.
    pub(crate) fn used_in_poll(&self) -> (Duration, Duration) {
        let poll = self.poll_ns();
        (
            Duration::from_nanos(self.used_ns.load(Relaxed) + poll),
            Duration::from_nanos(poll),
        )
    }

    /// Returns what was used; called when no poll runs.
    pub(crate) fn used_us(&self) -> u64 {
        self.used_ns.load(Relaxed) / 1000
    }

    fn poll_ns(&self) -> u64 {
        thread_cpu_ns().saturating_sub(self.poll_began_ns.load(Relaxed))
    }
}

fn thread_cpu_ns() -> u64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A guest's future under watch: its polls are charged to a meter, a panic in
/// them is caught, and it ends when its time on the wall is over.
pub(crate) struct Watched<'a, F> {
    meter: Arc<CpuMeter>,
    future: Pin<Box<F>>,
    deadline: Instant,
    /// Made when the guest waits for the first time: most never outlive a poll.
    alarm: Option<Waiting<()>>,
    /// The runtime whose timers wake a guest that waits. A runtime full of
    /// guests that spin would look at its own too late.
    timers: &'a Handle,
}

/// Why there is no answer.
pub(crate) enum Stopped {
    /// Its time on the wall was over.
    Late,
    /// The host panicked.
    Panicked,
}

impl<'a, F> Watched<'a, F> {
    pub(crate) fn new(meter: Arc<CpuMeter>, wall: Duration, timers: &'a Handle, future: F) -> Self {
        Self {
            meter,
            future: Box::pin(future),
            deadline: Instant::now() + wall,
            alarm: None,
            timers,
        }
    }
}

impl<F: Future> Future for Watched<'_, F> {
    type Output = Result<F::Output, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.meter.poll_began_ns.store(thread_cpu_ns(), Relaxed);
        // Nothing of the guest is looked at after a panic but its records, which are whole.
        let polled = catch_unwind(AssertUnwindSafe(|| this.future.as_mut().poll(context)));
        this.meter.used_ns.fetch_add(this.meter.poll_ns(), Relaxed);
        match polled {
            Ok(Poll::Ready(answer)) => return Poll::Ready(Ok(answer)),
            Ok(Poll::Pending) => {}
            Err(_) => return Poll::Ready(Err(Stopped::Panicked)),
        }
        let deadline = this.deadline;
        let alarm = this.alarm.get_or_insert_with(|| {
            let rings = async move { tokio::time::sleep_until(deadline.into()).await };
            Waiting::on(this.timers, rings)
        });
        Pin::new(alarm).poll(context).map(|()| Err(Stopped::Late))
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
    fn watch<F: Future>(wall_ms: u64, future: F) -> (Result<F::Output, Stopped>, u64) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let meter = Arc::new(CpuMeter::default());
        let wall = Duration::from_millis(wall_ms);
        let watched = Watched::new(meter.clone(), wall, runtime.handle(), future);
        (runtime.block_on(watched), meter.used_us())
    }

    #[test]
    fn waiting_is_not_charged() {
        let wait = async { tokio::time::sleep(Duration::from_millis(30)).await };
        let (ended, cpu_us) = watch(60_000, wait);
        assert!(ended.is_ok() && cpu_us < 10_000, "{cpu_us} us");
    }

    #[test]
    fn working_is_charged() {
        let work = async {
            let began = thread_cpu_ns();
            while thread_cpu_ns() - began < 3_000_000 {}
        };
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
