//! Jobs for threads of their own: what a disk is asked for must not hold up
//! those that serve guests or timers.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

/// Threads, and the jobs that wait for them.
pub(crate) struct Queue<J> {
    jobs: Option<Sender<J>>,
    threads: Vec<JoinHandle<()>>,
}

impl<J: Send + 'static> Queue<J> {
    /// Starts a thread for each of the `works`. A thread that is free takes
    /// what waits, and no more than `batch_max` at once.
    pub(crate) fn start<W>(
        name: &str,
        batch_max: usize,
        works: impl IntoIterator<Item = W>,
    ) -> io::Result<Self>
    where
        W: FnMut(Vec<J>) + Send + 'static,
    {
        let (jobs, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::new();
        for mut work in works {
            let waiting = waiting.clone();
            let thread = thread::Builder::new().name(name.into()).spawn(move || {
                while let Some(batch) = next(&waiting, batch_max) {
                    work(batch);
                }
            })?;
            threads.push(thread);
        }
        Ok(Self {
            jobs: Some(jobs),
            threads,
        })
    }

    /// Returns what sends jobs.
    pub(crate) fn jobs(&self) -> Sender<J> {
        self.jobs.clone().expect("it is taken only when dropped")
    }

    /// Sends a job. If no thread is left to do it, it is dropped.
    pub(crate) fn send(&self, job: J) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(job);
        }
    }
}

impl<J> Drop for Queue<J> {
    /// Waits until all is done that was sent.
    fn drop(&mut self) {
        self.jobs = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Waits for a job, and takes those that wait behind it.
fn next<J>(waiting: &Mutex<Receiver<J>>, batch_max: usize) -> Option<Vec<J>> {
    let waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let mut batch = vec![waiting.recv().ok()?];
    batch.extend(waiting.try_iter().take(batch_max - 1));
    Some(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_sent_is_done_before_it_is_gone() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let works = [done.clone(), done.clone()].map(|done| {
            move |batch: Vec<u32>| {
                assert!(batch.len() <= 3);
                done.lock().unwrap().extend(batch);
            }
        });
        let queue = Queue::start("trial", 3, works).unwrap();
        for job in 0..100 {
            queue.send(job);
        }
        drop(queue);
        let mut done = std::mem::take(&mut *done.lock().unwrap());
        done.sort();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
    }
}
