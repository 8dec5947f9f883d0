//! `fapo-host score`

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fapo_core::Untrusted;
use fapo_core::budget::Amount;
use fapo_core::case::Case;
use fapo_core::outcome::{Failure, Outcome};
use fapo_core::score::{Mean, Score};
use fapo_core::trace::{CaseTrace, Span, Visit};
use fapo_sandbox::tenant::Graded;
use fapo_sandbox::{Attempt, Imports};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{pair, runtime};
use crate::dataset::{Lines, Place};
use crate::exit::{CommandError, CommandResult, Exit};
use crate::model_calls::{Asker, Choices, ModelCalls};
use crate::report::{self, Table, counted};
use crate::retrieval::OpenIndexes;
use crate::tenant::Tenant;
use crate::{in_order, seed};

/// Grade outputs that are given, without running a chain
///
/// Each row of the file has output_text, and either a whole case as `case` or
/// the `case_id` of one in the tenant's train or validation split; step_outputs
/// may tell what the steps made. Cases of the test split are refused.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's directory
    #[arg(value_name = "TENANT")]
    path: PathBuf,
    /// The outputs, one JSON object a line
    #[arg(long, value_name = "FILE")]
    outputs: PathBuf,
    /// An eval config: its scoring_profile, and its provider for a judge
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Put a value over the config's, as scoring_profile=f1
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// What answers a judge, in place of the config's: sim, openai, a name in policy.toml, script:FILE
    #[arg(long, value_name = "PROVIDER")]
    provider: Option<String>,
    #[command(flatten)]
    choices: Choices,
    /// Print a line of JSON for each row
    #[arg(long)]
    json: bool,
}

/// One row of outputs, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    case: Option<Case>,
    #[serde(default)]
    case_id: Option<String>,
    output_text: String,
    #[serde(default)]
    step_outputs: Option<BTreeMap<String, String>>,
}

/// One graded row. Its fields are promised to scripts.
#[derive(Serialize)]
struct Row {
    case_id: String,
    composite_score: Option<f64>,
    score_breakdown: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<(f64, f64)>,
    #[serde(skip_serializing_if = "Untrusted::is_empty")]
    feedback: Untrusted,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Untrusted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

pub(crate) fn run(args: &Args) -> CommandResult<Exit> {
    let tenant = Tenant::open(&args.path)?;
    let config = tenant.config(args.config.as_deref(), &args.set)?;
    let outputs = Outputs::check(&args.outputs, &tenant)?;
    let provider = tenant.provider(args.provider.as_deref(), &config)?;
    let profile = tenant.profile(&config);
    let asking = tenant.asking(args.choices.clone(), config.budgets);
    asking.check(provider.as_ref())?;
    asking.connect(provider.as_ref(), &OpenIndexes::default())?;
    // A judge's answers are kept in the cache; the journal is that of no run.
    let place = tempfile::tempdir()
        .map_err(|error| CommandError::world("could not make a directory").because(error))?;
    let asker = Asker {
        tenant_id: tenant.workspace.id(),
        run_id: "score",
        dir: place.path(),
        spent: Amount::default(),
        is_resumed: false,
    };
    runtime()?.block_on(async {
        let sandbox = tenant.home.sandbox(tenant.grants.limits.stack_bytes_max)?;
        let scorer = tenant.scorer(&sandbox).await?;
        let calls = ModelCalls::open(
            &asking,
            provider.as_ref(),
            &OpenIndexes::default(),
            &asker,
            |_, _| false,
        )?;
        let imports = Imports {
            provider: calls.provider().cloned(),
            ..Imports::default()
        };
        let scorer = sandbox.tenant(scorer.component, tenant.grants.clone(), imports);
        let mut rows = outputs.rows()?;
        let mut told = Told::new(args.json);
        let next = || {
            let Some((case, written)) = rows.next()? else {
                return Ok(None);
            };
            let (scorer, profile) = (scorer.clone(), profile.clone());
            Ok(Some(async move {
                let attempt = Attempt::first(seed::of(case.id.as_str()));
                let (case, graded) = (Arc::new(case), graded(written, profile));
                let ran = scorer.score(&case, graded, attempt).await;
                let world = ran.trace.world_failures().next().is_some();
                row(&case, ran.result, world)
            }))
        };
        in_order::each(&scorer, next, |row| {
            calls.check()?;
            told.tell(&row);
            Ok(())
        })
        .await?;
        told.finish();
        Ok(match calls.is_spent() {
            true => Exit::Budget,
            false => Exit::Done,
        })
    })
}

/// Returns what the scorer is given: the text alone, where that is all there is.
fn graded(written: Written, profile: String) -> Graded {
    let text = Untrusted::from(written.output_text);
    let Some(step_outputs) = written.step_outputs else {
        return Graded::Text { text, profile };
    };
    let visit = |(step, output): (String, String)| Visit {
        step: step.into(),
        visit: 1,
        output: Some(output.into()),
        failure: None,
        replaced: false,
        span: Span::default(),
    };
    let trace = CaseTrace {
        visits: step_outputs.into_iter().map(visit).collect(),
        ..CaseTrace::default()
    };
    Graded::Pipeline {
        outcome: Outcome {
            output_text: text,
            diagnostics: vec![],
        },
        trace: Arc::new(trace),
        profile,
    }
}

fn row(case: &Case, scored: Result<Score, Failure>, world: bool) -> Row {
    let case_id = case.id.as_str().to_owned();
    match scored {
        Ok(score) => Row {
            case_id,
            composite_score: Some(score.composite),
            score_breakdown: score
                .breakdown
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), Value::from(*value)))
                .collect(),
            points: score.points,
            feedback: score.feedback,
            diagnostics: score.diagnostics,
            failure: None,
        },
        Err(failure) => Row {
            case_id,
            // What could not be graded gets no points, unless it is the world that failed.
            composite_score: (!world).then_some(0.0),
            score_breakdown: Map::new(),
            points: None,
            feedback: Untrusted::default(),
            diagnostics: vec![],
            failure: Some(failure),
        },
    }
}

/// The file of outputs, whose every row was checked.
struct Outputs {
    place: Place,
    /// The cases that rows name by their ids.
    named: Arc<HashMap<String, Case>>,
}

impl Outputs {
    fn check(path: &Path, tenant: &Tenant) -> CommandResult<Self> {
        let place = Place::Path(path.into());
        let shown = place.shown();
        let (mut lines, mut bytes) = (Lines::open(&place)?, Vec::new());
        let mut ids = HashSet::new();
        let mut n_rows = 0;
        while let Some(written) = read(&mut lines, &mut bytes)? {
            n_rows += 1;
            match (&written.case, written.case_id) {
                (Some(case), None) => tenant.check_not_held_out(case, lines.number(), &shown)?,
                (None, Some(id)) => drop(ids.insert(id)),
                _ => {
                    return Err(lines
                        .refused("it has not one of `case` and `case_id`")
                        .hint("a row has `output_text`, and a whole case or the id of one"));
                }
            }
        }
        if n_rows == 0 {
            return Err(CommandError::person(format!("`{shown}` holds no output"))
                .hint("a row is a JSON object with `case` or `case_id`, and `output_text`"));
        }
        let named = find_cases(tenant, &ids)?;
        if let Some(missing) = ids.iter().find(|id| !named.contains_key(*id)) {
            return Err(CommandError::person(format!(
                "no case of train or validation has the id `{}`",
                Untrusted::from(missing.as_str())
            ))
            .hint("give the whole case as `case`, with its `expected`"));
        }
        Ok(Self {
            place,
            named: Arc::new(named),
        })
    }

    fn rows(&self) -> CommandResult<Rows> {
        Ok(Rows {
            lines: Lines::open(&self.place)?,
            bytes: Vec::new(),
            named: self.named.clone(),
        })
    }
}

/// The rows, each with its case.
struct Rows {
    lines: Lines,
    bytes: Vec<u8>,
    named: Arc<HashMap<String, Case>>,
}

impl Rows {
    fn next(&mut self) -> CommandResult<Option<(Case, Written)>> {
        let Some(mut written) = read(&mut self.lines, &mut self.bytes)? else {
            return Ok(None);
        };
        let case = match (written.case.take(), &written.case_id) {
            (Some(case), _) => Some(case),
            (None, Some(id)) => self.named.get(id).cloned(),
            (None, None) => None,
        };
        match case {
            Some(case) => Ok(Some((case, written))),
            None => Err(self.lines.refused("it changed while it was read")),
        }
    }
}

fn read(lines: &mut Lines, bytes: &mut Vec<u8>) -> CommandResult<Option<Written>> {
    while lines.read(bytes)? {
        if let Some(text) = lines.text(bytes)? {
            return serde_json::from_str(text).map(Some).map_err(|error| {
                lines.refused(error).hint(
                    "a row is a JSON object with `case` or `case_id`, `output_text`, and maybe `step_outputs`",
                )
            });
        }
    }
    Ok(None)
}

/// Returns the cases of train and validation that have these ids.
fn find_cases(tenant: &Tenant, ids: &HashSet<String>) -> CommandResult<HashMap<String, Case>> {
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    for place in tenant.places_in_view()? {
        let (mut lines, mut bytes) = (Lines::open(&place)?, Vec::new());
        let shown = place.shown();
        while let Some(case) = lines.next_case(&mut bytes)? {
            if ids.contains(case.id.as_str()) {
                tenant.check_not_held_out(&case, lines.number(), &shown)?;
                found.insert(case.id.as_str().to_owned(), case);
            }
        }
    }
    Ok(found)
}

/// What people or scripts are told, row by row.
struct Told {
    json: bool,
    mean: Mean,
    n_failed: u64,
    table: Table<3>,
}

impl Told {
    fn new(json: bool) -> Self {
        Self {
            json,
            mean: Mean::default(),
            n_failed: 0,
            table: Table::new(["case", "score", "what the scorer says"]),
        }
    }

    fn tell(&mut self, row: &Row) {
        /// Rows that people are shown.
        const SHOWN: u64 = 20;
        if self.json {
            report::json(row);
            return;
        }
        self.n_failed += u64::from(row.failure.is_some());
        if self.mean.n() < SHOWN {
            let says = match &row.failure {
                Some(failure) => format!("{}: {}", failure.kind.name(), failure.message.cut(72)),
                None => row.feedback.cut(72),
            };
            let score = row
                .composite_score
                .map_or("–".into(), |s| format!("{s:.1}"));
            self.table
                .row([Untrusted::from(row.case_id.as_str()).cut(40), score, says]);
        }
        if let Some(score) = row.composite_score {
            self.mean.add(score);
        }
    }

    fn finish(&self) {
        if self.json {
            return;
        }
        self.table.print();
        let score = self.mean.interval().map_or("no score".into(), |score| {
            format!(
                "score {:.1} (95 % between {:.1} and {:.1})",
                score.mean, score.low, score.high
            )
        });
        report::line("");
        report::line(&format!(
            "{} · {score} · {} could not be graded",
            counted(self.mean.n(), "row"),
            self.n_failed
        ));
    }
}
