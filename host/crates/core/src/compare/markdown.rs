//! A comparison as a page that people read.

use std::fmt::Write as _;

use super::significance::TestName;
use super::totals::{Latency, Totals};
use super::{Comparison, Flip};
use crate::Untrusted;
use crate::stats::mean::Interval;

/// How many flipped cases the page lists.
const FLIPS_SHOWN: usize = 20;

/// How many differences of the runs it lists.
const VARIES_SHOWN: usize = 20;

/// How much of a name or a value it shows.
const SHOWN_CHARS_MAX: usize = 60;

/// Writes the comparison as Markdown: what varies, both sides, the difference
/// in words, and the cases whose score changed.
pub fn to_markdown(found: &Comparison) -> String {
    let mut page = format!(
        "# A {} against B {}\n\n",
        code(&found.name_a),
        code(&found.name_b)
    );
    page.push_str(&varies(found));
    page.push_str(&sides(found));
    page.push_str(&difference(found));
    for note in &found.notes {
        let _ = writeln!(page, "- Note: {note}.");
    }
    if !found.notes.is_empty() {
        page.push('\n');
    }
    page.push_str(&flips(found));
    page
}

fn varies(found: &Comparison) -> String {
    if found.varies.is_empty() {
        return "Nothing varies between the runs that is on record.\n\n".into();
    }
    let mut text = String::from("## What varies\n\n| what | name | A | B |\n|---|---|---|---|\n");
    let shown = |value: &Option<Untrusted>| value.as_ref().map_or("–".into(), code);
    for difference in found.varies.iter().take(VARIES_SHOWN) {
        let mark = if difference.allowed {
            ""
        } else {
            " (**not allowed to vary**)"
        };
        let _ = writeln!(
            text,
            "| {}{mark} | {} | {} | {} |",
            difference.dimension,
            code(&difference.key),
            shown(&difference.a),
            shown(&difference.b)
        );
    }
    text.push_str(&more(found.varies.len(), VARIES_SHOWN));
    text.push('\n');
    text
}

/// The table of both sides. What neither side has on record has no line.
fn sides(found: &Comparison) -> String {
    let (a, b) = (&found.totals_a, &found.totals_b);
    let mut text = String::from("## Both sides\n\n| | A | B | B − A |\n|---|---:|---:|---:|\n");
    let scored = |i: &Interval| format!("{:.1} ({:.1} to {:.1})", i.mean, i.low, i.high);
    let _ = writeln!(
        text,
        "| mean score (95 % interval) | {} | {} | {:+.1} |",
        scored(&found.mean_a),
        scored(&found.mean_b),
        found.difference.mean
    );
    let mut line = |name: &str, digits: usize, of: &dyn Fn(&Totals) -> Option<f64>| {
        let (a, b) = (of(a), of(b));
        let is_nothing = [a, b].iter().all(|side| side.is_none_or(|n| n == 0.0));
        if is_nothing && name != COST {
            return;
        }
        let shown = |n: Option<f64>| n.map_or("–".into(), |n| format!("{n:.digits$}"));
        let less = a.zip(b).map(|(a, b)| signed(b - a, digits));
        let less = less.unwrap_or("–".into());
        let _ = writeln!(text, "| {name} | {} | {} | {less} |", shown(a), shown(b));
    };
    let latency = |of: fn(Latency) -> f64| move |t: &Totals| t.latency_ms.map(of);
    line(COST, 4, &|t| t.cost_usd);
    line("calls", 0, &|t| Some(t.calls as f64));
    line("input tokens", 0, &|t| Some(t.input_tokens as f64));
    line("output tokens", 0, &|t| Some(t.output_tokens as f64));
    line("CPU of the guests (s)", 2, &|t| Some(t.guest_cpu_s));
    line("latency, mean (ms)", 1, &latency(|l| l.mean));
    line("latency, median (ms)", 1, &latency(|l| l.p50));
    line("latency, 95th percentile (ms)", 1, &latency(|l| l.p95));
    line("steps", 0, &|t| Some(t.steps as f64));
    line("model calls per case", 2, &|t| Some(t.model_calls_per_case));
    line("searches per case", 2, &|t| Some(t.searches_per_case));
    line("prompts (bytes)", 0, &|t| Some(t.prompt_bytes as f64));
    line("component (bytes)", 0, &|t| Some(t.component_bytes as f64));
    text.push('\n');
    text
}

/// What is told even where it is nothing.
const COST: &str = "cost (USD)";

/// Returns a difference with its sign; what rounds to nothing has none to speak of.
fn signed(n: f64, digits: usize) -> String {
    let text = format!("{n:+.digits$}");
    let is_zero = text.trim_start_matches(['+', '-', '0', '.']).is_empty();
    if is_zero {
        text.replace('-', "+")
    } else {
        text
    }
}

/// The difference in words.
fn difference(found: &Comparison) -> String {
    let difference = &found.difference;
    let mut text = String::from("## The difference\n\n");
    let way = match difference.mean {
        mean if mean.abs() < 0.05 => "B scores the same as A, within 0.05 points".into(),
        mean if mean > 0.0 => format!("B scores {mean:.1} points more than A"),
        mean => format!("B scores {:.1} points less than A", -mean),
    };
    let _ = writeln!(
        text,
        "{way} (95 % interval {:+.1} to {:+.1}; {}), over {} of {}: {} better, {} worse, {} the same.\n",
        difference.low,
        difference.high,
        difference.method,
        plural(found.n_pairs, "pair"),
        plural(found.n_cases, "case"),
        found.wins,
        found.losses,
        found.ties
    );
    let verdict = if found.significant {
        "The difference is significant at 5 %"
    } else {
        "No significant difference at 5 %"
    };
    let dependence = match found.clustered_by {
        Some(by) => format!(
            ", {} by {by}",
            plural(found.test.clusters, "independent cluster")
        ),
        None => String::new(),
    };
    let _ = write!(
        text,
        "{verdict}: p {} ({} test{dependence}).",
        p(found),
        found.test.name
    );
    if let Some(note) = &found.test.note {
        let _ = write!(text, " To know of the test: {note}.");
    }
    text.push_str("\n\n");
    let pairs = plural(found.n_pairs, "pair");
    let _ = match found.mde {
        None => writeln!(
            text,
            "These {pairs} show no spread of differences, so nothing is known of how small a difference they could show.\n"
        ),
        Some(mde) if mde >= 100.0 => writeln!(
            text,
            "With {pairs}, not even the largest difference would be seen 4 times in 5.\n"
        ),
        Some(mde) => writeln!(
            text,
            "With {pairs}, only differences of {mde:.1} points or more would be seen 4 times in 5.\n"
        ),
    };
    text
}

/// A p as people write it; what was drawn is never known to be less than a draw.
fn p(found: &Comparison) -> String {
    let p = found.test.p;
    match found.test.name {
        TestName::SignFlipMonteCarlo if p < 1e-4 => "< 0.0001".into(),
        _ if p < 1e-4 => format!("= {p:.1e}"),
        _ => format!("= {p:.4}"),
    }
}

fn flips(found: &Comparison) -> String {
    if found.flips_withheld {
        return "Which cases score otherwise is not told: they are held out.\n".into();
    }
    if found.flips.is_empty() {
        return "No case scores otherwise than before.\n".into();
    }
    let mut text = String::from(
        "## Cases that score otherwise\n\n| case | A | B | B − A |\n|---|---:|---:|---:|\n",
    );
    for flip in found.flips.iter().take(FLIPS_SHOWN) {
        let Flip { a, b, .. } = flip;
        let mut name = code(&flip.case_id.as_str().into());
        if flip.repeat > 1 {
            let _ = write!(name, ", repeat {}", flip.repeat);
        }
        let _ = writeln!(text, "| {name} | {a:.1} | {b:.1} | {:+.1} |", b - a);
    }
    text.push_str(&more(found.flips.len(), FLIPS_SHOWN));
    text
}

fn more(n: usize, shown: usize) -> String {
    match n.saturating_sub(shown) {
        0 => String::new(),
        hidden => format!("\n… and {hidden} more.\n"),
    }
}

fn plural(n: u64, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

/// Shows text from outside as code, where nothing in it is markup: tamed, cut,
/// and with a fence longer than any run of backticks in it.
fn code(text: &Untrusted) -> String {
    if text.is_empty() {
        return "–".into();
    }
    // A bar would end the cell of a table even inside of code.
    let shown = text.cut(SHOWN_CHARS_MAX).replace('|', "\\|");
    let longest = shown
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    if longest == 0 {
        return format!("{fence}{shown}{fence}");
    }
    format!("{fence} {shown} {fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_in_its_cell() {
        for (text, shown) in [
            ("case-1", "`case-1`"),
            ("a|b", "`a\\|b`"),
            ("`; | x", "`` `; \\| x ``"),
            ("``", "``` `` ```"),
            ("<b>\n# x", "`<b>\\n# x`"),
            ("", "–"),
        ] {
            assert_eq!(code(&text.into()), shown);
        }
    }
}
