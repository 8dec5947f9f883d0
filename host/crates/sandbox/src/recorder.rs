//! The trace of one guest in one case, written while it runs.
//!
//! It stands outside the guest's store, so what was told before a trap, a
//! timeout or a panic is still there when the store is gone.

use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use fapo_core::Untrusted;
use fapo_core::limits::Limits;
use fapo_core::trace::{Call, CallBody, CaseTrace, Level, LogLine, Span, Visit};

use crate::convert::ITEM_BYTES;

/// A limit that a guest has spent. It ends the guest.
#[derive(Debug, thiserror::Error)]
#[error("the guest has spent `{key}`, which is {max}")]
pub(crate) struct Spent {
    pub(crate) key: &'static str,
    pub(crate) max: u64,
}

/// Ends the guest when a value is above a limit.
pub(crate) fn within(key: &'static str, max: u64, value: u64) -> Result<(), Spent> {
    if value <= max {
        Ok(())
    } else {
        Err(Spent { key, max })
    }
}

/// Returns an answer and an error, one of which is there, as records keep them.
pub(crate) fn told<A: Clone, E: Clone>(answered: &Result<A, E>) -> (Option<A>, Option<E>) {
    (
        answered.as_ref().ok().cloned(),
        answered.as_ref().err().cloned(),
    )
}

/// Why a step cannot begin, end or fail now.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OutOfOrder {
    AlreadyOpen,
    NotOpen,
}

/// How many of a guest's last lines are shown with its failure.
const LAST_LINES: usize = 8;

#[derive(Debug)]
pub(crate) struct Recorder {
    began: Instant,
    limits: Limits,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    trace: CaseTrace,
    trace_bytes: u64,
    call_bytes: u64,
    log_bytes: u64,
    stdio: Vec<u8>,
}

impl Recorder {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            began: Instant::now(),
            limits,
            kept: Mutex::default(),
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn elapsed_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A panic elsewhere leaves the records whole: each change is one push.
        self.kept
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Begins a visit and returns its number.
    pub(crate) fn begin(&self, step: &str) -> Result<Result<u32, OutOfOrder>, Spent> {
        let mut kept = self.kept();
        if kept.open_visit(step).is_some() {
            return Ok(Err(OutOfOrder::AlreadyOpen));
        }
        within(
            "trace_events_max",
            self.limits.trace_events_max,
            kept.trace.visits.len() as u64 + 1,
        )?;
        let visit = kept.visits_of(step) + 1;
        kept.trace.visits.push(Visit {
            step: step.into(),
            visit,
            output: None,
            failure: None,
            replaced: false,
            span: Span {
                began_us: self.elapsed_us(),
                ended_us: 0,
            },
        });
        Ok(Ok(visit))
    }

    /// Ends the open visit of a step.
    pub(crate) fn close(&self, step: &str, how: Close) -> Result<Result<(), OutOfOrder>, Spent> {
        let mut kept = self.kept();
        let Some(at) = kept.open_visit(step) else {
            return Ok(Err(OutOfOrder::NotOpen));
        };
        let (Close::Output(text) | Close::Replaced(text) | Close::Failure(text)) = &how;
        let bytes = kept.trace_bytes + text.as_str().len() as u64;
        within("trace_bytes_max", self.limits.trace_bytes_max, bytes)?;
        kept.trace_bytes = bytes;
        let ended_us = self.elapsed_us();
        let visit = &mut kept.trace.visits[at];
        visit.span.ended_us = ended_us;
        match how {
            Close::Output(text) => visit.output = Some(text),
            Close::Replaced(text) => {
                visit.output = Some(text);
                visit.replaced = true;
            }
            Close::Failure(text) => visit.failure = Some(text),
        }
        Ok(Ok(()))
    }

    /// Takes room for a request or an answer that will be kept.
    pub(crate) fn take_room(&self, bytes: u64) -> Result<(), Spent> {
        let mut kept = self.kept();
        let sum = kept.call_bytes.saturating_add(bytes);
        within("call_bytes_max", self.limits.call_bytes_max, sum)?;
        kept.call_bytes = sum;
        Ok(())
    }

    /// Notes that a call begins; returns its place, the visit of its step, and
    /// how often a model was asked the very same before.
    pub(crate) fn call_begins(&self, step: &Untrusted, body: CallBody) -> (usize, u32, u32) {
        let mut kept = self.kept();
        let calls = kept.trace.calls.iter();
        let sample = calls
            .filter(|call| call.body.is_asked_again_by(&body))
            .count();
        let visit = kept.visits_of(step.as_str());
        let span = Span {
            began_us: self.elapsed_us(),
            ended_us: 0,
        };
        kept.trace.calls.push(Call {
            step: step.clone(),
            visit,
            body,
            span,
        });
        let sample = u32::try_from(sample).unwrap_or(u32::MAX);
        (kept.trace.calls.len() - 1, visit, sample)
    }

    /// Notes what a call was answered.
    pub(crate) fn call_ends(&self, at: usize, answer: impl FnOnce(&mut CallBody)) {
        let ended_us = self.elapsed_us();
        let mut kept = self.kept();
        // The trace may have been taken while the answer was under way.
        if let Some(call) = kept.trace.calls.get_mut(at) {
            answer(&mut call.body);
            call.span.ended_us = ended_us;
        }
    }

    /// Keeps a log line, or counts it when there is no room.
    pub(crate) fn log(&self, level: Level, text: String) {
        let mut kept = self.kept();
        // An empty line takes room, too.
        let bytes = kept.log_bytes + (text.len() + ITEM_BYTES) as u64;
        if bytes > self.limits.log_bytes_max {
            kept.trace.log_lines_dropped += 1;
        } else {
            kept.log_bytes = bytes;
            kept.trace.log.push(LogLine {
                level,
                text: text.into(),
            });
        }
    }

    /// Keeps what was written to standard output or error, as far as it fits.
    pub(crate) fn stdio(&self, bytes: &[u8]) {
        let mut kept = self.kept();
        let room = (self.limits.stdio_bytes_max as usize).saturating_sub(kept.stdio.len());
        let (fits, rest) = bytes.split_at(room.min(bytes.len()));
        kept.stdio.extend_from_slice(fits);
        kept.trace.stdio_bytes_dropped += rest.len() as u64;
    }

    /// Returns the guest's last log lines, and the last it wrote to stderr.
    pub(crate) fn last_lines(&self) -> Vec<Untrusted> {
        let kept = self.kept();
        let stdio = String::from_utf8_lossy(&kept.stdio);
        let log = kept
            .trace
            .log
            .iter()
            .rev()
            .take(LAST_LINES)
            .rev()
            .map(|line| line.text.clone());
        let mut written: Vec<Untrusted> = stdio
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(LAST_LINES)
            .map(Untrusted::from)
            .collect();
        written.reverse();
        log.chain(written).collect()
    }

    /// Returns the line in which a Rust guest says that it panicked, with its message.
    pub(crate) fn panic_message(&self) -> Option<String> {
        let kept = self.kept();
        let stdio = String::from_utf8_lossy(&kept.stdio);
        let at = stdio.rfind("panicked at ")?;
        let mut lines = stdio[at..].lines();
        let place = lines.next()?.trim_end_matches(':');
        Some(match lines.next() {
            Some(message) => format!("{place}: {message}"),
            None => place.into(),
        })
    }

    /// Returns the step that a failure belongs to: the open one, else the last
    /// that failed.
    pub(crate) fn step(&self) -> Option<Untrusted> {
        let kept = self.kept();
        kept.trace.open_step().or(kept.trace.failed_step()).cloned()
    }

    /// Takes the trace; what is noted later goes nowhere.
    pub(crate) fn take(&self) -> CaseTrace {
        let kept = std::mem::take(&mut *self.kept());
        CaseTrace {
            stdio: String::from_utf8_lossy(&kept.stdio).into_owned().into(),
            ..kept.trace
        }
    }
}

/// How a visit is closed.
pub(crate) enum Close {
    Output(Untrusted),
    /// With an output that a replay put in the step's place.
    Replaced(Untrusted),
    Failure(Untrusted),
}

impl Kept {
    fn visits_of(&self, step: &str) -> u32 {
        self.trace
            .visits
            .iter()
            .rev()
            .find(|v| v.step.as_str() == step)
            .map_or(0, |v| v.visit)
    }

    fn open_visit(&self, step: &str) -> Option<usize> {
        let at = self
            .trace
            .visits
            .iter()
            .rposition(|v| v.step.as_str() == step)?;
        self.trace.visits[at].is_open().then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorder(limits: Limits) -> Recorder {
        Recorder::new(limits)
    }

    #[test]
    fn a_step_is_visited_as_often_as_it_begins() {
        let recorder = recorder(Limits::default());
        assert_eq!(recorder.begin("a").unwrap(), Ok(1));
        assert_eq!(recorder.begin("a").unwrap(), Err(OutOfOrder::AlreadyOpen));
        recorder
            .close("a", Close::Output("x".into()))
            .unwrap()
            .unwrap();
        assert_eq!(
            recorder.close("a", Close::Output("x".into())).unwrap(),
            Err(OutOfOrder::NotOpen)
        );
        assert_eq!(recorder.begin("a").unwrap(), Ok(2));
        assert_eq!(recorder.step().unwrap().as_str(), "a");
    }

    #[test]
    fn output_beyond_the_limit_ends_the_guest_and_keeps_what_fitted() {
        let recorder = recorder(Limits {
            trace_bytes_max: 3,
            ..Limits::default()
        });
        recorder.begin("a").unwrap().unwrap();
        recorder
            .close("a", Close::Output("xy".into()))
            .unwrap()
            .unwrap();
        recorder.begin("a").unwrap().unwrap();
        assert_eq!(
            recorder
                .close("a", Close::Output("zz".into()))
                .unwrap_err()
                .key,
            "trace_bytes_max"
        );
        assert_eq!(recorder.take().visits[0].output, Some("xy".into()));
    }

    #[test]
    fn requests_and_answers_share_their_room() {
        let recorder = recorder(Limits {
            call_bytes_max: 10,
            ..Limits::default()
        });
        assert!(recorder.take_room(6).is_ok() && recorder.take_room(4).is_ok());
        assert_eq!(recorder.take_room(1).unwrap_err().key, "call_bytes_max");
    }

    #[test]
    fn lines_without_room_are_counted() {
        let recorder = recorder(Limits {
            log_bytes_max: 4 + 2 * ITEM_BYTES as u64,
            stdio_bytes_max: 4,
            ..Limits::default()
        });
        for line in ["abc", "de", "f"] {
            recorder.log(Level::Info, line.into());
            recorder.stdio(line.as_bytes());
        }
        let trace = recorder.take();
        assert_eq!((trace.log.len(), trace.log_lines_dropped), (2, 1));
        assert_eq!(
            (trace.stdio.as_str(), trace.stdio_bytes_dropped),
            ("abcd", 2)
        );
    }

    #[test]
    fn a_panic_is_found_in_what_was_written() {
        let recorder = recorder(Limits::default());
        recorder.stdio(
            b"hello\n\nthread 'x' panicked at src/lib.rs:3:5:\nno such step\nnote: run with\n",
        );
        assert_eq!(
            recorder.panic_message().unwrap(),
            "panicked at src/lib.rs:3:5: no such step"
        );
    }
}
