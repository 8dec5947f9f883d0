//! What hostile guests do, and what becomes of them: the table that the tests
//! of the sandbox walk through.
//!
//! A row's name is the attack's in the guest, so a failing row says where to
//! look. What an attack needs of the run has the names below: an index, a tool
//! and an input; and the provider does what the message's text says (`hang`,
//! `answer N`), or answers in a word.

use fapo_core::outcome::FailureKind::{
    self, BadAnswer, Cpu, Error, Exit, Memory, Refused as NotDone, Stack, Trap, Unreachable, Wall,
};
use fapo_test_artifacts::bombs;

use Expect::{Answers, Dropped, Refused, Repeats, Told};

/// One attack of a guest that runs.
pub(crate) struct Attack {
    /// What the case's `context`, or the row's `metadata`, asks the guest for.
    pub(crate) name: &'static str,
    pub(crate) guest: Guest,
    pub(crate) role: Role,
    /// Whether the run grants every import, or none.
    pub(crate) granted: bool,
    /// Limits that differ from their defaults, so that the attack is quick.
    pub(crate) limits: &'static [(&'static str, u64)],
    pub(crate) expect: Expect,
}

/// Where an attack's component comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guest {
    /// `tests/guests/hostile`, which does the attack that the row names.
    Hostile,
    /// The file of this name in `tests/guests/wat`, whose chain does one thing.
    Wat(&'static str),
}

/// In which export the attack happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// `chain.run`, or what the host does before it can be called.
    Chain,
    /// `scorer.score-pipeline-case`.
    Scorer,
    /// `scorer.validate-case`.
    Validator,
}

/// What becomes of an attack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// The guest fails: in its case, or already in `describe` where the attack
    /// is in what happens before it.
    Fails {
        kind: FailureKind,
        limit: Option<&'static str>,
    },
    /// The guest returns, and its text (a scorer's feedback) has this in it.
    Answers(&'static str),
    /// As `Answers`, and the same case run again returns the same words.
    Repeats(&'static str),
    /// As `Answers`: this limit does not end the guest, it is told.
    Told {
        limit: &'static str,
        says: &'static str,
    },
    /// The guest returns, and what passed this limit was dropped and counted.
    Dropped(&'static str),
    /// The component is refused when it is loaded, in words with this in them.
    Refused(&'static str),
}

/// One upload that is meant to hurt whoever reads or compiles it.
pub(crate) struct Upload {
    pub(crate) name: &'static str,
    pub(crate) bytes: fn() -> Vec<u8>,
    pub(crate) limits: &'static [(&'static str, u64)],
    /// The limit that refuses it; none where no limit has to.
    pub(crate) refused_by: Option<&'static str>,
    /// What the refusal says; empty where the upload is taken.
    pub(crate) says: &'static str,
}

/// What the tests put into every expected value. No chain's answer may hold it.
pub(crate) const MARKER: &str = "FAPO-EXPECTED-";

/// The index, the tool and the input that the tests grant.
pub(crate) const INDEX: &str = "docs";
pub(crate) const TOOL: &str = "echo";
pub(crate) const INPUT: &str = "input.txt";

const fn chain(name: &'static str, expect: Expect) -> Attack {
    Attack {
        name,
        guest: Guest::Hostile,
        role: Role::Chain,
        granted: true,
        limits: &[],
        expect,
    }
}

const fn scorer(name: &'static str, expect: Expect) -> Attack {
    Attack {
        role: Role::Scorer,
        ..chain(name, expect)
    }
}

const fn validator(name: &'static str, expect: Expect) -> Attack {
    Attack {
        role: Role::Validator,
        ..chain(name, expect)
    }
}

const fn wat(name: &'static str, expect: Expect) -> Attack {
    Attack {
        guest: Guest::Wat(name),
        ..chain(name, expect)
    }
}

impl Attack {
    const fn under(self, limits: &'static [(&'static str, u64)]) -> Self {
        Self { limits, ..self }
    }

    const fn denied(self) -> Self {
        Self {
            granted: false,
            ..self
        }
    }
}

const fn fails(kind: FailureKind) -> Expect {
    Expect::Fails { kind, limit: None }
}

const fn hits(kind: FailureKind, limit: &'static str) -> Expect {
    Expect::Fails {
        kind,
        limit: Some(limit),
    }
}

const CPU: Expect = hits(Cpu, "cpu_ms_max");
const SCORER_CPU: Expect = hits(Cpu, "scorer_cpu_ms_max");
const MEMORY: Expect = hits(Memory, "memory_bytes_max");

/// Enough for every honest guest, and soon over for one that loops.
const SHORT: &[(&str, u64)] = &[("cpu_ms_max", 100)];
const SCORER_SHORT: &[(&str, u64)] = &[("scorer_cpu_ms_max", 100)];

/// Every attack of the hostile guests.
#[rustfmt::skip]
pub(crate) const ATTACKS: &[Attack] = &[
    // Time.
    chain("cpu-loop", CPU).under(SHORT),
    chain("cpu-call-tree", CPU).under(SHORT),
    chain("cpu-memory-fill", CPU).under(SHORT),
    chain("cpu-host-calls", CPU).under(SHORT),
    chain("cpu-clock-spin", CPU).under(SHORT),
    wat("loop-in-start", CPU).under(SHORT),
    wat("loop-in-describe", CPU).under(SHORT),
    wat("loop-in-realloc", CPU).under(SHORT),
    wat("loop-in-post-return", CPU).under(SHORT),
    wat("loop-of-tail-calls", CPU).under(SHORT),
    wat("loop-of-copies", CPU).under(SHORT),
    wat("loop-of-exceptions", Refused("exceptions")),
    wat("resource-destructor", CPU).under(SHORT),
    // Ends of other kinds.
    chain("crash-stack-frames", hits(Stack, "stack_bytes_max")),
    // The stack of Rust's arrays lies in linear memory and ends below address
    // zero; to the host that is an access out of bounds as any other.
    chain("crash-stack-arrays", fails(Trap)),
    chain("crash-division", fails(Unreachable)),
    chain("crash-out-of-bounds", fails(Trap)),
    chain("crash-index", fails(Unreachable)),
    chain("crash-panic", fails(Unreachable)),
    chain("crash-panic-escapes", fails(Unreachable)),
    chain("crash-panic-in-step", fails(Unreachable)),
    chain("crash-abort", fails(Unreachable)),
    chain("crash-exit-0", fails(Exit)),
    chain("crash-exit-3", fails(Exit)),
    wat("trap-in-start", fails(Unreachable)),
    wat("trap-in-describe", fails(Unreachable)),
    wat("trap-division", fails(Trap)),
    wat("trap-null-call", fails(Trap)),
    wat("trap-wrong-call", fails(Trap)),
    wat("trap-recursion", hits(Stack, "stack_bytes_max")),
    wat("trap-recursion-wide", hits(Stack, "stack_bytes_max")),
    wat("name-escapes", fails(Unreachable)),
    wat("name-huge", fails(Unreachable)),
    // Memory and tables.
    chain("memory-grow", Told { limit: "memory_bytes_max", says: "refused at" }),
    chain("memory-grow-panic", MEMORY),
    chain("memory-grow-all-at-once", Told { limit: "memory_bytes_max", says: "refused" }),
    chain("memory-vec-bomb", MEMORY),
    chain("memory-huge-vec", MEMORY),
    chain("memory-dirty", Answers("dirty=0")),
    wat("memory-initial", Refused("memory_bytes_max")),
    wat("memory-initial-4-gib", Refused("memory_bytes_max")),
    wat("memories-sum", MEMORY),
    wat("memories-many", Refused("memories_max")),
    wat("memories-in-one-module", Refused("memories")),
    wat("memory-64", Refused("memory64")),
    wat("memory-shared", Refused("threads")),
    wat("memory-gc", Refused("gc")),
    wat("table-initial", Refused("table_elements_max")),
    wat("table-grow", hits(Memory, "table_elements_max")),
    wat("tables-sum", hits(Memory, "table_elements_max")),
    wat("tables-many", Refused("tables_max")),
    wat("tables-many-instances", Refused("tables_max")),
    // WASI.
    chain("wasi-files", Answers("granted=[]")),
    chain("wasi-network", Answers("granted=[]")),
    chain("wasi-processes", Answers("granted=[]")),
    chain("wasi-stdin", Answers("stdin=0")),
    chain("wasi-random-bytes", hits(NotDone, "random_bytes_max")),
    chain("wasi-insecure-random-bytes", hits(NotDone, "random_bytes_max")),
    chain("wasi-clocks", Repeats("monotonic=true")),
    chain("wasi-sleep", Answers("slept")),
    chain("wasi-pollables", hits(NotDone, "resources_max")),
    chain("wasi-streams", hits(NotDone, "resources_max")),
    chain("wasi-poll-list", hits(NotDone, "handles_max")),
    chain("wasi-poll-empty", fails(Trap)),
    wat("resource-flood", hits(NotDone, "handles_max")),
    wat("resource-forged", fails(Trap)),
    // The artifact store.
    chain("artifacts-calls", hits(NotDone, "artifact_calls_max")),
    chain("artifacts-bytes", hits(NotDone, "artifact_bytes_max")),
    chain("artifacts-overwrite", Answers("16 writes")).under(STORE),
    chain("artifacts-shrink", Answers("ok ok ok")).under(STORE),
    chain("artifacts-empty-blobs", hits(NotDone, "artifact_calls_max")),
    chain("artifacts-names", Answers("accepted=[]")),
    chain("artifacts-other-case", Answers("before=not-found listed=0 wrote=ok own=true")),
    chain("artifacts-inputs", Answers("inputs=1 read-only unknown-step")),
    // Grants.
    chain("denied-provider", Answers("denied denied denied")).denied(),
    chain("denied-retrieval", Answers("denied denied denied")).denied(),
    chain("denied-artifacts", Answers("denied denied denied")).denied(),
    chain("denied-tools", Answers("denied denied denied")).denied(),
    // What people read.
    chain("log-flood", Dropped("log_bytes_max")),
    chain("log-huge-line", Dropped("log_bytes_max")),
    chain("log-empty-lines", Dropped("log_bytes_max")),
    chain("log-escapes", Answers("logged")),
    chain("stdout-println", Dropped("stdio_bytes_max")),
    chain("stdout-raw", Dropped("stdio_bytes_max")),
    chain("stderr-raw", Dropped("stdio_bytes_max")),
    chain("stdout-escapes", Answers("written")),
    // Model calls.
    chain("provider-flood", hits(NotDone, "provider_calls_max")),
    chain("provider-flood-at-once", hits(NotDone, "provider_calls_max")),
    chain("provider-request-bytes", hits(NotDone, "request_bytes_max")),
    chain("provider-media-bytes", hits(NotDone, "request_bytes_max")),
    chain("provider-hostcall-bytes", hits(NotDone, "hostcall_bytes_max")),
    chain("provider-hostcall-bytes-at-once", hits(NotDone, "hostcall_bytes_max")),
    chain("provider-empty-messages", hits(NotDone, "request_bytes_max")),
    chain("provider-sum-bytes", hits(NotDone, "call_bytes_max")),
    chain("provider-sum-answers", Told { limit: "call_bytes_max", says: "ok ok other" })
        .under(&[("call_bytes_max", 10 << 20)]),
    chain("provider-hang", hits(Wall, "wall_ms_max")).under(&[("wall_ms_max", 200)]),
    chain("provider-answer-bytes", Told { limit: "answer_bytes_max", says: "other" }),
    chain("provider-invalid", Answers("accepted=[]")),
    chain("provider-unknown", Answers("unknown-step unknown-model")),
    chain("provider-escapes", Answers("ok")),
    // Searches.
    chain("retrieval-flood", hits(NotDone, "retrieval_calls_max")),
    chain("retrieval-flood-at-once", hits(NotDone, "retrieval_calls_max")),
    chain("retrieval-k", Told { limit: "retrieval_k_max", says: "invalid-request" }),
    chain("retrieval-query-bytes", hits(NotDone, "request_bytes_max")),
    chain("retrieval-words", Told { limit: "retrieval_query_bytes_max", says: "invalid-request" }),
    chain(
        "retrieval-invalid",
        Answers(
            "invalid-request invalid-request \
             unknown-index unknown-index unknown-index unknown-index unknown-step",
        ),
    ),
    // Tools.
    chain("tools-flood", hits(NotDone, "tool_calls_max")),
    chain("tools-flood-at-once", hits(NotDone, "tool_calls_max")),
    chain("tools-list-flood", hits(NotDone, "tool_calls_max")),
    chain("tools-arguments-bytes", hits(NotDone, "request_bytes_max")),
    chain(
        "tools-invalid",
        Answers(
            "invalid-request invalid-request invalid-request invalid-request \
             unknown-tool unknown-tool unknown-tool unknown-tool unknown-step",
        ),
    ),
    // The course of a case.
    chain("trace-events", hits(NotDone, "trace_events_max")),
    chain("trace-output-bytes", hits(NotDone, "trace_bytes_max")),
    chain("trace-failure-bytes", hits(NotDone, "trace_bytes_max")),
    chain("trace-order", Answers("unknown-step ok already-open ok not-open not-open")),
    chain(
        "trace-names",
        Answers(
            "unknown-step unknown-step unknown-step unknown-step \
             unknown-step unknown-step unknown-step unknown-step",
        ),
    ),
    chain("trace-left-open", Answers("left open")),
    chain("trace-fan-out", Answers("refused=0")),
    chain("trace-escapes", Answers("told")),
    // What a case must not see. Each row is run twice, so a first case's
    // traces would show in the second.
    chain("leak-statics", Answers("cases=1 last=[] seen=1")),
    chain("leak-case", Answers("given:")),
    chain("leak-memory", Answers("found=1 own=true")),
    // What a chain returns.
    chain("output-bytes", hits(BadAnswer, "output_bytes_max")),
    chain("output-hostcall-bytes", hits(NotDone, "hostcall_bytes_max")),
    chain("output-diagnostics", hits(BadAnswer, "output_bytes_max")),
    chain("output-empty-diagnostics", hits(BadAnswer, "output_bytes_max")),
    chain("output-escapes", Answers("before")),
    chain("output-error", fails(Error)),
    chain("output-error-bytes", fails(Error)),
    chain("output-error-step", fails(Error)),
    chain("output-error-unavailable", fails(Error)),
    wat("answer-out-of-range", fails(Trap)),
    wat("answer-length", fails(Trap)),
    wat("answer-not-utf-8", fails(Trap)),
    wat("answer-list-length", fails(Trap)),
    wat("answer-case", fails(Trap)),
    wat("answer-misaligned", fails(Trap)),
    wat("answer-nowhere", fails(Trap)),
    wat("answer-amplified", hits(NotDone, "hostcall_bytes_max")),
    wat("describe-amplified", hits(NotDone, "hostcall_bytes_max")),
    wat("describe-escapes", Refused("name")),
    wat("describe-dangling", Refused("two")),
    wat("describe-twice", Refused("one")),
    // How a chain takes its arguments and gives its own.
    wat("realloc-out-of-range", fails(Trap)),
    wat("realloc-misaligned", fails(Trap)),
    wat("realloc-calls-host", fails(Trap)),
    wat("post-return-calls-host", fails(Trap)),
    wat("start-calls-host", fails(Trap)),
    wat("argument-out-of-range", fails(Trap)),
    wat("argument-not-utf-8", fails(Trap)),
    wat("argument-case", fails(Trap)),
    wat("argument-amplified", hits(NotDone, "hostcall_bytes_max")),
    // What the host checks before it runs anything.
    wat("honest", Answers("done")),
    wat("async-builtins", Refused("async")),
    wat("import-unknown", Refused("evil:host/thing@1.0.0")),
    wat("import-empty", Refused("evil:host/thing@1.0.0")),
    wat("import-http", Refused("wasi:http/outgoing-handler@0.2.0")),
    wat("import-other-version", Refused("fapo:tenant/provider@9.9.9")),
    wat("import-wrong-type", Refused("fapo:tenant/provider@0.1.0")),
    wat("import-extra-function", Refused("fapo:tenant/log@0.1.0")),
    wat("import-function", Refused("run-command")),
    wat("import-module", Refused("evil-module")),
    wat("import-component", Refused("evil-component")),
    wat("import-resource", Refused("wasi:filesystem/preopens@9.9.9")),
    wat("import-long-name", Refused("evil:host/xxx")),
    wat("export-more", Answers("done")),
    wat("export-nothing", Refused("fapo:tenant/chain@0.1.0")),
    wat("export-wrong-type", Refused("type mismatch")),
    wat("export-other-version", Refused("fapo:tenant/chain@0.1.0")),
    wat("export-not-an-interface", Refused("fapo:tenant/chain@0.1.0")),
    wat("export-empty-chain", Refused("lack functions of the contract")),
    wat("name-escapes-import", Refused("imports")),
    wat("name-escapes-export", Refused("not a valid extern name")),
    wat("name-collision", Refused("conflicts")),
    wat("instances-many", Refused("component_instances_max")),
    wat("instances-nested", Refused("component_instances_max")),
    wat("modules-many", Refused("component_modules_max")),
    wat("components-deep", Refused("component_depth_max")),
    // The scorer.
    scorer("scorer-nan", fails(BadAnswer)),
    scorer("scorer-infinite", fails(BadAnswer)),
    scorer("scorer-minus-zero", Answers("minus zero")),
    scorer("scorer-minus-one", fails(BadAnswer)),
    scorer("scorer-200", fails(BadAnswer)),
    scorer("scorer-just-above", fails(BadAnswer)),
    scorer("scorer-breakdown-nan", fails(BadAnswer)),
    scorer("scorer-breakdown-flood", hits(BadAnswer, "output_bytes_max")),
    scorer("scorer-points-nan", fails(BadAnswer)),
    scorer("scorer-points-above", fails(BadAnswer)),
    scorer("scorer-points-negative", fails(BadAnswer)),
    scorer("scorer-feedback", Answers("xxx")),
    scorer("scorer-feedback-bytes", hits(BadAnswer, "output_bytes_max")),
    scorer("scorer-feedback-escapes", Answers("owned")),
    scorer("scorer-diagnostics-bytes", hits(BadAnswer, "output_bytes_max")),
    scorer("scorer-error", fails(Error)),
    scorer("scorer-error-bytes", fails(Error)),
    scorer("scorer-panic", fails(Unreachable)),
    scorer("scorer-exit", fails(Exit)),
    scorer("scorer-cpu-loop", SCORER_CPU).under(SCORER_SHORT),
    scorer("scorer-memory", MEMORY),
    scorer("scorer-statics", Answers("cases=1")),
    scorer("scorer-random", Repeats("random=")),
    scorer("scorer-time-bomb", fails(Unreachable)),
    scorer("scorer-time-bomb-elsewhere", Answers("fine")),
    scorer("scorer-judge", Answers("judge=denied")).denied(),
    scorer("scorer-judge-hangs", hits(Wall, "scorer_wall_ms_max"))
        .under(&[("scorer_wall_ms_max", 200)]),
    scorer("scorer-judge-flood", hits(NotDone, "judge_calls_max")),
    scorer("scorer-judge-flood-at-once", hits(NotDone, "judge_calls_max")),
    scorer(
        "scorer-imports",
        Answers("denied denied denied denied denied denied denied denied denied"),
    ),
    scorer("scorer-course", Answers("steps=[] calls=[]")),
    validator("scorer-validate-loop", SCORER_CPU).under(SCORER_SHORT),
    validator("scorer-validate-panic", fails(Unreachable)),
];

/// Room for one blob of 3 MiB, and not for two.
const STORE: &[(&str, u64)] = &[("artifact_bytes_max", 4 << 20)];

const fn refused(
    name: &'static str,
    bytes: fn() -> Vec<u8>,
    refused_by: Option<&'static str>,
    says: &'static str,
) -> Upload {
    Upload {
        name,
        bytes,
        limits: &[],
        refused_by,
        says,
    }
}

/// Returns an upload that a limit refuses, whose message names the limit.
const fn limited(name: &'static str, bytes: fn() -> Vec<u8>, limit: &'static str) -> Upload {
    refused(name, bytes, Some(limit), limit)
}

/// Returns an upload that costs something, and that the host takes.
const fn taken(name: &'static str, bytes: fn() -> Vec<u8>) -> Upload {
    refused(name, bytes, None, "")
}

impl Upload {
    const fn under(self, limits: &'static [(&'static str, u64)]) -> Self {
        Self { limits, ..self }
    }
}

/// A second for whatever takes a compiler longer.
const SECOND: &[(&str, u64)] = &[("compile_cpu_ms_max", 1_000), ("compile_cpu_ms_per_mib", 0)];

/// Every upload that no guest has to run for.
#[rustfmt::skip]
pub(crate) const UPLOADS: &[Upload] = &[
    limited("instances-by-nesting", bombs::instances_by_nesting, "component_depth_max"),
    limited("instances-by-aliases", bombs::instances_by_aliases, "component_instances_max"),
    limited("instances-by-arguments", bombs::instances_by_arguments, "component_instances_max"),
    limited("instances-many", || bytes("instances-many"), "component_instances_max"),
    limited("modules-many", || bytes("modules-many"), "component_modules_max"),
    limited("components-deep", || bytes("components-deep"), "component_depth_max"),
    limited("function-body", bombs::function_body, "function_bytes_max"),
    limited("functions", bombs::functions, "component_functions_max"),
    limited("locals-one-by-one", bombs::locals_one_by_one, "function_locals_max"),
    limited("locals-in-one-group", bombs::locals_in_one_group, "function_locals_max"),
    limited("locals-just-below", bombs::locals_just_below, "compile_cpu_ms_max").under(SECOND),
    limited("function-live-values", bombs::function_live_values, "compile_cpu_ms_max").under(SECOND),
    limited("function-branches", bombs::function_branches, "compile_cpu_ms_max").under(SECOND),
    limited("blocks-deep", bombs::blocks_deep, "compile_cpu_ms_max").under(SECOND),
    // The other half of the same budget, in whose name it is refused.
    refused("function-per-mib", bombs::function_branches, Some("compile_cpu_ms_per_mib"), "compile_cpu_ms_max")
        .under(&[("compile_cpu_ms_max", 1), ("compile_cpu_ms_per_mib", 1_000)]),
    limited("functions-just-below", bombs::functions_just_below, "compile_memory_bytes_max")
        .under(&[("compile_memory_bytes_max", 128 << 20), ("compile_cpu_ms_max", 30_000)]),
    refused("branch-table", bombs::branch_table, None, "br_table"),
    refused("types-doubled", bombs::types_doubled, None, "type size"),
    refused("types-wide", bombs::types_wide, None, "size is out of bounds"),
    taken("types-many", bombs::types_many),
    refused("types-deep", bombs::types_deep, None, "nesting"),
    refused("imports-many", bombs::imports_many, None, "evil:host/thing0"),
    refused("exports-many", bombs::exports_many, None, "modules count exceeds limit"),
    limited("custom-section", bombs::custom_section, "component_bytes_max"),
    refused("zeros", bombs::zeros, None, "not a binary component"),
    refused("empty", bombs::empty, None, "empty"),
    refused("other-version", bombs::other_version, None, "not a binary component"),
    refused("module", bombs::module, None, "core module"),
    refused("text", bombs::text, None, "not a binary component"),
    refused("elf", bombs::elf, None, "native code"),
    refused("compiled", bombs::compiled, None, "native code"),
    refused("section-past-the-end", bombs::section_past_the_end, None, "malformed"),
    refused("length-overflow", bombs::length_overflow, None, "malformed"),
    refused("count-past-the-end", bombs::count_past_the_end, None, "types count"),
    refused("string-past-the-end", bombs::string_past_the_end, None, "malformed"),
    refused("truncated-1", || bombs::truncated(1), None, "malformed"),
    refused("truncated-2", || bombs::truncated(2), None, "malformed"),
    refused("truncated-3", || bombs::truncated(3), None, "malformed"),
];

fn bytes(name: &str) -> Vec<u8> {
    fapo_test_artifacts::bytes(name)
}
