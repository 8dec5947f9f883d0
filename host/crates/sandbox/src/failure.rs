//! How a guest ended, told apart: by which limit, by which trap, by itself.

use fapo_core::Untrusted;
use fapo_core::manifest::Role;
use fapo_core::outcome::{Failure, FailureKind, LimitHit};
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::recorder::{Recorder, Spent};

/// What a guest returned in place of an answer.
pub(crate) struct Returned {
    pub(crate) kind: FailureKind,
    /// The step that it blames.
    pub(crate) step: Option<Untrusted>,
    pub(crate) message: Untrusted,
    /// The limit that it broke.
    pub(crate) limit: Option<LimitHit>,
}

/// The most of a guest's own words about its failure that records keep.
const WORDS_BYTES_MAX: usize = 8 << 10;

impl Returned {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > WORDS_BYTES_MAX {
            message.truncate(message.floor_char_boundary(WORDS_BYTES_MAX));
            message.push('…');
        }
        Self {
            kind: FailureKind::Error,
            step: None,
            message: message.into(),
            limit: None,
        }
    }

    pub(crate) fn bad_answer(message: impl Into<Untrusted>) -> Self {
        Self {
            kind: FailureKind::BadAnswer,
            step: None,
            message: message.into(),
            limit: None,
        }
    }

    pub(crate) fn over_limit(message: impl Into<Untrusted>, limit: LimitHit) -> Self {
        Self {
            limit: Some(limit),
            ..Self::bad_answer(message)
        }
    }
}

/// The component's exports have other types than the contract's.
#[derive(Debug, thiserror::Error)]
#[error("the exports do not fit the contract: {0}")]
pub(crate) struct Misfit(pub(crate) String);

/// What is known about a guest when it has ended.
pub(crate) struct Ended<'a> {
    recorder: &'a Recorder,
    role: Role,
    cpu_ms: u64,
    wall_ms: u64,
}

impl<'a> Ended<'a> {
    pub(crate) fn new(recorder: &'a Recorder, role: Role, cpu_ms: u64, wall_ms: u64) -> Self {
        Self {
            recorder,
            role,
            cpu_ms,
            wall_ms,
        }
    }

    /// It returned an error of its own.
    pub(crate) fn by_itself(&self, returned: Returned) -> Failure {
        Failure {
            step: returned.step.or_else(|| self.recorder.step()),
            ..self.failure(returned.kind, returned.message, returned.limit)
        }
    }

    /// It outlived its time on the wall.
    pub(crate) fn by_clock(&self) -> Failure {
        let limit = LimitHit::new(self.key("wall_ms_max"), self.wall_ms);
        let message = format!(
            "the guest was stopped after {} ms by the clock on the wall",
            self.wall_ms
        );
        self.failure(FailureKind::Wall, message.into(), Some(limit))
    }

    /// The host panicked while it served the guest. It costs this case alone.
    pub(crate) fn by_host_panic(&self) -> Failure {
        self.failure(
            FailureKind::Host,
            "the host failed while it served this case".into(),
            None,
        )
    }

    /// It trapped, or the host would not go on.
    ///
    /// `denied` is what the limiter refused it last: a guest that gets no
    /// memory mostly aborts, and that looks like any other abort.
    pub(crate) fn by_error(&self, error: wasmtime::Error, denied: Option<LimitHit>) -> Failure {
        let backtrace = backtrace(&error);
        let (kind, message, limit) = self.classify(&error, denied);
        Failure {
            backtrace,
            ..self.failure(kind, message.into(), limit)
        }
    }

    fn classify(
        &self,
        error: &wasmtime::Error,
        denied: Option<LimitHit>,
    ) -> (FailureKind, String, Option<LimitHit>) {
        if let Some(spent) = error.downcast_ref::<Spent>() {
            let limit = LimitHit::new(spent.key, spent.max);
            return (FailureKind::Refused, spent.to_string(), Some(limit));
        }
        if let Some(I32Exit(code)) = error.downcast_ref::<I32Exit>() {
            return (
                FailureKind::Exit,
                format!("the guest called exit with code {code}"),
                None,
            );
        }
        if let Some(misfit) = error.downcast_ref::<Misfit>() {
            return (FailureKind::Contract, misfit.to_string(), None);
        }
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return self.classify_trap(*trap, denied);
        }
        if let Some(limit) = denied {
            return (
                FailureKind::Memory,
                format!("the guest asked for more than `{}` allows", limit.key),
                Some(limit),
            );
        }
        self.classify_text(error)
    }

    fn classify_trap(
        &self,
        trap: Trap,
        denied: Option<LimitHit>,
    ) -> (FailureKind, String, Option<LimitHit>) {
        match trap {
            Trap::Interrupt => {
                let limit = LimitHit::new(self.key("cpu_ms_max"), self.cpu_ms);
                let message = format!("the guest was stopped after {} ms of CPU time", self.cpu_ms);
                (FailureKind::Cpu, message, Some(limit))
            }
            Trap::StackOverflow => (
                FailureKind::Stack,
                "the guest recursed until its stack was full".into(),
                None,
            ),
            Trap::UnreachableCodeReached => {
                if let Some(limit) = denied {
                    let message =
                        format!("the guest gave up after `{}` had denied it more", limit.key);
                    return (FailureKind::Memory, message, Some(limit));
                }
                let message = match self.recorder.panic_message() {
                    Some(panic) => format!("the guest {panic}"),
                    None => "the guest aborted: it reached `unreachable`".into(),
                };
                (FailureKind::Unreachable, message, None)
            }
            trap => (
                FailureKind::Trap,
                format!("the guest trapped: {trap}"),
                None,
            ),
        }
    }

    /// Tells apart the errors that wasmtime knows by their text alone.
    fn classify_text(&self, error: &wasmtime::Error) -> (FailureKind, String, Option<LimitHit>) {
        let text = error.root_cause().to_string();
        for (sign, key) in [
            (
                "fuel allocated for hostcalls has been exhausted",
                "hostcall_bytes_max",
            ),
            ("resource table has no free keys", "resources_max"),
            ("handle limit exceeded", "handles_max"),
            ("requested len", "random_bytes_max"),
        ] {
            if text.contains(sign) {
                let value = self.recorder.limits().get(key).unwrap_or_default();
                let spent = Spent { key, max: value };
                return (
                    FailureKind::Refused,
                    spent.to_string(),
                    Some(LimitHit::new(key, value)),
                );
            }
        }
        // What it gave or was given could not be carried over: a handle that is none,
        // text that is no text, a pointer to nowhere.
        (
            FailureKind::Trap,
            format!("the guest broke the rules of its calls: {text}"),
            None,
        )
    }

    /// Returns the key that holds for this role.
    fn key(&self, of_chain: &'static str) -> &'static str {
        match (self.role, of_chain) {
            (Role::Scorer, "cpu_ms_max") => "scorer_cpu_ms_max",
            (Role::Scorer, "wall_ms_max") => "scorer_wall_ms_max",
            (_, key) => key,
        }
    }

    fn failure(&self, kind: FailureKind, message: Untrusted, limit: Option<LimitHit>) -> Failure {
        let limit = match kind {
            FailureKind::Stack => Some(LimitHit::new(
                "stack_bytes_max",
                self.recorder.limits().stack_bytes_max,
            )),
            _ => limit,
        };
        Failure {
            kind,
            step: self.recorder.step(),
            limit,
            message,
            last_lines: self.recorder.last_lines(),
            backtrace: Vec::new(),
        }
    }
}

/// Returns the names of the functions in which a guest ended.
fn backtrace(error: &wasmtime::Error) -> Vec<Untrusted> {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    trace
        .frames()
        .iter()
        .map(|frame| match frame.func_name() {
            Some(name) => format!("{:#}", rustc_demangle::demangle(name)).into(),
            None => format!("function {}", frame.func_index()).into(),
        })
        .collect()
}
