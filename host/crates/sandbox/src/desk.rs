//! Where a guest leaves the question whose answer it waits for.
//!
//! A guest has a stack of its own. With hundreds of cases under way no such
//! stack is in the processor's caches when its case goes on, so what is done for
//! an answer is done on the stack of the thread, beside the guest.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// A question under way. It leaves the answer where its guest looks for it.
pub(crate) type Errand = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Between a guest and whoever polls it. A guest waits for one thing at a time.
#[derive(Default)]
pub(crate) struct Desk(Mutex<Option<Errand>>);

impl Desk {
    /// Leaves a question here, and waits until it is answered. The guest need
    /// not be woken before that.
    pub(crate) fn leave<Q>(&self, question: Q) -> impl Future<Output = Q::Output> + Send + use<Q>
    where
        Q: Future<Output: Send> + Send + 'static,
    {
        let answer = Arc::new(Mutex::new(None));
        let told = answer.clone();
        *lock(&self.0) = Some(Box::pin(async move {
            let answer = question.await;
            *lock(&told) = Some(answer);
        }));
        poll_fn(move |_| lock(&answer).take().map_or(Poll::Pending, Poll::Ready))
    }

    /// Takes the question that was left here.
    pub(crate) fn take(&self) -> Option<Errand> {
        lock(&self.0).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
