//! Files as memory.
//!
//! The one place where a file is mapped. Processes that map the same file share
//! its pages, and a page takes memory once something on it was read.

use std::fs::File;
use std::io;

use memmap2::{Mmap, UncheckedAdvice};

/// A file, mapped for reading.
pub(crate) struct Map(Mmap);

impl Map {
    /// Maps a file as it is now.
    #[expect(unsafe_code, reason = "a mapped file can be changed by others")]
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes must not change while they are mapped, and nobody
        // can promise that of a file. What this program maps, it never writes
        // again: an index is made under another name and then takes its place,
        // and the segments of a build have no name. So only somebody else who may
        // write the file (its owner, or an administrator) can break it. Bytes
        // that change are caught by checksums or read as other numbers, which all
        // readers bound; a file that is cut off ends the process with `SIGBUS`.
        // Who may only read the file can do neither.
        unsafe { Mmap::map(file) }.map(Self)
    }

    /// Gives back the memory of pages that were read, to be read again from
    /// the file if they are needed.
    #[expect(unsafe_code, reason = "advice that is false can lose what was written")]
    pub(crate) fn forget(&self) {
        // SAFETY: this advice loses what was written to private pages. These are
        // mapped for reading alone, so they are what the file holds.
        let advice = unsafe { self.0.unchecked_advise(UncheckedAdvice::DontNeed) };
        // A kernel that does not take it keeps the pages until it needs the room.
        drop(advice);
    }
}

impl AsRef<[u8]> for Map {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
