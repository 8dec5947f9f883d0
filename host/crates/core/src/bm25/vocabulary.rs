//! Words that were seen, and a number for each.
//!
//! A corpus is mostly words that were seen before, so looking one up decides how
//! fast an index is built. The words stand one after the other in one text, and
//! a table tells where, with some bits of the hash, so that most lookups touch a
//! place in each and no other memory.

use std::hash::{BuildHasher, RandomState};

/// A set of words, each with a number that its owner gives it.
pub(super) struct Vocabulary {
    // A power of two of places, at most three quarters of them taken.
    places: Vec<Place>,
    n_words: usize,
    texts: String,
    seed: u64,
}

#[derive(Clone, Copy)]
struct Place {
    /// Bits of the hash that did not choose the place.
    tag: u32,
    /// Where the word begins, or [`NONE`].
    start: u32,
    n_bytes: u32,
    number: u32,
}

/// The start of no word.
const NONE: u32 = u32::MAX;

const EMPTY: Place = Place {
    tag: 0,
    start: NONE,
    n_bytes: 0,
    number: 0,
};

impl Vocabulary {
    pub(super) fn new() -> Self {
        Self {
            places: vec![EMPTY; 1 << 10],
            n_words: 0,
            texts: String::new(),
            // Not to be known from outside: words that all want the same place
            // would make every lookup slow.
            seed: RandomState::new().hash_one(0),
        }
    }

    /// Returns the number of a word, or the place where it belongs.
    #[inline]
    pub(super) fn get(&self, word: &str) -> Result<u32, Hash> {
        let hash = self.hash(word);
        let mask = self.places.len() - 1;
        let tag = (hash >> u32::BITS) as u32;
        let mut at = hash as usize & mask;
        loop {
            let place = self.places[at];
            if place.start == NONE {
                return Err(Hash(hash));
            }
            if place.tag == tag && self.text(place) == word.as_bytes() {
                return Ok(place.number);
            }
            at = (at + 1) & mask;
        }
    }

    /// Tells whether words of so many bytes can still be taken in.
    pub(super) fn has_room(&self, n_bytes: usize) -> bool {
        self.texts.len().saturating_add(n_bytes) < NONE as usize
    }

    /// Takes in a word that is not there, and for which there is room.
    pub(super) fn insert(&mut self, word: &str, Hash(hash): Hash, number: u32) {
        let (start, n_bytes) = (self.texts.len() as u32, word.len() as u32);
        if (self.n_words + 1) * 4 > self.places.len() * 3 {
            self.grow();
        }
        self.texts.push_str(word);
        self.n_words += 1;
        self.put(
            hash,
            Place {
                tag: (hash >> u32::BITS) as u32,
                start,
                n_bytes,
                number,
            },
        );
    }

    fn put(&mut self, hash: u64, place: Place) {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        while self.places[at].start != NONE {
            at = (at + 1) & mask;
        }
        self.places[at] = place;
    }

    fn grow(&mut self) {
        let larger = vec![EMPTY; self.places.len() * 2];
        let places = std::mem::replace(&mut self.places, larger);
        for place in places.into_iter().filter(|place| place.start != NONE) {
            let start = place.start as usize;
            let hash = self.hash(&self.texts[start..start + place.n_bytes as usize]);
            self.put(hash, place);
        }
    }

    fn text(&self, place: Place) -> &[u8] {
        let start = place.start as usize;
        &self.texts.as_bytes()[start..start + place.n_bytes as usize]
    }

    /// Calls back with each word and its number.
    pub(super) fn words(&self) -> impl Iterator<Item = (&str, u32)> {
        let taken = self.places.iter().filter(|place| place.start != NONE);
        taken.map(|place| {
            let start = place.start as usize;
            (
                &self.texts[start..start + place.n_bytes as usize],
                place.number,
            )
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.places.capacity() * size_of::<Place>() + self.texts.capacity()
    }

    /// Eight bytes at a time, each folded in by a multiplication of 64 by 64 bits
    /// whose halves are added up without carry.
    #[inline]
    fn hash(&self, word: &str) -> u64 {
        let fold = |hash: u64, bytes: u64| {
            let product = u128::from(hash ^ bytes) * u128::from(MULTIPLIER);
            product as u64 ^ (product >> u64::BITS) as u64
        };
        let (chunks, rest) = word.as_bytes().as_chunks::<8>();
        let mut hash = self.seed ^ word.len() as u64;
        for chunk in chunks {
            hash = fold(hash, u64::from_le_bytes(*chunk));
        }
        let mut last = 0;
        for byte in rest {
            last = last << 8 | u64::from(*byte);
        }
        fold(fold(hash, last), self.seed)
    }
}

/// The hash of a word that is not in a vocabulary.
pub(super) struct Hash(u64);

/// An odd number with about as many ones as zeros.
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_numbers() {
        let mut vocabulary = Vocabulary::new();
        let word = |n: u32| format!("{}{n}", "wort".repeat(n as usize % 5));
        for n in 0..10_000 {
            let hash = vocabulary.get(&word(n)).unwrap_err();
            vocabulary.insert(&word(n), hash, n * 3);
        }
        for n in 0..10_000 {
            assert_eq!(vocabulary.get(&word(n)).ok(), Some(n * 3));
        }
        assert!(vocabulary.get("").is_err() && vocabulary.get("wort").is_err());
        assert!(vocabulary.has_room(0) && !vocabulary.has_room(u32::MAX as usize));
        assert_eq!(vocabulary.words().count(), 10_000);
        assert!(
            vocabulary
                .words()
                .all(|(text, number)| text == word(number / 3))
        );
    }
}
