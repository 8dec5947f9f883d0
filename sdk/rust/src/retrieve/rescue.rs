//! Searches for names that were asked about and not found.

use crate::bindings::chain::ChainError;
use crate::bindings::types::{Passage, SearchRequest};
use crate::declare::Setting;
use crate::run::Visit;
use crate::score::normalize;

use super::Layout;
use super::names::{covers, is_year, names, unbracketed};

/// How many passages of a search for a name are looked at.
const K: u32 = 5;

/// How a step finds what its query missed: names in a text that no title of
/// what was found [`covers`] are searched for by themselves, all of them
/// together, and the passage with the best title of each is put behind the
/// others.
///
/// So a step's passages are at most `k` and as many as there are further
/// searches. A further search that fails is a diagnostic, `rescue_failed`, and
/// what was put in is another, `rescued`.
///
/// ```
/// use fapo_sdk::prelude::*;
/// use fapo_sdk::retrieve::Rescue;
///
/// // Off by default: the parameter says how many further searches there may be.
/// let graph = Graph::<()>::new("hop", "Searches.")
///     .parameter(Parameter::integer("rescue", "Searches for missing names.", 0..=5, 0))
///     .step(
///         Retrieve::new("search", "Finds passages.", "wiki")
///             .rescue(Rescue::names_in("${question}\n${summary}").searches("rescue")),
///     );
/// assert!(graph.check().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Rescue {
    text: &'static str,
    besides: Vec<&'static str>,
    searches: Setting<u32>,
}

impl Rescue {
    /// How many further searches a step makes at most, whatever a parameter says.
    pub const SEARCHES_MAX: u32 = 16;

    /// Returns a rescue of the names in a text with placeholders, with three
    /// further searches.
    pub fn names_in(text: &'static str) -> Self {
        Self {
            text,
            besides: Vec::new(),
            searches: Setting::Fixed(3),
        }
    }

    /// Takes what an earlier search step found for found: its output, laid out
    /// as this step's is.
    pub fn besides(mut self, step: &'static str) -> Self {
        self.besides.push(step);
        self
    }

    /// Sets how many further searches there may be; 0 is none.
    pub fn searches(mut self, searches: impl Into<Setting<u32>>) -> Self {
        self.searches = searches.into();
        self
    }

    /// Returns the parameters that it reads.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let texts = crate::template::placeholders(self.text).into_iter();
        let named = texts.filter_map(|name| name.strip_prefix("parameters."));
        self.searches.parameter().into_iter().chain(named)
    }

    /// Puts the passages about missing names behind the others.
    pub(crate) fn find(
        &self,
        index: &str,
        layout: Layout,
        passages: &mut Vec<Passage>,
        visit: &Visit<'_>,
    ) -> Result<(), ChainError> {
        let n_max = self.searches.resolve(visit.settings)?;
        if n_max == 0 {
            return Ok(());
        }
        let mut missing = names(&visit.fill(self.text, &[]));
        let steps = self.besides.iter();
        let outputs = steps.filter_map(|step| visit.steps.output(step));
        let before: Vec<_> = outputs.flat_map(|output| layout.read(output)).collect();
        let found = || before.iter().chain(passages.iter());
        missing.retain(|name| !found().any(|passage| covers(&passage.title, name)));
        missing.truncate(n_max.min(Self::SEARCHES_MAX) as usize);
        if missing.is_empty() {
            return Ok(());
        }
        let search = |name: &String| SearchRequest {
            step: visit.step.into(),
            index: index.into(),
            query: name.clone(),
            k: K,
        };
        let searches: Vec<_> = missing.iter().map(search).collect();
        let mut rescued = Vec::new();
        for (name, found) in missing.iter().zip(visit.host.search_many(&searches)) {
            let mut found = match found {
                Ok(found) => found,
                Err(error) => {
                    let text = format!("{}: {name}: {}", visit.step, error.reason());
                    visit.diagnose("rescue_failed", text);
                    continue;
                }
            };
            let Some(best) = best_title(name, &found) else {
                continue;
            };
            let passage = found.swap_remove(best);
            if !passages.iter().any(|known| known.id == passage.id) {
                let rank = passages.len() as u32 + 1;
                rescued.push(passage.title.clone());
                passages.push(Passage { rank, ..passage });
            }
        }
        if !rescued.is_empty() {
            visit.diagnose("rescued", format!("{}: {}", visit.step, rescued.join(", ")));
        }
        Ok(())
    }
}

/// Returns the place of the passage whose title is nearest to a name: one that
/// is the name, or else one that [`covers`] it, or else one that shares at least
/// half of the words of both. Of several, the first.
///
/// ```
/// use fapo_sdk::Passage;
/// use fapo_sdk::retrieve::best_title;
///
/// let found = ["Vell Bridge", "New Vell", "Vell (town)"].map(|title| Passage::new(title, title, ""));
/// assert_eq!(best_title("Vell", &found), Some(2));
/// assert_eq!(best_title("Vell", &found[..2]), Some(1));
/// assert_eq!(best_title("Orn", &found), None);
/// ```
pub fn best_title(name: &str, passages: &[Passage]) -> Option<usize> {
    let wanted = normalize(name);
    let nearness = |passage: &Passage| {
        let title = normalize(unbracketed(&passage.title));
        match () {
            () if wanted.is_empty() || title.is_empty() => 0.0,
            () if title == wanted => 3.0,
            () if covers(&passage.title, name) => 2.0,
            // A year is in a title, or it is not.
            () if is_year(&wanted) => 0.0,
            () => crate::score::f1(&title, &wanted),
        }
    };
    let mut best: Option<(usize, f64)> = None;
    for (at, passage) in passages.iter().enumerate() {
        let near = nearness(passage);
        if near >= 0.5 && best.is_none_or(|(_, nearest)| near > nearest) {
            best = Some((at, near));
        }
    }
    best.map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_title_is_the_name_itself() {
        let found = ["Long Night Fair", "The Long Night (film)", "Night"]
            .map(|title| Passage::new(title, title, ""));
        assert_eq!(best_title("Long Night", &found), Some(1));
        assert_eq!(best_title("Long Night", &found[..1]), Some(0));
        assert_eq!(best_title("Night of Vell", &found[2..]), Some(0));
        assert_eq!(best_title("Day", &found), None);
        assert_eq!(best_title("the", &found), None);
        assert_eq!(best_title("Vell", &[]), None);
    }

    #[test]
    fn a_title_without_a_year_is_not_about_it() {
        let found = ["Flood of 1955", "1954 Orn flood"].map(|title| Passage::new(title, title, ""));
        assert_eq!(best_title("1954", &found), Some(1));
        assert_eq!(best_title("1953", &found), None);
    }
}
