//! Which ids and contents were met before, and where.

use std::collections::HashMap;

use super::At;

/// Where each digest was met first, in each split.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The entry of each digest that was made last.
    last: HashMap<[u8; 16], u32>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    at: At,
    /// The entry of the same digest in another split.
    before: Option<u32>,
}

/// Where a digest was met before.
pub(super) enum Met {
    Never,
    /// In the same split, there first.
    InSplit(At),
    /// In other splits only, in this one first.
    Elsewhere(At),
}

impl Seen {
    /// Tells where a digest was met, and takes in where it is now.
    pub(super) fn meet(&mut self, digest: &[u8; 32], at: At) -> Met {
        // Half of a digest is enough to tell cases apart.
        let digest = *digest.first_chunk().expect("a digest has 32 bytes");
        let last = self.last.get(&digest).copied();
        let mut first = None;
        let mut next = last;
        // At most one entry a split, however often a digest comes.
        while let Some(entry) = next {
            let entry = &self.entries[entry as usize];
            if entry.at.split == at.split {
                return Met::InSplit(entry.at);
            }
            first = Some(entry.at);
            next = entry.before;
        }
        self.last.insert(digest, self.entries.len() as u32);
        self.entries.push(Entry { at, before: last });
        first.map_or(Met::Never, Met::Elsewhere)
    }
}
