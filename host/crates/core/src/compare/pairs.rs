//! Scores of two runs, paired by case and repeat.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ClusteredBy;
use crate::Untrusted;
use crate::case::CaseId;

/// Scores closer than this are the same: a mean of parts that is taken in
/// another order may differ by its rounding.
pub(super) const SAME_SCORE: f64 = 1e-9;

/// What one run of a case scored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The case.
    pub case_id: CaseId,
    /// Which run of the case this is; 1 for the first.
    pub repeat: u32,
    /// What it shares with cases that depend on it.
    pub group: Option<Untrusted>,
    /// 0 to 100; none when nothing scored it.
    pub score: Option<f64>,
}

/// Rows of one side that are in no pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Rows without a score.
    pub unscored: u64,
    /// Rows with a score, to which the other side has none.
    pub unpaired: u64,
}

/// Why scores cannot be paired.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PairError {
    /// A case that stands twice on one side.
    #[error("{side} has case `{case_id}`, repeat {repeat}, more than once")]
    Duplicate {
        /// A or B.
        side: char,
        /// The case.
        case_id: CaseId,
        /// The repeat.
        repeat: u32,
    },
    /// A score that is none.
    #[error("{side} has the score {score} for case `{case_id}`, not a number from 0 to 100")]
    Score {
        /// A or B.
        side: char,
        /// The case.
        case_id: CaseId,
        /// The score.
        score: f64,
    },
    /// Nothing to compare.
    #[error("no case has a score in both runs")]
    NoPairs,
}

impl PairError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Duplicate { .. } | Self::Score { .. } => {
                "`results.jsonl` is not as a run writes it; run the cases again"
            }
            Self::NoPairs => "compare runs over the same cases, with a scorer",
        }
    }
}

/// What both runs scored on one repeat of a case.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair {
    pub(super) cluster: Cluster,
    pub(super) case_id: CaseId,
    pub(super) repeat: u32,
    pub(super) a: f64,
    pub(super) b: f64,
}

/// What a pair shares with those that depend on it. A case's id and a group of
/// the same name are two things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cluster {
    Group(Untrusted),
    Case(CaseId),
    /// Nothing depends on it.
    Alone,
}

impl Pair {
    /// Returns how much more B scores, exactly 0 when that is rounding.
    pub(super) fn difference(&self) -> f64 {
        let difference = self.b - self.a;
        if difference.abs() <= SAME_SCORE {
            return 0.0;
        }
        difference
    }
}

/// All pairs, by cluster, case and repeat, whatever order the rows came in: so
/// sums are taken and samples drawn in one order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Paired {
    pub(super) pairs: Vec<Pair>,
    pub(super) n_cases: u64,
    pub(super) left_out_a: LeftOut,
    pub(super) left_out_b: LeftOut,
    pub(super) clustered_by: Option<ClusteredBy>,
}

impl Paired {
    pub(super) fn new(a: &[Scored], b: &[Scored]) -> Result<Self, PairError> {
        let (a, b) = (by_key('A', a)?, by_key('B', b)?);
        let both: Vec<_> = a
            .iter()
            .filter_map(|(key, a)| Some((key, a, b.get(key)?)))
            .filter_map(|(key, a, b)| Some((key, a, b, a.score?, b.score?)))
            .collect();
        if both.is_empty() {
            return Err(PairError::NoPairs);
        }
        // Keys are in order, so that repeats of a case are neighbours.
        let repeated = both.windows(2).filter(|w| w[0].0.0 == w[1].0.0).count();
        let group = |a: &Scored, b: &Scored| a.group.clone().or_else(|| b.group.clone());
        let clustered_by = if both.iter().any(|(_, a, b, ..)| group(a, b).is_some()) {
            Some(ClusteredBy::Group)
        } else {
            (repeated > 0).then_some(ClusteredBy::Case)
        };
        let pair = |(key, row_a, row_b, a, b): &(&Key<'_>, &&Scored, &&Scored, f64, f64)| Pair {
            cluster: match (clustered_by, group(row_a, row_b)) {
                (None, _) => Cluster::Alone,
                (_, Some(group)) => Cluster::Group(group),
                (_, None) => Cluster::Case(key.0.clone()),
            },
            case_id: key.0.clone(),
            repeat: key.1,
            a: *a,
            b: *b,
        };
        let mut pairs: Vec<Pair> = both.iter().map(pair).collect();
        // Stable, so case and repeat stay in order within a cluster.
        pairs.sort_by(|one, other| one.cluster.cmp(&other.cluster));
        let n_pairs = pairs.len() as u64;
        Ok(Self {
            n_cases: (pairs.len() - repeated) as u64,
            pairs,
            left_out_a: LeftOut::of(&a, n_pairs),
            left_out_b: LeftOut::of(&b, n_pairs),
            clustered_by,
        })
    }

    /// Returns the pairs of each cluster.
    pub(super) fn clusters(&self) -> impl Iterator<Item = &[Pair]> {
        self.pairs
            .chunk_by(|one, other| one.cluster != Cluster::Alone && one.cluster == other.cluster)
    }
}

type Key<'r> = (&'r CaseId, u32);

fn by_key(side: char, rows: &[Scored]) -> Result<BTreeMap<Key<'_>, &Scored>, PairError> {
    let mut by_key = BTreeMap::new();
    for row in rows {
        if let Some(score) = row.score.filter(|score| !(0.0..=100.0).contains(score)) {
            return Err(PairError::Score {
                side,
                case_id: row.case_id.clone(),
                score,
            });
        }
        if by_key.insert((&row.case_id, row.repeat), row).is_some() {
            return Err(PairError::Duplicate {
                side,
                case_id: row.case_id.clone(),
                repeat: row.repeat,
            });
        }
    }
    Ok(by_key)
}

impl LeftOut {
    fn of(rows: &BTreeMap<Key<'_>, &Scored>, n_pairs: u64) -> Self {
        let unscored = rows.values().filter(|row| row.score.is_none()).count() as u64;
        Self {
            unscored,
            unpaired: rows.len() as u64 - unscored - n_pairs,
        }
    }
}
