//! The limiter against servers of all kinds.

use std::time::Duration;

use super::super::simulated::{N_WORKERS, RetryAfter, Server, run};

/// A server, and what is expected of those who ask it.
struct Row {
    name: &'static str,
    server: Server,
    seconds: usize,
    n_clients: u32,
    used_least: f64,
    refused_most: f64,
}

fn row(name: &'static str, server: Server) -> Row {
    Row {
        name,
        server,
        seconds: 60,
        n_clients: 1,
        used_least: 0.95,
        refused_most: 0.05,
    }
}

impl Row {
    /// So long.
    fn s(self, seconds: usize) -> Self {
        Self { seconds, ..self }
    }

    /// By two clients.
    fn twice(self) -> Self {
        Self {
            n_clients: 2,
            ..self
        }
    }

    /// With this share of the quota used, and of requests refused.
    fn bar(self, used_least: f64, refused_most: f64) -> Self {
        Self {
            used_least,
            refused_most,
            ..self
        }
    }
}

/// Expects that so much of each quota is used in all, and that so few are
/// refused after a third of the time.
fn check(rows: &[Row]) {
    let mut table = String::new();
    let mut is_good = true;
    for row in rows {
        for seed in [1, 2] {
            let run = run(row.server, row.seconds, row.n_clients, seed);
            let from_s = row.seconds / 3;
            let (used, refused) = (run.share(0), run.refused(from_s));
            is_good &= used >= row.used_least && refused <= row.refused_most;
            table += &format!(
                "\n{:28} used {used:.3} of {}, then {:.3}; refused {:.3}, then {refused:.3} \
                 of {}; in a second {}, then {}",
                row.name,
                row.used_least,
                run.share(from_s),
                run.refused(0),
                row.refused_most,
                run.refused_in_a_second(0),
                run.refused_in_a_second(from_s),
            );
        }
    }
    assert!(is_good, "{table}");
}

#[test]
fn quotas_by_the_minute_are_found_and_used() {
    let quota = Server::quota;
    check(&[
        // It takes a dozen refusals to find the quota, and that is many of so few.
        row("60/min, burst 1, 5 ms", quota(60.0, 1.0, 5.0))
            .s(120)
            .bar(0.88, 0.06),
        row("60/min, burst 1, 5 s", quota(60.0, 1.0, 5_000.0))
            .s(120)
            .bar(0.88, 0.06),
        row("60/min, burst 10, 200 ms", quota(60.0, 10.0, 200.0))
            .s(120)
            .bar(0.95, 0.06),
        row("60/min, burst 60, 5 ms", quota(60.0, 60.0, 5.0))
            .s(120)
            .bar(0.95, 0.06),
        row("60/min, burst 60, 5 s", quota(60.0, 60.0, 5_000.0))
            .s(120)
            .bar(0.95, 0.06),
        row("600/min, burst 1, 5 ms", quota(600.0, 1.0, 5.0)),
        row("600/min, burst 10, 5 ms", quota(600.0, 10.0, 5.0)),
        row("600/min, burst 10, 200 ms", quota(600.0, 10.0, 200.0)),
        row("600/min, burst 10, 5 s", quota(600.0, 10.0, 5_000.0)),
        row("600/min, burst 600, 200 ms", quota(600.0, 600.0, 200.0)),
        row("6000/min, burst 100, 5 ms", quota(6_000.0, 100.0, 5.0)),
        row("6000/min, burst 100, 200 ms", quota(6_000.0, 100.0, 200.0)),
        // The first answers come after two seconds.
        row("6000/min, burst 100, 2 s", quota(6_000.0, 100.0, 2_000.0)).bar(0.90, 0.05),
        row(
            "6000/min, burst 6000, 200 ms",
            quota(6_000.0, 6_000.0, 200.0),
        ),
    ]);
}

#[test]
fn what_servers_tell_helps_and_does_not_mislead() {
    let quota = Server::quota(600.0, 10.0, 300.0);
    let after = |retry_after| Server {
        retry_after,
        ..quota
    };
    let tells = |per_minute, burst, answer_ms| Server {
        tells_quota: true,
        ..Server::quota(per_minute, burst, answer_ms)
    };
    let quick = Server {
        retry_after: RetryAfter::Always(1.0),
        ..Server::quota(3_000.0, 50.0, 300.0)
    };
    check(&[
        row("honest Retry-After", after(RetryAfter::Honest)),
        row("1 s for a refill of 20 ms", quick),
        row("always 20 s", after(RetryAfter::Always(20.0))),
        row("headers, 60/min", tells(60.0, 60.0, 300.0)).bar(0.95, 0.01),
        row("headers, 600/min, 5 s", tells(600.0, 600.0, 5_000.0)).bar(0.95, 0.01),
        row("headers, 6000/min, 50 ms", tells(6_000.0, 6_000.0, 50.0)).bar(0.95, 0.01),
        row("headers, 10 a second", tells(600.0, 10.0, 300.0)).bar(0.95, 0.01),
    ]);
}

#[test]
fn servers_that_count_who_is_inside_are_filled_and_not_stormed() {
    let places = Server::places;
    check(&[
        row("4 places, 1 s", places(4, 1_000.0))
            .s(240)
            .bar(0.90, 0.05),
        row("20 places, 200 ms", places(20, 200.0)).s(120),
        row("20 places, 2 s", places(20, 2_000.0))
            .s(120)
            .bar(0.90, 0.05),
        row("100 places, 1 s", places(100, 1_000.0)).s(120),
        row("100 places, 5 s", places(100, 5_000.0)).s(120),
    ]);
}

#[test]
fn quotas_that_change_or_are_shared_or_refuse_late_are_followed() {
    let quota = Server::quota(600.0, 10.0, 300.0);
    let later = |per_minute| Server {
        later: Some((60.0, per_minute)),
        ..quota
    };
    let late = Server {
        refusal_ms: 300.0,
        ..quota
    };
    let by_minute = Server {
        is_by_minute: true,
        ..Server::quota(600.0, 600.0, 300.0)
    };
    check(&[
        row("three times as much later", later(1_800.0))
            .s(180)
            .bar(0.90, 0.05),
        row("a third as much later", later(200.0))
            .s(180)
            .bar(0.95, 0.10),
        row("ten times as much later", later(6_000.0))
            .s(240)
            .bar(0.90, 0.05),
        row("refusals as late as answers", late),
        row("all of a minute at once", by_minute)
            .s(300)
            .bar(0.95, 0.10),
        row("two clients", quota).s(120).twice(),
        row("two clients, quick", Server::quota(3_000.0, 50.0, 300.0))
            .s(120)
            .twice(),
    ]);
}

#[test]
fn a_server_without_a_quota_is_asked_by_all_within_a_few_round_trips() {
    for (answer_ms, seconds) in [(5.0, 2), (100.0, 5), (5_000.0, 30)] {
        let server = Server {
            places: None,
            network_ms: 0.0,
            ..Server::places(0, answer_ms)
        };
        let run = run(server, seconds, 1, 1);
        assert_eq!(run.refused(0), 0.0);
        // Sixteen double to 256 in four round trips, or in four seconds.
        let all_at = run.crowded_at[N_WORKERS as usize - 1];
        let most = Duration::from_secs_f64(answer_ms * 8.0 / 1e3);
        assert!(all_at <= most.min(Duration::from_secs(5)), "{all_at:?}");
    }
}

#[test]
fn a_server_that_is_in_trouble_now_and_then_is_not_asked_ever_less() {
    for per_minute in [None, Some(3_000.0)] {
        let server = Server {
            per_minute,
            places: None,
            overloaded_one_in: Some(30),
            ..Server::quota(0.0, 50.0, 100.0)
        };
        let run = run(server, 180, 1, 1);
        let (at_first, later) = (run.per_s(0..30), run.per_s(120..180));
        assert!(later >= at_first * 0.7, "{at_first} a second, then {later}");
    }
}
