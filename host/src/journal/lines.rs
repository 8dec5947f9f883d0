//! The file of a journal: lines that are appended, and waited for.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use rustix::fs::fstatfs;
use serde::Serialize;

/// The mark of file systems that lie in memory, as in `statfs(2)`.
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// A file that grows by whole lines.
pub(super) struct Lines {
    file: Arc<File>,
    /// Held while a line is written, so that no two are mixed.
    writing: Mutex<()>,
    /// Lines that were appended, and how many of them the disk has for sure.
    appended: AtomicU64,
    synced: tokio::sync::Mutex<u64>,
    /// Whether there is a disk: of memory, nothing outlives the power.
    has_disk: bool,
}

impl Lines {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // A line that was cut by a kill must not be the head of the next one.
        file.write_all(b"\n")?;
        let has_disk = fstatfs(&file).map_or(true, |system| system.f_type != TMPFS_MAGIC);
        Ok(Self {
            file: Arc::new(file),
            writing: Mutex::new(()),
            appended: AtomicU64::new(0),
            synced: tokio::sync::Mutex::new(0),
            has_disk,
        })
    }

    /// Writes a line. It is in the hands of the system when this returns, so no
    /// end of this process can lose it.
    pub(super) fn append(&self, record: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(record).expect("records of plain data can be written");
        line.push(b'\n');
        let writing = self.writing.lock().expect("nobody panics with it");
        (&*self.file).write_all(&line)?;
        drop(writing);
        self.appended.fetch_add(1, SeqCst);
        Ok(())
    }

    /// Waits until the disk has what was appended so far. Those who wait
    /// together share one wait.
    pub(super) async fn sync(&self) -> io::Result<()> {
        if !self.has_disk {
            return Ok(());
        }
        let mine = self.appended.load(SeqCst);
        let mut synced = self.synced.lock().await;
        if *synced >= mine {
            return Ok(());
        }
        let upto = self.appended.load(SeqCst);
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

    #[tokio::test]
    async fn lines_of_many_threads_are_whole_and_on_disk_when_they_were_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lines");
        let mut lines = Lines::open(&path).unwrap();
        lines.has_disk = true;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..50).for_each(|n| lines.append(&vec![n; 40]).unwrap()));
            }
        });
        lines.sync().await.unwrap();
        assert_eq!(*lines.synced.lock().await, 400);
        let text = std::fs::read_to_string(&path).unwrap();
        let is_whole = |line: &str| serde_json::from_str::<Vec<u32>>(line).unwrap().len() == 40;
        assert!(text.lines().skip(1).all(is_whole));
        assert_eq!(text.lines().count(), 401);
    }

    #[test]
    fn a_file_in_memory_has_no_disk_to_wait_for() {
        let dir = tempfile::tempdir_in("/dev/shm").unwrap();
        assert!(!Lines::open(&dir.path().join("lines")).unwrap().has_disk);
    }
}
