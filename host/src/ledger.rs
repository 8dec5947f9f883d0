//! The ledger of test sets: which cases are held out, and who has read them.
//!
//! It lies in the operator's home, where no tenant and no agent that works in a
//! tenant's directory can change it. A test set is known by the content of its
//! cases, so a copy in another order, under other ids or in other formatting is
//! the same set; one that shares a case with a set that was read counts as read.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use fapo_core::Untrusted;
use fapo_core::case::Case;
use fapo_core::digest::{content_digest, hex};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::dataset::{Lines, Place};
use crate::exit::{CommandError, CommandResult, file_error};
use crate::home::Home;
use crate::report::counted;

/// The content of one case.
type Content = [u8; 32];

/// The ledger of one tenant.
pub(crate) struct Ledger {
    dir: PathBuf,
}

/// The test set of a tenant as it is now.
pub(crate) struct TestSet {
    pub(crate) digest: String,
    contents: BTreeSet<Content>,
}

/// One reading of a test set.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Reading {
    pub(crate) at: String,
    pub(crate) test_digest: String,
    pub(crate) variant: String,
    pub(crate) run_dir: String,
    /// Why it was read although it had been read before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// Cases that must not be in a file.
#[derive(Default)]
pub(crate) struct HeldOut(HashSet<Content>);

impl HeldOut {
    /// Refuses a case that is held out.
    pub(crate) fn check(&self, case: &Case, line: usize, file: &str) -> CommandResult<()> {
        if !self.0.is_empty() && self.0.contains(&content_digest(case)) {
            return Err(CommandError::refused(format!(
                "line {line} of `{file}` is a case of a test set, and those are held out"
            ))
            .hint("`fapo-host test` reads a test set, once"));
        }
        Ok(())
    }

    /// Returns the cases of all tenants that this host knows.
    pub(crate) fn of_all(home: &Home) -> CommandResult<Self> {
        let mut held = Self::default();
        let dir = home.ledger();
        for tenant in folders(&dir)? {
            held.add(&Ledger { dir: tenant })?;
        }
        Ok(held)
    }

    fn add(&mut self, ledger: &Ledger) -> CommandResult<()> {
        for set in ledger.sets()? {
            self.0.extend(ledger.contents(&set)?);
        }
        Ok(())
    }
}

impl TestSet {
    /// Reads the cases of a test file.
    pub(crate) fn read(place: &Place) -> CommandResult<Self> {
        let mut contents = BTreeSet::new();
        let (mut lines, mut bytes) = (Lines::open(place)?, Vec::new());
        while let Some(case) = lines.next_case(&mut bytes)? {
            contents.insert(content_digest(&case));
        }
        let mut digest = Sha256::new();
        contents.iter().for_each(|content| digest.update(content));
        Ok(Self {
            digest: hex(&digest.finalize().into()),
            contents,
        })
    }
}

impl Ledger {
    /// Opens the ledger of a tenant, and makes it where there is none.
    pub(crate) fn open(home: &Home, tenant_id: &str) -> CommandResult<Self> {
        let dir = home.ledger().join(tenant_id);
        fs::create_dir_all(&dir).map_err(|error| file_error("make", &dir, error))?;
        Ok(Self { dir })
    }

    /// Seals a test set: from now on its cases are refused elsewhere.
    pub(crate) fn seal(&self, set: &TestSet) -> CommandResult<()> {
        let path = self.dir.join(&set.digest).with_extension("cases");
        if path.exists() {
            return Ok(());
        }
        let lines: Vec<String> = set.contents.iter().map(hex).collect();
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&temporary, lines.join("\n"))
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(|error| file_error("write", &path, error))
    }

    /// Returns the cases of this tenant that are held out.
    pub(crate) fn held_out(&self) -> CommandResult<HeldOut> {
        let mut held = HeldOut::default();
        held.add(self)?;
        Ok(held)
    }

    /// Returns every reading of a set that shares a case with this one.
    pub(crate) fn readings(&self, set: &TestSet) -> CommandResult<Vec<Reading>> {
        let path = self.readings_path();
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(file_error("read", &path, error)),
        };
        let mut readings: Vec<Reading> = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|error| file_error("read", &path, error))?;
            // The ledger is not read past a line that nobody can read: what it
            // said might have been that the set was read.
            readings.push(serde_json::from_str(&line).map_err(|error| {
                CommandError::world(format!("the ledger `{}` is damaged", path.display()))
                    .because(error)
                    .hint("the operator can mend or move the file; each line is one reading")
            })?);
        }
        let mut shared = BTreeSet::new();
        for digest in readings.iter().map(|reading| &reading.test_digest) {
            if *digest == set.digest
                || self
                    .contents(digest)?
                    .iter()
                    .any(|content| set.contents.contains(content))
            {
                shared.insert(digest.clone());
            }
        }
        readings.retain(|reading| shared.contains(&reading.test_digest));
        Ok(readings)
    }

    /// Notes a reading before it happens, unless the set was read before and
    /// nobody says why it should be read again. Returns how often it was.
    pub(crate) fn read(
        &self,
        set: &TestSet,
        variant: &str,
        run_dir: &Path,
        reason: Option<&str>,
    ) -> CommandResult<u64> {
        let path = self.readings_path();
        let io = |error| file_error("write to", &path, error);
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(io)?;
        // Two processes that test at once take turns here.
        file.lock().map_err(io)?;
        self.seal(set)?;
        let before = self.readings(set)?;
        if reason.is_none() {
            check_unread(&before)?;
        }
        let reading = Reading {
            at: clock::now(),
            test_digest: set.digest.clone(),
            variant: variant.into(),
            run_dir: run_dir.display().to_string(),
            reason: reason.map(str::to_owned),
        };
        let mut line = serde_json::to_string(&reading).expect("records can be written");
        line.push('\n');
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(io)?;
        Ok(before.len() as u64)
    }

    /// Refuses a set that was read before.
    pub(crate) fn check_unread(&self, set: &TestSet) -> CommandResult<()> {
        check_unread(&self.readings(set)?)
    }

    /// Returns how often a set was read before the reading of this run, which
    /// must have been noted.
    pub(crate) fn reading_of(&self, set: &TestSet, run_dir: &Path) -> CommandResult<u64> {
        let readings = self.readings(set)?;
        let run_dir = run_dir.display().to_string();
        match readings
            .iter()
            .position(|reading| reading.run_dir == run_dir)
        {
            Some(at) => Ok(at as u64),
            None => Err(CommandError::refused(format!(
                "the ledger knows of no reading by `{run_dir}`"
            ))
            .hint("a test run is resumed where it began, by the operator who began it")),
        }
    }

    fn readings_path(&self) -> PathBuf {
        self.dir.join("readings.jsonl")
    }

    /// Returns the digests of the sealed sets.
    fn sets(&self) -> CommandResult<Vec<String>> {
        let entries =
            fs::read_dir(&self.dir).map_err(|error| file_error("read", &self.dir, error))?;
        let name =
            |entry: std::io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        Ok(entries
            .filter_map(name)
            .filter_map(|name| Some(name.strip_suffix(".cases")?.to_owned()))
            .collect())
    }

    fn contents(&self, set: &str) -> CommandResult<Vec<Content>> {
        let path = self.dir.join(set).with_extension("cases");
        let text = fs::read_to_string(&path).map_err(|error| file_error("read", &path, error))?;
        let content = |line: &str| {
            let mut content = Content::default();
            for (at, byte) in content.iter_mut().enumerate() {
                *byte = u8::from_str_radix(line.get(2 * at..2 * at + 2)?, 16).ok()?;
            }
            Some(content)
        };
        let contents: Option<Vec<_>> = text.lines().map(content).collect();
        contents.ok_or_else(|| {
            CommandError::world(format!("the ledger `{}` is damaged", path.display()))
                .hint("move the file away; it is made again when the tenant is used")
        })
    }
}

fn check_unread(readings: &[Reading]) -> CommandResult<()> {
    let Some(last) = readings.last() else {
        return Ok(());
    };
    Err(CommandError::refused(format!(
        "this test set was read before: {}, the last time on {} for variant {}",
        counted(readings.len() as u64, "time"),
        Untrusted::from(last.at.as_str()),
        Untrusted::from(last.variant.as_str()),
    ))
    .hint("a test set is read once; `--override \"REASON\"` reads it again, and every later report says so"))
}

/// Returns the folders in a folder; none where there is no such folder.
fn folders(dir: &Path) -> CommandResult<Vec<PathBuf>> {
    match fs::read_dir(dir) {
        Ok(entries) => Ok(entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.is_dir())
            .collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(file_error("read", dir, error)),
    }
}
