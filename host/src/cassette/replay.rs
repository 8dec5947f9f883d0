//! Replaying: what was recorded is delivered again, and nothing else.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use fapo_core::Untrusted;
use fapo_core::call::{Delivery, GenerateRequest, ProviderError};
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};
use serde_json::Value;

use super::difference::{Difference, Divergence, changed, first};
use super::record::read_header;
use super::{Call, LINE_BYTES_MAX, Line, Open, Place, Search};
use crate::exit::{CommandError, CommandResult, file_error};

/// A recording that is replayed.
///
/// Calls stay in the file and are read when they are asked for: a recording may
/// be larger than memory.
pub(crate) struct Replay {
    path: PathBuf,
    file: File,
    run: Untrusted,
    calls: HashMap<Place, Part>,
    /// What was filled in, by the role and the JSON of what was asked.
    filled: HashMap<(Role, String), Open>,
    /// Lines that are neither.
    n_unreadable: u64,
    diverged: OnceLock<Divergence>,
}

/// Where a line lies in the file.
struct Part {
    from: u64,
    bytes: usize,
}

impl Replay {
    /// Opens a recording.
    pub(crate) fn open(path: &Path) -> CommandResult<Arc<Self>> {
        let read_error = |error| file_error("read", path, error);
        let file = File::open(path).map_err(read_error)?;
        let mut lines = BufReader::with_capacity(1 << 20, &file);
        let header = read_header(path, &mut lines)?;
        lines.rewind().map_err(read_error)?;
        let (mut calls, mut filled, mut n_unreadable) = (HashMap::new(), HashMap::new(), 0);
        let (mut from, mut line) = (0, Vec::new());
        loop {
            line.clear();
            let bytes = (&mut lines)
                .take(LINE_BYTES_MAX as u64 + 1)
                .read_until(b'\n', &mut line)
                .map_err(read_error)?;
            if bytes == 0 {
                break;
            }
            if bytes > LINE_BYTES_MAX {
                return Err(CommandError::person(format!(
                    "`{}` has a line of more than {LINE_BYTES_MAX} bytes",
                    path.display()
                ))
                .hint("no recording has; `--record FILE` makes one"));
            }
            match serde_json::from_slice(&line) {
                Ok(Line::<Place, Place>::Header(_)) => {}
                Ok(Line::Filled(of)) => {
                    filled.insert((of.role, key(&of.asked)), of.sent);
                }
                // A resumed run recorded some calls twice: the later one holds.
                Ok(Line::Call(place) | Line::Search(place)) => {
                    calls.insert(place, Part { from, bytes });
                }
                // A line that was cut by a kill is one that was not written.
                Err(_) => n_unreadable += u64::from(line != b"\n"),
            }
            from += bytes as u64;
        }
        Ok(Arc::new(Self {
            path: path.into(),
            file,
            run: header.run,
            calls,
            filled,
            n_unreadable,
            diverged: OnceLock::new(),
        }))
    }

    /// Returns the first call that was not the one that was recorded.
    pub(crate) fn divergence(&self) -> Option<&Divergence> {
        self.diverged.get()
    }

    /// Fails when the run has left the recording.
    pub(crate) fn check(&self) -> CommandResult<()> {
        let Some(divergence) = self.divergence() else {
            return Ok(());
        };
        Err(CommandError::person(format!(
            "the run does not follow the recording `{}` of the run `{}`",
            self.path.display(),
            self.run.cut(64)
        ))
        .because(divergence.clone())
        .hint("a recording holds for the same cases, chain, scorer and settings; `--record FILE` makes a new one"))
    }

    /// Returns the line of a call.
    pub(super) fn line(&self, site: &CallSite) -> Result<Line<Call, Search>, Difference> {
        let Some(part) = self.calls.get(&Place::of(site)) else {
            let n_unreadable = self.n_unreadable;
            return Err(Difference::NoSuchCall { n_unreadable });
        };
        let mut line = vec![0; part.bytes];
        self.file
            .read_exact_at(&mut line, part.from)
            .map_err(|error| Difference::Unreadable(error.to_string()))?;
        serde_json::from_slice(&line).map_err(|error| Difference::Unreadable(error.to_string()))
    }

    /// Notes the first call that was not the one that was recorded, and says so.
    pub(super) fn diverges(&self, site: CallSite, what: Difference) -> String {
        let why = format!("the run does not follow its recording: {what}");
        self.diverged.get_or_init(|| Divergence {
            case: site.case,
            repeat: site.repeat,
            role: site.role,
            seq: site.seq,
            step: site.step,
            what,
        });
        why
    }

    /// Returns what was delivered, if the same was asked.
    fn find(&self, site: &CallSite, request: &GenerateRequest) -> Result<Delivery, Difference> {
        let Line::Call(call) = self.line(site)? else {
            return Err(Difference::Unreadable("it is no model call".into()));
        };
        if call.step != site.step {
            return Err(changed("step", site.step.as_str(), call.step.as_str()));
        }
        if *call.request != *request
            && let Some(difference) = first(&written(request), &value(&call.request))
        {
            return Err(difference);
        }
        let mut delivery = call.delivery;
        // Nothing is paid for what is replayed.
        delivery.receipt.paid_usd = Some(0.0);
        Ok(delivery)
    }
}

fn key(asked: &Open) -> String {
    serde_json::to_string(asked).expect("records of plain data can be written")
}

fn value(request: &GenerateRequest) -> Value {
    serde_json::to_value(request).expect("records of plain data are values")
}

/// Returns a request as it would be read from a recording: the last bit of a
/// number may get lost there.
fn written(request: &GenerateRequest) -> Value {
    let json = fapo_core::json::bytes(request);
    serde_json::from_slice::<GenerateRequest>(&json).map_or(Value::Null, |request| value(&request))
}

/// Returns a provider that delivers what was recorded.
pub(crate) fn replayed(replay: &Arc<Replay>) -> Arc<dyn Provider> {
    Arc::new(Replayed(replay.clone()))
}

struct Replayed(Arc<Replay>);

impl Provider for Replayed {
    fn complete(&self, role: Role, request: &mut GenerateRequest) {
        let asked = Open::of(request);
        if let Some(sent) = self.0.filled.get(&(role, key(&asked))) {
            request.model.clone_from(&sent.model);
            request.params.clone_from(&sent.params);
        }
    }

    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let delivery = self.0.find(&site, &request).unwrap_or_else(|what| {
            let why = self.0.diverges(site.clone(), what);
            Err(ProviderError::Unavailable(why.into())).into()
        });
        Box::pin(std::future::ready(delivery))
    }
}
