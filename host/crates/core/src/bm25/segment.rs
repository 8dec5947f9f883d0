//! The terms of some documents, gathered in memory and then laid out in order.
//!
//! A segment is what a corpus is cut into so that building needs no more memory
//! than its owner allows. Its bytes are private to this program: an owner may
//! keep them in a file for as long as the build takes, no longer.
//!
//! Layout: `n_documents`, `n_terms` and `n_tokens` (8 bytes each), a length for
//! each document (4 bytes), then the terms in the order of their hashes: length,
//! text, number of documents, length of the postings, and the postings, each the
//! distance from the last one and the number of times less one.

use super::analyzer::{Analysis, Analyzer, for_each_word};
use super::pack::{put_varint, take, take_varint, take_varint_u32, u32_at};
use super::vocabulary::{Hash, Vocabulary};
use super::{BuildError, IndexError};

/// Gathers the terms of documents.
///
/// It holds about 18 bytes for each document and different term in it while
/// they are gathered, and [`finish`](Self::finish) needs half as much again, so
/// watch [`memory_bytes`](Self::memory_bytes) and start the next segment in time.
pub struct SegmentBuilder {
    analyzer: Analyzer,
    // What a word that was seen before stands for, so that it is stemmed once.
    words: Vocabulary,
    terms: Vocabulary,
    // For each term, its last posting and how many it has.
    last: Vec<Last>,
    postings: Vec<Posting>,
    lengths: Vec<u32>,
    n_tokens: u64,
}

/// The last posting of a term: its document and where it is.
#[derive(Clone, Copy)]
struct Last {
    document: u32,
    at: u32,
    n_documents: u32,
}

/// The number of words that are no terms.
const STOP: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Posting {
    term: u32,
    document: u32,
    n_times: u32,
}

impl SegmentBuilder {
    /// Starts without documents.
    pub fn new(analysis: &Analysis) -> Self {
        Self {
            analyzer: Analyzer::new(analysis),
            words: Vocabulary::new(),
            terms: Vocabulary::new(),
            last: Vec::new(),
            postings: Vec::new(),
            lengths: Vec::new(),
            n_tokens: 0,
        }
    }

    /// Takes the next document, by the text that is to be found.
    pub fn add(&mut self, text: &str) -> Result<(), BuildError> {
        let too_many = |what| BuildError::TooMany {
            what,
            max: COUNT_MAX,
        };
        let document = self.lengths.len() as u32;
        // A text has no more words than bytes.
        let n_words_max = text.len() + self.postings.len();
        if document >= COUNT_MAX || n_words_max >= COUNT_MAX as usize {
            return Err(too_many("documents or words at a time"));
        }
        // In lower case, and with the ending that a stem may get, a word is no
        // more than four times as long.
        let n_bytes_max = text.len().saturating_mul(4);
        if !self.words.has_room(n_bytes_max) || !self.terms.has_room(n_bytes_max) {
            return Err(too_many("bytes of different words at a time"));
        }
        let mut length = 0;
        for_each_word(text, |word| {
            let term = match self.words.get(word) {
                Ok(known) => known,
                Err(hash) => self.learn(word, hash),
            };
            if term == STOP {
                return;
            }
            length += 1;
            let last = &mut self.last[term as usize];
            if last.document == document {
                self.postings[last.at as usize].n_times += 1;
                return;
            }
            *last = Last {
                document,
                at: self.postings.len() as u32,
                n_documents: last.n_documents + 1,
            };
            self.postings.push(Posting {
                term,
                document,
                n_times: 1,
            });
        });
        self.lengths.push(length);
        self.n_tokens += u64::from(length);
        Ok(())
    }

    #[cold]
    fn learn(&mut self, word: &str, hash: Hash) -> u32 {
        let term = self.analyzer.term(word);
        let number = term.map_or(STOP, |term| match self.terms.get(&term) {
            Ok(known) => known,
            Err(hash) => {
                let new = self.last.len() as u32;
                self.terms.insert(&term, hash, new);
                self.last.push(Last {
                    document: u32::MAX,
                    at: 0,
                    n_documents: 0,
                });
                new
            }
        });
        self.words.insert(word, hash, number);
        number
    }

    /// Returns how many documents were added.
    pub fn n_documents(&self) -> usize {
        self.lengths.len()
    }

    /// Returns about how much memory is held, with what finishing will take.
    pub fn memory_bytes(&self) -> usize {
        let terms = self.last.capacity() * size_of::<Last>() + self.last.len() * 28;
        let postings = self.postings.capacity() * 12 + self.postings.len() * 8;
        self.words.memory_bytes()
            + self.terms.memory_bytes()
            + terms
            + postings
            + self.lengths.capacity() * 4
    }

    /// Lays the segment out.
    pub fn finish(self) -> Vec<u8> {
        // A counting sort: where the postings of each term begin.
        let mut next = Vec::with_capacity(self.last.len());
        let mut n_before = 0;
        for last in &self.last {
            next.push(n_before);
            n_before += last.n_documents;
        }
        let mut sorted = vec![(0, 0); self.postings.len()];
        for posting in &self.postings {
            let at = &mut next[posting.term as usize];
            sorted[*at as usize] = (posting.document, posting.n_times);
            *at += 1;
        }
        drop((self.postings, self.words));

        let terms = self.terms.words();
        let mut terms: Vec<_> = terms.map(|(term, at)| (hash(term), term, at)).collect();
        terms.sort_unstable();
        let mut bytes = Vec::with_capacity(sorted.len() * 2 + terms.len() * 12);
        for count in [self.lengths.len() as u64, terms.len() as u64, self.n_tokens] {
            bytes.extend(count.to_le_bytes());
        }
        bytes.extend(self.lengths.iter().flat_map(|length| length.to_le_bytes()));
        let mut postings = Vec::new();
        for (_, term, at) in &terms {
            let end = next[*at as usize] as usize;
            let n_documents = self.last[*at as usize].n_documents;
            postings.clear();
            let mut after = 0;
            for (document, n_times) in &sorted[end - n_documents as usize..end] {
                put_varint(u64::from(document - after), &mut postings);
                put_varint(u64::from(n_times - 1), &mut postings);
                after = document + 1;
            }
            put_varint(term.len() as u64, &mut bytes);
            bytes.extend(term.as_bytes());
            put_varint(u64::from(n_documents), &mut bytes);
            put_varint(postings.len() as u64, &mut bytes);
            bytes.extend(&postings);
        }
        bytes
    }
}

/// The most documents of an index, and words of a segment.
///
/// Below 2³², so that a place after the last one is a number, too.
pub(super) const COUNT_MAX: u32 = u32::MAX - (1 << 16);

/// Returns the hash by which terms are ordered in segments and found in indexes.
///
/// FNV-1a, its bits then mixed so that the upper ones tell terms apart.
pub(super) fn hash(term: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for byte in term.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// A segment that is read from front to back.
pub(super) struct Segment<'a> {
    pub(super) n_documents: u32,
    pub(super) n_terms: u64,
    pub(super) n_tokens: u64,
    lengths: &'a [u8],
    rest: &'a [u8],
}

/// A term of a segment.
pub(super) struct SegmentTerm<'a> {
    pub(super) hash: u64,
    pub(super) text: &'a str,
    pub(super) n_documents: u32,
    pub(super) postings: &'a [u8],
}

impl<'a> Segment<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut count = || Some(u64::from_le_bytes(*take(&mut rest, 8)?.first_chunk()?));
        let (n_documents, n_terms, n_tokens) = (count()?, count()?, count()?);
        let n_documents = u32::try_from(n_documents).ok()?;
        let lengths = take(&mut rest, (n_documents as usize).checked_mul(4)?)?;
        // What a damaged segment claims must not decide how much is allocated.
        (n_terms <= rest.len() as u64).then_some(())?;
        Some(Self {
            n_documents,
            n_terms,
            n_tokens,
            lengths,
            rest,
        })
    }

    pub(super) fn lengths(&self) -> impl Iterator<Item = u32> + 'a {
        let lengths = self.lengths;
        (0..self.n_documents as usize).filter_map(move |at| u32_at(lengths, at))
    }

    /// Takes the next term; none when there is no other.
    pub(super) fn next(&mut self) -> Result<Option<SegmentTerm<'a>>, IndexError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let term = self.take_term();
        term.map(Some).ok_or(IndexError::Damaged { part: "terms" })
    }

    fn take_term(&mut self) -> Option<SegmentTerm<'a>> {
        let rest = &mut self.rest;
        let n_bytes = take_varint(rest)?.try_into().ok()?;
        let text = std::str::from_utf8(take(rest, n_bytes)?).ok()?;
        let n_documents = take_varint_u32(rest)?;
        let n_bytes = take_varint(rest)?.try_into().ok()?;
        let postings = take(rest, n_bytes)?;
        // Each posting takes two bytes at least.
        (n_documents as usize <= postings.len() / 2 && n_documents > 0).then_some(())?;
        Some(SegmentTerm {
            hash: hash(text),
            text,
            n_documents,
            postings,
        })
    }
}

impl SegmentTerm<'_> {
    /// Appends documents and times, each document `n_before` further on.
    pub(super) fn read(
        &self,
        n_before: u32,
        documents: &mut Vec<u32>,
        times: &mut Vec<u32>,
    ) -> Option<()> {
        let mut rest = self.postings;
        let mut next = n_before;
        for _ in 0..self.n_documents {
            let document = next.checked_add(take_varint_u32(&mut rest)?)?;
            documents.push(document);
            times.push(take_varint_u32(&mut rest)?.checked_add(1)?);
            next = document.checked_add(1)?;
        }
        rest.is_empty().then_some(())
    }
}
