//! `fapo:tenant/retrieval`: search.

use std::sync::Arc;

use fapo_core::call::{Found, Passage, RetrievalError};
use fapo_core::manifest::Capability;
use fapo_core::trace::CallBody;

use crate::bindings::fapo::tenant::retrieval::Host;
use crate::bindings::fapo::tenant::types as wit;
use crate::convert::{self, list_bytes, text_bytes};
use crate::guest::{Guest, answers};
use crate::recorder::{told, within};

impl Host for Guest {
    async fn search(
        &mut self,
        request: wit::SearchRequest,
    ) -> wasmtime::Result<Result<Vec<wit::Passage>, wit::RetrievalError>> {
        let question = self.index_question(request)?;
        Ok(handed_over(self.ask_admitted(question).await))
    }

    async fn search_many(
        &mut self,
        requests: Vec<wit::SearchRequest>,
    ) -> wasmtime::Result<Vec<Result<Vec<wit::Passage>, wit::RetrievalError>>> {
        let mut sent = Vec::with_capacity(requests.len());
        for request in requests {
            let question = self.index_question(request)?;
            sent.push(self.send(question));
            // Many searches in one call are no reason for others to wait.
            if self.is_due() {
                tokio::task::yield_now().await;
            }
        }
        Ok(answers(sent, handed_over).await)
    }
}

type Answered = Result<Vec<Passage>, RetrievalError>;

fn handed_over(answered: Answered) -> Result<Vec<wit::Passage>, wit::RetrievalError> {
    answered
        .map(|passages| passages.into_iter().map(convert::passage).collect())
        .map_err(convert::retrieval_error_out)
}

impl Guest {
    /// Checks and notes one query. The outer error ends the guest.
    fn index_question(
        &mut self,
        request: wit::SearchRequest,
    ) -> wasmtime::Result<Result<impl Future<Output = Answered> + Send + use<>, RetrievalError>>
    {
        self.check_cpu()?;
        self.counts.retrieval += 1;
        within(
            "retrieval_calls_max",
            self.limits().retrieval_calls_max,
            self.counts.retrieval,
        )?;
        let (step, request) = convert::search_request(request);
        let retriever = match self.admit(Capability::Retrieval, &step, |imports| {
            imports.retriever.as_deref()
        }) {
            Ok(retriever) => retriever,
            Err(refused) => return Ok(Err(refused.into())),
        };
        self.check_request(text_bytes([&request.index, &request.query]))?;
        if request.query.as_str().trim().is_empty() {
            return Ok(Err(RetrievalError::InvalidRequest(
                "the query is empty".into(),
            )));
        }
        let query_bytes_max = self.limits().retrieval_query_bytes_max;
        if request.query.as_str().len() as u64 > query_bytes_max {
            let why = format!(
                "the query is longer than {query_bytes_max} bytes (`retrieval_query_bytes_max`)"
            );
            return Ok(Err(RetrievalError::InvalidRequest(why.into())));
        }
        let k_max = self.limits().retrieval_k_max;
        if request.k == 0 || u64::from(request.k) > k_max {
            let why = format!(
                "`k` is {}, and must be from 1 to {k_max} (`retrieval_k_max`)",
                request.k
            );
            return Ok(Err(RetrievalError::InvalidRequest(why.into())));
        }
        let request = Arc::new(request);
        let (site, at) = self.call_begins(
            step,
            CallBody::Search {
                request: request.clone(),
                answer: None,
                error: None,
                requests: 0,
            },
        );
        let recorder = self.recorder.clone();
        let check = self.answer_check();
        let reads_calls = self.reads_calls();
        let answer = retriever.search(site, request);
        Ok(Ok(async move {
            let Found {
                answer,
                requests,
                is_own,
            } = answer.await;
            let answered = answer.and_then(|passages| match check(passages_bytes(&passages)) {
                Ok(()) => Ok(passages),
                Err(why) => Err(RetrievalError::Other(why.into())),
            });
            // What the host finds again whenever it is asked need not be kept
            // for anybody but a scorer that reads it.
            let kept = match &answered {
                Ok(passages) if is_own && !reads_calls => {
                    Ok(passages.iter().map(Passage::brief).collect())
                }
                answered => answered.clone(),
            };
            recorder.call_ends(at, |body| {
                if let CallBody::Search {
                    answer,
                    error,
                    requests: sent,
                    ..
                } = body
                {
                    (*answer, *error) = told(&kept.map(Arc::new));
                    *sent = requests;
                }
            });
            answered
        }))
    }
}

fn passages_bytes(passages: &[Passage]) -> usize {
    list_bytes(passages, |p| {
        text_bytes([&p.id, &p.title, &p.text, &p.metadata])
    })
}
