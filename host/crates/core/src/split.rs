//! Cutting a file of cases into splits.
//!
//! Which split a case comes into is decided by a seed and a digest, never by
//! its place in the file, so a file that was sorted or shuffled is cut as it
//! was before. Cases that belong together, because they share a source or are
//! copies of each other, form a group, and no group is ever divided: a score
//! on cases whose siblings were trained on would be too good. Reading and
//! writing files is left to the caller.

mod groups;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

pub use groups::Groups;

/// A part of a dataset, by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// What the optimizer learns from.
    Train,
    /// What variants are compared on.
    Validation,
    /// What is held out to the end.
    Test,
}

impl Split {
    /// All splits, in the order in which they are filled.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The word in records, tables and names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// A number of rows for each split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Rows of [`Split::Train`].
    pub train: u64,
    /// Rows of [`Split::Validation`].
    pub validation: u64,
    /// Rows of [`Split::Test`].
    pub test: u64,
}

impl Sizes {
    /// Returns the number for a split.
    pub fn get(&self, split: Split) -> u64 {
        match split {
            Split::Train => self.train,
            Split::Validation => self.validation,
            Split::Test => self.test,
        }
    }

    /// Returns the sum.
    pub fn total(&self) -> u64 {
        let splits = Split::ALL.iter().map(|split| self.get(*split));
        splits.fold(0, u64::saturating_add)
    }

    fn get_mut(&mut self, split: Split) -> &mut u64 {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }
}

/// Where each row goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// For each row, in the order of [`Groups::add`]; none when it is left over.
    pub rows: Vec<Option<Split>>,
    /// What came of it.
    pub report: Report,
}

/// What was asked for, and what could be had without dividing a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Rows that each split should have.
    pub asked: Sizes,
    /// Rows that each split has.
    pub got: Sizes,
    /// Rows in no split.
    pub n_unused: u64,
    /// Groups of all rows.
    pub n_groups: u64,
}

/// Why rows cannot be divided.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// No size, or sizes of nothing.
    #[error("no split was asked for")]
    NothingAsked,
    /// More asked than there is.
    #[error("the splits want {asked} rows, and there are {n_rows}")]
    TooFewRows {
        /// Sum of the sizes.
        asked: u64,
        /// Rows that there are.
        n_rows: u64,
    },
    /// A split that no group fits into.
    #[error("no group is left that fits into the {asked} rows of `{}`", split.name())]
    NothingFits {
        /// The split.
        split: Split,
        /// Its size.
        asked: u64,
    },
    /// A share that leaves nothing on one side.
    #[error("the share is {0}, not a number between 0 and 1")]
    Share(f64),
    /// Groups that cannot be divided in two.
    #[error("the {n_rows} rows form {n_groups} groups, and two splits need two")]
    TooFewGroups {
        /// Rows that there are.
        n_rows: u64,
        /// Groups of them.
        n_groups: u64,
    },
}

impl SplitError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NothingAsked => "say how many rows train, validation and test should have",
            Self::TooFewRows { .. } => "ask for fewer rows, or add cases to the file",
            Self::NothingFits { .. } => {
                "groups are never divided: ask for more rows, or group by something finer"
            }
            Self::Share(_) => "0.5 gives half of the rows to train and half to validation",
            Self::TooFewGroups { .. } => {
                "cases of one group, and copies of one case, stay together: add others"
            }
        }
    }
}

/// Gives each split as many rows as it should have, or as near below that as
/// the groups allow.
///
/// The groups come in the order of the SHA-256 of the seed and their smallest
/// key, and each goes into the first split that has room for all of it. With
/// groups of one row the sizes are met exactly.
///
/// ```
/// use fapo_core::split::{Groups, Sizes, Split, by_sizes};
///
/// let mut groups = Groups::new();
/// for n in 0..10_u8 {
///     groups.add(&n.to_string(), [n; 32]);
/// }
/// let sizes = Sizes { train: 2, validation: 3, test: 4 };
/// let division = by_sizes(sizes, 1, &groups)?;
/// assert_eq!(division.report.got, sizes);
/// assert_eq!(division.rows.iter().filter(|row| **row == Some(Split::Test)).count(), 4);
/// # Ok::<(), fapo_core::split::SplitError>(())
/// ```
pub fn by_sizes(sizes: Sizes, seed: u64, groups: &Groups) -> Result<Division, SplitError> {
    let asked = sizes.total();
    if asked == 0 {
        return Err(SplitError::NothingAsked);
    }
    if asked > groups.n_rows() {
        return Err(SplitError::TooFewRows {
            asked,
            n_rows: groups.n_rows(),
        });
    }
    let mut got = Sizes::default();
    let mut split_of = HashMap::new();
    for group in groups.in_order(seed) {
        let n = groups.n_rows_of(group);
        let has_room = |split: &Split| n <= sizes.get(*split) - got.get(*split);
        if let Some(split) = Split::ALL.into_iter().find(has_room) {
            *got.get_mut(split) += n;
            split_of.insert(group, split);
        }
    }
    let is_empty = |split: &Split| got.get(*split) == 0 && sizes.get(*split) > 0;
    if let Some(split) = Split::ALL.into_iter().find(is_empty) {
        return Err(SplitError::NothingFits {
            split,
            asked: sizes.get(split),
        });
    }
    Ok(divided(groups, sizes, got, &split_of))
}

/// Divides all rows into train and validation; `share` is how much of them
/// train should have.
///
/// It is for a dataset with `dev` and `test` alone. Train gets the groups that
/// fit, in the order of [`by_sizes`], and validation all others. Neither is
/// left empty: when each group is larger than the share, train gets a smallest.
pub fn by_share(share: f64, seed: u64, groups: &Groups) -> Result<Division, SplitError> {
    if !(share > 0.0 && share < 1.0) {
        return Err(SplitError::Share(share));
    }
    let n_rows = groups.n_rows();
    let order = groups.in_order(seed);
    if order.len() < 2 {
        return Err(SplitError::TooFewGroups {
            n_rows,
            n_groups: order.len() as u64,
        });
    }
    let train = ((n_rows as f64 * share).round() as u64).clamp(1, n_rows - 1);
    let asked = Sizes {
        train,
        validation: n_rows - train,
        test: 0,
    };
    let mut got = Sizes::default();
    let mut split_of = HashMap::new();
    for group in &order {
        let n = groups.n_rows_of(*group);
        let split = if got.train + n <= train {
            Split::Train
        } else {
            Split::Validation
        };
        *got.get_mut(split) += n;
        split_of.insert(*group, split);
    }
    if got.train == 0 {
        let size = |group: &&usize| groups.n_rows_of(**group);
        let smallest = *order.iter().min_by_key(size).expect("there are two groups");
        split_of.insert(smallest, Split::Train);
        got.train = groups.n_rows_of(smallest);
        got.validation -= got.train;
    }
    Ok(divided(groups, asked, got, &split_of))
}

fn divided(
    groups: &Groups,
    asked: Sizes,
    got: Sizes,
    split_of: &HashMap<usize, Split>,
) -> Division {
    Division {
        rows: groups
            .of_rows()
            .map(|group| split_of.get(&group).copied())
            .collect(),
        report: Report {
            asked,
            got,
            n_unused: groups.n_rows() - got.total(),
            n_groups: groups.n_groups(),
        },
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::digest::sha256_hex;

    const SIZES: Sizes = Sizes {
        train: 20,
        validation: 30,
        test: 25,
    };

    /// Groups of rows with these keys, each with a content of its own.
    fn groups(keys: &[String]) -> Groups {
        let mut groups = Groups::new();
        for (nth, key) in keys.iter().enumerate() {
            groups.add(key, Sha256::digest(format!("{key} {nth}")).into());
        }
        groups
    }

    fn singletons(n: u64) -> Vec<String> {
        (0..n).map(|n| n.to_string()).collect()
    }

    /// Keys of groups of 1 to 7 rows, mixed up.
    fn keys_of_groups(seed: u64) -> Vec<String> {
        let mut keys: Vec<_> = (0..40_u64)
            .flat_map(|group| {
                let n = 1 + (group * 31 + seed * 17) % 7;
                (0..n).map(move |_| format!("group {group}"))
            })
            .collect();
        // In an order that has nothing to do with the groups.
        let mut order: Vec<_> = (0..keys.len()).collect();
        order.sort_by_key(|at| sha256_hex(format!("{seed} {at}")));
        keys = order.into_iter().map(|at| keys[at].clone()).collect();
        keys
    }

    fn n_of(division: &Division, split: Option<Split>) -> u64 {
        division.rows.iter().filter(|row| **row == split).count() as u64
    }

    #[track_caller]
    fn assert_no_group_is_divided(keys: &[String], division: &Division) {
        let mut split_of = HashMap::new();
        for (key, split) in keys.iter().zip(&division.rows) {
            assert_eq!(split_of.entry(key).or_insert(split), &split, "{key}");
        }
    }

    #[test]
    fn groups_of_one_row_meet_the_sizes_exactly() {
        for n_rows in [75, 76, 200] {
            let division = by_sizes(SIZES, 1, &groups(&singletons(n_rows))).unwrap();
            assert_eq!(division.report.got, SIZES);
            assert_eq!(division.report.n_unused, n_rows - 75);
            assert_eq!(n_of(&division, None), n_rows - 75);
            for split in Split::ALL {
                assert_eq!(n_of(&division, Some(split)), SIZES.get(split));
            }
        }
    }

    #[test]
    fn no_group_is_divided_and_no_split_is_too_large() {
        for seed in 0..50 {
            let keys = keys_of_groups(seed);
            let division = by_sizes(SIZES, seed, &groups(&keys)).unwrap();
            assert_no_group_is_divided(&keys, &division);
            for split in Split::ALL {
                let got = division.report.got.get(split);
                assert_eq!(n_of(&division, Some(split)), got);
                // Some group is left over, and a split with room for it
                // would have taken it.
                assert!(
                    got <= SIZES.get(split) && got + 7 > SIZES.get(split),
                    "{got}"
                );
            }
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        for seed in 0..20 {
            let keys = keys_of_groups(seed);
            let mut sorted = keys.clone();
            sorted.sort();
            let split_of = |keys: &[String]| -> HashMap<String, Option<Split>> {
                let division = by_sizes(SIZES, 7, &groups(keys)).unwrap();
                keys.iter().cloned().zip(division.rows).collect()
            };
            assert_eq!(split_of(&keys), split_of(&sorted));
        }
    }

    #[test]
    fn the_seed_decides_which_rows_it_is() {
        let groups = groups(&singletons(100));
        let rows = |seed| by_sizes(SIZES, seed, &groups).unwrap().rows;
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
    }

    #[test]
    fn the_split_of_a_key_does_not_change_between_versions() {
        let digest = |key: &str| {
            let mut bytes = 1_u64.to_le_bytes().to_vec();
            bytes.extend(<[u8; 32]>::from(Sha256::digest(key)));
            sha256_hex(bytes)
        };
        let keys = singletons(10);
        let first = keys.iter().min_by_key(|key| digest(key)).unwrap();
        let sizes = Sizes {
            train: 1,
            ..Sizes::default()
        };
        let rows = by_sizes(sizes, 1, &groups(&keys)).unwrap().rows;
        let at = rows.iter().position(Option::is_some).unwrap();
        assert_eq!(&keys[at], first);
    }

    #[test]
    fn copies_of_a_case_are_one_group_whatever_their_keys_are() {
        let rows = [("a", 1), ("b", 2), ("c", 3), ("b", 3), ("d", 1), ("e", 4)];
        let division = |order: &[usize]| {
            let mut groups = Groups::new();
            for at in order {
                groups.add(rows[*at].0, [rows[*at].1; 32]);
            }
            assert_eq!(groups.n_groups(), 3);
            let sizes = Sizes {
                train: 3,
                validation: 2,
                test: 1,
            };
            let division = by_sizes(sizes, 5, &groups).unwrap();
            let mut by_row: Vec<_> = order.iter().zip(division.rows).collect();
            by_row.sort();
            by_row
                .into_iter()
                .map(|(_, split)| split)
                .collect::<Vec<_>>()
        };
        let splits = division(&[0, 1, 2, 3, 4, 5]);
        assert_eq!(
            (splits[0], splits[1], splits[1]),
            (splits[4], splits[2], splits[3])
        );
        assert_eq!(splits, division(&[5, 3, 4, 2, 0, 1]));
    }

    #[test]
    fn a_share_divides_all_rows_without_dividing_a_group() {
        for seed in 0..50 {
            let keys = keys_of_groups(seed);
            let division = by_share(0.5, seed, &groups(&keys)).unwrap();
            assert_no_group_is_divided(&keys, &division);
            let report = division.report;
            assert_eq!(report.n_unused, 0);
            assert_eq!(report.got.total(), keys.len() as u64);
            assert!(report.got.train <= report.asked.train);
            assert!(report.got.train + 7 > report.asked.train, "{report:?}");
        }
        let division = by_share(0.3, 1, &groups(&singletons(10))).unwrap();
        assert_eq!(
            (division.report.got.train, division.report.got.validation),
            (3, 7)
        );
    }

    #[test]
    fn a_share_leaves_neither_side_empty() {
        let keys = ["a", "a", "a", "b", "b"].map(str::to_owned);
        for share in [0.01, 0.99] {
            let got = by_share(share, 1, &groups(&keys)).unwrap().report.got;
            assert!(got.train > 0 && got.validation > 0, "{got:?}");
        }
    }

    #[test]
    fn sizes_that_cannot_be_had_are_refused() {
        let refused = |sizes, keys: &[String]| by_sizes(sizes, 1, &groups(keys)).unwrap_err();
        assert_eq!(
            refused(Sizes::default(), &singletons(3)),
            SplitError::NothingAsked
        );
        let few = refused(SIZES, &singletons(74));
        assert_eq!(few.to_string(), "the splits want 75 rows, and there are 74");
        let too_many = Sizes {
            train: u64::MAX,
            ..SIZES
        };
        assert!(matches!(
            refused(too_many, &singletons(3)),
            SplitError::TooFewRows { .. }
        ));
        let large = refused(SIZES, &vec!["one".to_owned(); 100]);
        assert_eq!(
            large.to_string(),
            "no group is left that fits into the 20 rows of `train`"
        );
    }

    #[test]
    fn shares_that_divide_nothing_are_refused() {
        let keys = singletons(4);
        for share in [0.0, 1.0, -0.5, f64::NAN] {
            let refused = by_share(share, 1, &groups(&keys)).unwrap_err();
            assert!(matches!(refused, SplitError::Share(_)), "{refused}");
        }
        assert_eq!(
            by_share(0.5, 1, &groups(&vec!["one".to_owned(); 4])),
            Err(SplitError::TooFewGroups {
                n_rows: 4,
                n_groups: 1
            })
        );
    }
}
