//! Recording: each call is in the file before its answer is used.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use fapo_core::call::{Delivery, GenerateRequest, ProviderError};
use fapo_core::manifest::Role;
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Provider};

use super::{Call, FORMAT, Filled, Header, LINE_BYTES_MAX, Line, Open, Search};
use crate::exit::{CommandError, CommandResult, file_error};
use crate::run_dir::locked;
use crate::seed;

/// A recording that is being made.
pub(crate) struct Recorder {
    path: PathBuf,
    written: Mutex<Written>,
    is_broken: AtomicBool,
}

struct Written {
    file: File,
    /// Which fillings are in the file, told by their texts.
    filled: HashSet<u64>,
    /// Why it cannot be written any more.
    broken: Option<io::Error>,
}

impl Recorder {
    /// Begins the recording of a run, in a new file; or goes on with that of a
    /// run that is resumed, which must have been recorded from its beginning.
    ///
    /// What was recorded stays: of two lines of the same call the later one
    /// holds.
    pub(crate) fn open(path: &Path, run: &str, is_resumed: bool) -> CommandResult<Arc<Self>> {
        let (mut file, bytes) = open(path, !is_resumed)?;
        if !is_resumed {
            if bytes == 0 {
                return Self::begin(path, file, run);
            }
            return Err(CommandError::person(format!(
                "could not record to `{}`: the file is not empty",
                path.display()
            ))
            .hint("name a new file; only a run that is resumed goes on in the one it began"));
        }
        let header = read_header(path, &mut BufReader::new(&file))?;
        if header.run.as_str() != run {
            return Err(CommandError::person(format!(
                "could not record to `{}`: it is of the run `{}`",
                path.display(),
                header.run.cut(64)
            ))
            .hint("name the file that the run was recorded to"));
        }
        // A line that was cut by a kill must not be the head of the next one.
        file.write_all(b"\n")
            .map_err(|error| file_error("write to", path, error))?;
        Ok(Self::new(path, file))
    }

    fn begin(path: &Path, file: File, run: &str) -> CommandResult<Arc<Self>> {
        let recorder = Self::new(path, file);
        let header = Header {
            format: FORMAT,
            host: env!("CARGO_PKG_VERSION").into(),
            run: run.into(),
        };
        // What went wrong is kept, and told at once.
        let _ = recorder.append(&Line::Header(header));
        recorder.check()?;
        Ok(recorder)
    }

    pub(super) fn new(path: &Path, file: File) -> Arc<Self> {
        Arc::new(Self {
            path: path.into(),
            written: Mutex::new(Written {
                file,
                filled: HashSet::new(),
                broken: None,
            }),
            is_broken: AtomicBool::new(false),
        })
    }

    /// Fails when a call could not be recorded: a replay would miss it.
    pub(crate) fn check(&self) -> CommandResult<()> {
        if !self.is_broken.load(Relaxed) {
            return Ok(());
        }
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let error = written.broken.take();
        let error = error.unwrap_or_else(|| io::ErrorKind::Other.into());
        Err(file_error("write to", &self.path, error))
    }

    fn fill(&self, filled: Filled) {
        let key = seed::of(&serde_json::to_string(&filled).expect("plain data can be written"));
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.filled.insert(key) {
            drop(written);
            // Whoever waits for the answer is told.
            let _ = self.append(&Line::Filled(Box::new(filled)));
        }
    }

    /// Writes a line, with one system call that no end of this process undoes.
    pub(super) fn append(&self, line: &Line<Call, Search>) -> Result<(), ProviderError> {
        let mut json = fapo_core::json::bytes(line);
        json.push(b'\n');
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match json.len() > LINE_BYTES_MAX {
            true => Err(io::Error::other("a call is longer than a line may be")),
            false => written.file.write_all(&json),
        };
        done.map_err(|error| {
            let why = format!("the recording cannot be written: {error}");
            written.broken = Some(error);
            self.is_broken.store(true, Relaxed);
            ProviderError::Unavailable(why.into())
        })
    }
}

/// Opens a file for no other recording at once; returns its length, too.
fn open(path: &Path, may_make: bool) -> CommandResult<(File, u64)> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(may_make)
        .open(path)
        .map_err(|error| file_error("record to", path, error))?;
    if !locked(&file) {
        return Err(CommandError::person(format!(
            "could not record to `{}`: another run records to it",
            path.display()
        ))
        .hint("name a file for each run"));
    }
    let meta = file.metadata();
    let meta = meta.map_err(|error| file_error("record to", path, error))?;
    Ok((file, meta.len()))
}

/// Reads the first line of a recording.
pub(super) fn read_header(path: &Path, lines: &mut impl BufRead) -> CommandResult<Header> {
    /// Longer than any header, so that no file is read whole to find out.
    const HEADER_BYTES_MAX: u64 = 64 << 10;
    let mut line = Vec::new();
    lines
        .take(HEADER_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .map_err(|error| file_error("read", path, error))?;
    let no_recording = |hint: &str| {
        CommandError::person(format!(
            "`{}` is not a recording that this program reads",
            path.display()
        ))
        .hint(hint)
    };
    let hint = "`--record FILE` makes one";
    match serde_json::from_slice(&line) {
        Ok(Line::<Call, Search>::Header(header)) if header.format == FORMAT => Ok(header),
        Ok(Line::Header(header)) => Err(no_recording(hint).because(format!(
            "it has the format {}, and this program reads {FORMAT}",
            header.format
        ))),
        Ok(_) => Err(no_recording(hint).because("its first line is no header")),
        Err(error) => Err(no_recording(hint).because(error)),
    }
}

/// Puts a recording before a provider.
pub(crate) fn recorded(provider: Arc<dyn Provider>, recorder: Arc<Recorder>) -> Arc<dyn Provider> {
    Arc::new(Recorded { provider, recorder })
}

struct Recorded {
    provider: Arc<dyn Provider>,
    recorder: Arc<Recorder>,
}

impl Provider for Recorded {
    fn complete(&self, role: Role, request: &mut GenerateRequest) {
        let asked = Open::of(request);
        self.provider.complete(role, request);
        let sent = Open::of(request);
        if asked != sent {
            self.recorder.fill(Filled { role, asked, sent });
        }
    }

    fn generate(&self, site: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let answer = self.provider.generate(site.clone(), request.clone());
        let recorder = self.recorder.clone();
        Box::pin(async move {
            let delivery = answer.await;
            let call = Call {
                case_id: site.case,
                repeat: site.repeat,
                role: site.role,
                seq: site.seq,
                step: site.step,
                request,
                delivery: delivery.clone(),
            };
            match recorder.append(&Line::Call(call)) {
                Ok(()) => delivery,
                Err(error) => Err(error).into(),
            }
        })
    }
}
