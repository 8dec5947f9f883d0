use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

const DATE: &str = "2026-01-31";

fn calls(n: u64) -> Budget {
    Budget {
        calls_max: Some(n),
        ..Budget::default()
    }
}

fn call() -> Amount {
    Amount {
        calls: 1,
        tokens: 100,
        nano_usd: 2_500,
    }
}

/// A tenant's budgets, of which the day's is the narrowest.
fn scopes(tenant: &str, day: u64) -> Arc<[(ScopeKey, Budget)]> {
    Arc::new([
        (ScopeKey::study(tenant, "s1"), Budget::default()),
        (ScopeKey::tenant(tenant), calls(1_000)),
        (ScopeKey::tenant_day(tenant, DATE), calls(500)),
        (ScopeKey::day(DATE), calls(day)),
    ])
}

/// The ledger's name in a desk's directory.
const NAME: &str = "spending.sqlite";

struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(NAME)
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&self.path()).unwrap_or_else(|error| panic!("{:?}", error.chain()))
    }

    fn row(&self, scope: &ScopeKey, purpose: &str) -> Row {
        let mut rows = rows(&self.path()).unwrap().into_iter();
        let row = rows.find(|row| row.scope == scope.as_str() && row.purpose == purpose);
        row.unwrap_or_else(|| panic!("no row of {scope}"))
    }
}

#[tokio::test]
async fn what_is_settled_takes_the_place_of_what_was_reserved() {
    let desk = Desk::new();
    let ledger = desk.ledger();
    let scopes = scopes("acme", 2);
    let reservation = ledger.reserve(&scopes, Purpose::Task, call()).await;
    let day = ScopeKey::day(DATE);
    let row = desk.row(&day, "task");
    assert_eq!((row.calls, row.reserved_calls), (0, 1));
    assert_eq!((row.reserved_tokens, row.reserved_usd), (100, 0.0000025));
    let actual = Amount {
        tokens: 70,
        ..call()
    };
    ledger.settle(reservation.unwrap(), actual);
    drop(ledger);
    let row = desk.row(&day, "task");
    assert_eq!((row.calls, row.tokens, row.usd), (1, 70, 0.0000025));
    assert_eq!((row.reserved_calls, row.reserved_tokens), (0, 0));
}

#[tokio::test]
async fn a_refusal_reserves_nothing_in_any_scope() {
    let desk = Desk::new();
    let ledger = desk.ledger();
    let scopes = scopes("acme", 0);
    let refused = ledger.reserve(&scopes, Purpose::Task, call()).await;
    let refusal = refused.unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "`day:2026-01-31`: the budget `calls_max` = 0 is spent: 0 spent or reserved, 1 more asked for"
    );
    assert_eq!(rows(&desk.path()).unwrap(), []);
}

#[tokio::test]
async fn whoever_asks_spends_of_the_same_budget_and_has_a_row_of_its_own() {
    let desk = Desk::new();
    let ledger = desk.ledger();
    let scopes = scopes("acme", 2);
    for purpose in [Purpose::Task, Purpose::Judge] {
        let reservation = ledger.reserve(&scopes, purpose, call()).await.unwrap();
        assert_eq!(reservation.amount, call());
        ledger.settle(reservation, call());
    }
    let refused = ledger.reserve(&scopes, Purpose::Proposer, call()).await;
    assert!(matches!(refused, Err(Refusal::Overspent { .. })));
    let rows = rows(&desk.path()).unwrap();
    let purposes: Vec<_> = rows.iter().map(|row| row.purpose.as_str()).collect();
    assert_eq!(purposes, ["judge", "task"].repeat(4));
}

#[tokio::test]
async fn another_day_tenant_or_study_has_its_own_budget() {
    let desk = Desk::new();
    let ledger = desk.ledger();
    let keys = [
        ScopeKey::day(DATE),
        ScopeKey::day("2026-02-01"),
        ScopeKey::tenant("acme"),
        ScopeKey::tenant_day("acme", DATE),
        ScopeKey::study("acme", "s1"),
        ScopeKey::study("acme", "s2"),
        ScopeKey::study("other", "s1"),
    ];
    for key in keys {
        let scopes: Arc<[_]> = Arc::new([(key, calls(1))]);
        let one = ledger.reserve(&scopes, Purpose::Task, call()).await;
        assert!(one.is_ok(), "{one:?}");
        let two = ledger.reserve(&scopes, Purpose::Task, call()).await;
        assert!(two.is_err(), "{two:?}");
    }
}

#[tokio::test]
async fn what_a_process_reserved_and_never_settled_stays_spent() {
    let desk = Desk::new();
    let scopes = scopes("acme", 1);
    let ledger = desk.ledger();
    let reservation = ledger.reserve(&scopes, Purpose::Task, call()).await;
    drop((reservation.unwrap(), ledger));
    let again = desk.ledger();
    let refused = again.reserve(&scopes, Purpose::Task, call()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn whoever_goes_away_before_it_is_decided_spends_nothing() {
    let desk = Desk::new();
    let ledger = desk.ledger();
    let scopes = scopes("acme", 1);
    // Whoever holds the file keeps the decision waiting.
    let mut other = database::open(&desk.path(), &LAYOUT).unwrap();
    let held = database::writing(&mut other).unwrap();
    let mut gone = Box::pin(ledger.reserve(&scopes, Purpose::Task, call()));
    assert!(
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(gone.as_mut().poll(context).is_pending())
        })
        .await
    );
    drop(gone);
    held.commit().unwrap();
    drop(ledger);
    let row = desk.row(&ScopeKey::day(DATE), "task");
    assert_eq!((row.calls, row.reserved_calls), (0, 0));
}

#[tokio::test]
async fn without_a_ledger_that_can_be_written_nothing_is_granted() {
    let desk = Desk::new();
    let ledger = desk.ledger();
    let other = database::open(&desk.path(), &LAYOUT).unwrap();
    other.execute_batch("DROP TABLE spending").unwrap();
    let scopes = scopes("acme", 1);
    let refused = ledger.reserve(&scopes, Purpose::Task, call()).await;
    assert!(
        matches!(refused, Err(Refusal::Unwritable(_))),
        "{refused:?}"
    );
    assert!(rows(&desk.path()).is_err());
}

#[test]
fn a_ledger_that_is_damaged_is_an_error_and_none_is_empty() {
    let desk = Desk::new();
    assert_eq!(rows(&desk.path()).unwrap(), []);
    assert!(!desk.path().exists());
    std::fs::write(desk.path(), "spent? ".repeat(100)).unwrap();
    for error in [
        Ledger::open(&desk.path()).err().unwrap(),
        rows(&desk.path()).unwrap_err(),
    ] {
        assert!(error.chain()[0].ends_with("is damaged"), "{error:?}");
    }
}

/// The variable that tells a process of the race below where to race.
const RACE: &str = "FAPO_TEST_SPENDING_RACE";

/// Asks for 256 calls at once, and returns how many were granted.
fn race(ledger: &Ledger) -> usize {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..256)
            .map(|_| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let scopes = scopes("acme", 100);
                    let granted = ledger.reserve(&scopes, Purpose::Task, call()).await;
                    granted
                        .map(|reservation| ledger.settle(reservation, call()))
                        .is_ok()
                })
            })
            .collect();
        let mut granted = 0;
        for task in tasks {
            granted += usize::from(task.await.unwrap());
        }
        granted
    })
}

/// Runs itself twice, as processes of their own.
#[test]
fn two_processes_that_race_for_100_calls_get_exactly_100() {
    let this = "spending::tests::two_processes_that_race_for_100_calls_get_exactly_100";
    if let Some(dir) = std::env::var_os(RACE).map(PathBuf::from) {
        let ledger = Ledger::open(&dir.join(NAME)).unwrap();
        let me = std::process::id().to_string();
        std::fs::write(dir.join(format!("{me}.ready")), "").unwrap();
        // Whoever started this process holds the file until both are here.
        std::fs::File::open(dir.join("start"))
            .unwrap()
            .lock_shared()
            .unwrap();
        let granted = race(&ledger).to_string();
        std::fs::write(dir.join(format!("{me}.granted")), granted).unwrap();
        return;
    }
    let desk = Desk::new();
    drop(desk.ledger());
    let start = std::fs::File::create(desk.dir.path().join("start")).unwrap();
    start.lock().unwrap();
    let mut racers = [(); 2].map(|()| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", this])
            .env(RACE, desk.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    });
    let found = |end: &str| -> Vec<PathBuf> {
        let names = std::fs::read_dir(desk.dir.path()).unwrap();
        let paths = names.map(|entry| entry.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|e| e == end))
            .collect()
    };
    while found("ready").len() < 2 {
        for racer in &mut racers {
            assert_eq!(racer.try_wait().unwrap(), None, "it ended before the start");
        }
        std::thread::yield_now();
    }
    start.unlock().unwrap();
    for mut racer in racers {
        assert!(racer.wait().unwrap().success());
    }
    let granted = found("granted").into_iter().map(|path| {
        std::fs::read_to_string(path)
            .unwrap()
            .parse::<usize>()
            .unwrap()
    });
    assert_eq!(granted.sum::<usize>(), 100);
    let row = desk.row(&ScopeKey::day(DATE), "task");
    assert_eq!((row.calls, row.reserved_calls), (100, 0));
}
