//! The lengths of documents, exactly and by class.
//!
//! There are 256 classes, so that the class of a document is one byte and all
//! weights of a formula fit into a small table. A class knows the least length
//! in it: the weight of that length is one that no document of the class exceeds.
//! Where a corpus has no more than 256 lengths, each is a class of its own.

use super::method::Scoring;

/// How many classes there are.
pub(super) const N_CLASSES: usize = 256;

/// Term frequencies that the table of weights tells apart; the last stands for
/// itself and all above.
pub(super) const N_TIMES: usize = 16;

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

/// For each number of times and class, what a document can get beyond what it
/// would without the term, for an idf of 1.
pub(super) struct Weights {
    table: Box<[f32; N_TIMES * N_CLASSES]>,
}

impl Weights {
    pub(super) fn new(scoring: &Scoring, least: &[u32; N_CLASSES], length_mean: f64) -> Self {
        let mut table = Box::new([0.0; N_TIMES * N_CLASSES]);
        let absence = scoring.weight_of_absence();
        for (at, bound) in table.iter_mut().enumerate() {
            let n_times = match (at / N_CLASSES) as u32 {
                0 => continue,
                n_times if n_times as usize == N_TIMES - 1 => u32::MAX,
                n_times => n_times,
            };
            // No document of length 0 has a term.
            let length = f64::from(least[at % N_CLASSES].max(1));
            let weight = scoring.weight(n_times, length, length_mean);
            let rounding = SLACK * weight.max(1.0);
            *bound = ((weight - absence).max(0.0) + rounding) as f32;
        }
        Self { table }
    }

    /// Returns the bound for a number of times and a class.
    #[inline]
    pub(super) fn bound(&self, n_times: u32, class: u8) -> f32 {
        let n_times = (n_times as usize).min(N_TIMES - 1);
        self.table[n_times * N_CLASSES + usize::from(class)]
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
                for n_times in [1, 2, 14, 15, 16, 1000] {
                    let weight = scoring.weight(n_times, f64::from(*length), mean);
                    let gain = weight - scoring.weight_of_absence();
                    assert!(f64::from(weights.bound(n_times, class)) >= gain);
                }
            }
        }
    }
}
