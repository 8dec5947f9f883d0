//! The cases of a tenant: which file they are in, which of its rows they are,
//! and that none of them is held out.

use std::path::PathBuf;

use fapo_core::case::Case;
use fapo_core::config::EvalConfig;
use fapo_core::manifest::WrittenDerive;
use fapo_core::run::RunConfig;
use fapo_core::split::{Split, by_share};

use super::Tenant;
use crate::dataset::{self, Place, Selection, Source};
use crate::exit::{CommandError, CommandResult, file_error};

/// Which cases a command wants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cases {
    pub(crate) split: Option<Split>,
    /// A file that a person names.
    pub(crate) file: Option<PathBuf>,
    pub(crate) limit: Option<u64>,
}

impl Cases {
    /// Returns the cases of a run.
    pub(crate) fn of(run: &RunConfig) -> Self {
        let dataset = &run.dataset;
        Self {
            split: run.split,
            file: run.split.is_none().then(|| PathBuf::from(&dataset.path)),
            limit: dataset.limit,
        }
    }
}

impl Tenant {
    /// Returns the cases that a command wants, all of them checked, and the
    /// split they are.
    pub(crate) fn source(
        &self,
        cases: &Cases,
        config: &EvalConfig,
    ) -> CommandResult<(Source, Option<Split>)> {
        let (place, split, derive) = self.place(cases, config)?;
        let shown = place.shown();
        let mut selection = match derive {
            Some(derive) => derived(&place, split, derive)?,
            None => Selection::default(),
        };
        selection.limit = cases.limit;
        let source = Source::open(place, selection, |case, line| match split {
            Some(Split::Test) => Ok(()),
            _ => self.held_out.check(case, line, &shown),
        })?;
        Ok((source, split))
    }

    /// Refuses a case of the test set.
    pub(crate) fn check_not_held_out(
        &self,
        case: &Case,
        line: usize,
        file: &str,
    ) -> CommandResult<()> {
        self.held_out.check(case, line, file)
    }

    /// Returns the files of the splits that may be looked into.
    pub(crate) fn places_in_view(&self) -> CommandResult<Vec<Place>> {
        let mut places = Vec::new();
        for split in [Split::Train, Split::Validation] {
            places.extend(self.workspace.dataset(split)?.map(Place::Tenant));
        }
        if let Some(dev) = &self.workspace.manifest.datasets.dev {
            places.push(Place::Tenant(self.workspace.named("datasets.dev", dev)?));
        }
        Ok(places)
    }

    /// Returns where the cases are, and how a split is made of them.
    fn place(
        &self,
        cases: &Cases,
        config: &EvalConfig,
    ) -> CommandResult<(Place, Option<Split>, Option<WrittenDerive>)> {
        if let Some(file) = &cases.file {
            // The run may be resumed from somewhere else.
            let file =
                std::path::absolute(file).map_err(|error| file_error("find", file, error))?;
            return Ok((Place::Path(file), None, None));
        }
        let datasets = &self.workspace.manifest.datasets;
        let split = match (cases.split, config.dataset()) {
            (Some(split), _) => split,
            (None, None) => Split::Train,
            (None, Some((key, path))) => {
                let named = self.workspace.named(key, path)?;
                let is = |of: &Option<String>| of.as_deref() == Some(path);
                let split = match path {
                    _ if is(&datasets.train) => Split::Train,
                    _ if is(&datasets.validation) => Split::Validation,
                    _ if is(&datasets.test) => {
                        return Err(CommandError::refused(format!(
                            "`{key}` is the tenant's test set, and it is held out"
                        ))
                        .hint("`fapo-host test` reads a test set, once"));
                    }
                    _ => return Ok((Place::Tenant(named), None, None)),
                };
                return Ok((Place::Tenant(named), Some(split), None));
            }
        };
        if let Some(named) = self.workspace.dataset(split)? {
            return Ok((Place::Tenant(named), Some(split), None));
        }
        match &datasets.dev {
            Some(dev) if split != Split::Test => {
                let named = self.workspace.named("datasets.dev", dev)?;
                let derive = datasets.derive.clone().unwrap_or_default();
                Ok((Place::Tenant(named), Some(split), Some(derive)))
            }
            _ => Err(CommandError::person(format!(
                "tenant `{}` has no dataset `{}`",
                self.workspace.id(),
                split.name()
            ))
            .hint(format!(
                "name it as `{} = \"datasets/{}.jsonl\"` in `[datasets]` of `tenant.toml`",
                split.name(),
                split.name()
            ))),
        }
    }
}

/// Returns which rows of `dev` are a split.
fn derived(place: &Place, split: Option<Split>, derive: WrittenDerive) -> CommandResult<Selection> {
    let (groups, _) = dataset::groups(place, derive.group.as_deref())?;
    let division = by_share(1.0 - derive.validation, derive.seed, &groups).map_err(|error| {
        let hint = error.hint();
        CommandError::person(format!("could not divide `{}`", place.shown()))
            .because(error)
            .hint(hint)
    })?;
    Ok(Selection {
        taken: Some(division.rows.iter().map(|row| *row == split).collect()),
        derived: Some(derive),
        limit: None,
    })
}
