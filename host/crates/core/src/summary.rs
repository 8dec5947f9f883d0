//! `summary.md`: what a run came to, for people.

use std::fmt::Write as _;

use crate::Untrusted;
use crate::run::{CacheMode, CacheUse, Cost, RunConfig, StepTiming, Summary};
use crate::stats::mean::Interval;

/// Writes a run's summary.
pub fn to_markdown(config: &RunConfig, summary: &Summary, cost: &Cost) -> String {
    let mut text = String::new();
    write(&mut text, config, summary, cost).expect("a text can be written to");
    text
}

fn write(
    text: &mut String,
    config: &RunConfig,
    summary: &Summary,
    cost: &Cost,
) -> std::fmt::Result {
    writeln!(text, "# Run {}\n", cell(&config.run_id))?;
    let of = |what: &str, name: String| match name.is_empty() {
        true => String::new(),
        false => format!(", {what} `{name}`"),
    };
    writeln!(
        text,
        "{} of {}{}{}{}, {}.\n",
        counted(summary.n_cases, "case"),
        cell(&config.dataset.path),
        of("tenant", config.tenant_id.clone()),
        of(
            "split",
            config
                .split
                .map_or(String::new(), |split| split.name().into())
        ),
        of(
            "variant",
            config
                .variant
                .as_ref()
                .map_or(String::new(), |v| v.id.to_string())
        ),
        summary.status.name(),
    )?;
    if config.repeats > 1 {
        writeln!(text, "Each case ran {} times.\n", config.repeats)?;
    }
    if let Some(from) = &config.rescored_from {
        writeln!(
            text,
            "The outputs are those of `{}`, graded again.\n",
            cell(from)
        )?;
    }
    if let Some(provider) = &config.provider {
        let what = if summary.simulated {
            "**A simulator answered: no model stands behind these numbers.** It was"
        } else {
            "Model calls were answered by"
        };
        writeln!(text, "{what} `{}`.\n", cell(&provider.name))?;
    }
    for (name, index) in &config.indexes {
        let from = match (&index.corpus, &index.url) {
            (Some(corpus), _) => format!(
                "in the {} of `{}`",
                counted(corpus.documents, "document"),
                cell(&corpus.path)
            ),
            (None, Some(url)) => format!("by `{}`", cell(url)),
            (None, None) => continue,
        };
        writeln!(text, "Searches of `{}` were answered {from}.\n", cell(name))?;
    }
    if config.replayed {
        writeln!(
            text,
            "The answers are those of a recording: nothing was asked or paid for.\n"
        )?;
    }
    if let Some(before) = summary.test_reads_before {
        let told = match before {
            0 => "This was the first reading of this test set.".to_owned(),
            n => format!(
                "**This test set was read {n} {} before: its score is no longer that of unseen cases.**",
                if n == 1 { "time" } else { "times" }
            ),
        };
        writeln!(text, "{told}\n")?;
    }
    for warning in &summary.warnings {
        writeln!(text, "**{}.**\n", cell(warning))?;
    }
    scores(text, summary)?;
    failures(text, summary)?;
    timings(text, cost)?;
    costs(text, summary, cost)
}

fn scores(text: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(text, "## Score\n")?;
    let Some(score) = &summary.score else {
        return writeln!(text, "Nothing was scored.\n");
    };
    writeln!(
        text,
        "| measure | mean | 95 % from | to |\n|---|---:|---:|---:|"
    )?;
    let mut row = |name: &str, mean: &Interval| {
        writeln!(
            text,
            "| {name} | {} | {} | {} |",
            number(mean.mean),
            number(mean.low),
            number(mean.high)
        )
    };
    row("**score**", score)?;
    for (name, mean) in &summary.score_breakdown {
        row(&cell(name), mean)?;
    }
    if let Some((earned, possible)) = summary.points {
        writeln!(text, "\n{} of {} points.", number(earned), number(possible))?;
    }
    writeln!(text)
}

fn failures(text: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.failures.guest + summary.failures.world == 0 {
        return Ok(());
    }
    writeln!(text, "## Failures\n\n| kind | rows |\n|---|---:|")?;
    for (kind, n) in &summary.failures.kinds {
        writeln!(text, "| {} | {n} |", cell(kind))?;
    }
    if summary.failures.world > 0 {
        writeln!(
            text,
            "| the world (not scored) | {} |",
            summary.failures.world
        )?;
    }
    if !summary.failures.calls.is_empty() {
        let told = |(kind, n): (&String, &u64)| format!("{n} {kind}");
        let told: Vec<_> = summary.failures.calls.iter().map(told).collect();
        writeln!(
            text,
            "\nModel calls without an answer: {}.",
            told.join(", ")
        )?;
    }
    writeln!(text)
}

fn timings(text: &mut String, cost: &Cost) -> std::fmt::Result {
    writeln!(text, "## Time\n")?;
    writeln!(
        text,
        "| step | visits | mean ms | p50 ms | p95 ms |\n|---|---:|---:|---:|---:|"
    )?;
    let mut row = |timing: &StepTiming| {
        writeln!(
            text,
            "| {} | {} | {:.3} | {:.3} | {:.3} |",
            cell(timing.step.as_str()),
            timing.n,
            timing.mean_ms,
            timing.p50_ms,
            timing.p95_ms
        )
    };
    cost.step_timings.iter().try_for_each(&mut row)?;
    row(&cost.row_timing)?;
    let time = cost.time;
    writeln!(
        text,
        "\nAll rows together: {:.3} s, of which {:.3} s waiting for answers, {:.3} s guests at work, {:.3} s the host; {:.3} s in the queue before.\n",
        time.rows_s, time.provider_wait_s, time.guest_cpu_s, time.host_s, time.queue_s
    )
}

fn costs(text: &mut String, summary: &Summary, cost: &Cost) -> std::fmt::Result {
    writeln!(text, "## Cost\n")?;
    writeln!(
        text,
        "| role | step | calls | cached | tokens in | tokens out | USD |\n|---|---|---:|---:|---:|---:|---:|"
    )?;
    let usd = |usd: Option<f64>| usd.map_or("unknown".into(), |usd| format!("{usd:.4}"));
    for step in &cost.steps {
        writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            step.role.name(),
            cell(step.step.as_str()),
            step.calls.total,
            step.calls.cached,
            step.tokens.input,
            step.tokens.output,
            usd(step.cost_usd)
        )?;
    }
    writeln!(
        text,
        "| | **all** | {} | {} | {} | {} | {} |",
        summary.calls.total,
        summary.calls.cached,
        summary.tokens.input,
        summary.tokens.output,
        usd(summary.cost_usd)
    )?;
    if summary.uncached_usd != summary.cost_usd {
        writeln!(
            text,
            "\nWithout answers that were kept from before it would have cost {} USD.",
            usd(summary.uncached_usd)
        )?;
    }
    if let Some(prices) = &summary.prices {
        writeln!(text, "\nPrices are those of table `{}`.", cell(prices))?;
    }
    cache(text, &summary.cache)?;
    if summary.calls.maybe_paid > 0 {
        writeln!(
            text,
            "\n{} without an answer may have been paid for all the same: the run was cut off, or the connection was.",
            counted(summary.calls.maybe_paid, "request")
        )?;
    }
    if summary.tokens.unknown > 0 {
        writeln!(
            text,
            "\nFor {} the provider counted no tokens.",
            counted(summary.tokens.unknown, "model call")
        )?;
    }
    Ok(())
}

fn cache(text: &mut String, cache: &CacheUse) -> std::fmt::Result {
    let what = match cache.mode {
        CacheMode::None => return Ok(()),
        CacheMode::Use => "Answers were taken from the cache and kept there",
        CacheMode::Bypass => "The cache was not asked",
        CacheMode::Only => "Answers were taken from the cache alone",
    };
    writeln!(
        text,
        "\n{what}: {}, {}, {} bypassed; it holds {:.1} MiB.",
        counted(cache.hits, "hit"),
        match cache.misses {
            1 => "1 miss".into(),
            n => format!("{n} misses"),
        },
        cache.bypassed,
        cache.bytes as f64 / f64::from(1 << 20)
    )
}

/// Returns a text that can stand in a table.
fn cell(text: &str) -> String {
    Untrusted::from(text).to_string().replace('|', "\\|")
}

fn counted(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_do_not_break_a_table() {
        assert_eq!(cell("a|b\nc\u{1b}"), "a\\|b\\nc\\u{1b}");
    }
}
