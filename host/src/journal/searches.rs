//! Searches that a server answers, in the journal before anyone sees them.
//!
//! A search that was cut off is just asked again: what it cost is not counted.

use std::future::ready;
use std::sync::Arc;

use fapo_core::call::{Found, RetrievalError, SearchRequest};
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Retriever};

use super::{Answered, Journal, Key, Line, asked};

/// Puts a journal before a server.
pub(crate) fn journaled(
    retriever: Arc<dyn Retriever>,
    journal: &Arc<Journal>,
) -> Arc<dyn Retriever> {
    Arc::new(Journaled {
        retriever,
        journal: journal.clone(),
    })
}

struct Journaled {
    retriever: Arc<dyn Retriever>,
    journal: Arc<Journal>,
}

impl Retriever for Journaled {
    fn search(&self, site: CallSite, request: Arc<SearchRequest>) -> Answer<Found> {
        let key = Key::of(&site);
        let asked = asked(&site, &*request);
        if let Some(Answered::Search(found)) = self.journal.take(&key, &asked) {
            return Box::pin(ready(found));
        }
        let journal = self.journal.clone();
        let answer = self.retriever.search(site, request);
        Box::pin(async move {
            let found = answer.await;
            // What the world could not answer is asked again when the run goes on.
            if is_of_the_world(&found) {
                return found;
            }
            let line = Line {
                key: &key,
                asked: &asked,
                delivery: None,
                found: Some(&found),
                gave_up: false,
                at_once: true,
            };
            let kept = match journal.append(&line).await {
                Ok(()) => journal.sync().await,
                Err(error) => Err(error),
            };
            match kept {
                Ok(()) => found,
                Err(error) => Err(RetrievalError::Unavailable(error.why().clone())).into(),
            }
        })
    }
}

fn is_of_the_world(found: &Found) -> bool {
    use RetrievalError::{Denied, Unavailable};
    matches!(found.answer, Err(Unavailable(_) | Denied(_)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;
    use crate::trial::site;

    /// Fails once for the world's sake, and then says how often it was asked.
    #[derive(Default)]
    struct Counting(AtomicU32);

    impl Retriever for Counting {
        fn search(&self, _: CallSite, _: Arc<SearchRequest>) -> Answer<Found> {
            let n = self.0.fetch_add(1, Relaxed);
            let answer = match n {
                0 => Err(RetrievalError::Unavailable("down".into())),
                n => Err(RetrievalError::InvalidRequest(n.to_string().into())),
            };
            let found = Found::from(answer).after(1);
            Box::pin(ready(found))
        }
    }

    fn query(text: &str) -> Arc<SearchRequest> {
        Arc::new(SearchRequest {
            index: "docs".into(),
            query: text.into(),
            k: 1,
        })
    }

    fn told(found: &Found) -> &str {
        match &found.answer {
            Err(RetrievalError::Unavailable(why) | RetrievalError::InvalidRequest(why)) => {
                why.as_str()
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_a_server_answered_is_not_asked_again_and_what_it_could_not_is() {
        let dir = tempfile::tempdir().unwrap();
        let counting: Arc<dyn Retriever> = Arc::new(Counting::default());
        let open = || {
            let journal = Journal::open(dir.path(), |_, _| false);
            let journal = journal.unwrap_or_else(|error| panic!("{:?}", error.chain()));
            journaled(counting.clone(), &journal)
        };
        let first = open();
        assert_eq!(told(&first.search(site("a"), query("x")).await), "down");
        assert_eq!(told(&first.search(site("b"), query("x")).await), "1");
        let again = open();
        assert_eq!(told(&again.search(site("b"), query("x")).await), "1");
        assert_eq!(told(&again.search(site("a"), query("x")).await), "2");
        let other = open();
        assert_eq!(told(&other.search(site("b"), query("y")).await), "3");
    }

    #[tokio::test]
    async fn searches_are_neither_paid_for_nor_doubted() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path(), |_, _| false);
        let journal = journal.unwrap_or_else(|error| panic!("{:?}", error.chain()));
        let counting = Counting(AtomicU32::new(1));
        let journaled = journaled(Arc::new(counting), &journal);
        journaled.search(site("a"), query("x")).await;
        let again = Journal::open(dir.path(), |_, _| false);
        let again = again.unwrap_or_else(|error| panic!("{:?}", error.chain()));
        assert_eq!(again.maybe_paid(), 0);
        assert_eq!(again.spent(), fapo_core::budget::Amount::default());
    }
}
