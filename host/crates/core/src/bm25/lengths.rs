//! The lengths of documents, and what a term can give to documents of a length.
//!
//! Inside of an index, documents stand in the order of their lengths. So their
//! lengths are told by where each length begins, and what a term can give to any
//! of a few documents that stand together is about the same for all of them.

use super::method::Scoring;
use super::pack::u32_at;

/// The bytes of a run: a length, and the first document that has it.
pub(super) const RUN: usize = 8;

/// The lengths of all documents, as they lie in a file.
#[derive(Clone, Copy)]
pub(super) struct Lengths<'a> {
    runs: &'a [[u8; RUN]],
}

impl<'a> Lengths<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        Self {
            runs: bytes.as_chunks().0,
        }
    }

    /// Returns the length of a document.
    pub(super) fn of(&self, document: u32) -> u32 {
        let n_up_to = self
            .runs
            .partition_point(|run| u32_at(run, 1).is_some_and(|first| first <= document));
        let run = n_up_to.checked_sub(1).and_then(|at| self.runs.get(at));
        run.and_then(|run| u32_at(run, 0)).unwrap_or(0)
    }
}

/// Returns the runs of documents whose lengths are given in ascending order.
pub(super) fn runs(lengths: impl Iterator<Item = u32>) -> Vec<u8> {
    let (mut runs, mut last) = (Vec::new(), None);
    for (first, length) in (0u32..).zip(lengths) {
        if last != Some(length) {
            runs.extend(length.to_le_bytes());
            runs.extend(first.to_le_bytes());
            last = Some(length);
        }
    }
    runs
}

/// What a term can give to some documents beyond what they get without it, for
/// an idf of 1.
pub(super) struct Gains<'a> {
    scoring: &'a Scoring,
    length_mean: f64,
    shortest: u32,
    // By how many times it stands there.
    most: [f32; N_TIMES],
    share: f32,
}

/// How many times a term must stand in a document for its gain to be worked out
/// and not looked up.
pub(super) const N_TIMES: usize = 16;

impl<'a> Gains<'a> {
    /// Prepares for documents of lengths from the shortest to the longest.
    pub(super) fn new(
        scoring: &'a Scoring,
        length_mean: f64,
        (shortest, longest): (u32, u32),
    ) -> Self {
        let mut gains = Self {
            scoring,
            length_mean,
            // No document of length 0 has a term.
            shortest: shortest.max(1),
            most: [0.0; N_TIMES],
            share: 0.0,
        };
        for n_times in 1..N_TIMES {
            gains.most[n_times] = gains.work_out(n_times as u32);
        }
        gains.share = gains.share_up_to(longest.max(1));
        gains
    }

    /// Returns what none of the documents gets more than.
    #[inline]
    pub(super) fn most(&self, n_times: u32) -> f32 {
        match self.most.get(n_times as usize) {
            Some(most) => *most,
            None => self.work_out(n_times),
        }
    }

    /// Returns which part of the most each of the documents gets.
    ///
    /// All terms of a document share its length, so this holds for sums, too.
    pub(super) fn share(&self) -> f32 {
        self.share
    }

    #[cold]
    fn work_out(&self, n_times: u32) -> f32 {
        let (gain, weight) = self.gain(n_times, self.shortest);
        (gain.max(0.0) + SLACK * weight.max(1.0)) as f32
    }

    fn share_up_to(&self, longest: u32) -> f32 {
        // The part is the least for a term that stands there once, except for
        // rounding; a look at more times costs little.
        let parts = [1, 2, 4, 8, u32::MAX].map(|n_times| {
            let (gain, weight) = self.gain(n_times, longest);
            (gain - SLACK * weight.max(1.0)) / f64::from(self.most(n_times))
        });
        parts.into_iter().fold(1.0, f64::min).max(0.0) as f32
    }

    /// Returns what the term gives to a document of a length, and its weight.
    fn gain(&self, n_times: u32, length: u32) -> (f64, f64) {
        let length = f64::from(length);
        let weight = self.scoring.weight(n_times, length, self.length_mean);
        (weight - self.scoring.weight_of_absence(), weight)
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
    fn each_document_has_its_length() {
        let lengths = [0, 0, 3, 4, 4, 4, 9];
        let bytes = runs(lengths.into_iter());
        assert_eq!(bytes.len(), 4 * RUN);
        let read = Lengths::read(&bytes);
        for (document, length) in (0..).zip(lengths) {
            assert_eq!(read.of(document), length);
        }
        assert_eq!(read.of(u32::MAX), 9);
        assert_eq!(Lengths::read(&[]).of(0), 0);
    }

    #[test]
    fn no_weight_is_outside_of_its_bounds() {
        let mean = 300.0;
        for method in Method::ALL {
            for (k1, b) in [(0.9, 0.4), (0.0, 1.0), (2.0, 0.0), (1.2, 0.75)] {
                let scoring = Scoring {
                    method,
                    k1,
                    b,
                    delta: 0.5,
                };
                for lengths in [(0, 7), (1, 1), (90, 120), (200, 5000)] {
                    let gains = Gains::new(&scoring, mean, lengths);
                    for length in lengths.0.max(1)..=lengths.1 {
                        for n_times in [1, 2, 3, 5, 14, 15, 16, 17, 1000] {
                            let (gain, _) = gains.gain(n_times, length);
                            let most = f64::from(gains.most(n_times));
                            assert!(most >= gain);
                            assert!(most * f64::from(gains.share()) <= gain);
                        }
                    }
                }
            }
        }
    }
}
