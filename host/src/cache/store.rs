//! The file behind the cache, and the threads that read and write it.
//!
//! Readers answer one call each. One writer takes all answers that wait into
//! one transaction, so that many of them cost little more than one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::Sender;

use fapo_core::call::{Completion, Receipt, Served};
use fapo_core::json;
use fapo_core::model::Parameter;
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::Identity;
use super::key::Key;
use crate::database::{self, Layout, OpenError, Queue};

/// Sizes and dates stand apart from the answers, so that counting and choosing
/// what goes does not read them.
pub(super) const LAYOUT: Layout = Layout {
    name: "the cache",
    mark: i32::from_be_bytes(*b"FApc"),
    format: 1,
    schema: "
        CREATE TABLE entries (
            id INTEGER PRIMARY KEY,
            key BLOB NOT NULL UNIQUE,
            tenant TEXT,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            worth_usd REAL,
            bytes INTEGER NOT NULL,
            created INTEGER NOT NULL,
            used INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX entries_by_use ON entries (used);
        CREATE TABLE answers (
            id INTEGER PRIMARY KEY,
            answer BLOB NOT NULL
        ) STRICT;
        CREATE TRIGGER gone AFTER DELETE ON entries BEGIN
            DELETE FROM answers WHERE id = old.id;
        END;
    ",
    hint: "move the file away: a new one is made, and what was kept in it is asked for again",
};

/// Threads that read: two, since a read is a few microseconds of CPU.
const READERS: usize = 2;

/// Answers in one transaction: beyond that the first of them waits too long.
const BATCH_MAX: usize = 256;

/// How exact it is noted when an answer was last used, in seconds: a hit writes
/// once in that time.
const USED_EVERY_S: u64 = 60 * 60;

/// The longest answer that is kept, as it is written.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Entries that go in one transaction.
const EVICTED_MAX: u64 = 256;

/// Returns seconds since 1970.
pub(super) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// An answer, and what a receipt says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) completion: Completion,
    #[serde(default)]
    pub(super) left_out: Vec<Parameter>,
    #[serde(default)]
    pub(super) served: Served,
    /// Kept beside it, exact to the last bit.
    #[serde(skip)]
    pub(super) worth_usd: Option<f64>,
}

impl Kept {
    pub(super) fn new(completion: Completion, receipt: &Receipt) -> Self {
        Self {
            completion,
            left_out: receipt.left_out.clone(),
            served: receipt.served.clone(),
            worth_usd: receipt.worth_usd,
        }
    }

    fn read(json: &[u8], worth_usd: Option<f64>) -> serde_json::Result<Self> {
        let mut kept: Self = serde_json::from_slice(json)?;
        kept.worth_usd = worth_usd;
        Ok(kept)
    }
}

/// An answer on its way to the file.
struct Entry {
    key: Key,
    tenant: Option<String>,
    identity: Identity,
    worth_usd: Option<f64>,
    answer: Vec<u8>,
}

struct Get {
    key: Key,
    reply: oneshot::Sender<Option<Kept>>,
}

enum Write {
    /// The reply is what was kept before, if anything was.
    Put(Entry, oneshot::Sender<Option<Kept>>),
    Used(Key),
}

/// The file.
pub(super) struct Store {
    // Readers send to the writer, so they end first.
    readers: Queue<Get>,
    writer: Queue<Write>,
}

/// Warns of a cache that does not work: once, since it is so for each call.
#[derive(Clone, Default)]
pub(super) struct Warning(Arc<AtomicBool>);

impl Warning {
    pub(super) fn tell(&self, what: &str, error: &dyn std::fmt::Display) {
        if !self.0.swap(true, Relaxed) {
            tracing::warn!(
                "{what}: {error}; the run goes on, and what is not in the cache is paid for"
            );
        }
    }
}

impl Store {
    pub(super) fn open(
        path: &Path,
        bytes_max: u64,
        clock: &Clock,
        warning: &Warning,
    ) -> Result<Self, OpenError> {
        let disk = |source| OpenError::Disk {
            name: LAYOUT.name,
            path: path.into(),
            source,
        };
        let mut writer = Writer {
            connection: database::open(path, &LAYOUT)?,
            bytes_max,
            clock: clock.clone(),
            warning: warning.clone(),
        };
        let writer = Queue::start("cache-writer", BATCH_MAX, [move |jobs| writer.write(jobs)]);
        let writer = writer.map_err(disk)?;
        let mut readers = Vec::new();
        for _ in 0..READERS {
            let reader = Reader {
                connection: database::open(path, &LAYOUT)?,
                writer: writer.jobs(),
                clock: clock.clone(),
                warning: warning.clone(),
            };
            readers.push(move |jobs| reader.read(jobs));
        }
        let readers = Queue::start("cache-reader", 1, readers).map_err(disk)?;
        Ok(Self { readers, writer })
    }

    /// Returns what is kept.
    pub(super) async fn get(&self, key: Key) -> Option<Kept> {
        let (reply, kept) = oneshot::channel();
        self.readers.send(Get { key, reply });
        kept.await.ok().flatten()
    }

    /// Keeps an answer, and returns when it is on disk. If another one was kept
    /// meanwhile, that one stays and is returned.
    pub(super) async fn put(
        &self,
        key: Key,
        tenant: Option<String>,
        identity: Identity,
        kept: &Kept,
    ) -> Option<Kept> {
        let answer = json::bytes(kept);
        if answer.len() > ANSWER_BYTES_MAX {
            return None;
        }
        let entry = Entry {
            key,
            tenant,
            identity,
            worth_usd: kept.worth_usd,
            answer,
        };
        let (reply, before) = oneshot::channel();
        self.writer.send(Write::Put(entry, reply));
        before.await.ok().flatten()
    }
}

struct Reader {
    connection: Connection,
    writer: Sender<Write>,
    clock: Clock,
    warning: Warning,
}

impl Reader {
    fn read(&self, jobs: Vec<Get>) {
        for Get { key, reply } in jobs {
            let kept = match find(&self.connection, &key) {
                Ok(Some((used, kept))) => {
                    if used.saturating_add(USED_EVERY_S) <= (self.clock)() {
                        let _ = self.writer.send(Write::Used(key));
                    }
                    // What cannot be read is asked for again, and written anew.
                    kept.ok()
                }
                Ok(None) => None,
                Err(error) => {
                    self.warning.tell("the cache cannot be read", &error);
                    None
                }
            };
            let _ = reply.send(kept);
        }
    }
}

/// Returns when an answer was last used, and the answer.
fn find(
    connection: &Connection,
    key: &Key,
) -> rusqlite::Result<Option<(u64, serde_json::Result<Kept>)>> {
    connection
        .prepare_cached(
            "SELECT used, worth_usd, answer FROM entries JOIN answers USING (id) WHERE key = ?1",
        )?
        .query_row([key], |row| {
            let used: i64 = row.get(0)?;
            let kept = Kept::read(row.get_ref(2)?.as_blob()?, row.get(1)?);
            Ok((used.try_into().unwrap_or(0), kept))
        })
        .optional()
}

struct Writer {
    connection: Connection,
    bytes_max: u64,
    clock: Clock,
    warning: Warning,
}

impl Writer {
    fn write(&mut self, jobs: Vec<Write>) {
        let now = (self.clock)();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let mut before = Vec::new();
        let written = (|| {
            let batch = database::writing(&mut self.connection)?;
            for job in &jobs {
                before.push(match job {
                    Write::Put(entry, _) => put(&batch, entry, now)?,
                    Write::Used(key) => {
                        batch
                            .prepare_cached("UPDATE entries SET used = ?2 WHERE key = ?1")?
                            .execute(params![key, now])?;
                        None
                    }
                });
            }
            evict(&batch, self.bytes_max)?;
            batch.commit()
        })();
        if let Err(error) = written {
            self.warning.tell("the cache cannot be written", &error);
            before.clear();
        }
        // A caller whose reply is dropped goes on with its own answer.
        for (job, before) in jobs.into_iter().zip(before) {
            if let Write::Put(_, reply) = job {
                let _ = reply.send(before);
            }
        }
    }
}

/// Keeps an answer, unless there is one that can be read.
fn put(batch: &Transaction<'_>, entry: &Entry, now: i64) -> rusqlite::Result<Option<Kept>> {
    let insert = "INSERT OR IGNORE INTO entries (key, tenant, provider, model, worth_usd, bytes, created, used)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
    let Entry { identity, .. } = entry;
    let mut insert = batch.prepare_cached(insert)?;
    let mut insert = || {
        insert.execute(params![
            entry.key,
            entry.tenant,
            identity.provider,
            identity.model,
            entry.worth_usd,
            i64::try_from(entry.answer.len()).unwrap_or(i64::MAX),
            now,
        ])
    };
    if insert()? == 0 {
        if let Some((_, Ok(kept))) = find(batch, &entry.key)? {
            return Ok(Some(kept));
        }
        batch.execute("DELETE FROM entries WHERE key = ?1", [&entry.key])?;
        insert()?;
    }
    batch
        .prepare_cached("INSERT INTO answers (id, answer) VALUES (?1, ?2)")?
        .execute(params![batch.last_insert_rowid(), entry.answer])?;
    Ok(None)
}

/// Lets the answers go that were not used for longest, if there are too many.
///
/// It goes a little below the bound, so that it has rest for a while, and only
/// so far at once that those who write do not wait long.
fn evict(batch: &Transaction<'_>, bytes_max: u64) -> rusqlite::Result<()> {
    if bytes_used(batch)? <= bytes_max {
        return Ok(());
    }
    let enough = bytes_max - bytes_max / 32;
    let mut gone = 0;
    while gone < EVICTED_MAX && bytes_used(batch)? > enough {
        let n = delete_oldest(batch, 16)?;
        if n == 0 {
            break;
        }
        gone += n;
    }
    Ok(())
}

/// Deletes the entries that were not used for longest; returns how many.
fn delete_oldest(connection: &Connection, n_max: u32) -> rusqlite::Result<u64> {
    let n = connection
        .prepare_cached(
            "DELETE FROM entries WHERE id IN (SELECT id FROM entries ORDER BY used, id LIMIT ?1)",
        )?
        .execute([n_max])?;
    Ok(n as u64)
}

/// Returns the bytes of the file that something lies in.
pub(super) fn bytes_used(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma: &str| -> rusqlite::Result<u64> {
        let mut number = connection.prepare_cached(pragma)?;
        let number: i64 = number.query_row([], |row| row.get(0))?;
        Ok(number.try_into().unwrap_or(0))
    };
    let free = number("PRAGMA freelist_count")?;
    let pages = number("PRAGMA page_count")?.saturating_sub(free);
    Ok(pages.saturating_mul(number("PRAGMA page_size")?))
}
