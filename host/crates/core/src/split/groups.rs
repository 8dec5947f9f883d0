//! Which rows belong together.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// The rows of a file, and which of them belong together.
///
/// Of a row three digests are kept, about 200 bytes, however long its key is.
///
/// ```
/// use fapo_core::split::Groups;
///
/// let mut groups = Groups::new();
/// groups.add("Paris", [1; 32]);
/// groups.add("Rome", [2; 32]);
/// groups.add("paris.txt", [1; 32]);
/// assert_eq!((groups.n_rows(), groups.n_groups()), (3, 2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Groups {
    rows: Vec<Row>,
    by_key: HashMap<[u8; 32], usize>,
    by_content: HashMap<[u8; 32], usize>,
}

#[derive(Clone, Debug)]
struct Row {
    /// A row of the same group, itself if it stands for the group.
    parent: usize,
    /// The smallest digest of a key in the group, of the row that stands for it.
    key: [u8; 32],
    /// Rows in the group, of the row that stands for it.
    n: u64,
}

impl Groups {
    /// Returns groups of no row.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next row, with the key of its group and the digest of its content.
    ///
    /// Rows with the same key are one group, and so are rows with the same
    /// [content](crate::digest::content_digest). A row without a group has a
    /// key that is its own: its id, since the number of its line would make
    /// the split depend on the order of rows.
    pub fn add(&mut self, key: &str, content: [u8; 32]) {
        let key = Sha256::digest(key).into();
        let row = self.rows.len();
        self.rows.push(Row {
            parent: row,
            key,
            n: 1,
        });
        let same_key = *self.by_key.entry(key).or_insert(row);
        let same_content = *self.by_content.entry(content).or_insert(row);
        self.join(same_key, row);
        self.join(same_content, row);
    }

    /// Returns how many rows were added.
    pub fn n_rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Returns how many groups they form.
    pub fn n_groups(&self) -> u64 {
        let standing = self.rows.iter().enumerate();
        standing.filter(|(at, row)| row.parent == *at).count() as u64
    }

    /// Returns the group of each row, in the order in which rows were added.
    pub(super) fn of_rows(&self) -> impl Iterator<Item = usize> {
        (0..self.rows.len()).map(|row| self.find(row))
    }

    /// Returns how many rows a group has.
    pub(super) fn n_rows_of(&self, group: usize) -> u64 {
        self.rows[group].n
    }

    /// Returns the groups, by the rows that stand for them, in the order that
    /// a seed gives them.
    pub(super) fn in_order(&self, seed: u64) -> Vec<usize> {
        let standing = (0..self.rows.len()).filter(|at| self.rows[*at].parent == *at);
        let mut groups: Vec<([u8; 32], usize)> = standing
            .map(|at| {
                let order = Sha256::new()
                    .chain_update(seed.to_le_bytes())
                    .chain_update(self.rows[at].key);
                (order.finalize().into(), at)
            })
            .collect();
        groups.sort_unstable_by_key(|(order, at)| (*order, self.rows[*at].key));
        groups.into_iter().map(|(_, at)| at).collect()
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        // The smaller group goes below the larger, so that no way is long.
        let (top, below) = if self.rows[a].n >= self.rows[b].n {
            (a, b)
        } else {
            (b, a)
        };
        self.rows[below].parent = top;
        self.rows[top].n += self.rows[below].n;
        self.rows[top].key = self.rows[top].key.min(self.rows[below].key);
    }

    /// Returns the row that stands for a row's group.
    fn find(&self, mut row: usize) -> usize {
        while self.rows[row].parent != row {
            row = self.rows[row].parent;
        }
        row
    }
}
