//! Runs and comparisons as pages: one file each, which needs no network and
//! asks for none.
//!
//! All that a page shows stands in it as JSON, and its script puts it on the
//! page as text alone, so nothing that a dataset or a model wrote can become
//! markup. A policy in the page forbids the browser to load anything.

use std::collections::HashMap;
use std::path::Path;

use fapo_core::artifact::ResultRow;
use fapo_core::compare::Comparison;
use fapo_core::compare::gate::GateResult;
use fapo_core::run::{Cost, RunConfig};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::exit::{CommandResult, file_error};
use crate::look::Look;
use crate::look::case::{self, CaseView};
use crate::look::gather::{self, Room};
use crate::run_dir::COST;
use crate::workspace;

/// The rows of a page: what a browser shows and searches without a pause.
const ROWS_MAX: usize = 5_000;

/// Bytes of the rows and calls of a page.
const BYTES_MAX: usize = 20 << 20;

/// The longest text of a page.
const TEXT_BYTES_MAX: usize = 32 << 10;

/// The longest prompt: it is compared line by line.
const PROMPT_BYTES_MAX: usize = 256 << 10;

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SHARED: &str = include_str!("html/page.js");
const RUN: &str = include_str!("html/run.js");
const COMPARISON: &str = include_str!("html/compare.js");

/// Writes a run as a page: the rows that are wanted, if they may be seen.
pub(crate) fn write_run(
    file: &Path,
    look: &Look,
    wanted: impl Fn(&ResultRow) -> bool,
) -> CommandResult<()> {
    let room = room(1);
    let found = match look.withheld {
        Some(_) => gather::Gathered::default(),
        None => gather::rows(&look.written, room, wanted)?,
    };
    let rows = gather::traces(&look.written, found.rows, room)?;
    let cost: Option<Cost> = look.written.record(COST).ok();
    let summary = look.summary.as_ref().map(|summary| {
        json!({
            "summary": summary,
            "breakdown": summary.score_breakdown.iter().collect::<Vec<_>>(),
            "kinds": summary.failures.kinds.iter().collect::<Vec<_>>(),
        })
    });
    let data = json!({
        "run": about(look),
        "state": look.state.name(),
        "ended": summary,
        "cost": cost,
        "withheld": look.withheld,
        "how_to_see": look.how_to_see(),
        "rows": rows,
        "n_left_out": found.n_left_out,
        "prompts": prompts(look.config()),
        "parameters": parameters(look.config()),
    });
    write(file, data, RUN)
}

/// A case that scores otherwise in B.
#[derive(Serialize)]
struct Flipped {
    case_id: String,
    repeat: u32,
    a: f64,
    b: f64,
    case_a: Option<CaseView>,
    case_b: Option<CaseView>,
}

/// Writes a comparison as a page.
pub(crate) fn write_comparison(
    file: &Path,
    (a, b): (&Look, &Look),
    found: &Comparison,
    gates: &[GateResult],
) -> CommandResult<()> {
    let shown = &found.flips[..found.flips.len().min(ROWS_MAX)];
    let key = |id: &str, repeat: u32| (id.to_owned(), repeat);
    let places: HashMap<_, usize> = shown
        .iter()
        .enumerate()
        .map(|(at, flip)| (key(flip.case_id.as_str(), flip.repeat), at))
        .collect();
    let cases = |look: &Look| -> CommandResult<Vec<Option<CaseView>>> {
        let mut cases = vec![None; shown.len()];
        if shown.is_empty() {
            return Ok(cases);
        }
        let place = |row: &ResultRow| places.get(&key(row.case_id.as_str(), row.repeat)).copied();
        let rows = gather::rows(&look.written, room(2), |row| place(row).is_some())?.rows;
        let at: Vec<_> = rows.iter().map(place).collect();
        for (at, case) in at
            .into_iter()
            .zip(gather::traces(&look.written, rows, room(2))?)
        {
            cases[at.expect("these rows were wanted")] = Some(case);
        }
        Ok(cases)
    };
    let flips: Vec<Flipped> = shown
        .iter()
        .zip(cases(a)?.into_iter().zip(cases(b)?))
        .map(|(flip, (case_a, case_b))| Flipped {
            case_id: flip.case_id.to_string(),
            repeat: flip.repeat,
            a: flip.a,
            b: flip.b,
            case_a,
            case_b,
        })
        .collect();
    let held_out = [a, b].into_iter().find(|look| look.withheld.is_some());
    let data = json!({
        "a": about(a),
        "b": about(b),
        "found": found,
        "gates": gates,
        "flips": flips,
        "n_left_out": found.flips.len() - shown.len(),
        "withheld": held_out.and_then(|look| look.withheld.clone()),
        "how_to_see": held_out.map(Look::how_to_see),
        "prompts_a": prompts(a.config()),
        "prompts_b": prompts(b.config()),
    });
    write(file, data, COMPARISON)
}

fn room(sides: usize) -> Room {
    Room {
        rows: ROWS_MAX,
        bytes: BYTES_MAX / sides,
        text_bytes: TEXT_BYTES_MAX,
    }
}

/// Returns what a page says of a run at its top.
fn about(look: &Look) -> Value {
    let config = look.config();
    json!({
        "name": look.name(),
        "tenant": config.tenant_id,
        "split": config.split,
        "variant": config.variant.as_ref().map(|variant| &variant.id),
        "changed_by_config": config.variant.as_ref().is_some_and(|v| v.changed_by_config),
        "dataset": config.dataset.path,
        "n_cases": config.dataset.n_cases,
        "repeats": config.repeats,
        "chain": config.chain.component,
        "chain_digest": config.chain.digest,
        "provider": config.provider.as_ref().map(|provider| &provider.name),
        "simulated": config.provider.as_ref().is_some_and(|p| p.simulated),
        "model": config.provider.as_ref().and_then(|p| p.settings.model.clone()),
        "rescored_from": config.rescored_from,
        "host": config.host_version,
        "at": look.progress().map(|progress| progress.at),
        "warnings": look.warnings(),
    })
}

fn prompts(config: &RunConfig) -> Vec<(&String, String)> {
    let prompt = |(name, prompt): (_, &fapo_core::run::PromptRecord)| {
        (name, case::text(prompt.template.as_str(), PROMPT_BYTES_MAX))
    };
    config.prompts.iter().map(prompt).collect()
}

fn parameters(config: &RunConfig) -> Vec<(&String, String)> {
    let parameters = config.parameters.iter();
    parameters
        .map(|(name, value)| (name, value.to_string()))
        .collect()
}

fn write(file: &Path, data: Value, script: &str) -> CommandResult<()> {
    workspace::check_not_raw(file)?;
    std::fs::write(file, page(data, script)).map_err(|error| file_error("write", file, error))
}

/// Puts a page together. What stands between the marks is put in once, so no
/// mark in what is put in means anything.
fn page(data: Value, script: &str) -> String {
    let data = embedded(&tame(data));
    let parts = [
        ("STYLE", STYLE),
        ("DATA", &data),
        ("SHARED", SHARED),
        ("SCRIPT", script),
    ];
    let (mut page, mut rest) = (String::new(), PAGE);
    for (mark, part) in parts {
        let mark = format!("{{{{{mark}}}}}");
        let (before, after) = rest
            .split_once(&mark)
            .expect("the page has each mark, in order");
        page.push_str(before);
        page.push_str(part);
        rest = after;
    }
    page.push_str(rest);
    page
}

/// Returns JSON that can stand in a `<script>`: characters that HTML or an old
/// reader of scripts takes for its own stand only inside texts, as escapes.
fn embedded(data: &Value) -> String {
    let json = data.to_string();
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                safe.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Returns the same with every text tame, names of fields too: a page must not
/// turn the reading direction of what stands beside a text.
fn tame(value: Value) -> Value {
    match value {
        Value::String(text) => case::text(&text, PROMPT_BYTES_MAX).into(),
        Value::Array(values) => values.into_iter().map(tame).collect(),
        Value::Object(object) => {
            let field = |(name, value): (String, Value)| (case::text(&name, 256), tame(value));
            object.into_iter().map(field).collect::<Map<_, _>>().into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_script_or_turns_the_direction() {
        let hostile = "</script><img src=x onerror=alert(1)>\u{2028}\u{202e}\u{1b}{{SCRIPT}}&amp;";
        let page = page(json!({ hostile: [hostile] }), "/* the script */");
        assert!(!page.contains("<img"), "{page}");
        assert!(!page.contains(['\u{2028}', '\u{202e}', '\u{1b}']));
        assert_eq!(page.matches("</script>").count(), 2);
        assert_eq!(page.matches("/* the script */").count(), 1);
        assert!(page.contains("\\u003c/script\\u003e\\u003cimg"), "{page}");
    }

    #[test]
    fn a_page_asks_for_nothing() {
        for script in [RUN, COMPARISON] {
            let page = page(json!({}), script);
            assert!(page.contains(
                "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
            ));
            // The name of the SVG namespace is the one address, and nobody goes there.
            let page = page.replace("http://www.w3.org/2000/svg", "");
            for reach in [
                "http:",
                "https:",
                "url(",
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!page.contains(reach), "{reach}");
            }
        }
    }
}
