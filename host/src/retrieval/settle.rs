//! Settling which index is served from where: the manifest names it, the
//! operator may serve it, and a person may put another corpus there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use fapo_core::bm25::{Analysis, Settings, Stopwords};
use fapo_core::manifest::WrittenIndex;
use fapo_core::policy::WrittenPolicy;

use super::{ANY, Behind, GivenCorpus, Indexes, Named, Server, listed};
use crate::dataset;
use crate::exit::{CommandError, CommandResult, file_error};
use crate::indexes::{Corpus, IndexedText, Recipe};
use crate::workspace::Workspace;

/// The longest list of stop words.
const STOPWORDS_BYTES_MAX: u64 = 1 << 20;

/// Where the files are that a manifest names.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// In a tenant's directory, and nowhere else.
    Tenant(&'a Workspace),
    /// Below the directory of a manifest that a person named.
    Below(&'a Path),
}

impl Place<'_> {
    fn at(self, key: &str, path: &str) -> CommandResult<dataset::Place> {
        Ok(match self {
            Self::Tenant(workspace) => dataset::Place::Tenant(workspace.named(key, path)?),
            Self::Below(dir) => dataset::Place::Path(dir.join(path)),
        })
    }
}

/// All that decides which index is served from where.
pub(crate) struct Settling<'a> {
    /// Empty for a component that is run by itself.
    pub(crate) tenant_id: &'a str,
    pub(crate) written: &'a BTreeMap<String, WrittenIndex>,
    pub(crate) place: Place<'a>,
    pub(crate) policy: &'a WrittenPolicy,
    pub(crate) given: &'a [GivenCorpus],
    /// Whether a recording answers for servers.
    pub(crate) is_replay: bool,
}

impl Settling<'_> {
    /// Settles all indexes; nothing is built or sent for it.
    pub(crate) fn indexes(&self) -> CommandResult<Indexes> {
        let given = self.given_by_name()?;
        let mut names: BTreeSet<&str> = self.written.keys().map(String::as_str).collect();
        names.extend(given.keys().copied());
        if self.tenant_id.is_empty() {
            // Who runs a component by itself may ask whatever the operator may.
            names.extend(self.policy.indexes.keys().map(String::as_str));
        }
        let usual = WrittenIndex::default();
        let mut indexes = Indexes::default();
        for name in names {
            let written = self.written.get(name).unwrap_or(&usual);
            let behind = self.behind(name, written, given.get(name).copied())?;
            indexes.0.insert(name.to_owned(), behind);
        }
        Ok(indexes)
    }

    /// Returns the corpora of the command line by the index that each is for.
    fn given_by_name(&self) -> CommandResult<BTreeMap<&str, &GivenCorpus>> {
        let mut by_name = BTreeMap::new();
        let mut only = self.written.keys();
        for given in self.given {
            let name = match (&given.name, only.len()) {
                (Some(name), _) => name.as_str(),
                (None, 0) => ANY,
                (None, 1) => only.next().map_or(ANY, String::as_str),
                (None, n) => {
                    return Err(CommandError::person(format!(
                        "`--corpus {}` does not say for which of {n} indexes it is",
                        given.path.display()
                    ))
                    .hint(format!(
                        "write `--corpus NAME={}`; there are {}",
                        given.path.display(),
                        listed(self.written.keys())
                    )));
                }
            };
            if !self.tenant_id.is_empty() && !self.written.contains_key(name) {
                let of = match name {
                    ANY => "an index".to_owned(),
                    name => format!("the index `{name}`"),
                };
                return Err(CommandError::person(format!(
                    "`--corpus` is for {of}, and the tenant names {}",
                    listed(self.written.keys())
                ))
                .hint("`[indexes.NAME]` of `tenant.toml` names what the chain can search"));
            }
            if by_name.insert(name, given).is_some() {
                return Err(CommandError::person(format!(
                    "there are two corpora for the index `{name}`"
                ))
                .hint("give each index one `--corpus NAME=FILE`"));
            }
        }
        Ok(by_name)
    }

    fn behind(
        &self,
        name: &str,
        written: &WrittenIndex,
        given: Option<&GivenCorpus>,
    ) -> CommandResult<Behind> {
        let key = format!("indexes.{name}");
        if let Some(given) = given {
            let path = std::path::absolute(&given.path)
                .map_err(|error| file_error("find", &given.path, error))?;
            let corpus = Corpus::at(dataset::Place::Path(path))?;
            let recipe = self.recipe(&key, written, corpus)?;
            return Ok(Behind::Corpus(Box::new(recipe), Named::ByPerson));
        }
        if let Some(endpoint) = self.policy.indexes.get(name)
            && (self.tenant_id.is_empty() || endpoint.is_granted_to(self.tenant_id))
        {
            let server = Server::new(name, endpoint)?;
            return Ok(Behind::Server(Arc::new(server)));
        }
        match &written.corpus {
            Some(path) => {
                let corpus = Corpus::at(self.place.at(&format!("{key}.corpus"), path)?)?;
                let recipe = self.recipe(&key, written, corpus)?;
                Ok(Behind::Corpus(Box::new(recipe), Named::ByTenant))
            }
            None if self.is_replay => Ok(Behind::Recording),
            None => {
                let what = format!("nobody serves the index `{name}`");
                let hint = format!(
                    "name its documents as `corpus` of `[{key}]` in `tenant.toml`, or have the operator serve it with `[{key}]` in `policy.toml`"
                );
                Err(match self.policy.indexes.contains_key(name) {
                    true => CommandError::refused(format!(
                        "the operator does not grant the index `{name}` to the tenant `{}`",
                        self.tenant_id
                    )),
                    false => CommandError::person(what),
                }
                .hint(hint))
            }
        }
    }

    fn recipe(&self, key: &str, written: &WrittenIndex, corpus: Corpus) -> CommandResult<Recipe> {
        let text = match &written.text {
            Some(template) => IndexedText::parse(template).map_err(|error| {
                let hint = error.hint();
                CommandError::person(format!("could not use `{key}.text`"))
                    .because(error)
                    .hint(hint)
            })?,
            None => IndexedText::default(),
        };
        let stopwords = match written.stopwords.as_deref() {
            None | Some("english") => Stopwords::English,
            Some("none") => Stopwords::None,
            Some(path) => self.stopwords(&format!("{key}.stopwords"), path)?,
        };
        let recipe = Recipe {
            corpus,
            settings: Settings {
                scoring: written.scoring(),
                analysis: Analysis {
                    stopwords,
                    stemmer: written.stemmer.unwrap_or_default(),
                },
            },
            text,
        };
        recipe.check()?;
        Ok(recipe)
    }

    /// Reads a list of words, one a line.
    fn stopwords(&self, key: &str, path: &str) -> CommandResult<Stopwords> {
        let mut text = String::new();
        let read = self
            .place
            .at(key, path)?
            .open()?
            .take(STOPWORDS_BYTES_MAX + 1)
            .read_to_string(&mut text);
        read.map_err(|error| file_error("read", path.as_ref(), error))?;
        if text.len() as u64 > STOPWORDS_BYTES_MAX {
            return Err(CommandError::person(format!(
                "`{key}` is `{path}`, which is longer than {STOPWORDS_BYTES_MAX} bytes"
            ))
            .hint("name a file with one word a line"));
        }
        let words = text.lines().map(|line| line.trim().to_lowercase());
        Ok(Stopwords::Own(
            words.filter(|word| !word.is_empty()).collect(),
        ))
    }
}
