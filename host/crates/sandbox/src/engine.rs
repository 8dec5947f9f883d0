//! The one engine of a process, and the thread that makes its clock tick.
//!
//! The process that compiles and the one that runs must agree on all that the
//! generated code depends on, so both configurations are made here.

use std::num::NonZeroUsize;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

/// Cases that may hold an instance at once; the others wait for a place.
pub const CASES_IN_FLIGHT_MAX: u32 = 1024;

/// How often a running guest looks up: to be charged, and to let others run.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Fiber stacks hold the wasm stack and the host calls on top of it.
const FIBER_STACK_BYTES: usize = 2 << 20;

/// The largest linear memory that a pool slot can hold: the ceiling of
/// `memory_bytes_max`.
const SLOT_MEMORY_BYTES: usize = 1 << 30;

/// Memory that a free slot keeps rather than giving it back page by page.
///
/// Each `madvise` takes a lock of the whole address space, and interrupts the
/// other cores: with slots that keep nothing, two threads are slower than one.
const SLOT_KEPT_BYTES: usize = 2 << 20;

/// Slots that keep it: this bounds the memory that idle slots hold.
const WARM_SLOTS_MAX: u32 = 64;

/// Where instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Allocation {
    /// From slots that were reserved at the start; dirty pages are found by
    /// the kernel (Linux 6.7 or later).
    PooledWithPagemap,
    /// From slots; all of what a slot keeps is cleared.
    Pooled,
    /// One by one, where the address space is too small for slots.
    OnDemand,
}

/// An engine and how it was set up.
pub(crate) struct Built {
    pub(crate) engine: Engine,
    pub(crate) allocation: Allocation,
}

/// Builds the engine that runs guests, with the best allocation there is.
pub(crate) fn build(stack_bytes_max: usize) -> wasmtime::Result<Built> {
    let mut failed = None;
    for allocation in [
        Allocation::PooledWithPagemap,
        Allocation::Pooled,
        Allocation::OnDemand,
    ] {
        let mut config = code_config();
        config
            .max_wasm_stack(stack_bytes_max)
            .async_stack_size(FIBER_STACK_BYTES)
            .memory_init_cow(true);
        if allocation != Allocation::OnDemand {
            config.allocation_strategy(pool(allocation == Allocation::PooledWithPagemap));
        }
        match Engine::new(&config) {
            Ok(engine) => {
                tick(&engine);
                return Ok(Built { engine, allocation });
            }
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.expect("a loop that returned no engine kept an error"))
}

/// Builds the engine that only compiles.
pub(crate) fn build_compiler() -> wasmtime::Result<Engine> {
    Engine::new(&code_config())
}

/// All that the generated code depends on.
fn code_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .consume_fuel(false)
        .cranelift_nan_canonicalization(true)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(16))
        .debug_info(false);
    config
}

fn pool(pagemap: bool) -> InstanceAllocationStrategy {
    let cases = CASES_IN_FLIGHT_MAX;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(cases)
        .total_stacks(cases)
        .total_core_instances(cases * 128)
        .total_memories(cases * 4)
        .total_tables(cases * 8)
        .max_core_instances_per_component(128)
        .max_memories_per_component(4)
        .max_tables_per_component(8)
        .max_memories_per_module(2)
        .max_tables_per_module(4)
        .max_memory_size(SLOT_MEMORY_BYTES)
        .table_elements(100_000)
        .max_component_instance_size(2 << 20)
        .max_core_instance_size(1 << 20)
        .max_unused_warm_slots(WARM_SLOTS_MAX)
        .linear_memory_keep_resident(if pagemap {
            SLOT_KEPT_BYTES
        } else {
            SLOT_KEPT_BYTES >> 5
        })
        .table_keep_resident(64 << 10)
        .pagemap_scan(if pagemap { Enabled::Yes } else { Enabled::No });
    InstanceAllocationStrategy::Pooling(pool)
}

/// Starts the thread that ticks for all guests, until the engine is gone.
fn tick(engine: &Engine) {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("fapo-ticker".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })
        .expect("a process can start one more thread");
}
