//! The best documents so far.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::search::Hit;

/// Keeps the best `k` hits, equal scores in the order of documents.
pub(super) struct Top {
    k: usize,
    // The worst of them first.
    heap: BinaryHeap<Ranked>,
}

/// For how many hits there is room before any is found.
const ROOM_MAX: usize = 128;

/// A hit that is greater the further down it ranks.
struct Ranked(Hit);

impl Top {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::with_capacity(k.min(ROOM_MAX)),
        }
    }

    pub(super) fn push(&mut self, hit: Hit) {
        if self.heap.len() < self.k {
            self.heap.push(Ranked(hit));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && rank(&hit, &worst.0) == Ordering::Less
        {
            *worst = Ranked(hit);
        }
    }

    /// Returns the least score that a further hit must have, once `k` were found.
    pub(super) fn threshold(&self) -> Option<f32> {
        let worst = self.heap.peek()?;
        (self.heap.len() == self.k).then_some(worst.0.score)
    }

    pub(super) fn into_hits(self) -> Vec<Hit> {
        let ranked = self.heap.into_sorted_vec();
        ranked.into_iter().map(|ranked| ranked.0).collect()
    }
}

/// Compares hits by their ranks, the better one first.
pub(super) fn rank(one: &Hit, other: &Hit) -> Ordering {
    let by_score = other.score.total_cmp(&one.score);
    by_score.then(one.document.cmp(&other.document))
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        rank(&self.0, &other.0)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_kept_and_equal_ones_by_document() {
        let mut top = Top::new(3);
        assert_eq!(top.threshold(), None);
        for (document, score) in [(4, 1.0), (2, 2.0), (9, 1.0), (1, 1.0), (0, 0.5)] {
            top.push(Hit { document, score });
        }
        assert_eq!(top.threshold(), Some(1.0));
        let hits: Vec<_> = top.into_hits().iter().map(|hit| hit.document).collect();
        assert_eq!(hits, [2, 1, 4]);
    }

    #[test]
    fn nothing_is_kept_of_nothing() {
        let mut top = Top::new(0);
        top.push(Hit {
            document: 1,
            score: 1.0,
        });
        assert!(top.into_hits().is_empty());
    }
}
