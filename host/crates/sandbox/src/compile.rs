//! Making code of a component: in a child process, once, and kept.
//!
//! A compiler that is fed by strangers can be made to run for minutes or to
//! take gigabytes, so it works in a child with limits that the kernel holds.
//! What it made is native code, and whoever can write it can do anything, so
//! only files that bear the host's own mark are ever loaded.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use fapo_core::Untrusted;
use fapo_core::limits::Limits;
use hmac::{Hmac, Mac};
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::Engine;

use crate::engine;
use crate::refusal::Refusal;

/// The argument that makes the host's program a compiler. Two numbers follow:
/// seconds of CPU, and bytes of address space.
pub const CHILD_ARGUMENT: &str = "compile-child";

/// How long a compiler may take by the clock on the wall, on a machine that is
/// busy with other things.
const WALL_MAX: Duration = Duration::from_secs(300);

/// The most code that a component may become.
const CODE_BYTES_MAX: u64 = 1 << 30;

/// The most of a compiler's words that anyone reads.
const WORDS_BYTES_MAX: u64 = 16 << 10;

/// How much address space compiling takes for each byte of the component.
const ADDRESS_BYTES_PER_BYTE: u64 = 8;

/// The keys that make up the limit of its CPU time.
const CPU_KEYS: &str = "`compile_cpu_ms_max` and `compile_cpu_ms_per_mib`";

/// What the child's exit code says, when it is not a signal.
const EXIT_INVALID: i32 = 3;

/// A compiler, and where its work is kept.
#[derive(Debug)]
pub struct Compiler {
    /// The program that is run with [`CHILD_ARGUMENT`].
    pub program: PathBuf,
    /// Where compiled code is kept; none compiles each time.
    pub store: Option<CodeStore>,
}

/// What making the code took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CompileReport {
    /// Whether the code was there before.
    pub kept: bool,
    /// Milliseconds by the clock on the wall.
    pub wall_ms: u64,
    /// Size of the code.
    pub code_bytes: u64,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component is to blame.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The child could not be run.
    #[error("could not run the compiler `{}`", program.display())]
    Child {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The child failed, and neither a limit nor the component explains it.
    #[error("the compiler failed: {0}")]
    Failed(Untrusted),
}

impl Compiler {
    /// Returns the code of a component that passed the inspection.
    pub(crate) async fn code(
        &self,
        engine: &Engine,
        digest: &str,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<(Vec<u8>, CompileReport), CompileError> {
        let began = Instant::now();
        let report = |kept, code: &[u8]| CompileReport {
            kept,
            wall_ms: began.elapsed().as_millis() as u64,
            code_bytes: code.len() as u64,
        };
        let name = format!("{digest}-{}", compatibility(engine));
        if let Some(code) = self.store.as_ref().and_then(|store| store.read(&name)) {
            let report = report(true, &code);
            return Ok((code, report));
        }
        let code = self.compile(bytes, limits).await?;
        if let Some(store) = &self.store
            && let Err(error) = store.write(&name, &code)
        {
            // It runs all the same; the next start will be slower.
            tracing::warn!(%error, store = %store.dir.display(), "could not keep compiled code");
        }
        let report = report(false, &code);
        Ok((code, report))
    }

    async fn compile(&self, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, CompileError> {
        let size = bytes.len() as u64;
        let cpu_ms =
            limits.compile_cpu_ms_max + (limits.compile_cpu_ms_per_mib * size).div_ceil(1 << 20);
        // The kernel counts whole seconds.
        let cpu_s = cpu_ms.div_ceil(1000);
        let address_bytes = limits.compile_memory_bytes_max + ADDRESS_BYTES_PER_BYTE * size;
        let broken = |source| CompileError::Child {
            program: self.program.clone(),
            source,
        };
        let mut child = tokio::process::Command::new(&self.program)
            .args([
                CHILD_ARGUMENT,
                &cpu_s.to_string(),
                &address_bytes.to_string(),
            ])
            .env_clear()
            // The program's allocator would set a gigabyte of addresses aside,
            // and they are bounded here, used or not.
            .env("MIMALLOC_DISALLOW_ARENA_ALLOC", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let stdout = child.stdout.take().expect("stdout is a pipe");
        let stderr = child.stderr.take().expect("stderr is a pipe");
        let talk = async {
            let feed = async {
                // A child that refuses stops reading; what it says counts.
                let _ = stdin.write_all(bytes).await;
                drop(stdin);
            };
            let (mut code, mut words) = (Vec::new(), Vec::new());
            let mut stdout = stdout.take(CODE_BYTES_MAX + 1);
            let mut stderr = stderr.take(WORDS_BYTES_MAX);
            let ((), read, said) = tokio::join!(
                feed,
                stdout.read_to_end(&mut code),
                stderr.read_to_end(&mut words)
            );
            read?;
            said?;
            let status = child.wait().await?;
            io::Result::Ok((code, words, status))
        };
        let wall = CompileError::Refused(Refusal::CompileLimit {
            key: CPU_KEYS,
            max: WALL_MAX.as_secs(),
            unit: "s by the clock on the wall",
        });
        let (code, words, status) = tokio::time::timeout(WALL_MAX, talk)
            .await
            .map_err(|_| wall)?
            .map_err(broken)?;
        let words = String::from_utf8_lossy(&words).trim().to_owned();
        if status.success() && code.len() as u64 <= CODE_BYTES_MAX {
            return Ok(code);
        }
        if status.code() == Some(EXIT_INVALID) {
            return Err(Refusal::Invalid(words.into()).into());
        }
        use std::os::unix::process::ExitStatusExt;
        let limit =
            |key, max, unit| CompileError::Refused(Refusal::CompileLimit { key, max, unit });
        match status.signal() {
            Some(signal) if signal == Signal::XCPU.as_raw() || signal == Signal::KILL.as_raw() => {
                Err(limit(CPU_KEYS, cpu_s * 1000, "ms of CPU time"))
            }
            // An allocation that fails ends the process in one of these ways.
            Some(signal)
                if signal == Signal::ABORT.as_raw()
                    || signal == Signal::SEGV.as_raw()
                    || signal == Signal::BUS.as_raw() =>
            {
                Err(limit(
                    "`compile_memory_bytes_max` and the component's size",
                    address_bytes,
                    "bytes of address space",
                ))
            }
            _ => Err(CompileError::Failed(format!("{status}: {words}").into())),
        }
    }
}

/// The child's side: reads a component, writes its code, and says what is
/// wrong with it. Returns the exit code.
///
/// # Errors
/// When the limits cannot be set or the pipes break.
pub fn child(
    cpu_s: u64,
    address_bytes: u64,
    mut component: impl Read,
    mut code: impl Write,
) -> io::Result<u8> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let both = |max| Rlimit {
        current: Some(max),
        maximum: Some(max),
    };
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(cpu_s),
            maximum: Some(cpu_s + 1),
        },
    )?;
    setrlimit(Resource::As, both(address_bytes))?;
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::Fsize, both(0))?;
    let mut bytes = Vec::new();
    component.read_to_end(&mut bytes)?;
    let engine = engine::build_compiler().expect("the compiler's configuration holds together");
    match engine.precompile_component(&bytes) {
        Ok(compiled) => {
            code.write_all(&compiled)?;
            code.flush()?;
            Ok(0)
        }
        Err(error) => {
            let words: String = format!("{error:#}")
                .chars()
                .take(WORDS_BYTES_MAX as usize / 4)
                .collect();
            #[expect(
                clippy::print_stderr,
                reason = "stderr is the child's way to say what is wrong"
            )]
            {
                eprintln!("{words}");
            }
            Ok(EXIT_INVALID as u8)
        }
    }
}

/// Returns a word for all that compiled code depends on beside the component.
fn compatibility(engine: &Engine) -> String {
    /// The standard hasher is not stable between versions; this one is.
    struct Sha(Sha256);
    impl std::hash::Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            let digest = self.0.clone().finalize();
            u64::from_le_bytes(
                digest[..8]
                    .try_into()
                    .expect("a digest has more than 8 bytes"),
            )
        }
    }
    let mut hasher = Sha(Sha256::new());
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut hasher);
    std::hash::Hash::hash(wasmtime_version(), &mut hasher);
    format!("{:016x}", std::hash::Hasher::finish(&hasher))
}

/// The compatibility hash covers flags and features; the code generator
/// itself is this version.
fn wasmtime_version() -> &'static str {
    concat!("wasmtime 48.0.8, fapo-sandbox ", env!("CARGO_PKG_VERSION"))
}

/// A directory of compiled code that only the host can write.
#[derive(Debug)]
pub struct CodeStore {
    dir: PathBuf,
    key: [u8; KEY_BYTES],
}

const KEY_BYTES: usize = 32;
const MARK_BYTES: usize = 32;

/// Why compiled code cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Others could put code there.
    #[error("`{}` can be written by others", .0.display())]
    Open(PathBuf),
    /// The disk said no.
    #[error("could not use `{}`", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CodeStore {
    /// Opens a store, and makes it if it is not there: the directory with mode
    /// 0700, the key beside it with mode 0600.
    pub fn open(dir: &Path, key: &Path) -> Result<Self, StoreError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(at(dir))?;
        let meta = fs::metadata(dir).map_err(at(dir))?;
        if meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(StoreError::Open(dir.into()));
        }
        if meta.mode() & 0o077 != 0 {
            fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(at(dir))?;
        }
        Ok(Self {
            dir: dir.into(),
            key: host_key(key).map_err(at(key))?,
        })
    }

    /// Returns kept code, if it is there and bears the host's mark.
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let path = self.dir.join(name);
        let mut file = fs::read(&path).ok()?;
        if file.len() > MARK_BYTES {
            let (mark, code) = file.split_at(MARK_BYTES);
            if self.mark(name, code).verify_slice(mark).is_ok() {
                // The very bytes that were verified are the ones that are loaded.
                file.drain(..MARK_BYTES);
                return Some(file);
            }
        }
        tracing::warn!(path = %path.display(), "compiled code does not bear the host's mark, and is made anew");
        let _ = fs::remove_file(&path);
        None
    }

    fn write(&self, name: &str, code: &[u8]) -> io::Result<()> {
        let mark = self.mark(name, code).finalize().into_bytes();
        let temporary = self.dir.join(format!(".{name}.{}", std::process::id()));
        let written = (|| {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(&mark)?;
            file.write_all(code)?;
            fs::rename(&temporary, self.dir.join(name))
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn mark(&self, name: &str, code: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        mac.update(name.as_bytes());
        mac.update(code);
        mac
    }
}

/// Reads the host's key, or makes one.
fn host_key(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    match File::open(path) {
        Ok(mut file) => file.read_exact(&mut key).map(|()| key),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())?;
            let temporary = path.with_extension(format!("{}", std::process::id()));
            OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&temporary)?
                .write_all(&key)?;
            // Of two processes that start at once, one key wins for both.
            let linked = fs::hard_link(&temporary, path);
            fs::remove_file(&temporary)?;
            match linked {
                Ok(()) => Ok(key),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => host_key(path),
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(dir: &Path) -> CodeStore {
        CodeStore::open(&dir.join("compiled"), &dir.join("key")).unwrap()
    }

    #[test]
    fn code_comes_back_as_it_was_kept() {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path()).write("a", b"code").unwrap();
        assert_eq!(store(dir.path()).read("a").unwrap(), b"code");
        assert_eq!(
            fs::metadata(dir.path().join("compiled")).unwrap().mode() & 0o777,
            0o700
        );
        assert_eq!(
            fs::metadata(dir.path().join("key")).unwrap().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn code_that_anyone_touched_is_not_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let kept = store(dir.path());
        kept.write("a", b"code").unwrap();
        let path = dir.path().join("compiled/a");
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert_eq!(kept.read("a"), None);
        assert!(!path.exists());
    }

    #[test]
    fn code_of_another_name_or_another_host_is_not_loaded() {
        let dir = tempfile::tempdir().unwrap();
        let kept = store(dir.path());
        kept.write("a", b"code").unwrap();
        fs::rename(dir.path().join("compiled/a"), dir.path().join("compiled/b")).unwrap();
        assert_eq!(kept.read("b"), None);
        kept.write("a", b"code").unwrap();
        fs::remove_file(dir.path().join("key")).unwrap();
        assert_eq!(store(dir.path()).read("a"), None);
    }
}
