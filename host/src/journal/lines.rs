//! The file of a journal: lines that are appended, and waited for.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use fapo_core::json;
use rustix::fs::fstatfs;
use serde::Serialize;

/// The mark of file systems that lie in memory, as in `statfs(2)`.
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// Bytes of memory that are kept for the lines that wait next.
const PENDING_KEPT: usize = 256 << 10;

/// A file that grows by whole lines.
pub(super) struct Lines {
    file: Arc<File>,
    /// What waits to be written; held while it is, so that no two lines are mixed.
    pending: Mutex<Pending>,
    /// Lines that were written, and how many of them the disk has for sure.
    written: AtomicU64,
    synced: tokio::sync::Mutex<u64>,
    /// Whether there is a disk: of memory, nothing outlives the power.
    has_disk: bool,
}

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    n_lines: u64,
    /// Set for good when lines could not be written: nobody knows which.
    failed: Option<io::ErrorKind>,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // A line that was cut by a kill must not be the head of the next one.
        file.write_all(b"\n")?;
        let has_disk = fstatfs(&file).map_or(true, |system| system.f_type != TMPFS_MAGIC);
        Ok(Self {
            file: Arc::new(file),
            pending: Mutex::default(),
            written: AtomicU64::new(0),
            synced: tokio::sync::Mutex::new(0),
            has_disk,
        })
    }

    /// Writes a line. It is in the hands of the system when this returns, so no
    /// end of this process can lose it.
    pub(super) fn append(&self, record: &impl Serialize) -> io::Result<()> {
        self.push(record);
        self.write()
    }

    /// Writes a line together with those that others have at the same time.
    pub(super) async fn append_together(&self, record: &impl Serialize) -> io::Result<()> {
        let mine = self.push(record);
        tokio::task::yield_now().await;
        match self.written.load(SeqCst) >= mine {
            true => Ok(()),
            false => self.write(),
        }
    }

    /// Has a line wait, and returns how many there are with it.
    fn push(&self, record: &impl Serialize) -> u64 {
        json::scratch(|line| {
            json::append(line, record);
            line.push(b'\n');
            let mut pending = self.pending.lock().expect("nobody panics with it");
            pending.lines.extend_from_slice(line);
            pending.n_lines += 1;
            pending.n_lines
        })
    }

    /// Writes all lines that wait.
    fn write(&self) -> io::Result<()> {
        let mut pending = self.pending.lock().expect("nobody panics with it");
        if let Some(failed) = pending.failed {
            return Err(failed.into());
        }
        let written = (&*self.file).write_all(&pending.lines);
        pending.lines.clear();
        pending.lines.shrink_to(PENDING_KEPT);
        match written {
            Ok(()) => self.written.store(pending.n_lines, SeqCst),
            Err(ref error) => pending.failed = Some(error.kind()),
        }
        written
    }

    /// Waits until the disk has what was appended so far. Those who wait
    /// together share one wait.
    pub(super) async fn sync(&self) -> io::Result<()> {
        if !self.has_disk {
            return Ok(());
        }
        let mine = self.written.load(SeqCst);
        let mut synced = self.synced.lock().await;
        if *synced >= mine {
            return Ok(());
        }
        let upto = self.written.load(SeqCst);
        let file = self.file.clone();
        let done = tokio::task::spawn_blocking(move || file.sync_data()).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error)))?;
        *synced = upto;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn lines_of_many_threads_are_whole_and_on_disk_when_they_were_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = Lines::open(&path).unwrap();
        lines.has_disk = true;
        let lines = Arc::new(lines);
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let lines = lines.clone();
            writers.spawn(async move {
                for n in 0..50 {
                    lines.append_together(&vec![n; 40]).await.unwrap();
                }
            });
        }
        writers.join_all().await;
        lines.sync().await.unwrap();
        assert_eq!(*lines.synced.lock().await, 400);
        let text = std::fs::read_to_string(&path).unwrap();
        let is_whole = |line: &str| serde_json::from_str::<Vec<u32>>(line).unwrap().len() == 40;
        assert!(text.lines().skip(1).all(is_whole));
        assert_eq!(text.lines().count(), 401);
    }

    #[tokio::test]
    async fn lines_of_one_moment_are_written_at_once_and_are_there_when_that_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let lines = Lines::open(&path).unwrap();
        let text = || std::fs::read_to_string(&path).unwrap();
        let (one, other) = tokio::join!(lines.append_together(&1), async {
            assert_eq!(text(), "\n", "the first one waits for those of this moment");
            let other = lines.append_together(&2).await;
            assert_eq!(text(), "\n1\n2\n");
            other
        });
        one.and(other).unwrap();
        assert_eq!(text(), "\n1\n2\n");
    }

    #[tokio::test]
    async fn nobody_is_told_that_a_line_is_there_that_could_not_be_written() {
        let mut lines = Lines::open(Path::new("/dev/null")).unwrap();
        lines.file = Arc::new(OpenOptions::new().append(true).open("/dev/full").unwrap());
        let all = tokio::join!(lines.append_together(&1), lines.append_together(&2));
        assert!(all.0.is_err() && all.1.is_err(), "{all:?}");
        assert!(lines.append(&3).is_err());
    }

    #[test]
    fn a_file_in_memory_has_no_disk_to_wait_for() {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        assert!(!Lines::open(&dir.path().join("lines")).unwrap().has_disk);
    }
}
