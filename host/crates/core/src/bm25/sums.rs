//! What documents that stand together get, added up in small numbers.
//!
//! A sum is a bound in units of which a whole query has no more than 15 bits:
//! so a span of documents fits into the cache that is nearest, adding a posting
//! is one load and one store, and a look at four sums at a time tells which of
//! them pass a limit. Weights are rounded up to whole units, so sums stay bounds.

use super::list::Bits;

/// The most documents that are looked at together. A power of two, so that no
/// place in a span is out of bounds.
pub(super) const SPAN: usize = 1 << 16;

/// A sum that can grow no more, and tells nothing.
pub(super) const SUM_MAX: u16 = 0x7fff;

/// How many units the bounds of all lists come to. What is left to [`SUM_MAX`]
/// is for rounding them up.
const UNITS: f32 = 0x7000 as f32;

/// How many lists can be rounded up to units without reaching [`SUM_MAX`].
const N_LISTS_MAX: usize = 1 << 11;

/// The sums of a span.
pub(super) struct Sums {
    sums: Box<[u16; SPAN]>,
    start: u32,
    n_documents: usize,
    /// What one unit is worth.
    pub(super) unit: f32,
    // Whether rounding so many weights up may lift a sum to `SUM_MAX`.
    is_crowded: bool,
}

/// What one list gives to documents of a span, in units, by how many times the
/// term stands there.
pub(super) type Units = [u16; super::lengths::N_TIMES];

impl Default for Sums {
    fn default() -> Self {
        Self {
            sums: Box::new([0; SPAN]),
            start: 0,
            n_documents: 0,
            unit: 1.0,
            is_crowded: false,
        }
    }
}

impl Sums {
    /// Makes all sums of a span 0, whose documents get no more than `most` of so
    /// many lists.
    pub(super) fn start(&mut self, start: u32, end: u32, most: f32, n_lists: usize) {
        self.start = start;
        self.n_documents = SPAN.min((end - start) as usize);
        self.sums[..self.n_documents].fill(0);
        self.unit = most / UNITS;
        self.is_crowded = n_lists >= N_LISTS_MAX;
    }

    /// Returns how much of a sum may come of rounding the weights of lists up, or
    /// nothing where a sum may tell nothing.
    pub(super) fn rounding(&self, n_lists: usize) -> Option<f32> {
        (!self.is_crowded).then_some(n_lists as f32 * self.unit)
    }

    /// Returns a weight in units.
    pub(super) fn units(&self, weight: f32) -> u16 {
        // What is too much becomes `SUM_MAX`, and what is no number 1.
        ((weight / self.unit) as u16).saturating_add(1).min(SUM_MAX)
    }

    /// Adds the same to some documents.
    pub(super) fn add(&mut self, documents: &[u32], units: u16) {
        if self.is_crowded {
            for document in documents {
                self.add_one(*document, units);
            }
            return;
        }
        // No sum reaches `SUM_MAX` here, and most postings come this way.
        let (fours, others) = documents.as_chunks::<4>();
        for four in fours {
            for document in four {
                let sum = self.sum_mut(*document);
                *sum = sum.wrapping_add(units);
            }
        }
        for document in others {
            self.add_one(*document, units);
        }
    }

    /// Adds to some documents by how many times the term stands there; `many`
    /// tells it for more times than there are in the table.
    pub(super) fn add_by_times(
        &mut self,
        documents: &[u32],
        times: &[u32],
        units: &Units,
        many: impl Fn(u32) -> f32,
    ) {
        for (document, times) in documents.iter().zip(times) {
            let units = units.get(*times as usize).copied();
            let units = units.unwrap_or_else(|| self.units(many(*times)));
            self.add_one(*document, units);
        }
    }

    /// Adds the same to all documents of a list of bits.
    pub(super) fn add_bits(&mut self, list: &Bits<'_>, units: u16) {
        let end = self.start + self.n_documents as u32;
        for first in (self.start..end).step_by(64) {
            let mut word = list.word(first);
            if end - first < 64 {
                word &= (1 << (end - first)) - 1;
            }
            while word != 0 {
                self.add_one(first + word.trailing_zeros(), units);
                word &= word - 1;
            }
        }
    }

    #[inline(always)]
    fn add_one(&mut self, document: u32, units: u16) {
        let sum = self.sum_mut(document);
        *sum = sum.saturating_add(units).min(SUM_MAX);
    }

    #[inline(always)]
    fn sum_mut(&mut self, document: u32) -> &mut u16 {
        &mut self.sums[document.wrapping_sub(self.start) as usize % SPAN]
    }

    /// Returns the sum of a document.
    #[inline]
    pub(super) fn of(&self, document: u32) -> u16 {
        self.sums[document.wrapping_sub(self.start) as usize % SPAN]
    }

    /// Calls back with all documents whose sum is not 0 and is not below a limit,
    /// in ascending order.
    pub(super) fn for_each_passing(&self, limit: f32, mut each: impl FnMut(u32, u16)) {
        let limit = ((limit / self.unit) as u16).clamp(1, SUM_MAX);
        // Added to a sum that passes, this sets its highest bit.
        let raise = u16::MAX / 2 + 1 - limit;
        let (chunks, _) = self.sums.as_chunks::<CHUNK>();
        let n_chunks = self.n_documents.div_ceil(CHUNK);
        for (number, chunk) in chunks[..n_chunks].iter().enumerate() {
            let any = chunk
                .iter()
                .fold(0, |any, sum| any | sum.wrapping_add(raise));
            if any & PASSES == 0 {
                continue;
            }
            let mut passing = passing(chunk, raise);
            while passing != 0 {
                let lane = passing.trailing_zeros() as usize % CHUNK;
                let at = number * CHUNK + lane;
                if at < self.n_documents {
                    each(self.start + at as u32, chunk[lane]);
                }
                passing &= passing - 1;
            }
        }
    }
}

/// Returns a bit for each sum of a chunk, set where it passes.
///
/// Written so that a compiler takes eight sums at a time.
#[inline(always)]
fn passing(chunk: &[u16; CHUNK], raise: u16) -> u64 {
    let (parts, _) = chunk.as_chunks::<16>();
    let bits = parts.iter().map(|part| {
        let bits = part.iter().zip(BITS);
        bits.fold(0, |bits, (sum, bit)| {
            let is_passing = sum.wrapping_add(raise) as i16 >> 15;
            bits | (is_passing as u16 & bit)
        })
    });
    bits.rev().fold(0, |all, bits| all << 16 | u64::from(bits))
}

/// Each bit of a number of 16 bits.
const BITS: [u16; 16] = {
    let mut bits = [0; 16];
    let mut at = 0;
    while at < 16 {
        bits[at] = 1 << at;
        at += 1;
    }
    bits
};

/// The highest bit of a sum to which the distance from the limit was added.
const PASSES: u16 = 0x8000;

/// How many sums are looked at with one question.
const CHUNK: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::random::Random;

    #[test]
    fn those_that_reach_the_limit_pass_in_their_order() {
        let mut random = Random::seeded(3);
        let mut sums = Sums::default();
        for n_documents in [1, 63, 64, 65, 1000] {
            let start = 70_000;
            sums.start(start, start + n_documents, UNITS, 2);
            assert_eq!(sums.unit, 1.0);
            let mut wanted = vec![0; n_documents as usize];
            for _ in 0..n_documents * 2 {
                let at = random.below(n_documents as usize);
                let units = 1 + random.below(100) as u16;
                sums.add(&[start + at as u32], units);
                wanted[at] += units;
            }
            for limit in [-1.0, 1.0, 90.0, 250.0, 1e9] {
                let mut seen = Vec::new();
                sums.for_each_passing(limit, |document, sum| seen.push((document, sum)));
                let passing = (start..).zip(wanted.iter().copied());
                let passing = passing.filter(|(_, sum)| *sum > 0 && f32::from(*sum) >= limit);
                assert_eq!(seen, passing.collect::<Vec<_>>(), "{n_documents} {limit}");
            }
        }
    }

    #[test]
    fn no_weight_becomes_less_when_it_is_told_in_units() {
        let mut sums = Sums::default();
        sums.start(0, 9, 12.5, 7);
        for weight in [0.0, 1e-9, 0.3, 3.0, 12.5] {
            assert!(f32::from(sums.units(weight)) * sums.unit >= weight);
        }
        assert_eq!(sums.units(f32::INFINITY), SUM_MAX);
        assert_eq!(sums.rounding(7), Some(7.0 * sums.unit));
    }

    #[test]
    fn sums_of_too_many_lists_stop_at_the_largest_one() {
        let mut sums = Sums::default();
        sums.start(0, 9, 1.0, 100_000);
        for _ in 0..100_000 {
            sums.add(&[4], 1);
        }
        assert_eq!((sums.of(4), sums.of(5)), (SUM_MAX, 0));
        assert_eq!(sums.rounding(100_000), None);
    }
}
