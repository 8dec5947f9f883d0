//! Files whose every byte is checked before it is believed.
//!
//! A sealed file is data, a footer and a tail. The footer holds what the data
//! is, and a checksum for every 64 KiB of it; the tail holds the sizes and the
//! checksum of the footer. Opening reads footer and tail, so it takes as long for
//! a small file as for a large one. A piece of the data is checked when something
//! in it is asked for, the first time only, and all of it by `verify`.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use super::IndexError;

/// How much data one checksum stands for.
const PIECE: usize = 64 << 10;

/// The length of the tail: of the data and of what it is, then the checksum of
/// the footer, version and magic.
const TAIL: usize = 8 + 4 + 4 + 4 + 8;

/// The version of the format that this program reads and writes.
pub(super) const VERSION: u32 = 1;

/// Writes a sealed file from front to back.
pub(super) struct Sealer<W> {
    out: W,
    n_bytes: u64,
    piece: crc32fast::Hasher,
    n_in_piece: usize,
    checksums: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            n_bytes: 0,
            piece: crc32fast::Hasher::new(),
            n_in_piece: 0,
            checksums: Vec::new(),
        }
    }

    /// Where the next byte goes.
    pub(super) fn position(&self) -> u64 {
        self.n_bytes
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.n_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, rest) = bytes.split_at(bytes.len().min(PIECE - self.n_in_piece));
            self.piece.update(now);
            self.n_in_piece += now.len();
            bytes = rest;
            if self.n_in_piece == PIECE {
                self.end_piece();
            }
        }
        Ok(())
    }

    /// Appends zeros up to the next multiple of some bytes.
    pub(super) fn align(&mut self, multiple: u64) -> io::Result<()> {
        while !self.n_bytes.is_multiple_of(multiple) {
            self.write(&[0])?;
        }
        Ok(())
    }

    /// Ends the file, and returns the checksum of its footer, which stands for
    /// all of it.
    pub(super) fn finish(mut self, magic: [u8; 8], what: &[u8]) -> io::Result<u32> {
        if self.n_in_piece > 0 {
            self.end_piece();
        }
        let mut footer = what.to_vec();
        footer.extend(&self.checksums);
        footer.extend(self.n_bytes.to_le_bytes());
        footer.extend((what.len() as u32).to_le_bytes());
        let checksum = crc32fast::hash(&footer);
        footer.extend(checksum.to_le_bytes());
        footer.extend(VERSION.to_le_bytes());
        footer.extend(magic);
        self.out.write_all(&footer)?;
        self.out.flush()?;
        Ok(checksum)
    }

    fn end_piece(&mut self) {
        let piece = std::mem::take(&mut self.piece);
        self.checksums.extend(piece.finalize().to_le_bytes());
        self.n_in_piece = 0;
    }
}

/// A sealed file that was opened.
pub(super) struct Sealed<B> {
    bytes: B,
    n_data: usize,
    n_what: usize,
    checksum: u32,
    // A bit for each piece that was found whole.
    whole: Box<[AtomicU64]>,
}

impl<B: AsRef<[u8]>> Sealed<B> {
    /// Checks footer and tail.
    pub(super) fn open(bytes: B, magic: [u8; 8]) -> Result<Self, IndexError> {
        let file = bytes.as_ref();
        let n_rest = file.len().checked_sub(TAIL).ok_or(IndexError::Foreign)?;
        let (rest, tail) = file.split_at(n_rest);
        if !tail.ends_with(&magic) {
            return Err(IndexError::Foreign);
        }
        let number = |at| super::pack::u32_at(tail, at).ok_or(IndexError::Foreign);
        let version = number(4)?;
        if version != VERSION {
            return Err(IndexError::Version { version });
        }
        let n_data = u64::from(number(0)?) | u64::from(number(1)?) << 32;
        let damaged = IndexError::Damaged { part: "footer" };
        let Ok(n_data) = usize::try_from(n_data) else {
            return Err(damaged);
        };
        let (n_what, checksum) = (number(2)? as usize, number(3)?);
        let n_pieces = n_data.div_ceil(PIECE);
        // No overflow: `n_data` is compared first, so all terms are small.
        if n_data > rest.len() || n_data + n_pieces * 4 + n_what != rest.len() {
            return Err(damaged);
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&rest[n_data..]);
        hasher.update(&tail[..12]);
        if hasher.finalize() != checksum {
            return Err(damaged);
        }
        let whole = (0..n_pieces.div_ceil(64)).map(|_| AtomicU64::new(0));
        Ok(Self {
            n_data,
            n_what,
            checksum,
            whole: whole.collect(),
            bytes,
        })
    }

    /// What the writer said the data is.
    pub(super) fn what(&self) -> &[u8] {
        &self.bytes.as_ref()[self.n_data..][..self.n_what]
    }

    /// The checksum that stands for the whole file.
    pub(super) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Length of the data.
    pub(super) fn len(&self) -> usize {
        self.n_data
    }

    /// Returns a part of the data that was checked.
    pub(super) fn get(&self, start: usize, n_bytes: usize) -> Result<&[u8], IndexError> {
        let end = start.checked_add(n_bytes).filter(|end| *end <= self.n_data);
        let end = end.ok_or(IndexError::Damaged { part: "offsets" })?;
        if n_bytes > 0 {
            for piece in start / PIECE..=(end - 1) / PIECE {
                self.check_once(piece)?;
            }
        }
        Ok(&self.bytes.as_ref()[start..end])
    }

    /// Checks all of the data.
    pub(super) fn verify(&self) -> Result<(), IndexError> {
        (0..self.n_data.div_ceil(PIECE)).try_for_each(|piece| self.check(piece))
    }

    fn check_once(&self, piece: usize) -> Result<(), IndexError> {
        let (word, bit) = (&self.whole[piece / 64], 1 << (piece % 64));
        // Relaxed: the bit tells of bytes that do not change, and a thread that
        // misses it only checks once more.
        if word.load(Ordering::Relaxed) & bit == 0 {
            self.check(piece)?;
            word.fetch_or(bit, Ordering::Relaxed);
        }
        Ok(())
    }

    #[cold]
    fn check(&self, piece: usize) -> Result<(), IndexError> {
        let start = piece * PIECE;
        let end = self.n_data.min(start + PIECE);
        let bytes = self.bytes.as_ref();
        let n_before = self.n_data + self.n_what;
        let wanted = super::pack::u32_at(&bytes[n_before..], piece);
        if wanted == Some(crc32fast::hash(&bytes[start..end])) {
            Ok(())
        } else {
            Err(IndexError::Damaged { part: "data" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: [u8; 8] = *b"a test\r\n";

    fn sealed(n_bytes: usize) -> Vec<u8> {
        let mut file = Vec::new();
        let mut sealer = Sealer::new(&mut file);
        for at in 0..n_bytes {
            sealer.write(&[at as u8]).unwrap();
        }
        sealer.finish(MAGIC, b"what").unwrap();
        file
    }

    #[test]
    fn data_comes_back_in_parts() {
        for n_bytes in [0, 1, PIECE, 2 * PIECE + 3] {
            let file = Sealed::open(sealed(n_bytes), MAGIC).unwrap();
            assert_eq!((file.what(), file.len()), (&b"what"[..], n_bytes));
            assert!(file.verify().is_ok());
            let last = file.get(n_bytes.saturating_sub(1), n_bytes.min(1)).unwrap();
            assert_eq!(
                last.first().copied(),
                n_bytes.checked_sub(1).map(|at| at as u8)
            );
            assert!(file.get(n_bytes, 1).is_err());
            assert!(file.get(usize::MAX, 2).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_is_found_where_it_is_read() {
        let mut bytes = sealed(2 * PIECE);
        bytes[PIECE + 9] ^= 1;
        let file = Sealed::open(bytes, MAGIC).unwrap();
        assert!(file.get(0, PIECE).is_ok());
        assert!(file.get(PIECE - 1, 2).is_err());
        assert!(file.get(PIECE, 1).is_err());
        assert!(file.verify().is_err());
    }

    #[test]
    fn every_damaged_footer_is_refused() {
        let bytes = sealed(10);
        for at in 10..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            assert!(Sealed::open(bytes, MAGIC).is_err(), "{at}");
        }
        for n_bytes in 0..bytes.len() {
            assert!(Sealed::open(&bytes[..n_bytes], MAGIC).is_err(), "{n_bytes}");
        }
    }

    #[test]
    fn the_version_is_told_from_damage() {
        let mut bytes = sealed(10);
        let at = bytes.len() - 12;
        bytes[at] = 9;
        let refused = Sealed::open(bytes, MAGIC).err();
        assert_eq!(refused, Some(IndexError::Version { version: 9 }));
    }
}
