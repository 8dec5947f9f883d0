//! Work that threads share, taken in the order in which it was begun.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{channel, sync_channel};

use crate::exit::CommandResult;

/// Reads pieces, works on several at once, and takes what came of them in order.
///
/// There is never more than one piece for each thread and one more in memory,
/// finished or not. The first error in that order ends it.
pub(crate) fn each_in_order<P: Send, D: Send>(
    threads: usize,
    mut read: impl FnMut() -> CommandResult<Option<P>> + Send,
    work: impl Fn(P) -> D + Sync,
    mut take: impl FnMut(D) -> CommandResult<()>,
) -> CommandResult<()> {
    let n_under_way = threads + 1;
    let (permit, permits) = sync_channel::<()>(n_under_way);
    for _ in 0..n_under_way {
        permit.send(()).expect("there is room for all permits");
    }
    let (to_read, pieces) = sync_channel::<(u64, P)>(n_under_way);
    let pieces = Mutex::new(pieces);
    let (done, all_done) = channel();
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || {
            let mut number = 0;
            while permits.recv().is_ok()
                && let Some(piece) = read()?
                && to_read.send((number, piece)).is_ok()
            {
                number += 1;
            }
            Ok(())
        });
        for _ in 0..threads {
            let (done, pieces, work) = (done.clone(), &pieces, &work);
            scope.spawn(move || {
                loop {
                    // The lock ends with the statement, before the work begins.
                    let next = pieces.lock().expect("nobody panics with it").recv();
                    let Ok((number, piece)) = next else {
                        break;
                    };
                    // A panic is handed over as well: who waits for this piece
                    // would wait for ever.
                    let did = catch_unwind(AssertUnwindSafe(|| work(piece)));
                    if done.send((number, did)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        let mut early = BTreeMap::new();
        let mut next = 0;
        let taken = (|| {
            for (number, piece) in &all_done {
                early.insert(number, piece);
                while let Some(piece) = early.remove(&next) {
                    take(piece.unwrap_or_else(|panic| resume_unwind(panic)))?;
                    next += 1;
                    // Nobody wants it once all was read.
                    let _ = permit.send(());
                }
            }
            Ok(())
        })();
        // Who waits for one of these, or wants to hand something over, learns
        // that it is over.
        drop((permit, all_done));
        let read = reading.join().expect("reading does not panic");
        // What was taken came before what could not be read.
        taken.and(read)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::CommandError;

    #[test]
    fn what_threads_do_is_taken_in_order() {
        for threads in [1, 2, 5] {
            let mut numbers = 0..1000u32;
            let mut seen = Vec::new();
            each_in_order(
                threads,
                || Ok(numbers.next()),
                |n| n * 2,
                |n| {
                    seen.push(n);
                    Ok(())
                },
            )
            .unwrap();
            assert!(seen.into_iter().eq((0..1000).map(|n| n * 2)));
        }
    }

    #[test]
    fn the_first_error_in_that_order_ends_it() {
        let fails_at = |read_max: u32, take_max: u32| {
            let mut numbers = 0..;
            let ended = each_in_order(
                2,
                || match numbers.next() {
                    Some(n) if n < read_max => Ok(Some(n)),
                    _ => Err(CommandError::person("reading")),
                },
                |n| n,
                |n| match n < take_max {
                    true => Ok(()),
                    false => Err(CommandError::person(format!("taking {n}"))),
                },
            );
            ended.unwrap_err().chain().join(" ")
        };
        assert_eq!(fails_at(50, 20), "taking 20");
        assert_eq!(fails_at(20, 20), "reading");
        assert_eq!(fails_at(20, 19), "taking 19");
    }

    #[test]
    #[should_panic(expected = "at seven")]
    fn a_panic_of_a_thread_is_one_of_the_caller() {
        let mut numbers = 0..1000u32;
        let _ = each_in_order(
            2,
            || Ok(numbers.next()),
            |n| assert_ne!(n, 7, "at seven"),
            |()| Ok(()),
        );
    }
}
