//! What a check tells of an index before a run.

use serde::Serialize;

use super::{Behind, Indexes};
use crate::exit::{CommandError, CommandResult, file_error};
use crate::home::Home;
use crate::indexes::{self, Kind, Recipe};

/// A corpus of no more bytes is indexed by the check itself, which reads every
/// row. A larger one would keep a person waiting who only wants to know.
const READ_BYTES_MAX: u64 = 64 << 20;

/// What is known of an index. Its fields are promised to scripts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Looked {
    /// Where searches go: to a `corpus` or a `server`.
    served_by: &'static str,
    /// The corpus, or the address of the server.
    at: String,
    /// The digest of what decides its answers.
    digest: String,
    /// Whether there is an index of the corpus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) built: Option<bool>,
    /// How many documents it has, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<u32>,
}

impl Looked {
    /// Returns what a person reads of it.
    pub(crate) fn told(&self) -> String {
        let at = &self.at;
        match (self.served_by, self.documents, self.built) {
            ("corpus", Some(n), _) => format!("{n} documents of `{at}`"),
            ("corpus", None, _) => format!("`{at}`, to be indexed by the first run"),
            _ => format!("served by `{at}`"),
        }
    }
}

impl Indexes {
    /// Looks at the only index that there is; none where nobody serves it yet.
    pub(crate) fn look(&self, home: &Home) -> CommandResult<Option<Looked>> {
        match self.0.values().next() {
            Some(Behind::Corpus(recipe, _)) => corpus(home, recipe).map(Some),
            Some(Behind::Server(server)) => {
                let record = server.record();
                Ok(Some(Looked {
                    served_by: "server",
                    at: record.url.unwrap_or_default(),
                    digest: record.digest,
                    built: None,
                    documents: None,
                }))
            }
            Some(Behind::Recording | Behind::StandIn) | None => Ok(None),
        }
    }
}

fn corpus(home: &Home, recipe: &Recipe) -> CommandResult<Looked> {
    let digest = recipe.digest(home)?;
    let built = home.indexes().join(&digest).is_dir();
    let mut looked = Looked {
        served_by: "corpus",
        at: recipe.corpus.shown(),
        digest,
        built: Some(built),
        documents: None,
    };
    if built || is_small(recipe)? {
        looked.documents = Some(indexes::of(home, recipe)?.info().n_documents);
        looked.built = Some(true);
    }
    Ok(looked)
}

fn is_small(recipe: &Recipe) -> CommandResult<bool> {
    if recipe.corpus.kind() == Kind::Folder {
        return Ok(false);
    }
    let meta = recipe.corpus.open_file()?.metadata();
    let meta = meta.map_err(|error| -> CommandError {
        file_error("read", recipe.corpus.shown().as_ref(), error)
    })?;
    Ok(meta.len() <= READ_BYTES_MAX)
}
