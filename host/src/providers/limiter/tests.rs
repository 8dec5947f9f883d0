//! The limiter as a whole: between those who wait for it, when they go away,
//! and what it does at a server's word.

mod servers;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::simulated::Chance;
use super::told::Quota;
use super::*;

fn flow(tenant: &str, run: &str) -> Flow {
    Flow {
        tenant: tenant.into(),
        run: run.into(),
    }
}

fn places(in_flight_max: u32) -> Arc<Limiter> {
    Limiter::new(RateSettings {
        in_flight_max: Some(in_flight_max),
        ..RateSettings::default()
    })
}

const ANSWERED: Feedback = Feedback {
    outcome: Outcome::Answered { tokens: None },
    told: None,
};

fn refused(retry_after: Option<Duration>, slow_down: bool) -> Feedback {
    Feedback {
        outcome: Outcome::Throttled {
            retry_after,
            slow_down,
        },
        told: None,
    }
}

/// Asks that nothing is left of anybody.
fn check_empty(limiter: &Limiter) {
    let state = limiter.state();
    assert_eq!(state.gate.in_flight, 0);
    assert_eq!(state.queue.len(), 0);
    assert!(state.let_in.is_empty());
}

/// Lets runs ask one at a time, each as often as told, and returns the order.
async fn order(
    runs: &[(&'static str, &'static str, usize)],
    n: usize,
) -> Vec<(Arc<str>, Arc<str>)> {
    let limiter = places(1);
    let first = limiter.admit(&flow("first", "first"), 0).await;
    let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
    let mut cases = JoinSet::new();
    for (tenant, run, n) in runs {
        for _ in 0..*n {
            let (limiter, flow, sender) = (limiter.clone(), flow(tenant, run), sender.clone());
            cases.spawn(async move {
                let permit = limiter.admit(&flow, 0).await;
                sender.send((flow.tenant, flow.run)).unwrap();
                sleep(Duration::from_millis(1)).await;
                permit.done(ANSWERED);
            });
        }
    }
    sleep(Duration::from_millis(1)).await;
    first.done(ANSWERED);
    let mut went = Vec::new();
    order.recv_many(&mut went, 1).await;
    while went.len() < n {
        order.recv_many(&mut went, 1).await;
    }
    went
}

#[tokio::test(start_paused = true)]
async fn a_run_with_a_thousand_cases_does_not_starve_one_with_one() {
    for one in [("a", "small", 1), ("b", "small", 1)] {
        let went = order(&[("a", "large", 1_000), one], 3).await;
        let place = went.iter().position(|(_, run)| **run == *"small");
        assert!(place.is_some_and(|place| place <= 1), "{went:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_tenants_with_ten_runs_and_one_get_halves() {
    let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    let mut runs: Vec<_> = names.map(|run| ("many", run, 20)).into();
    runs.push(("few", "0", 200));
    let went = order(&runs, 200).await;
    let few = went.iter().filter(|(tenant, _)| **tenant == *"few").count();
    assert_eq!(few, 100);
    for name in names {
        let is_its = |(tenant, run): &&(Arc<str>, Arc<str>)| **tenant == *"many" && **run == *name;
        assert_eq!(went.iter().filter(is_its).count(), 10, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_lets_the_next_one_go() {
    let limiter = places(1);
    let flow = flow("t", "r");
    let permit = limiter.admit(&flow, 0).await;
    let gone = timeout(Duration::from_secs(1), limiter.admit(&flow, 0)).await;
    assert!(gone.is_err());
    // One that is let in and goes before it hears of it gives its place back.
    let mut deaf = Box::pin(limiter.admit(&flow, 0));
    let mut next = Box::pin(limiter.admit(&flow, 0));
    let mut context = Context::from_waker(Waker::noop());
    assert!(deaf.as_mut().poll(&mut context).is_pending());
    assert!(next.as_mut().poll(&mut context).is_pending());
    // A permit that is dropped gives its place back too.
    drop(permit);
    assert_eq!(limiter.state().let_in.len(), 1);
    assert!(next.as_mut().poll(&mut context).is_pending());
    drop(deaf);
    let permit = timeout(Duration::from_secs(1), next).await.unwrap();
    permit.done(ANSWERED);
    check_empty(&limiter);
}

#[tokio::test(start_paused = true)]
async fn the_clock_is_watched_though_the_one_who_did_is_gone_or_deaf() {
    for is_gone in [true, false] {
        let limiter = Limiter::new(RateSettings {
            requests_per_minute: Some(60),
            ..RateSettings::default()
        });
        let flow = flow("t", "r");
        limiter.admit(&flow, 0).await.done(ANSWERED);
        let mut watching = Box::pin(limiter.admit(&flow, 0));
        let mut context = Context::from_waker(Waker::noop());
        assert!(watching.as_mut().poll(&mut context).is_pending());
        let began = Instant::now();
        let waiting = tokio::spawn({
            let (limiter, flow) = (limiter.clone(), flow.clone());
            async move {
                limiter.admit(&flow, 0).await.done(ANSWERED);
                began.elapsed()
            }
        });
        tokio::task::yield_now().await;
        let most_s = match is_gone {
            true => 1.1,
            // The deaf one takes its turn first, and a second passes until
            // somebody takes over.
            false => 3.1,
        };
        let watching = (!is_gone).then_some(watching);
        let waited = timeout(Duration::from_secs(10), waiting)
            .await
            .unwrap()
            .unwrap();
        assert!(waited.as_secs_f64() <= most_s, "{is_gone}: {waited:?}");
        drop(watching);
        check_empty(&limiter);
    }
}

#[tokio::test(start_paused = true)]
async fn bounds_by_the_minute_hold() {
    let limiter = Limiter::new(RateSettings {
        requests_per_minute: Some(120),
        tokens_per_minute: Some(6_000),
        ..RateSettings::default()
    });
    let flow = flow("t", "r");
    let began = Instant::now();
    for _ in 0..5 {
        limiter.admit(&flow, 10).await.done(ANSWERED);
    }
    // Two are a second's worth, and each of the others takes half a second.
    let seconds = began.elapsed().as_secs_f64();
    assert!((1.5..1.6).contains(&seconds), "{seconds}");
    // More tokens than a second's worth wait for a full bucket, and leave a
    // debt that is as large as what was used in truth.
    limiter.admit(&flow, 1_000).await.done(Feedback {
        outcome: Outcome::Answered { tokens: Some(300) },
        told: None,
    });
    let began = Instant::now();
    limiter.admit(&flow, 100).await.done(ANSWERED);
    let seconds = began.elapsed().as_secs_f64();
    assert!((2.5..3.1).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_stops_all_if_nobody_is_let_in_and_nobody_otherwise() {
    let limiter = places(8);
    let flow = flow("t", "r");
    let long = refused(Some(Duration::from_secs(40)), false);
    let began = Instant::now();
    limiter.admit(&flow, 0).await.done(long);
    limiter.admit(&flow, 0).await.done(ANSWERED);
    assert!(began.elapsed() < Duration::from_secs(1));
    for _ in 0..4 {
        limiter.admit(&flow, 0).await.done(long);
    }
    let began = Instant::now();
    limiter.admit(&flow, 0).await.done(ANSWERED);
    assert!(
        began.elapsed() >= Duration::from_secs(40),
        "{:?}",
        began.elapsed()
    );
    // No word holds for good.
    let forever = Duration::from_secs(1_000_000);
    limiter
        .admit(&flow, 0)
        .await
        .done(refused(Some(forever), true));
    let began = Instant::now();
    limiter.admit(&flow, 0).await.done(ANSWERED);
    let waited = began.elapsed().as_secs();
    assert!((60..=80).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_to_slow_down_is_left_alone_for_a_second() {
    let limiter = places(8);
    let flow = flow("t", "r");
    limiter.admit(&flow, 0).await.done(refused(None, true));
    let began = Instant::now();
    limiter.admit(&flow, 0).await.done(ANSWERED);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_told_to_be_used_up_holds_requests_back_for_a_minute_at_most() {
    let told = |limit, reset_s| Feedback {
        told: Some(Told {
            tokens: Some(Quota {
                limit,
                remaining: 0,
                reset: Some(Duration::from_secs(reset_s)),
            }),
            ..Told::default()
        }),
        ..ANSWERED
    };
    for (limit, reset_s, tokens, wait_s) in [
        (1_000, 10, 500, 5),
        (1_000, 10, 1_000_000, 10),
        (1_000, 1_000_000, 500, 60),
        (u64::MAX, 1_000_000, u64::MAX, 60),
    ] {
        let limiter = places(8);
        let flow = flow("t", "r");
        limiter
            .admit(&flow, tokens)
            .await
            .done(told(limit, reset_s));
        let began = Instant::now();
        limiter.admit(&flow, tokens).await.done(ANSWERED);
        let waited = began.elapsed().as_secs_f64();
        assert!(
            (waited - f64::from(wait_s)).abs() < 0.1,
            "{limit} {reset_s}: {waited}"
        );
    }
}

#[test]
fn counts_are_right_whatever_happens_and_whenever() {
    for seed in 0..40 {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(anything(seed));
    }
}

/// Lets tasks ask and stop asking at random, with random bounds, answers and
/// headers.
async fn anything(seed: u64) {
    let mut chance = Chance(seed);
    let in_flight_max = 1 + (chance.bits() % 20) as u32;
    let limiter = Limiter::new(RateSettings {
        in_flight_max: Some(in_flight_max),
        requests_per_minute: seed.is_multiple_of(3).then_some(6_000),
        tokens_per_minute: seed.is_multiple_of(5).then_some(60_000),
    });
    let under_way = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for n in 0..200 {
        let (limiter, under_way) = (limiter.clone(), under_way.clone());
        let mut own = Chance((seed << 32) | n);
        tasks.spawn(async move {
            let flow = flow(["a", "b"][n as usize % 2], ["0", "1", "2"][n as usize % 3]);
            for _ in 0..10 {
                let patience = Duration::from_millis(own.bits() % 2_000);
                let admitted = limiter.admit(&flow, own.bits() % 1_000);
                let Ok(permit) = timeout(patience, pin!(admitted)).await else {
                    continue;
                };
                let n = under_way.fetch_add(1, SeqCst) + 1;
                assert!(n <= in_flight_max, "{n} of {in_flight_max}");
                sleep(Duration::from_millis(own.bits() % 100)).await;
                under_way.fetch_sub(1, SeqCst);
                match own.bits() % 3 {
                    0 => drop(permit),
                    _ => permit.done(any_feedback(&mut own)),
                }
            }
        });
        sleep(Duration::from_millis(chance.bits() % 20)).await;
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    check_empty(&limiter);
    // Whatever was told, the next one goes within the longest debt there is.
    let last = flow("c", "0");
    let next = limiter.admit(&last, 1);
    timeout(Duration::from_secs(700), next)
        .await
        .unwrap()
        .done(ANSWERED);
    check_empty(&limiter);
}

fn any_feedback(chance: &mut Chance) -> Feedback {
    let outcome = match chance.bits() % 8 {
        0 => Outcome::Failed,
        1 => Outcome::Throttled {
            retry_after: chance
                .one_in(2)
                .then_some(Duration::from_secs(chance.bits() % 90)),
            slow_down: chance.one_in(20),
        },
        _ => Outcome::Answered {
            tokens: chance
                .one_in(2)
                .then_some(chance.bits() >> (chance.bits() % 64)),
        },
    };
    let mut quota = || {
        chance.one_in(4).then(|| Quota {
            limit: (chance.bits() >> (chance.bits() % 64)).max(1),
            remaining: chance.bits() >> (chance.bits() % 64),
            reset: chance
                .one_in(2)
                .then_some(Duration::from_millis(chance.bits() >> 32)),
        })
    };
    let told = Told {
        requests: quota(),
        tokens: quota(),
        input_tokens: quota(),
        output_tokens: quota(),
        retry_after: None,
    };
    Feedback {
        outcome,
        told: Some(told),
    }
}
