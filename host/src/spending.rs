//! What was spent of the budgets that several processes share.
//!
//! An amount is reserved before a request leaves and settled when its answer is
//! there, in a file in the operator's home, so that runs under way at once
//! cannot overspend together. A reservation that was never settled stays: its
//! request may have been paid for, whatever became of the process. Budgets of
//! a case or a run are not here, since one process holds them.

mod sheet;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use fapo_core::budget::{Amount, Budget, Overspent, Purpose};
use rusqlite::Connection;
use tokio::sync::oneshot;

pub(crate) use sheet::Row;

use crate::database::{self, Layout, OpenError, Queue};
use crate::exit::CommandResult;
use sheet::Sheet;

const LAYOUT: Layout = Layout {
    name: "the ledger of spending",
    mark: i32::from_be_bytes(*b"FAps"),
    format: 1,
    schema: "
        CREATE TABLE spending (
            scope TEXT NOT NULL,
            purpose TEXT NOT NULL,
            calls INTEGER NOT NULL,
            tokens INTEGER NOT NULL,
            nano_usd INTEGER NOT NULL,
            reserved_calls INTEGER NOT NULL,
            reserved_tokens INTEGER NOT NULL,
            reserved_nano_usd INTEGER NOT NULL,
            PRIMARY KEY (scope, purpose)
        ) STRICT, WITHOUT ROWID;
    ",
    hint: "restore the file from a copy; if you move it away, budgets of today and of tenants begin anew",
};

/// Reservations in one transaction.
const BATCH_MAX: usize = 256;

/// What a budget is over.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ScopeKey(String);

impl ScopeKey {
    /// All tenants on one day, as in `2026-01-31`.
    pub(crate) fn day(date: &str) -> Self {
        Self(format!("day:{date}"))
    }

    /// One tenant on one day.
    pub(crate) fn tenant_day(tenant: &str, date: &str) -> Self {
        Self(format!("tenant_day:{tenant}:{date}"))
    }

    /// One tenant, for good.
    pub(crate) fn tenant(tenant: &str) -> Self {
        Self(format!("tenant:{tenant}"))
    }

    /// One study of a tenant.
    pub(crate) fn study(tenant: &str, study: &str) -> Self {
        Self(format!("study:{tenant}:{study}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An amount that is set aside in each of its scopes.
///
/// Dropping it gives nothing back.
#[must_use = "what is not settled counts as spent"]
#[derive(Debug)]
pub(crate) struct Reservation {
    scopes: Arc<[(ScopeKey, Budget)]>,
    purpose: Purpose,
    amount: Amount,
}

/// Why nothing was reserved.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Refusal {
    /// One of the budgets has no room.
    #[error("`{scope}`: {overspent}")]
    Overspent {
        scope: ScopeKey,
        overspent: Overspent,
    },
    /// The ledger cannot be kept, and without it nobody knows what is left.
    #[error("the ledger of spending cannot be written: {0}")]
    Unwritable(String),
}

/// The ledger of spending.
#[derive(Clone)]
pub(crate) struct Ledger {
    queue: Arc<Queue<Job>>,
}

enum Job {
    Reserve {
        scopes: Arc<[(ScopeKey, Budget)]>,
        purpose: Purpose,
        amount: Amount,
        reply: oneshot::Sender<Result<(), Refusal>>,
    },
    Settle {
        reservation: Reservation,
        actual: Amount,
    },
}

impl Ledger {
    /// Opens the ledger, and makes it where there is none.
    pub(crate) fn open(path: &Path) -> CommandResult<Self> {
        let connection = database::open(path, &LAYOUT).map_err(OpenError::told)?;
        let mut keeper = Keeper {
            connection,
            warned: AtomicBool::new(false),
        };
        let queue = Queue::start("spending", BATCH_MAX, [move |jobs| keeper.keep(jobs)]);
        let queue = queue.map_err(|source| {
            OpenError::Disk {
                name: LAYOUT.name,
                path: path.into(),
                source,
            }
            .told()
        })?;
        Ok(Self {
            queue: Arc::new(queue),
        })
    }

    /// Sets an amount aside in all scopes, or in none: in the first that has no
    /// room it is refused. It is on disk when this returns.
    pub(crate) async fn reserve(
        &self,
        scopes: &Arc<[(ScopeKey, Budget)]>,
        purpose: Purpose,
        amount: Amount,
    ) -> Result<Reservation, Refusal> {
        let (reply, decided) = oneshot::channel();
        self.queue.send(Job::Reserve {
            scopes: scopes.clone(),
            purpose,
            amount,
            reply,
        });
        match decided.await {
            Ok(Ok(())) => Ok(Reservation {
                scopes: scopes.clone(),
                purpose,
                amount,
            }),
            Ok(Err(refusal)) => Err(refusal),
            Err(_) => Err(Refusal::Unwritable("its thread has ended".into())),
        }
    }

    /// Puts what was spent in the place of what was reserved.
    ///
    /// It is written before the ledger is closed, and nobody waits for it: what
    /// is lost with this process was only less than what stays reserved.
    pub(crate) fn settle(&self, reservation: Reservation, actual: Amount) {
        self.queue.send(Job::Settle {
            reservation,
            actual,
        });
    }
}

/// Lists who spent what, by scope and purpose; nothing where there is no ledger.
pub(crate) fn rows(path: &Path) -> CommandResult<Vec<Row>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let connection = database::open(path, &LAYOUT).map_err(OpenError::told)?;
    sheet::rows(&connection).map_err(|error| database::query_error(path, &LAYOUT, error))
}

/// The thread that writes.
struct Keeper {
    connection: Connection,
    warned: AtomicBool,
}

impl Keeper {
    /// Decides one job after the other, all in one transaction.
    fn keep(&mut self, jobs: Vec<Job>) {
        let kept = (|| {
            let writing = database::writing(&mut self.connection)?;
            let mut sheet = Sheet::new(&writing);
            let decided = jobs
                .iter()
                .map(|job| match job {
                    Job::Reserve {
                        scopes,
                        purpose,
                        amount,
                        ..
                    } => sheet.reserve(scopes, *purpose, *amount),
                    Job::Settle {
                        reservation,
                        actual,
                    } => sheet.settle(reservation, *actual).map(Ok),
                })
                .collect::<rusqlite::Result<Vec<_>>>()?;
            sheet.write()?;
            writing.commit()?;
            Ok::<_, rusqlite::Error>(decided)
        })();
        let decided = kept.unwrap_or_else(|error| {
            if !self.warned.swap(true, Relaxed) {
                tracing::warn!("the ledger of spending cannot be written: {error}");
            }
            let refusal = Refusal::Unwritable(error.to_string());
            vec![Err(refusal); jobs.len()]
        });
        let mut unwanted = Vec::new();
        for (job, decided) in jobs.into_iter().zip(decided) {
            let Job::Reserve {
                scopes,
                purpose,
                amount,
                reply,
            } = job
            else {
                continue;
            };
            // Whoever asked and went away has sent nothing.
            if let Err(Ok(())) = reply.send(decided) {
                unwanted.push(Job::Settle {
                    reservation: Reservation {
                        scopes,
                        purpose,
                        amount,
                    },
                    actual: Amount::default(),
                });
            }
        }
        if !unwanted.is_empty() {
            self.keep(unwanted);
        }
    }
}

#[cfg(test)]
mod tests;
