//! What the rows of a run come to: added up row by row, in memory that does
//! not grow with their number.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use fapo_core::Untrusted;
use fapo_core::artifact::{CallRow, ResultRow, TimingRow, waited_us};
use fapo_core::budget::Amount;
use fapo_core::manifest::Role;
use fapo_core::run::{Calls, Cost, Failures, StepCost, StepTiming, Summary, TimeSplit, Tokens};
use fapo_core::split::Split;
use fapo_core::stats::mean::{Cluster, ClusteredMean};
use fapo_core::trace::CallBody;

mod money;

use money::{Answerers, Money};

/// How many rows a summary shows.
const ROWS_SHOWN: usize = 20;

/// The most names that are told apart: a guest chooses them.
const NAMES_MAX: usize = 512;

/// What the rows so far come to.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) n_rows: u64,
    n_cases: u64,
    /// Whether a case runs more than once, so that its rows depend on one another.
    repeated: bool,
    pub(crate) score: ClusteredMean,
    breakdown: BTreeMap<String, ClusteredMean>,
    points: Option<(f64, f64)>,
    pub(crate) failures: Failures,
    pub(crate) calls: Calls,
    pub(crate) tokens: Tokens,
    steps: BTreeMap<(Role, Untrusted), StepTally>,
    timings: BTreeMap<Untrusted, Histogram>,
    rows: Histogram,
    time_us: [u64; 4],
    shown: Vec<ResultRow>,
    money: Money,
    spent: Amount,
    answerers: Answerers,
    /// Whether a person may see the rows in the summary.
    shows_rows: bool,
}

#[derive(Default)]
struct StepTally {
    calls: Calls,
    attempts: u64,
    tokens: Tokens,
    money: Money,
}

impl Tally {
    /// Returns the tally of no rows yet.
    pub(crate) fn new(repeats: u32, split: Option<Split>) -> Self {
        Self {
            repeated: repeats > 1,
            shows_rows: matches!(split, None | Some(Split::Train)),
            ..Self::default()
        }
    }

    /// Takes a row in.
    pub(crate) fn add(&mut self, row: &ResultRow) {
        self.n_rows += 1;
        self.n_cases += u64::from(row.repeat == 1);
        let cluster = self.cluster(row);
        if let Some(score) = row.composite_score {
            add(&mut self.score, score, cluster);
            for (name, value) in &row.score_breakdown {
                if self.breakdown.len() < NAMES_MAX || self.breakdown.contains_key(name) {
                    let mean = self.breakdown.entry(name.clone()).or_default();
                    add(mean, value.as_f64().unwrap_or_default(), cluster);
                }
            }
            if let Some((earned, possible)) = row.points {
                let points = self.points.get_or_insert_default();
                *points = (points.0 + earned, points.1 + possible);
            }
        }
        if row.world_failure.is_some() {
            self.failures.world += 1;
        } else if let Some(failure) = row.failure.as_ref().or(row.scorer_failure.as_ref()) {
            self.failures.guest += 1;
            let kind = failure.kind.name().to_owned();
            *self.failures.kinds.entry(kind).or_default() += 1;
        }
        if self.shows_rows && self.shown.len() < ROWS_SHOWN {
            self.shown.push(row.clone());
        }
    }

    /// Takes in what a clock says of a row.
    pub(crate) fn add_timing(&mut self, row: &TimingRow) {
        let waited = waited_us(&row.call_timings) + waited_us(&row.judge_timings);
        let cpu = row.chain_cpu_us + row.scorer_cpu_us;
        for (sum, us) in self
            .time_us
            .iter_mut()
            .zip([row.wall_us, waited, cpu, row.queue_us])
        {
            *sum += us;
        }
        self.rows.add(row.wall_us);
        for (step, _, span) in &row.step_timings {
            if span.ended_us >= span.began_us
                && (self.timings.len() < NAMES_MAX || self.timings.contains_key(step))
            {
                let timing = self.timings.entry(step.clone()).or_default();
                timing.add(span.ended_us - span.began_us);
            }
        }
    }

    /// Takes a call in.
    pub(crate) fn add_call(&mut self, row: &CallRow) {
        let key = (row.role, row.step.clone());
        let known = self.steps.len() < NAMES_MAX || self.steps.contains_key(&key);
        let step = self.steps.entry(match known {
            true => key,
            false => (row.role, "(others)".into()),
        });
        let step = step.or_default();
        for calls in [&mut self.calls, &mut step.calls] {
            calls.total += 1;
            match &row.body {
                CallBody::Generate { receipt, .. } => {
                    calls.generate += 1;
                    calls.cached += u64::from(receipt.cached);
                    let failed = receipt.failed.iter();
                    calls.maybe_paid += failed.filter(|attempt| attempt.maybe_paid).count() as u64;
                }
                CallBody::Search { requests, .. } => {
                    calls.search += 1;
                    calls.search_requests += u64::from(*requests);
                }
                CallBody::Tool { .. } => calls.tool += 1,
                CallBody::Artifact { .. } => calls.artifact += 1,
            }
        }
        let CallBody::Generate {
            receipt,
            request,
            answer,
            error,
        } = &row.body
        else {
            return;
        };
        step.attempts += u64::from(receipt.attempts);
        step.money.add(receipt);
        self.money.add(receipt);
        self.spent = self.spent.plus(receipt.amount(row.usage.as_ref()));
        if let Some(answer) = answer {
            let role = request.model.as_ref();
            self.answerers.add(role, &answer.model, &receipt.served);
        }
        if let Some(error) = error {
            let status = receipt.failed.last().and_then(|attempt| attempt.status);
            let status = status.map_or(String::new(), |status| format!(" ({status})"));
            let kind = format!("{}{status}", error.name());
            *self.failures.calls.entry(kind).or_default() += 1;
        }
        let Some(usage) = row.usage else { return };
        for tokens in [&mut self.tokens, &mut step.tokens] {
            tokens.input += u64::from(usage.input_tokens.unwrap_or(0));
            tokens.cached_input += u64::from(usage.cached_input_tokens.unwrap_or(0));
            tokens.output += u64::from(usage.output_tokens.unwrap_or(0));
            tokens.reasoning += u64::from(usage.reasoning_tokens.unwrap_or(0));
            let counted = usage.input_tokens.is_some() && usage.output_tokens.is_some();
            tokens.unknown += u64::from(!counted);
        }
    }

    /// Returns what tells the rows that depend on one another from the rest.
    fn cluster(&self, row: &ResultRow) -> Option<Cluster> {
        let mut hasher = DefaultHasher::new();
        match &row.group {
            Some(group) => (1, group.as_str()).hash(&mut hasher),
            None if self.repeated => (2, row.case_id.as_str()).hash(&mut hasher),
            None => return None,
        }
        Some(Cluster(hasher.finish()))
    }

    /// Returns what was paid for model calls so far; none is unknown.
    pub(crate) fn paid_usd(&self) -> Option<f64> {
        self.money.paid.get()
    }

    /// Returns what was spent so far of a budget of the run.
    pub(crate) fn spent(&self) -> Amount {
        self.spent
    }

    /// Returns the part of a summary that the rows decide.
    pub(crate) fn summary(&self) -> Summary {
        let mean = |(name, mean): (&String, &ClusteredMean)| Some((name.clone(), mean.interval()?));
        Summary {
            n_cases: self.n_cases,
            n_rows: self.n_rows,
            score: self.score.interval(),
            score_breakdown: self.breakdown.iter().filter_map(mean).collect(),
            points: self.points,
            failures: self.failures.clone(),
            calls: self.calls,
            tokens: self.tokens,
            cost_usd: self.money.paid.get(),
            uncached_usd: self.money.uncached.get(),
            simulated: self.answerers.are_simulated(),
            served: self.answerers.list(),
            warnings: self.answerers.warning().into_iter().collect(),
            guest_cpu_s: self.time_us[2] as f64 / 1e6,
            cases: self.shown.clone(),
            ..Summary::default()
        }
    }

    /// Returns what the rows took, and where.
    pub(crate) fn cost(&self) -> Cost {
        let step = |((role, step), tally): (&(Role, Untrusted), &StepTally)| StepCost {
            role: *role,
            step: step.clone(),
            calls: tally.calls,
            attempts: tally.attempts,
            tokens: tally.tokens,
            cost_usd: tally.money.paid.get(),
            uncached_usd: tally.money.uncached.get(),
        };
        let [rows, waited, cpu, queue] = self.time_us.map(|us| us as f64 / 1e6);
        Cost {
            paid_usd: self.money.paid.get(),
            uncached_usd: self.money.uncached.get(),
            prices: None,
            steps: self.steps.iter().map(step).collect(),
            time: TimeSplit {
                rows_s: rows,
                provider_wait_s: waited,
                guest_cpu_s: cpu,
                host_s: (rows - waited - cpu).max(0.0),
                queue_s: queue,
            },
            step_timings: self
                .timings
                .iter()
                .map(|(step, timing)| timing.of(step))
                .collect(),
            row_timing: self.rows.of(&"(a row)".into()),
        }
    }
}

fn add(mean: &mut ClusteredMean, score: f64, cluster: Option<Cluster>) {
    match cluster {
        Some(cluster) => mean.add_in(score, cluster),
        None => mean.add(score),
    }
}

/// How long things took, in buckets of 2 %.
#[derive(Default)]
struct Histogram {
    n: u64,
    sum_us: u64,
    buckets: BTreeMap<u16, u64>,
}

impl Histogram {
    fn add(&mut self, us: u64) {
        self.n += 1;
        self.sum_us += us;
        let bucket = ((us.max(1) as f64).ln() / BUCKET.ln()) as u16;
        *self.buckets.entry(bucket).or_default() += 1;
    }

    /// Returns the middle of the bucket below which a share of all lies.
    fn quantile_ms(&self, share: f64) -> f64 {
        let rank = (share * self.n as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        for (bucket, n) in &self.buckets {
            below += n;
            if below >= rank {
                return BUCKET.powf(f64::from(*bucket) + 0.5) / 1e3;
            }
        }
        0.0
    }

    fn of(&self, step: &Untrusted) -> StepTiming {
        StepTiming {
            step: step.clone(),
            n: self.n,
            mean_ms: self.sum_us as f64 / self.n.max(1) as f64 / 1e3,
            p50_ms: self.quantile_ms(0.5),
            p95_ms: self.quantile_ms(0.95),
        }
    }
}

/// How much longer than the one before a bucket's times are.
const BUCKET: f64 = 1.02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_a_hundredth() {
        let mut histogram = Histogram::default();
        (1..=10_000).for_each(|us| histogram.add(us));
        for (share, ms) in [(0.5, 5.0), (0.95, 9.5)] {
            let found = histogram.quantile_ms(share);
            assert!((found / ms - 1.0).abs() < 0.011, "{share}: {found}");
        }
        assert_eq!(histogram.of(&"s".into()).mean_ms, 5.0005);
    }

    #[test]
    fn what_was_said_in_a_call_is_not_counted() {
        let calls: Vec<CallRow> = [
            r#""kind": "generate", "request": {"model": "judge", "messages": [{"role": "user", "content": [{"text": "a"}]}]},
                "answer": {"model": "m", "choices": [{"text": "b", "finish_reason": "stop"}], "usage": {"input_tokens": 5}},
                "attempts": 2, "cached": false, "paid_usd": 0.5, "usage": {"input_tokens": 5}"#,
            r#""kind": "generate", "request": {"messages": []}, "error": {"unavailable": "no"}, "attempts": 1, "cached": false"#,
            r#""kind": "search", "request": {"index": "i", "query": "q", "k": 1}, "requests": 3,
                "answer": [{"id": "1", "title": "b", "text": "b", "score": 1.0, "rank": 1, "metadata": "{}"}]"#,
        ]
        .iter()
        .map(|body| {
            let of = r#""case_id": "a", "repeat": 1, "role": "chain", "seq": 0, "step": "s", "visit": 1"#;
            serde_json::from_str(&format!("{{{of}, {body}}}")).unwrap()
        })
        .collect();
        let tally = |calls: &[CallRow]| {
            let mut tally = Tally::default();
            calls.iter().for_each(|call| tally.add_call(call));
            serde_json::to_value((tally.summary(), tally.cost())).unwrap()
        };
        let counted = tally(&calls);
        assert_eq!(counted[0]["calls"]["total"], 3);
        let mut forgotten = calls.clone();
        forgotten.iter_mut().for_each(CallRow::forget_texts);
        assert_eq!(tally(&forgotten), counted);
        let has_texts = |calls| serde_json::to_string(calls).unwrap().contains(r#""b""#);
        assert!(has_texts(&calls) && !has_texts(&forgotten));
    }

    #[test]
    fn names_that_a_guest_makes_up_do_not_fill_the_memory() {
        let mut tally = Tally::default();
        for n in 0..2_000 {
            tally.add_call(&CallRow {
                case_id: "a".into(),
                repeat: 1,
                role: Role::Scorer,
                seq: n,
                step: n.to_string().as_str().into(),
                visit: 0,
                body: CallBody::Artifact {
                    operation: fapo_core::trace::ArtifactOperation::List,
                    name: "".into(),
                    bytes: 0,
                    error: None,
                },
                usage: None,
            });
        }
        assert_eq!(tally.calls.total, 2_000);
        assert!(tally.cost().steps.len() <= NAMES_MAX + 1);
    }
}
