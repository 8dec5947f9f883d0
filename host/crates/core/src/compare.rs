//! Compares two runs, A and B: whether they may be compared, what each came to,
//! and whether the difference is more than chance.
//!
//! A difference of scores says something of a change only if nothing else
//! changed with it, so [`fact::comparability`] comes first. Then scores are
//! paired by case and repeat, and the method follows from what the scores are;
//! nobody chooses it after having seen the result. Reading runs from disk and
//! writing what is found are left to others.

pub mod fact;
pub mod pairs;
pub mod significance;
pub mod totals;

pub mod gate;

pub mod junit;
pub mod markdown;

use std::fmt;

use serde::Serialize;

use self::fact::{Allowed, Difference, Dimension, Fact, NotComparable};
use self::pairs::{LeftOut, Pair, PairError, Paired, Scored};
use self::significance::{MeanDifference, Test};
use self::totals::Totals;
use crate::Untrusted;
use crate::case::CaseId;
use crate::stats::difference::Differences;
use crate::stats::mean::{Cluster, ClusteredMean, Interval};

/// The version of [`Comparison`] as JSON.
pub const FORMAT: u32 = 1;

/// Below this number of clusters, the ends of a bootstrap lie too close together.
const CLUSTERS_BOOTSTRAP_MIN: usize = 20;

/// One of the two runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    /// What people call it.
    pub name: Untrusted,
    /// What it was made of.
    pub facts: Vec<Fact>,
    /// What it took.
    pub totals: Totals,
    /// What it scored, in any order.
    pub rows: Vec<Scored>,
}

/// What came out of comparing B with A. Its fields are promised to scripts that
/// read them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// [`FORMAT`].
    pub format: u32,
    /// What people call A.
    pub name_a: Untrusted,
    /// What people call B.
    pub name_b: Untrusted,
    /// What the runs differ in.
    pub varies: Vec<Difference>,
    /// Distinct cases among the pairs.
    pub n_cases: u64,
    /// Pairs of scores.
    pub n_pairs: u64,
    /// Rows of A that are in no pair.
    pub left_out_a: LeftOut,
    /// Rows of B that are in no pair.
    pub left_out_b: LeftOut,
    /// The mean score of A over the pairs.
    pub mean_a: Interval,
    /// The mean score of B over the pairs.
    pub mean_b: Interval,
    /// How much more B scores.
    pub difference: MeanDifference,
    /// Whether that is more than chance.
    pub test: Test,
    /// Whether the test's p is below 0.05.
    pub significant: bool,
    /// The smallest difference that would be found 4 times in 5; none where the
    /// pairs show no spread.
    pub mde: Option<f64>,
    /// What was taken to depend on one another; none when nothing was.
    pub clustered_by: Option<ClusteredBy>,
    /// Pairs in which B scores more.
    pub wins: u64,
    /// Pairs in which B scores less.
    pub losses: u64,
    /// Pairs in which both score the same.
    pub ties: u64,
    /// Every pair that is no tie, the biggest difference first.
    pub flips: Vec<Flip>,
    /// Whether the flips were taken away, since they name held-out cases.
    pub flips_withheld: bool,
    /// What A took.
    pub totals_a: Totals,
    /// What B took.
    pub totals_b: Totals,
    /// What a reader should know before using the numbers.
    pub notes: Vec<String>,
}

/// What makes scores depend on one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusteredBy {
    /// Cases ran more than once.
    Case,
    /// Cases say what they share.
    Group,
}

impl fmt::Display for ClusteredBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Case => "case",
            Self::Group => "group",
        })
    }
}

/// A pair whose scores differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flip {
    /// The case.
    pub case_id: CaseId,
    /// Which run of the case.
    pub repeat: u32,
    /// What A scored.
    pub a: f64,
    /// What B scored.
    pub b: f64,
}

/// Why two runs cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// They differ in what must be the same.
    #[error(transparent)]
    NotComparable(#[from] NotComparable),
    /// Their scores cannot be paired.
    #[error(transparent)]
    Pair(#[from] PairError),
}

impl CompareError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NotComparable(refused) => refused.hint(),
            Self::Pair(error) => error.hint().into(),
        }
    }
}

/// Compares B with A.
///
/// ```
/// use fapo_core::compare::{Side, compare, fact::Allowed, pairs::Scored};
///
/// let side = |scores: [f64; 4]| Side {
///     rows: scores.iter().zip(["1", "2", "3", "4"])
///         .map(|(score, id)| Scored {
///             case_id: id.into(),
///             repeat: 1,
///             group: None,
///             score: Some(*score),
///         })
///         .collect(),
///     ..Side::default()
/// };
/// let (a, b) = (side([0.0, 0.0, 100.0, 0.0]), side([100.0, 0.0, 100.0, 100.0]));
/// let found = compare(&a, &b, &Allowed::default())?;
/// assert_eq!((found.difference.mean, found.wins, found.significant), (50.0, 2, false));
/// # Ok::<(), fapo_core::compare::CompareError>(())
/// ```
pub fn compare(a: &Side, b: &Side, allowed: &Allowed) -> Result<Comparison, CompareError> {
    let varies = fact::comparability(&a.facts, &b.facts, allowed)?;
    let paired = Paired::new(&a.rows, &b.rows)?;
    let pairs = &paired.pairs;
    let differences = Differences::of_clusters(
        paired
            .clusters()
            .map(|pairs| pairs.iter().map(Pair::difference).collect::<Vec<_>>()),
    );
    let (mean_a, mean_b) = (mean(&paired, |pair| pair.a), mean(&paired, |pair| pair.b));
    let test = significance::test(&paired, &differences);
    let count = |which: fn(f64) -> bool| {
        let those = pairs.iter().filter(|pair| which(pair.difference()));
        those.count() as u64
    };
    Ok(Comparison {
        format: FORMAT,
        name_a: a.name.clone(),
        name_b: b.name.clone(),
        n_cases: paired.n_cases,
        n_pairs: pairs.len() as u64,
        left_out_a: paired.left_out_a,
        left_out_b: paired.left_out_b,
        difference: significance::mean_difference(&paired, &differences),
        significant: test.p < significance::LEVEL,
        mde: differences.detectable(),
        clustered_by: paired.clustered_by,
        wins: count(|d| d > 0.0),
        losses: count(|d| d < 0.0),
        ties: count(|d| d == 0.0),
        flips: flips(pairs),
        flips_withheld: false,
        totals_a: a.totals.clone(),
        totals_b: b.totals.clone(),
        notes: notes(&varies, allowed, &paired),
        varies,
        mean_a,
        mean_b,
        test,
    })
}

impl Comparison {
    /// Takes away what names a case. How many are better and worse stays.
    pub fn withhold_flips(&mut self) {
        self.flips = Vec::new();
        self.flips_withheld = true;
    }
}

fn mean(paired: &Paired, score: fn(&Pair) -> f64) -> Interval {
    let mut mean = ClusteredMean::default();
    for (at, pairs) in paired.clusters().enumerate() {
        let key = Cluster(at as u64);
        pairs.iter().for_each(|pair| mean.add_in(score(pair), key));
    }
    mean.interval().expect("a comparison has pairs")
}

fn flips(pairs: &[Pair]) -> Vec<Flip> {
    let mut flipped: Vec<&Pair> = pairs.iter().filter(|p| p.difference() != 0.0).collect();
    flipped.sort_by(|one, other| {
        let size = |pair: &Pair| pair.difference().abs();
        size(other)
            .total_cmp(&size(one))
            .then_with(|| (&one.case_id, one.repeat).cmp(&(&other.case_id, other.repeat)))
    });
    let flip = |pair: &Pair| Flip {
        case_id: pair.case_id.clone(),
        repeat: pair.repeat,
        a: pair.a,
        b: pair.b,
    };
    flipped.into_iter().map(flip).collect()
}

fn notes(varies: &[Difference], allowed: &Allowed, paired: &Paired) -> Vec<String> {
    let mut notes = Vec::new();
    if varies.iter().any(|difference| !difference.allowed) {
        notes.push(
            "exploratory: the runs differ in what a comparison holds fixed, so the numbers say nothing of what caused the difference".into(),
        );
    }
    let mut dimensions: Vec<Dimension> = varies.iter().map(|d| d.dimension).collect();
    dimensions.dedup();
    if dimensions.len() > 1 {
        let names: Vec<_> = dimensions.iter().map(|d| d.name()).collect();
        notes.push(format!(
            "{} vary together, so the difference cannot be put down to one of them",
            names.join(", ")
        ));
    }
    for declared in &allowed.varies {
        if !dimensions.contains(declared) {
            notes.push(format!("{declared} may vary, and does not"));
        }
    }
    for (side, left_out) in [("A", paired.left_out_a), ("B", paired.left_out_b)] {
        if left_out != LeftOut::default() {
            notes.push(format!(
                "of {side}, {} rows have no score and {} have one but no partner; neither are in the means",
                left_out.unscored, left_out.unpaired
            ));
        }
    }
    let n_clusters = paired.clusters().count();
    if n_clusters < CLUSTERS_BOOTSTRAP_MIN {
        let what = match paired.clustered_by {
            None => "pairs".into(),
            Some(by) => format!("clusters (by {by})"),
        };
        notes.push(format!(
            "with {n_clusters} {what}, the intervals are likely too narrow; trust the test"
        ));
    }
    notes
}

#[cfg(test)]
mod tests;
