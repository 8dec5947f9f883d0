//! Indexes on disk: how they are built, opened, and found again.
//!
//! An index is a directory with three files: `index.bm25` (terms, and which
//! documents have them), `documents` (what is shown of those), and `info.json`
//! (what it was built of, and how). It is built beside its place and then put
//! there whole, so what stands under its name is all of it. The modules stand in
//! the order in which data flows.

mod text;

mod corpus;
mod rows;

mod map;
mod site;
mod threads;

mod info;
mod open;

mod build;

mod stamps;

pub(crate) mod kept;

use std::path::Path;
use std::sync::Arc;

use fapo_core::bm25::Settings;
use fapo_core::digest::{canonical_json, sha256_hex};
use serde_json::json;

pub(crate) use build::{How, build};
pub(crate) use corpus::{Corpus, Kind};
pub(crate) use info::Info;
pub(crate) use open::OpenIndex;
pub(crate) use text::IndexedText;
pub(crate) use threads::each_in_order;

use open::OpenError;
use site::Site;

use crate::exit::{CommandError, CommandResult};
use crate::home::Home;
use crate::report;

/// What an index is built of: where the documents are, and how they are indexed.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) corpus: Corpus,
    pub(crate) settings: Settings,
    pub(crate) text: IndexedText,
}

impl Recipe {
    /// Returns the digest of what the corpus holds and how it is indexed: all
    /// that makes one index another one.
    pub(crate) fn digest(&self, home: &Home) -> CommandResult<String> {
        Ok(recipe_digest(self, &stamps::digest(home, &self.corpus)?))
    }

    /// Refuses settings that no index can have.
    pub(crate) fn check(&self) -> CommandResult<()> {
        self.settings.scoring.check().map_err(|error| {
            let hint = error.hint();
            CommandError::person("could not use the settings of the index")
                .because(error)
                .hint(hint)
        })
    }
}

/// Returns the digest of a recipe whose corpus was read.
fn recipe_digest(recipe: &Recipe, corpus_digest: &str) -> String {
    let recipe = json!({
        "format": info::FORMAT,
        "corpus": corpus_digest,
        "kind": recipe.corpus.kind(),
        "settings": recipe.settings,
        "text": recipe.text,
    });
    sha256_hex(canonical_json(&recipe))
}

/// Returns the index of a recipe from the operator's home, built now if there
/// is none or if it is damaged.
pub(crate) fn of(home: &Home, recipe: &Recipe) -> CommandResult<Arc<OpenIndex>> {
    recipe.check()?;
    let digest = recipe.digest(home)?;
    let dir = home.indexes().join(&digest);
    if let Some(there) = there(&dir, &digest)? {
        return Ok(there);
    }
    let (site, _) = Site::take(&dir)?;
    // Another process may have built it before it was our turn.
    if let Some(there) = there(&dir, &digest)? {
        return Ok(there);
    }
    build::build_at(recipe, site, How::default(), Some(&digest))?;
    OpenIndex::open(&dir)
}

fn there(dir: &Path, digest: &str) -> CommandResult<Option<Arc<OpenIndex>>> {
    match OpenIndex::try_open(dir) {
        Ok(index) if index.info().digest == digest => {
            kept::touch(dir);
            Ok(Some(index))
        }
        Err(OpenError::Missing) if !dir.exists() => Ok(None),
        Err(error @ OpenError::Read(_)) => Err(error.told(dir)),
        unusable => {
            let why = match unusable {
                Err(error) => error.to_string(),
                Ok(_) => "it was built of something else".to_owned(),
            };
            report::note(&format!(
                "the index `{}` cannot be used, and is built again: {why}",
                dir.display()
            ));
            Ok(None)
        }
    }
}
