//! `FAPO_HOME`: the operator's policy, the host's key, compiled code, and runs
//! that nobody gave another place.

use std::path::{Path, PathBuf};

use fapo_core::policy::WrittenPolicy;
use fapo_sandbox::compile::CodeStore;
use fapo_sandbox::sandbox::{Sandbox, Setup};

use crate::cores;
use crate::exit::{CommandError, CommandResult, file_error};

/// The directory of the operator.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    dir: PathBuf,
}

impl Home {
    /// Returns `FAPO_HOME`, or `.fapo` in the person's home directory.
    pub(crate) fn find() -> CommandResult<Self> {
        let named = std::env::var_os("FAPO_HOME")
            .filter(|dir| !dir.is_empty())
            .map(PathBuf::from);
        let dir = match named.or_else(|| std::env::home_dir().map(|home| home.join(".fapo"))) {
            Some(dir) => {
                std::path::absolute(&dir).map_err(|error| file_error("use", &dir, error))?
            }
            None => {
                return Err(CommandError::person("could not find a home directory")
                    .hint("set `FAPO_HOME` to a directory of your own"));
            }
        };
        Ok(Self { dir })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn policy_path(&self) -> PathBuf {
        self.dir.join("policy.toml")
    }

    /// Where test sets are sealed, and readings of them noted.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Answers that are kept.
    pub(crate) fn cache(&self) -> PathBuf {
        self.dir.join("cache.sqlite")
    }

    /// What was spent of the budgets that processes share.
    pub(crate) fn spending(&self) -> PathBuf {
        self.dir.join("spending.sqlite")
    }

    /// Indexes that were built on demand, and the digests of corpora.
    pub(crate) fn indexes(&self) -> PathBuf {
        self.dir.join("indexes")
    }

    pub(crate) fn runs(&self) -> PathBuf {
        self.dir.join("runs")
    }

    /// Reads the operator's policy; without a file the built-in one holds.
    pub(crate) fn policy(&self) -> CommandResult<WrittenPolicy> {
        let path = self.policy_path();
        match std::fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|error| {
                CommandError::person(format!("could not read the policy `{}`", path.display()))
                    .because(told(&text, &error))
                    .hint("`host/README.md` explains the file, and `fapo-host limits` lists the keys of `[limits]`")
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(WrittenPolicy::default())
            }
            Err(error) => Err(file_error("read", &path, error)),
        }
    }

    /// Opens the store of compiled code.
    pub(crate) fn code_store(&self) -> CommandResult<CodeStore> {
        CodeStore::open(&self.dir.join("compiled"), &self.dir.join("host.key")).map_err(|error| {
            CommandError::world("could not open the store of compiled code")
                .because(error)
                .hint("`FAPO_HOME` must be a directory that you own and nobody else can write")
        })
    }

    /// Sets up the sandbox of this process, with a thread for each core.
    pub(crate) fn sandbox(&self, stack_bytes_max: u64) -> CommandResult<Sandbox> {
        self.sandbox_on(cores::usable(), stack_bytes_max)
    }

    /// Sets up a sandbox with so many threads for guests that are busy.
    pub(crate) fn sandbox_on(
        &self,
        threads: usize,
        stack_bytes_max: u64,
    ) -> CommandResult<Sandbox> {
        let compiler = std::env::current_exe().map_err(|error| {
            CommandError::world("could not find this program's own file").because(error)
        })?;
        let setup = Setup {
            compiler,
            store: Some(self.code_store()?),
            stack_bytes_max,
            threads,
        };
        Sandbox::new(setup).map_err(|error| {
            CommandError::world("could not start")
                .because(error)
                .hint("`fapo-host doctor` looks for the reason")
        })
    }
}

/// Says what is wrong with a policy, and where. What stands there is not
/// repeated: somebody may have written a key.
fn told(policy: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| policy.get(..span.start));
    match before {
        Some(before) => format!("line {}: {}", before.split('\n').count(), error.message()),
        None => error.message().to_owned(),
    }
}
