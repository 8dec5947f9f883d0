//! The same question, asked several times at once.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_question_asked_at_once_is_sent_once() {
    let desk = Desk::new();
    let provider = desk.provider(&desk.cache(1 << 30), None, Mode::Use);
    let all: Vec<_> = (0..64)
        .map(|n| tokio::spawn(provider.generate(site(&n.to_string()), says("x"))))
        .collect();
    let mut paid = 0;
    for one in all {
        let delivery = one.await.unwrap();
        assert_eq!(text(&delivery), "0");
        paid += u32::from(!delivery.receipt.cached);
    }
    assert_eq!((paid, desk.asked()), (1, 1));
}

/// Polls everything until nothing moves but what waits for the provider.
async fn until_asked(desk: &Desk, n: u32) {
    while desk.asked() < n {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whoever_sent_it_and_goes_away_leaves_it_to_the_next() {
    let desk = Desk::new();
    desk.counting.may.forget_permits(1_000_000);
    let cache = desk.cache(1 << 30);
    let provider = desk.provider(&cache, None, Mode::Use);
    let leader = tokio::spawn(provider.generate(site("a"), says("x")));
    until_asked(&desk, 1).await;
    let next = tokio::spawn(provider.generate(site("b"), says("x")));
    tokio::task::yield_now().await;
    assert_eq!(desk.asked(), 1, "it waits for the first");
    leader.abort();
    until_asked(&desk, 2).await;
    desk.counting.may.add_permits(1);
    assert_eq!(text(&next.await.unwrap()), "1");
    assert!(leader.await.unwrap_err().is_cancelled());
    assert!(cache.0.flights.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn after_a_failure_the_next_one_tries_itself() {
    let desk = Desk::new();
    desk.counting.fails.store(1, SeqCst);
    desk.counting.may.forget_permits(1_000_000);
    let provider = desk.provider(&desk.cache(1 << 30), None, Mode::Use);
    let leader = tokio::spawn(provider.generate(site("a"), says("x")));
    until_asked(&desk, 1).await;
    let waiting = ["b", "c"].map(|case| tokio::spawn(provider.generate(site(case), says("x"))));
    desk.counting.may.add_permits(2);
    assert!(leader.await.unwrap().answer.is_err());
    for one in waiting {
        assert_eq!(text(&one.await.unwrap()), "1");
    }
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn of_two_processes_that_answer_at_once_the_first_is_kept_and_used_by_both() {
    let desk = Desk::new();
    desk.counting.may.forget_permits(1_000_000);
    let one = desk.provider(&desk.cache(1 << 30), None, Mode::Use);
    let other = desk.provider(&desk.cache(1 << 30), None, Mode::Use);
    let one = tokio::spawn(one.generate(site("a"), says("x")));
    until_asked(&desk, 1).await;
    let other = tokio::spawn(other.generate(site("a"), says("x")));
    until_asked(&desk, 2).await;
    desk.counting.may.add_permits(2);
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert_eq!(one.answer, other.answer);
    assert_eq!(one.receipt.served, other.receipt.served);
    assert!(
        !one.receipt.cached && !other.receipt.cached,
        "both were paid"
    );
}
