//! The lengths of documents, exactly and by class.
//!
//! There are 256 classes, so that the class of a document is one byte and all
//! weights of a formula fit into a small table. A class knows the least length
//! in it: the weight of that length is one that no document of the class exceeds.
//! Where a corpus has no more than 256 lengths, each is a class of its own.

use super::method::Scoring;

/// How many classes there are.
pub(super) const N_CLASSES: usize = 256;

/// How many times a term must stand in a document for its weight to be worked
/// out and not looked up.
const N_TIMES: usize = 16;

/// Returns the least length of each class, in ascending order.
pub(super) fn classes(lengths: &[u32]) -> [u32; N_CLASSES] {
    let mut sorted = lengths.to_vec();
    sorted.sort_unstable();
    let mut least = [u32::MAX; N_CLASSES];
    let mut distinct = sorted.clone();
    distinct.dedup();
    if distinct.len() <= N_CLASSES {
        least[..distinct.len()].copy_from_slice(&distinct);
        return least;
    }
    // As many documents in each class, as far as equal lengths allow.
    for (class, least) in least.iter_mut().enumerate() {
        *least = sorted[class * sorted.len() / N_CLASSES];
    }
    least
}

/// Returns the class of a length.
pub(super) fn class_of(least: &[u32; N_CLASSES], length: u32) -> u8 {
    let n_up_to = least.partition_point(|least| *least <= length);
    n_up_to.saturating_sub(1) as u8
}

/// What a document can get for a term beyond what it would without it, for an
/// idf of 1.
pub(super) struct Weights {
    scoring: Scoring,
    length_mean: f64,
    least: [u32; N_CLASSES],
    // By number of times and class.
    table: Box<[f32; N_TIMES * N_CLASSES]>,
    // By class, which part of a bound its documents get at least.
    shares: [f32; N_CLASSES],
}

impl Weights {
    pub(super) fn new(scoring: &Scoring, least: &[u32; N_CLASSES], length_mean: f64) -> Self {
        let mut weights = Self {
            scoring: *scoring,
            length_mean,
            least: *least,
            table: Box::new([0.0; N_TIMES * N_CLASSES]),
            shares: [1.0; N_CLASSES],
        };
        for at in N_CLASSES..weights.table.len() {
            let (n_times, class) = (at / N_CLASSES, at % N_CLASSES);
            weights.table[at] = weights.work_out(n_times as u32, class as u8);
        }
        for class in 0..N_CLASSES {
            weights.shares[class] = weights.share_of(class);
        }
        weights
    }

    /// Returns what no document of a class gets more than.
    #[inline]
    pub(super) fn bound(&self, n_times: u32, class: u8) -> f32 {
        match self
            .table
            .get(n_times as usize * N_CLASSES + usize::from(class))
        {
            Some(bound) => *bound,
            None => self.work_out(n_times, class),
        }
    }

    /// Returns which part of its bounds every document of a class gets.
    ///
    /// All terms of a document share its length, so this holds for sums, too.
    pub(super) fn share(&self, class: u8) -> f32 {
        self.shares[usize::from(class)]
    }

    #[cold]
    fn work_out(&self, n_times: u32, class: u8) -> f32 {
        // No document of length 0 has a term.
        let length = f64::from(self.least[usize::from(class)].max(1));
        let weight = self.scoring.weight(n_times, length, self.length_mean);
        let gain = weight - self.scoring.weight_of_absence();
        (gain.max(0.0) + SLACK * weight.max(1.0)) as f32
    }

    fn share_of(&self, class: usize) -> f32 {
        let next = self.least[class + 1..]
            .iter()
            .find(|next| **next > self.least[class]);
        let Some(next) = next else {
            // The longest documents, of which no greatest length is known.
            return 0.0;
        };
        let longest = f64::from(next.saturating_sub(1).max(1));
        // The part is the least for a term that stands there once, except for
        // rounding; a second look at many times costs nothing.
        let parts = [1, 2, 4, 8, N_TIMES as u32, u32::MAX].map(|n_times| {
            let weight = self.scoring.weight(n_times, longest, self.length_mean);
            let gain = weight - self.scoring.weight_of_absence() - SLACK * weight.max(1.0);
            gain / f64::from(self.bound(n_times, class as u8))
        });
        parts.into_iter().fold(1.0, f64::min).max(0.0) as f32
    }
}

/// How much bounds are raised, relative to what they bound: more than what
/// rounding to 32 bits can add to a product.
const SLACK: f64 = 1.0 / (1 << 20) as f64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bm25::Method;

    #[test]
    fn few_lengths_are_a_class_each() {
        let least = classes(&[5, 3, 3, 90, 5]);
        assert_eq!(least[..4], [3, 5, 90, u32::MAX]);
        assert_eq!([3, 5, 90].map(|length| class_of(&least, length)), [0, 1, 2]);
    }

    #[test]
    fn no_documents_have_classes_too() {
        assert_eq!(class_of(&classes(&[]), 7), 0);
    }

    #[test]
    fn no_weight_is_above_the_bound_of_its_class() {
        let lengths: Vec<_> = (0..5000).map(|at| at * at % 7919 + 1).collect();
        let least = classes(&lengths);
        let mean = 3000.0;
        for method in Method::ALL {
            let scoring = Scoring {
                method,
                ..Scoring::default()
            };
            let weights = Weights::new(&scoring, &least, mean);
            for length in &lengths {
                let class = class_of(&least, *length);
                assert!(least[usize::from(class)] <= *length);
                for n_times in [1, 2, 3, 14, 15, 16, 17, 1000] {
                    let weight = scoring.weight(n_times, f64::from(*length), mean);
                    let gain = weight - scoring.weight_of_absence();
                    let bound = f64::from(weights.bound(n_times, class));
                    assert!(bound >= gain);
                    assert!(bound * f64::from(weights.share(class)) <= gain);
                }
            }
        }
    }
}
