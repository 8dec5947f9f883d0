//! Reading what a few rows of a run left, out of files that may be longer than
//! memory: each file is streamed, and only what is wanted is kept.

use std::collections::HashMap;

use fapo_core::artifact::{CallRow, ResultRow, TimingRow};
use fapo_core::case::CaseId;
use serde::Deserialize;

use super::case::CaseView;
use crate::exit::CommandResult;
use crate::run_dir::{CALLS, RESULTS, TIMINGS, Written};

/// How much is kept at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
    /// The longest text that is kept whole.
    pub(crate) text_bytes: usize,
}

/// Rows of a run, in the order of its dataset.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) rows: Vec<ResultRow>,
    /// Rows that were wanted and found no room.
    pub(crate) n_left_out: u64,
}

/// Tells whether a row lost points or failed.
pub(crate) fn is_failed(row: &ResultRow) -> bool {
    row.failure.is_some()
        || row.scorer_failure.is_some()
        || row.world_failure.is_some()
        || row.lost().is_some_and(|lost| lost > 0.0)
}

/// Collects the rows that are wanted. Where there is no room for all, those
/// that failed come first.
pub(crate) fn rows(
    written: &Written,
    room: Room,
    wanted: impl Fn(&ResultRow) -> bool,
) -> CommandResult<Gathered> {
    // Each kind has all of the room until both are known.
    let (mut failed, mut others) = (Pile::default(), Pile::default());
    for (at, line) in written.lines(RESULTS)?.enumerate() {
        let line = line?;
        let row: ResultRow = line.row()?;
        if wanted(&row) {
            let pile = match is_failed(&row) {
                true => &mut failed,
                false => &mut others,
            };
            pile.add(at, row, line.bytes(), room);
        }
    }
    others.shrink(Room {
        rows: room.rows - failed.rows.len(),
        bytes: room.bytes.saturating_sub(failed.bytes),
        ..room
    });
    let n_left_out = failed.n_left_out + others.n_left_out;
    let mut rows = failed.rows;
    rows.append(&mut others.rows);
    rows.sort_by_key(|(at, ..)| *at);
    Ok(Gathered {
        rows: rows.into_iter().map(|(_, row, _)| row).collect(),
        n_left_out,
    })
}

/// Rows with their places and lengths, as far as there is room for them.
#[derive(Default)]
struct Pile {
    rows: Vec<(usize, ResultRow, usize)>,
    bytes: usize,
    n_left_out: u64,
}

impl Pile {
    fn add(&mut self, at: usize, row: ResultRow, bytes: usize, room: Room) {
        let is_full = self.rows.len() >= room.rows
            || (self.bytes + bytes > room.bytes && !self.rows.is_empty());
        if self.n_left_out > 0 || is_full {
            self.n_left_out += 1;
            return;
        }
        self.bytes += bytes;
        self.rows.push((at, row, bytes));
    }

    fn shrink(&mut self, room: Room) {
        while self.rows.len() > room.rows || self.bytes > room.bytes {
            let Some((_, _, bytes)) = self.rows.pop() else {
                break;
            };
            self.bytes -= bytes;
            self.n_left_out += 1;
        }
    }
}

/// The head of a call's line: most lines are of rows that nobody asked for.
#[derive(Deserialize)]
pub(crate) struct CallKey {
    pub(crate) case_id: CaseId,
    pub(crate) repeat: u32,
}

/// Adds to each row its calls and times, as people read them.
///
/// Calls of rows that failed find room first.
pub(crate) fn traces(
    written: &Written,
    rows: Vec<ResultRow>,
    room: Room,
) -> CommandResult<Vec<CaseView>> {
    let key = |(at, row): (usize, &ResultRow)| ((row.case_id.clone(), row.repeat), at);
    let places: HashMap<(CaseId, u32), usize> = rows.iter().enumerate().map(key).collect();
    let mut timings = vec![TimingRow::default(); rows.len()];
    for row in written.rows::<TimingRow>(TIMINGS)? {
        let row = row?;
        if let Some(at) = places.get(&(row.case_id.clone(), row.repeat)) {
            timings[*at] = row;
        }
    }
    let failed: Vec<bool> = rows.iter().map(is_failed).collect();
    let mut views: Vec<CaseView> = rows
        .iter()
        .zip(&timings)
        .map(|(row, timing)| CaseView::new(row, timing, room.text_bytes))
        .collect();
    let mut bytes = views.iter().map(CaseView::bytes).sum::<usize>();
    for turn in [true, false] {
        if !failed.contains(&turn) {
            continue;
        }
        for line in written.lines(CALLS)? {
            let line = line?;
            let CallKey { case_id, repeat } = line.row()?;
            let Some(at) = places.get(&(case_id, repeat)).copied() else {
                continue;
            };
            if failed[at] != turn {
                continue;
            }
            if bytes > room.bytes {
                views[at].n_calls_left_out += 1;
                continue;
            }
            let call: CallRow = line.row()?;
            bytes += views[at].add_call(&call, &timings[at], room.text_bytes);
        }
    }
    Ok(views)
}
