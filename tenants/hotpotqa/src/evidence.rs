//! What became of the gold evidence: which hop found an article that the
//! answer stands on, and how far the answer itself came.

use fapo_sdk::StepRecord;
use fapo_sdk::retrieve::Layout;
use fapo_sdk::score;

/// How much of a text that others wrote is repeated in feedback.
const SHOWN_CHARS_MAX: usize = 200;

/// How many articles feedback speaks of; a question of HotpotQA has two.
const GOLD_TOLD_MAX: usize = 10;

/// Where an article of the gold evidence was found.
pub(crate) struct Gold<'a> {
    title: &'a str,
    /// The first step that has it, and its place there.
    found: Option<(&'a str, u32)>,
}

/// Follows each title through what the searches put out.
pub(crate) fn follow<'a>(titles: &'a [String], steps: &'a [StepRecord]) -> Vec<Gold<'a>> {
    if titles.is_empty() {
        return Vec::new();
    }
    let searches: Vec<_> = outputs(steps)
        .filter(|(step, _)| is_search(step))
        .map(|(step, output)| (step, Layout::Quoted.read(output)))
        .collect();
    let find = |title: &str| {
        let wanted = score::dspy_normalize(title);
        searches.iter().find_map(|(step, passages)| {
            let mut passages = passages.iter();
            let passage = passages.find(|p| score::dspy_normalize(&p.title) == wanted)?;
            Some((*step, passage.rank))
        })
    };
    titles
        .iter()
        .map(|title| Gold {
            title,
            found: find(title),
        })
        .collect()
}

/// Returns the share of the gold evidence that was found; none where there is none.
pub(crate) fn share(gold: &[Gold<'_>]) -> Option<f64> {
    let n_found = gold.iter().filter(|gold| gold.found.is_some()).count();
    (!gold.is_empty()).then(|| n_found as f64 / gold.len() as f64)
}

/// Says where each article was found.
pub(crate) fn tell(gold: &[Gold<'_>]) -> String {
    let told = gold.iter().take(GOLD_TOLD_MAX);
    let told = told.map(|gold| match gold.found {
        Some((step, rank)) => {
            format!("`{}` was passage {rank} of `{step}`", shown(gold.title))
        }
        None => format!("`{}` was found by no search", shown(gold.title)),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Says in which outputs an answer stands; nothing of `yes` and `no`, which
/// stand everywhere.
pub(crate) fn trail(answer: &str, steps: &[StepRecord]) -> Option<String> {
    let normal = score::normalize(answer);
    if steps.is_empty() || matches!(normal.as_str(), "" | "yes" | "no" | "noanswer") {
        return None;
    }
    let mut seen: Vec<String> = Vec::new();
    for (step, output) in outputs(steps) {
        // The published answers are spans of their articles, so passages, which
        // are long, are searched for the span as it is.
        let holds = match is_search(step) {
            true => has(output, answer.trim()),
            false => score::contains(output, answer),
        };
        let step = format!("`{step}`");
        if holds && !seen.contains(&step) {
            seen.push(step);
        }
    }
    Some(match seen.is_empty() {
        true => "The expected answer stands in no step's output".into(),
        false => format!(
            "The expected answer stands in the output of {}",
            seen.join(", ")
        ),
    })
}

/// Tells whether a text has a span: one letter is found several times as fast
/// as a word, and passages are long.
fn has(text: &str, span: &str) -> bool {
    let Some(first) = span.chars().next() else {
        return true;
    };
    let mut begins = text.match_indices(first);
    begins.any(|(at, _)| text[at..].starts_with(span))
}

fn is_search(step: &str) -> bool {
    step.starts_with("retrieve")
}

fn outputs(steps: &[StepRecord]) -> impl Iterator<Item = (&str, &str)> {
    let steps = steps.iter();
    steps.filter_map(|record| Some((record.step.as_str(), record.output.as_deref()?)))
}

/// Returns a text short enough to be repeated.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
