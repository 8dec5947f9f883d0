//! What answers a run's searches: corpora of the tenant, searched here, and
//! search servers of the operator.
//!
//! Which index is served from where is settled with the run, with everything
//! checked that costs nothing. Corpora are then opened, and built where there is
//! no index of them yet, before the first case. A server is asked through the
//! journal and the recording, as a provider is; an index in this process finds
//! the same again by itself, so nothing stands before it.
//!
//! A search in this process happens on the guest's thread and is charged to the
//! guest's CPU time. It takes a fraction of a millisecond, less than a change of
//! threads under load, and a guest can have no more work done than its limits
//! allow: searches, bytes of a query, passages, and the CPU time itself.

mod given;
mod look;
mod server;
mod settle;
mod shape;
mod stand_in;

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use fapo_core::call::{Found, RetrievalError, SearchRequest};
use fapo_core::run::{CorpusRecord, IndexRecord};
use fapo_sandbox::CallSite;
use fapo_sandbox::imports::{Answer, Retriever};
use tracing::Instrument;

use crate::exit::CommandResult;
use crate::home::Home;
use crate::indexes::{self, OpenIndex, Recipe};
use crate::providers::Flow;
use crate::report;

pub(crate) use given::GivenCorpus;
pub(crate) use look::Looked;
pub(crate) use server::Server;
pub(crate) use settle::{Place, Settling};

/// Stands for any name, where a component is run with a corpus of a person and
/// nobody says what the component calls it.
pub(crate) const ANY: &str = "*";

/// How many names an error lists.
const NAMED_MAX: usize = 16;

/// The indexes of a run, settled.
#[derive(Clone, Default)]
pub(crate) struct Indexes(BTreeMap<String, Behind>);

/// What stands behind an index.
#[derive(Clone)]
enum Behind {
    /// A corpus that is searched here.
    Corpus(Box<Recipe>, Named),
    /// A server of the operator.
    Server(Arc<Server>),
    /// Nobody but the recording that is replayed.
    Recording,
    /// What answers where nothing is sent and nothing kept.
    StandIn,
}

/// Who named a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    ByTenant,
    ByPerson,
}

impl Indexes {
    /// Returns the indexes with a stand-in for every server.
    pub(crate) fn without_servers(mut self) -> Self {
        for behind in self.0.values_mut() {
            if !matches!(behind, Behind::Corpus(..)) {
                *behind = Behind::StandIn;
            }
        }
        self
    }

    /// Opens every corpus, and builds the indexes that are not there yet.
    pub(crate) fn open(&self, home: &Home) -> CommandResult<OpenIndexes> {
        let mut open = OpenIndexes::default();
        for (name, behind) in &self.0 {
            let record = match behind {
                Behind::Corpus(recipe, named) => {
                    let index = indexes::of(home, recipe).map_err(|error| {
                        error.at(format!("the index `{name}` cannot be searched"))
                    })?;
                    let record = record(recipe, *named, &index);
                    let dir = home.indexes().join(&record.digest);
                    let own = Own {
                        index,
                        dir,
                        is_told: AtomicBool::new(false),
                    };
                    open.own.insert(name.clone(), Arc::new(own));
                    record
                }
                Behind::Server(server) => {
                    open.servers.insert(name.clone(), server.clone());
                    server.record()
                }
                Behind::Recording => {
                    open.recorded.insert(name.clone());
                    IndexRecord::default()
                }
                Behind::StandIn => {
                    open.stand_ins.insert(name.clone());
                    IndexRecord::default()
                }
            };
            open.records.insert(name.clone(), record);
        }
        Ok(open)
    }
}

fn record(recipe: &Recipe, named: Named, index: &OpenIndex) -> IndexRecord {
    let info = index.info();
    IndexRecord {
        digest: info.digest.clone(),
        corpus: Some(CorpusRecord {
            path: recipe.corpus.shown(),
            by_person: named == Named::ByPerson,
            digest: info.corpus.digest.clone(),
            documents: info.n_documents.into(),
        }),
        settings: Some(info.settings.clone()),
        text: Some(info.text.template().into()),
        url: None,
    }
}

/// The indexes of a run, open.
#[derive(Default)]
pub(crate) struct OpenIndexes {
    records: BTreeMap<String, IndexRecord>,
    own: BTreeMap<String, Arc<Own>>,
    servers: BTreeMap<String, Arc<Server>>,
    recorded: BTreeSet<String>,
    stand_ins: BTreeSet<String>,
}

impl OpenIndexes {
    /// Returns what a run's record says of them.
    pub(crate) fn records(&self) -> &BTreeMap<String, IndexRecord> {
        &self.records
    }

    /// Tells whether some are served by somebody else.
    pub(crate) fn has_servers(&self) -> bool {
        !self.servers.is_empty()
    }

    /// Gets ready to ask the servers: reads keys, and sets up clients.
    pub(crate) fn connect(&self) -> CommandResult<()> {
        self.servers
            .values()
            .try_for_each(|server| server.connect())
    }

    /// Returns what asks the servers for a run.
    pub(crate) fn servers(&self, flow: Flow) -> Arc<dyn Retriever> {
        Arc::new(Servers {
            servers: self.servers.clone(),
            flow: Arc::new(flow),
        })
    }

    /// Returns what answers the guests: none where there is no index. `elsewhere`
    /// answers for all that is not searched here.
    pub(crate) fn retriever(&self, elsewhere: Arc<dyn Retriever>) -> Option<Arc<dyn Retriever>> {
        if self.records.is_empty() {
            return None;
        }
        let asked = self.servers.keys().chain(&self.recorded);
        Some(Arc::new(Searches {
            own: self.own.clone(),
            any: self.own.get(ANY).cloned(),
            elsewhere: asked.cloned().collect(),
            server: elsewhere,
            stand_ins: self.stand_ins.clone(),
            names: listed(self.records.keys()),
        }))
    }
}

/// Returns the names of indexes, for a message.
fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".into(),
        n if n > NAMED_MAX => format!(
            "{} and {} more",
            names[..NAMED_MAX].join(", "),
            n - NAMED_MAX
        ),
        _ => names.join(", "),
    }
}

/// Answers the searches of a run's guests.
struct Searches {
    own: BTreeMap<String, Arc<Own>>,
    /// What answers for all other names.
    any: Option<Arc<Own>>,
    /// Names that somebody else answers for.
    elsewhere: BTreeSet<String>,
    server: Arc<dyn Retriever>,
    stand_ins: BTreeSet<String>,
    names: String,
}

impl Retriever for Searches {
    fn search(&self, site: CallSite, request: Arc<SearchRequest>) -> Answer<Found> {
        let name = request.index.as_str();
        if self.elsewhere.contains(name) {
            return self.server.search(site, request);
        }
        let found = if let Some(own) = self.own.get(name).filter(|_| name != ANY) {
            own.search(&request)
        } else if self.stand_ins.contains(name) {
            Ok(stand_in::passages(request.k)).into()
        } else if let Some(any) = &self.any {
            any.search(&request)
        } else {
            /// The most that is repeated of a name that is none.
            const SHOWN_CHARS: usize = 64;
            let asked = request.index.cut(SHOWN_CHARS);
            let why = format!("`{asked}` is no index of this run: it has {}", self.names);
            Err(RetrievalError::UnknownIndex(why.into())).into()
        };
        Box::pin(ready(found))
    }
}

/// An index that is searched in this process.
struct Own {
    index: Arc<OpenIndex>,
    dir: PathBuf,
    /// Whether the person was told that it is damaged.
    is_told: AtomicBool,
}

impl Own {
    /// Searches. An index that is damaged is the world's failure: what the chain
    /// would make of no passages says nothing of the chain.
    fn search(&self, request: &SearchRequest) -> Found {
        let found = self
            .index
            .search(request.query.as_str(), request.k as usize);
        let answer = found.map_err(|error| {
            // Where it lies is not for the guest to know.
            if !self.is_told.swap(true, Relaxed) {
                report::note(&format!(
                    "the index in `{}` cannot be searched: {error}; remove that directory, and it is built again",
                    self.dir.display()
                ));
            }
            let why = format!("the index `{}`: {error}", request.index.cut(64));
            RetrievalError::Unavailable(why.into())
        });
        Found {
            is_own: true,
            ..answer.into()
        }
    }
}

/// Asks the servers of a run.
struct Servers {
    servers: BTreeMap<String, Arc<Server>>,
    flow: Arc<Flow>,
}

impl Retriever for Servers {
    fn search(&self, site: CallSite, request: Arc<SearchRequest>) -> Answer<Found> {
        let Some(server) = self.servers.get(request.index.as_str()).cloned() else {
            let error = RetrievalError::Unavailable("nobody serves this index".into());
            return Box::pin(ready(Err(error).into()));
        };
        let flow = self.flow.clone();
        let span = tracing::info_span!(
            "search",
            "otel.kind" = "client",
            "fapo.index" = %request.index,
            "fapo.k" = request.k,
            "fapo.case" = %site.case,
            "fapo.repeat" = site.repeat,
            "fapo.step" = %site.step,
            "fapo.attempts" = tracing::field::Empty,
        );
        let search = async move {
            // What is sent over a network is not a guest's work: the rest
            // happens in a task of its own.
            tokio::task::yield_now().await;
            let found = server.search(&flow, &site, &request).await;
            tracing::Span::current().record("fapo.attempts", found.requests);
            found
        };
        Box::pin(search.instrument(span))
    }
}

/// Answers for servers where nothing is sent.
pub(crate) struct Silent;

impl Retriever for Silent {
    fn search(&self, _: CallSite, _: Arc<SearchRequest>) -> Answer<Found> {
        let error = RetrievalError::Unavailable("nothing is sent in this run".into());
        Box::pin(ready(Err(error).into()))
    }
}
