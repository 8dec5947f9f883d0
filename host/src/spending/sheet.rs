//! The rows of the ledger that a transaction needs: read once, changed in
//! memory by one decision after the other, and written at its end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use fapo_core::budget::{Amount, Budget, Purpose};
use rusqlite::{Connection, Transaction, params};
use serde::Serialize;

use super::{Refusal, Reservation, ScopeKey};

/// What was spent in one scope for one purpose. Its fields are promised to
/// scripts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Row {
    /// As in `day:2026-01-31` or `tenant:acme`.
    pub(crate) scope: String,
    /// Who asked, as in `task`.
    pub(crate) purpose: String,
    pub(crate) calls: u64,
    pub(crate) tokens: u64,
    pub(crate) usd: f64,
    /// What is set aside for requests under way, or was for those of a process
    /// that did not live to settle it.
    pub(crate) reserved_calls: u64,
    pub(crate) reserved_tokens: u64,
    pub(crate) reserved_usd: f64,
}

#[derive(Clone, Copy, Default)]
struct Line {
    spent: Amount,
    reserved: Amount,
    is_changed: bool,
}

/// The rows of a scope, by purpose. Another version of this program may know
/// more purposes than this one.
type Lines = HashMap<String, Line>;

pub(super) struct Sheet<'a> {
    writing: &'a Transaction<'a>,
    scopes: HashMap<ScopeKey, Lines>,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(writing: &'a Transaction<'a>) -> Self {
        Self {
            writing,
            scopes: HashMap::new(),
        }
    }

    /// Sets an amount aside in all scopes, or in none.
    pub(super) fn reserve(
        &mut self,
        scopes: &[(ScopeKey, Budget)],
        purpose: Purpose,
        amount: Amount,
    ) -> rusqlite::Result<Result<(), Refusal>> {
        for (scope, budget) in scopes {
            let used = self
                .lines(scope)?
                .values()
                .fold(Amount::default(), |sum, line| {
                    sum.plus(line.spent).plus(line.reserved)
                });
            if let Err(overspent) = budget.check(used, amount) {
                let scope = scope.clone();
                return Ok(Err(Refusal::Overspent { scope, overspent }));
            }
        }
        for (scope, _) in scopes {
            let line = self.line(scope, purpose)?;
            line.reserved = line.reserved.plus(amount);
        }
        Ok(Ok(()))
    }

    /// Puts what was spent in the place of what was reserved.
    pub(super) fn settle(
        &mut self,
        reservation: &Reservation,
        actual: Amount,
    ) -> rusqlite::Result<()> {
        for (scope, _) in reservation.scopes.iter() {
            let line = self.line(scope, reservation.purpose)?;
            line.reserved = line.reserved.minus(reservation.amount);
            line.spent = line.spent.plus(actual);
        }
        Ok(())
    }

    /// Writes what was changed.
    pub(super) fn write(&self) -> rusqlite::Result<()> {
        let mut write = self.writing.prepare_cached(
            "INSERT OR REPLACE INTO spending VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?;
        for (scope, lines) in &self.scopes {
            for (purpose, line) in lines.iter().filter(|(_, line)| line.is_changed) {
                write.execute(params![
                    scope.as_str(),
                    purpose,
                    number(line.spent.calls),
                    number(line.spent.tokens),
                    number(line.spent.nano_usd),
                    number(line.reserved.calls),
                    number(line.reserved.tokens),
                    number(line.reserved.nano_usd),
                ])?;
            }
        }
        Ok(())
    }

    fn line(&mut self, scope: &ScopeKey, purpose: Purpose) -> rusqlite::Result<&mut Line> {
        let lines = self.lines(scope)?;
        let line = lines.entry(purpose.name().into()).or_default();
        line.is_changed = true;
        Ok(line)
    }

    fn lines(&mut self, scope: &ScopeKey) -> rusqlite::Result<&mut Lines> {
        Ok(match self.scopes.entry(scope.clone()) {
            Entry::Occupied(lines) => lines.into_mut(),
            Entry::Vacant(place) => place.insert(read(self.writing, scope)?),
        })
    }
}

fn read(connection: &Connection, scope: &ScopeKey) -> rusqlite::Result<Lines> {
    connection
        .prepare_cached("SELECT * FROM spending WHERE scope = ?1")?
        .query_map([scope.as_str()], |row| {
            let line = Line {
                spent: amount(row, 2)?,
                reserved: amount(row, 5)?,
                is_changed: false,
            };
            Ok((row.get(1)?, line))
        })?
        .collect()
}

/// Lists everything, in the order of scopes.
pub(super) fn rows(connection: &Connection) -> rusqlite::Result<Vec<Row>> {
    let dollars = |amount: Amount| amount.nano_usd as f64 / 1e9;
    connection
        .prepare("SELECT * FROM spending ORDER BY scope, purpose")?
        .query_map([], |row| {
            let (spent, reserved) = (amount(row, 2)?, amount(row, 5)?);
            Ok(Row {
                scope: row.get(0)?,
                purpose: row.get(1)?,
                calls: spent.calls,
                tokens: spent.tokens,
                usd: dollars(spent),
                reserved_calls: reserved.calls,
                reserved_tokens: reserved.tokens,
                reserved_usd: dollars(reserved),
            })
        })?
        .collect()
}

/// Reads the amount that begins in a column.
fn amount(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Amount> {
    let number = |at: usize| -> rusqlite::Result<u64> {
        let number: i64 = row.get(at)?;
        Ok(number.try_into().unwrap_or(0))
    };
    Ok(Amount {
        calls: number(at)?,
        tokens: number(at + 1)?,
        nano_usd: number(at + 2)?,
    })
}

/// Returns what a column holds; what is larger is as good as endless.
fn number(number: u64) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
