//! `fapo-host compare`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fapo_core::artifact::{ResultRow, TimingRow};
use fapo_core::compare::fact::{Allowed, Dimension, parse_varies};
use fapo_core::compare::gate::{GateResult, Gates};
use fapo_core::compare::junit::junit;
use fapo_core::compare::markdown::to_markdown;
use fapo_core::compare::pairs::Scored;
use fapo_core::compare::totals::{Latency, Totals};
use fapo_core::compare::{self, CompareError, Comparison, Side};
use fapo_core::manifest::Role;
use fapo_core::run::{Cost, ServedBy, Summary};
use serde::Serialize;

use crate::exit::{CommandError, CommandResult, Exit, file_error};
use crate::look::Look;
use crate::run_dir::{COST, RESULTS, TIMINGS};
use crate::{html, report, workspace};

/// Compare run B with run A: is the difference more than chance?
///
/// Both must be made of the same dataset, cases, scorer and split, and of the
/// same prompts, parameters, structure and model too, except for what --varies
/// names: a changed temperature cannot pass for a better prompt. Scores are
/// paired by case. With --fail-under or --max-regression the program ends with
/// 1 when B does not come up to the bar.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run to compare with: its directory, or with --tenant its name
    #[arg(value_name = "RUN_A")]
    a: PathBuf,
    /// The run that is compared with it
    #[arg(value_name = "RUN_B")]
    b: PathBuf,
    /// The tenant whose evals/ hold the runs
    #[arg(long, value_name = "TENANT")]
    tenant: Option<PathBuf>,
    /// What is under test, of prompt,parameter,structure,model,index
    #[arg(long, value_name = "WHAT", value_parser = varies)]
    varies: Option<BTreeSet<Dimension>>,
    /// Compare whatever differs, and mark it; nothing is then known of the cause
    #[arg(long)]
    exploratory: bool,
    /// The lowest mean score that B may have
    #[arg(long, value_name = "SCORE")]
    fail_under: Option<f64>,
    /// How many points B may lose against A
    #[arg(long, value_name = "POINTS")]
    max_regression: Option<f64>,
    /// Write the bars and the flipped cases for a build server
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write a page to look at in a browser, all in one file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Compared<'a> {
    #[serde(flatten)]
    found: &'a Comparison,
    gates: &'a [GateResult],
}

pub(crate) fn run(args: Args) -> CommandResult<Exit> {
    let open = |run: &Path| finished(Look::open(run, args.tenant.as_deref())?);
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let sides = (side(&a, &args.a)?, side(&b, &args.b)?);
    let changed = served_otherwise(&a.1, &b.1);
    let (a, b) = (a.0, b.0);
    let allowed = Allowed {
        varies: args.varies.unwrap_or_default(),
        exploratory: args.exploratory,
    };
    let withheld = a.withheld.is_some() || b.withheld.is_some();
    let compared = compare::compare(&sides.0, &sides.1, &allowed);
    let mut found = compared.map_err(|error| refusal(&error, withheld))?;
    if withheld {
        found.withhold_flips();
    }
    let told = |side, look: &Look| {
        let of_run = look.summary.iter().flat_map(|summary| &summary.warnings);
        let told = look.warnings().into_iter().chain(of_run.cloned());
        let told = told.chain(look.withheld.clone());
        let told = told.map(|warning| format!("of {side}: {warning}"));
        told.collect::<Vec<_>>()
    };
    let mut notes = told('A', &a);
    notes.extend(told('B', &b));
    notes.extend(changed);
    found.notes.splice(0..0, notes);
    let gates = Gates {
        fail_under: args.fail_under,
        max_regression: args.max_regression,
    };
    let gates = gates.check(&found);
    if let Some(file) = &args.junit {
        workspace::check_not_raw(file)?;
        let written = std::fs::write(file, junit(&found, &gates));
        written.map_err(|error| file_error("write", file, error))?;
    }
    if let Some(file) = &args.html {
        html::write_comparison(file, (&a, &b), &found, &gates)?;
    }
    match args.json {
        true => report::json(&Compared {
            found: &found,
            gates: &gates,
        }),
        false => report::line(&page(&found, &gates, (&a, &b))),
    }
    Ok(match gates.iter().all(|gate| gate.met) {
        true => Exit::Done,
        false => Exit::NotMet,
    })
}

/// Refuses a run that does not have all of its rows: what is missing is not
/// missing by chance.
fn finished(look: Look) -> CommandResult<(Look, Summary)> {
    match &look.summary {
        Some(summary) if summary.status.has_all_rows() => {
            let summary = summary.clone();
            Ok((look, summary))
        }
        _ => Err(CommandError::person(format!(
            "`{}` is not finished: it is {}",
            look.written.path.display(),
            look.state.name()
        ))
        .hint("`fapo-host eval TENANT --resume RUN` goes on with it")),
    }
}

/// Reads one side.
fn side((look, summary): &(Look, Summary), named: &Path) -> CommandResult<Side> {
    let config = look.config();
    let mut rows = Vec::new();
    for row in look.written.rows::<ResultRow>(RESULTS)? {
        let row = row?;
        rows.push(Scored {
            // What the world failed is not a wrong answer.
            score: row.composite_score.filter(|_| row.world_failure.is_none()),
            case_id: row.case_id,
            repeat: row.repeat,
            group: row.group,
        });
    }
    if rows.len() as u64 != summary.n_rows {
        return Err(CommandError::person(format!(
            "`{}` has {} in `{RESULTS}`, and its summary tells of {}",
            look.written.path.display(),
            report::counted(rows.len() as u64, "row"),
            summary.n_rows
        ))
        .hint("the run was changed after it ended; run the cases again"));
    }
    Ok(Side {
        name: named.display().to_string().into(),
        facts: config.facts(),
        totals: totals(look, summary)?,
        rows,
    })
}

/// Says where another set-up of a model answered B than A: then not only what
/// was meant to vary did.
fn served_otherwise(a: &Summary, b: &Summary) -> Option<String> {
    let sorts = |summary: &Summary| -> BTreeSet<String> {
        let sort = |by: &ServedBy| {
            let served = [&by.served.fingerprint, &by.served.version];
            let served: Vec<_> = served
                .into_iter()
                .flatten()
                .map(ToString::to_string)
                .collect();
            let role = by
                .role
                .as_ref()
                .map_or(String::new(), |role| format!("{role}: "));
            format!("{role}{} {}", by.model, served.join(" "))
                .trim_end()
                .to_owned()
        };
        summary.served.iter().map(sort).collect()
    };
    let (a, b) = (sorts(a), sorts(b));
    if a == b || a.is_empty() || b.is_empty() {
        return None;
    }
    let list = |sorts: BTreeSet<String>| sorts.into_iter().collect::<Vec<_>>().join(", ");
    Some(format!("A was answered by {}, B by {}", list(a), list(b)))
}

fn totals(look: &Look, summary: &Summary) -> CommandResult<Totals> {
    let config = look.config();
    let cost: Cost = look.written.record(COST)?;
    let mut times_ms = Vec::new();
    for row in look.written.rows::<TimingRow>(TIMINGS)? {
        times_ms.push(row?.wall_us as f64 / 1e3);
    }
    // A judge makes the scorer dearer, and the chain no more complex.
    let of_chain = |calls: fn(&fapo_core::run::Calls) -> u64| {
        let steps = cost.steps.iter().filter(|step| step.role == Role::Chain);
        steps.map(|step| calls(&step.calls)).sum::<u64>() as f64 / summary.n_rows.max(1) as f64
    };
    let templates = config.prompts.values();
    Ok(Totals {
        // What a variant costs does not hang on what was asked before.
        cost_usd: summary.uncached_usd,
        calls: summary.calls.total,
        input_tokens: summary.tokens.input,
        output_tokens: summary.tokens.output,
        guest_cpu_s: summary.guest_cpu_s,
        latency_ms: Latency::of(&times_ms),
        steps: config.chain.steps,
        model_calls_per_case: of_chain(|calls| calls.generate),
        searches_per_case: of_chain(|calls| calls.search),
        prompt_bytes: templates.map(|p| p.template.as_str().len() as u64).sum(),
        component_bytes: config.chain.bytes,
    })
}

/// Tells why runs cannot be compared; what names a held-out case is left out.
fn refusal(error: &CompareError, withheld: bool) -> CommandError {
    let what = "these runs cannot be compared";
    let refused = match error {
        CompareError::Pair(_) if withheld => {
            CommandError::person(what).because("their rows cannot be paired by case")
        }
        error => CommandError::person(what).because(error.to_string()),
    };
    refused.hint(error.hint())
}

/// Returns the comparison for people.
fn page(found: &Comparison, gates: &[GateResult], (a, b): (&Look, &Look)) -> String {
    let mut page = to_markdown(found);
    if let Some(held_out) = [a, b].iter().find(|look| look.withheld.is_some()) {
        page.push_str(&format!("\nTo see them: {}.\n", held_out.how_to_see()));
    }
    if !gates.is_empty() {
        page.push_str("\n## Bars\n\n");
    }
    for GateResult { name, met, message } in gates {
        let met = if *met { "met" } else { "**not met**" };
        page.push_str(&format!("- {name}: {met}. {message}.\n"));
    }
    page.trim_end().into()
}

fn varies(list: &str) -> Result<BTreeSet<Dimension>, String> {
    parse_varies(list).map_err(|error| format!("{error}: {}", error.hint()))
}
