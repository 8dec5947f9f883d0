//! Searches of servers in a recording.

use std::future::ready;
use std::sync::Arc;

use fapo_core::call::{Found, RetrievalError, SearchRequest};
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Retriever};

use super::difference::{Difference, changed, first};
use super::{Line, Recorder, Replay, Search};

/// Puts a recording before a server.
pub(crate) fn recorded_searches(
    retriever: Arc<dyn Retriever>,
    recorder: Arc<Recorder>,
) -> Arc<dyn Retriever> {
    Arc::new(Recorded {
        retriever,
        recorder,
    })
}

struct Recorded {
    retriever: Arc<dyn Retriever>,
    recorder: Arc<Recorder>,
}

impl Retriever for Recorded {
    fn search(&self, site: CallSite, request: Arc<SearchRequest>) -> Answer<Found> {
        let answer = self.retriever.search(site.clone(), request.clone());
        let recorder = self.recorder.clone();
        Box::pin(async move {
            let found = answer.await;
            let search = Search {
                case_id: site.case,
                repeat: site.repeat,
                role: site.role,
                seq: site.seq,
                step: site.step,
                request,
                found: found.clone(),
            };
            match recorder.append(&Line::Search(search)) {
                Ok(()) => found,
                Err(error) => Err(RetrievalError::Unavailable(error.why().clone())).into(),
            }
        })
    }
}

/// Returns what finds again what servers found when it was recorded.
pub(crate) fn replayed_searches(replay: &Arc<Replay>) -> Arc<dyn Retriever> {
    Arc::new(Replayed(replay.clone()))
}

struct Replayed(Arc<Replay>);

impl Replayed {
    fn find(&self, site: &CallSite, request: &SearchRequest) -> Result<Found, Difference> {
        let Line::Search(search) = self.0.line(site)? else {
            return Err(Difference::Unreadable("it is no search".into()));
        };
        if search.step != site.step {
            return Err(changed("step", site.step.as_str(), search.step.as_str()));
        }
        let value = |request: &SearchRequest| {
            serde_json::to_value(request).expect("records of plain data are values")
        };
        match first(&value(request), &value(&search.request)) {
            Some(difference) => Err(difference),
            None => Ok(search.found),
        }
    }
}

impl Retriever for Replayed {
    fn search(&self, site: CallSite, request: Arc<SearchRequest>) -> Answer<Found> {
        let found = self.find(&site, &request).unwrap_or_else(|what| {
            let why = self.0.diverges(site, what);
            Err(RetrievalError::Unavailable(why.into())).into()
        });
        Box::pin(ready(found))
    }
}
