//! Every attack of the table, against the sandbox as it is: what it comes to,
//! and that nothing of it is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fapo_core::case::Case;
use fapo_core::chain::ChainInfo;
use fapo_core::limits::{Limits, WrittenLimits};
use fapo_core::manifest::{Capability, Grants};
use fapo_core::outcome::{Failure, FailureKind, Outcome};
use fapo_core::settings::{Overrides, Settings};
use fapo_core::trace::CaseTrace;
use fapo_sandbox::Attempt;
use fapo_sandbox::sandbox::{Component, Live, Sandbox};
use fapo_sandbox::tenant::{Graded, Tenant};
use fapo_test_artifacts::bombs;
use tokio::sync::OnceCell;

use crate::attacks::{ATTACKS, Attack, Expect, Guest, MARKER, Role, UPLOADS, Upload};
use crate::fakes;

/// What became of an attack.
#[derive(Debug)]
enum Became {
    Answered { text: String, trace: CaseTrace },
    Failed(Failure),
    Refused(String),
}

/// A sandbox, and the components that were loaded into it.
struct Range {
    sandbox: Sandbox,
    loaded: BTreeMap<&'static str, OnceCell<Result<Arc<Component>, String>>>,
}

impl Range {
    fn new() -> Self {
        let names = fapo_test_artifacts::ALL.iter();
        Self {
            sandbox: fakes::sandbox(),
            loaded: names.map(|(name, _)| (*name, OnceCell::new())).collect(),
        }
    }

    async fn component(&self, guest: Guest) -> Result<Arc<Component>, String> {
        let name = match guest {
            Guest::Hostile => "hostile",
            Guest::Wat(name) => name,
        };
        let load = async || {
            let bytes = fapo_test_artifacts::bytes(name);
            self.sandbox
                .load(&bytes, &Limits::default())
                .await
                .map_err(|error| error.to_string())
        };
        self.loaded[name].get_or_init(load).await.clone()
    }

    /// Does what a row says, under a case id of its own.
    async fn attack(&self, attack: &Attack, case_id: &str) -> Became {
        let component = match self.component(attack.guest).await {
            Ok(component) => component,
            Err(refusal) => return Became::Refused(refusal),
        };
        let tenant = self
            .sandbox
            .tenant(component, grants(attack), fakes::imports());
        let case = Arc::new(case(attack.name, case_id));
        match attack.role {
            Role::Chain => self.attack_of_chain(tenant, &case).await,
            Role::Scorer => {
                let outcome = Outcome {
                    output_text: "an answer".into(),
                    diagnostics: vec![],
                };
                let graded = Graded::Pipeline {
                    outcome,
                    trace: Arc::default(),
                    profile: String::new(),
                };
                let ran = tenant.score(&case, graded, Attempt::first(1)).await;
                match ran.result {
                    Ok(score) => Became::Answered {
                        text: score.feedback.as_str().into(),
                        trace: ran.trace,
                    },
                    Err(failure) => Became::Failed(failure),
                }
            }
            Role::Validator => match tenant.validate_case(&case, "", Attempt::first(1)).await {
                ran if ran.result.is_ok() => Became::Answered {
                    text: "valid".into(),
                    trace: ran.trace,
                },
                ran => Became::Failed(ran.result.expect_err("the other arm took the rest")),
            },
        }
    }

    async fn attack_of_chain(&self, tenant: Tenant, case: &Arc<Case>) -> Became {
        let info: ChainInfo = match tenant.describe().await.result {
            Ok(info) => info,
            Err(failure) if failure.kind == FailureKind::Contract => {
                return Became::Refused(failure.message.as_str().into());
            }
            Err(failure) => return Became::Failed(failure),
        };
        if let Err(error) = info.check() {
            return Became::Refused(error.to_string());
        }
        let settings =
            Settings::resolve(&info, &Overrides::default()).expect("defaults were checked");
        let ran = tenant
            .with_steps(&info)
            .run_chain(case, &settings.into(), Attempt::first(1))
            .await;
        match ran.result {
            Ok(outcome) => Became::Answered {
                text: outcome.output_text.as_str().into(),
                trace: ran.trace,
            },
            Err(failure) => Became::Failed(failure),
        }
    }

    /// Waits until dropped instances have given up their places.
    async fn at_rest(&self) -> Live {
        for _ in 0..200 {
            if self.sandbox.live() == Live::default() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.sandbox.live()
    }
}

fn grants(attack: &Attack) -> Grants {
    let mut grants = Grants {
        limits: limits(attack.limits),
        ..Grants::default()
    };
    // A scorer has no more than a judge, and a judge only where it is granted.
    grants.scorer.insert(Capability::Provider);
    if !attack.granted {
        grants.chain.clear();
        grants.scorer.clear();
    }
    grants
}

fn limits(keys: &[(&str, u64)]) -> Limits {
    let mut written = WrittenLimits::default();
    for (key, value) in keys {
        assert!(written.set(key, *value), "there is no limit `{key}`");
    }
    Limits::resolve(&written, &WrittenLimits::default())
        .expect("no attack needs more than the ceiling")
}

fn case(attack: &str, id: &str) -> Case {
    let row = serde_json::json!({
        "case_id": id,
        "context": {"attack": attack},
        "expected": format!("{MARKER}{attack}"),
        "metadata": {"attack": attack},
    });
    Case::from_json(&row.to_string()).expect("the row is a case")
}

/// Returns what is wrong with what became of an attack.
fn complaint(attack: &Attack, became: &Became, again: &Became) -> Option<String> {
    let good = match (attack.expect, became) {
        (Expect::Fails { kind, limit }, Became::Failed(failure)) => {
            failure.kind == kind
                && limit
                    .is_none_or(|key| failure.limit.as_ref().is_some_and(|limit| limit.key == key))
                && !failure.message.is_empty()
        }
        (Expect::Answers(says) | Expect::Told { says, .. }, Became::Answered { text, .. }) => {
            text.contains(says)
        }
        (Expect::Repeats(says), Became::Answered { text, .. }) => {
            text.contains(says)
                && matches!(again, Became::Answered { text: same, .. } if same == text)
        }
        (Expect::Dropped("log_bytes_max"), Became::Answered { trace, .. }) => {
            trace.log_lines_dropped > 0
        }
        (Expect::Dropped("stdio_bytes_max"), Became::Answered { trace, .. }) => {
            trace.stdio_bytes_dropped > 0
        }
        (Expect::Refused(says), Became::Refused(words)) => words.contains(says),
        _ => false,
    };
    let shown = format!("{became:?}");
    let leaked = shown
        .contains(MARKER)
        .then_some("the expected value leaked");
    let raw = shown
        .contains('\u{1b}')
        .then_some("an escape sequence is shown as it is");
    match (good, leaked.or(raw)) {
        (true, None) => None,
        (true, Some(why)) => Some(format!("{}: {why}", attack.name)),
        (false, _) => Some(format!(
            "{}: expected {:?}, became {}",
            attack.name,
            attack.expect,
            cut(&shown)
        )),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(600).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_ends_as_the_table_says() {
    let range = Range::new();
    let mut complaints = Vec::new();
    for attack in ATTACKS {
        let became = range.attack(attack, "first").await;
        let again = range.attack(attack, "first").await;
        complaints.extend(complaint(attack, &became, &again));
        if !matches!(attack.expect, Expect::Refused(_)) {
            complaints
                .extend(complaint(attack, &again, &became).map(|why| format!("again: {why}")));
        }
    }
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
    assert_eq!(range.at_rest().await, Live::default());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_upload_ends_as_the_table_says() {
    let sandbox = fakes::sandbox();
    let mut complaints = Vec::new();
    for upload in UPLOADS {
        let bytes = (upload.bytes)();
        let loaded = sandbox.load(&bytes, &limits(upload.limits)).await;
        complaints.extend(upload_complaint(
            upload,
            loaded.map(|_| ()).map_err(|error| error.to_string()),
        ));
    }
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

/// A component with some bits turned may be taken or refused, and neither
/// harms the host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turned_bits_are_taken_or_refused_and_do_no_harm() {
    let sandbox = fakes::sandbox();
    let mut refused = 0;
    for seed in 0..40 {
        let bytes = bombs::flipped(seed);
        refused += u32::from(sandbox.load(&bytes, &Limits::default()).await.is_err());
    }
    assert!(refused > 0, "not one of forty is refused");
}

fn upload_complaint(upload: &Upload, loaded: Result<(), String>) -> Option<String> {
    match loaded {
        Ok(()) if upload.says.is_empty() => None,
        Ok(()) => Some(format!(
            "{}: was taken, not refused with `{}`",
            upload.name, upload.says
        )),
        Err(words) if !upload.says.is_empty() && words.contains(upload.says) => None,
        Err(words) => Some(format!(
            "{}: expected `{}`, was refused: {}",
            upload.name,
            upload.says,
            cut(&words)
        )),
    }
}

/// A limit that no guest runs into is a promise that nobody has tried.
#[test]
fn every_limit_has_an_attack_that_runs_into_it() {
    let mut tried: BTreeSet<&str> = UPLOADS
        .iter()
        .filter_map(|upload| upload.refused_by)
        .collect();
    for attack in ATTACKS {
        match attack.expect {
            Expect::Fails {
                limit: Some(key), ..
            }
            | Expect::Told { limit: key, .. }
            | Expect::Dropped(key) => {
                tried.insert(key);
            }
            Expect::Refused(key) => {
                tried.insert(key);
            }
            _ => {}
        }
    }
    let untried: Vec<_> = Limits::KEYS
        .iter()
        .map(|key| key.name)
        .filter(|key| !tried.contains(key))
        .collect();
    assert!(untried.is_empty(), "no attack runs into {untried:?}");
}

#[test]
fn every_guest_has_a_row() {
    let named: BTreeSet<_> = ATTACKS
        .iter()
        .filter_map(|attack| match attack.guest {
            Guest::Wat(name) => Some(name),
            Guest::Hostile => None,
        })
        .collect();
    let elsewhere = ["hostile", "hotpotqa", "quickstart", "six-step"];
    let idle: Vec<_> = fapo_test_artifacts::ALL
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !named.contains(name) && !elsewhere.contains(name))
        .collect();
    assert!(idle.is_empty(), "no row names {idle:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_of_the_hostile_guest_has_a_row() {
    let range = Range::new();
    let component = range
        .component(Guest::Hostile)
        .await
        .expect("the guest itself is honest");
    let tenant = range
        .sandbox
        .tenant(component, Grants::default(), fakes::imports());
    let info = tenant
        .describe()
        .await
        .result
        .expect("it describes itself honestly");
    let rows: BTreeSet<_> = ATTACKS.iter().map(|attack| attack.name).collect();
    let idle: Vec<_> = info
        .description
        .as_str()
        .split_whitespace()
        .filter(|name| !rows.contains(name))
        .collect();
    assert!(idle.is_empty(), "no row names {idle:?}");
}

/// Attacks that are over at once, so that ten thousand of them are, too.
const QUICK: [&str; 12] = [
    "crash-panic",
    "crash-division",
    "crash-exit-0",
    "crash-stack-frames",
    "provider-flood-at-once",
    "trace-events",
    "artifacts-calls",
    "memory-grow-panic",
    "output-error",
    "wasi-random-bytes",
    "leak-statics",
    "trap-recursion",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_ten_thousand_attacks_the_next_case_is_served() {
    let range = Arc::new(Range::new());
    let attacks: Vec<&Attack> = ATTACKS
        .iter()
        .filter(|attack| QUICK.contains(&attack.name))
        .collect();
    assert_eq!(attacks.len(), QUICK.len());
    let lanes: Vec<_> = (0..64)
        .map(|lane| {
            let (range, attacks) = (range.clone(), attacks.clone());
            tokio::spawn(async move {
                for nth in 0..10_000 / 64 + 1 {
                    let attack = attacks[(lane + nth) % attacks.len()];
                    let became = range.attack(attack, &format!("{lane}-{nth}")).await;
                    let complaint = complaint(attack, &became, &became);
                    assert!(complaint.is_none(), "{complaint:?}");
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("no attack reaches the host");
    }
    assert_eq!(range.at_rest().await, Live::default());
    let honest = ATTACKS
        .iter()
        .find(|attack| attack.name == "honest")
        .expect("there is an honest guest");
    let became = range.attack(honest, "after").await;
    assert!(matches!(became, Became::Answered { .. }), "{became:?}");
}
