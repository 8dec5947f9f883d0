//! What the cache holds, and what goes when its owner says so.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use serde::Serialize;

use super::store::{LAYOUT, bytes_used};
use crate::clock;
use crate::database::{self, OpenError, query_error};
use crate::exit::{CommandError, CommandResult};

/// The file of the cache, in the hands of its owner.
pub(crate) struct File {
    path: PathBuf,
    connection: Connection,
}

/// What the cache holds. Its fields are promised to scripts.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Stats {
    pub(crate) path: PathBuf,
    pub(crate) entries: u64,
    /// Of the answers.
    pub(crate) bytes: u64,
    /// Of the file, without the log beside it.
    pub(crate) file_bytes: u64,
    /// What the answers cost whose price is known.
    pub(crate) worth_usd: f64,
    pub(crate) entries_without_price: u64,
    /// When the oldest answer was kept.
    pub(crate) oldest: Option<String>,
    pub(crate) groups: Vec<Group>,
}

/// Answers of one model to one tenant.
#[derive(Debug, Serialize)]
pub(crate) struct Group {
    /// None where tenants share them.
    pub(crate) tenant: Option<String>,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) worth_usd: f64,
    pub(crate) entries_without_price: u64,
    pub(crate) oldest: String,
    /// Exact to an hour.
    pub(crate) last_used: String,
}

/// What goes: entries to which all of this applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// They were last used before this, in seconds since 1970.
    pub(crate) used_before: Option<u64>,
    pub(crate) tenant: Option<String>,
    pub(crate) provider: Option<String>,
    /// No more go once what is left takes no more bytes than this; those that
    /// were not used for longest go first.
    pub(crate) to_bytes: Option<u64>,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Pruned {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// Entries that go in one transaction, so that runs under way get their turn.
const AT_ONCE: i64 = 1000;

/// Entries that go before it is asked again whether it is enough.
const AT_ONCE_TO_BYTES: i64 = 16;

impl File {
    /// Opens the cache if there is one.
    pub(crate) fn open(path: &Path) -> CommandResult<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(Self {
            path: path.into(),
            connection: database::open(path, &LAYOUT).map_err(OpenError::told)?,
        }))
    }

    /// Counts what there is.
    pub(crate) fn stats(&self) -> CommandResult<Stats> {
        let mut stats = Stats {
            path: self.path.clone(),
            file_bytes: std::fs::metadata(&self.path).map_or(0, |meta| meta.len()),
            ..Stats::default()
        };
        stats.groups = self.groups().map_err(|error| self.error(error))?;
        for group in &stats.groups {
            stats.entries += group.entries;
            stats.bytes += group.bytes;
            stats.worth_usd += group.worth_usd;
            stats.entries_without_price += group.entries_without_price;
            let oldest = stats.oldest.get_or_insert_with(|| group.oldest.clone());
            // Dates as they are written here are in the order of time.
            if group.oldest < *oldest {
                oldest.clone_from(&group.oldest);
            }
        }
        Ok(stats)
    }

    fn groups(&self) -> rusqlite::Result<Vec<Group>> {
        let mut groups = self.connection.prepare(
            "SELECT tenant, provider, model, count(*), sum(bytes), total(worth_usd),
                    count(*) - count(worth_usd), min(created), max(used)
             FROM entries GROUP BY tenant, provider, model ORDER BY tenant, provider, model",
        )?;
        let groups = groups.query_map([], |row| {
            let number = |at: usize| row.get(at).map(|n: i64| u64::try_from(n).unwrap_or(0));
            Ok(Group {
                tenant: row.get(0)?,
                provider: row.get(1)?,
                model: row.get(2)?,
                entries: number(3)?,
                bytes: number(4)?,
                worth_usd: row.get(5)?,
                entries_without_price: number(6)?,
                oldest: clock::written(number(7)?),
                last_used: clock::written(number(8)?),
            })
        })?;
        groups.collect()
    }

    /// Deletes what was chosen, and gives its room back to the disk.
    pub(crate) fn prune(&mut self, choice: &Choice) -> CommandResult<Pruned> {
        let mut pruned = Pruned::default();
        loop {
            let gone = self.prune_some(choice).map_err(|error| self.error(error))?;
            if gone.entries == 0 {
                break;
            }
            pruned.entries += gone.entries;
            pruned.bytes += gone.bytes;
        }
        self.shrink().map_err(|error| self.error(error))?;
        Ok(pruned)
    }

    /// Deletes a part of it, and nothing once all is gone.
    fn prune_some(&mut self, choice: &Choice) -> rusqlite::Result<Pruned> {
        let batch = database::writing(&mut self.connection)?;
        let mut gone = Pruned::default();
        let at_once = match choice.to_bytes {
            Some(_) => AT_ONCE_TO_BYTES,
            None => AT_ONCE,
        };
        {
            let mut delete = batch.prepare_cached(
                "DELETE FROM entries WHERE id IN (
                    SELECT id FROM entries
                    WHERE (?1 IS NULL OR used < ?1) AND (?2 IS NULL OR tenant = ?2)
                        AND (?3 IS NULL OR provider = ?3)
                    ORDER BY used, id LIMIT ?4
                 ) RETURNING bytes",
            )?;
            let used_before = choice
                .used_before
                .map(|at| i64::try_from(at).unwrap_or(i64::MAX));
            let chosen = params![used_before, choice.tenant, choice.provider, at_once];
            for _ in 0..AT_ONCE / at_once {
                if let Some(enough) = choice.to_bytes
                    && bytes_used(&batch)? <= enough
                {
                    break;
                }
                let before = gone.entries;
                for bytes in delete.query_map(chosen, |row| row.get::<_, i64>(0))? {
                    gone.entries += 1;
                    gone.bytes += u64::try_from(bytes?).unwrap_or(0);
                }
                if gone.entries == before {
                    break;
                }
            }
        }
        batch.commit()?;
        Ok(gone)
    }

    /// Cuts off the end of the file, part after part, and empties the log.
    fn shrink(&self) -> rusqlite::Result<()> {
        let free = || -> rusqlite::Result<i64> {
            self.connection
                .pragma_query_value(None, "freelist_count", |row| row.get(0))
        };
        let mut before = free()?;
        while before > 0 {
            let mut pages = self
                .connection
                .prepare_cached("PRAGMA incremental_vacuum(4000)")?;
            let mut pages = pages.query([])?;
            while pages.next()?.is_some() {}
            let after = free()?;
            // Others may delete meanwhile; whatever is left is for the next time.
            if after >= before {
                break;
            }
            before = after;
        }
        // While others read, the log is emptied by whoever ends last.
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn error(&self, error: rusqlite::Error) -> CommandError {
        query_error(&self.path, &LAYOUT, error)
    }
}
