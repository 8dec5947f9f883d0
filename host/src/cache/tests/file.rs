//! The file: what goes from it, and what happens when it is damaged.

use super::*;

#[tokio::test]
async fn beyond_its_bound_what_was_not_used_for_longest_goes() {
    let desk = Desk::new();
    let bytes_max = 400 << 10;
    let cache = desk.cache(bytes_max);
    let provider = desk.provider(&cache, None, Mode::Use);
    let long = |n: u32| says(&n.to_string());
    provider.generate(site("used"), says("used")).await;
    for n in 0..3_000 {
        desk.now.fetch_add(60, SeqCst);
        provider.generate(site(&n.to_string()), long(n)).await;
        if n % 50 == 0 {
            let used = provider
                .generate(site(&format!("u{n}")), says("used"))
                .await;
            assert!(used.receipt.cached, "{n}");
        }
    }
    let before = desk.asked();
    assert_eq!(before, 3_001);
    let last = provider.generate(site("last"), long(2_999)).await;
    assert!(last.receipt.cached);
    let first = provider.generate(site("first"), long(0)).await;
    assert!(!first.receipt.cached);
    let stats = desk.file().stats().unwrap();
    assert!((100..2_900).contains(&stats.entries), "{stats:?}");
    assert!(stats.file_bytes < bytes_max + (64 << 10), "{stats:?}");
}

#[tokio::test]
async fn a_hit_is_noted_once_an_hour() {
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    let provider = desk.provider(&cache, None, Mode::Use);
    provider.generate(site("a"), says("x")).await;
    let mut used = Vec::new();
    for later in [0, 1_800, 1_800, 3_599, 1] {
        desk.now.fetch_add(later, SeqCst);
        provider
            .generate(site(&format!("{used:?}")), says("x"))
            .await;
        // What is put waits behind what was noted.
        provider
            .generate(site("b"), says(&format!("{used:?}")))
            .await;
        let groups = desk.file().stats().unwrap().groups;
        used.push(groups[0].last_used.clone());
    }
    let minutes: Vec<_> = used.iter().map(|at| &at[11..16]).collect();
    assert_eq!(minutes[0], "13:46");
    assert_eq!(minutes[2], "14:46");
}

#[tokio::test]
async fn a_file_that_breaks_amid_a_run_costs_only_the_keeping() {
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    let provider = desk.provider(&cache, None, Mode::Use);
    provider.generate(site("a"), says("x")).await;
    let connection = rusqlite::Connection::open(desk.path()).unwrap();
    connection.execute_batch("DROP TABLE answers").unwrap();
    let next = provider.generate(site("b"), says("x")).await;
    assert_eq!(text(&next), "1");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_asked_for_and_written_anew() {
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    let provider = desk.provider(&cache, None, Mode::Use);
    provider.generate(site("a"), says("x")).await;
    let connection = rusqlite::Connection::open(desk.path()).unwrap();
    let cut = "UPDATE answers SET answer = CAST(substr(answer, 1, 9) AS BLOB)";
    connection.execute_batch(cut).unwrap();
    assert_eq!(text(&provider.generate(site("b"), says("x")).await), "1");
    let found = provider.generate(site("c"), says("x")).await;
    assert!(found.receipt.cached);
    assert_eq!(text(&found), "1");
}

#[tokio::test]
async fn a_disk_that_cannot_be_used_stops_nobody() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path()).unwrap();
    let cache = Cache::open(&desk.path(), 1 << 30).unwrap();
    let provider = desk.provider(&cache, None, Mode::Use);
    assert_eq!(text(&provider.generate(site("a"), says("x")).await), "0");
    assert_eq!(text(&provider.generate(site("b"), says("x")).await), "1");
}

#[tokio::test]
async fn a_file_of_something_else_is_an_error() {
    let desk = Desk::new();
    std::fs::write(desk.path(), "answers? ".repeat(100)).unwrap();
    let error = Cache::open(&desk.path(), 1 << 30).err().unwrap();
    assert!(error.chain()[0].ends_with("is damaged"), "{error:?}");
    assert!(error.hint_text().unwrap().contains("move the file away"));
}

#[tokio::test]
async fn its_owner_chooses_what_goes() {
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    for (tenant, at) in [("acme", 1_000_000), ("other", 2_000_000)] {
        desk.now.store(at, SeqCst);
        let provider = desk.provider(&cache, Some(tenant), Mode::Use);
        for n in 0..300 {
            let long = says(&format!("{n} {}", "x".repeat(500)));
            provider.generate(site(&n.to_string()), long).await;
        }
    }
    drop(cache);
    let mut file = desk.file();
    let stats = file.stats().unwrap();
    assert_eq!((stats.entries, stats.groups.len()), (600, 2));
    assert!((stats.worth_usd - 180.0).abs() < 1e-6, "{stats:?}");
    assert_eq!(stats.oldest.as_deref(), Some("1970-01-12T13:46:40Z"));
    let mut gone = |choice: Choice| file.prune(&choice).unwrap().entries;
    let of = |tenant: &str| Choice {
        tenant: Some(tenant.into()),
        ..Choice::default()
    };
    let nobodys = gone(Choice {
        used_before: Some(2_000_000),
        ..of("other")
    });
    assert_eq!(nobodys, 0);
    let old = gone(Choice {
        used_before: Some(1_000_001),
        ..Choice::default()
    });
    assert_eq!(old, 300);
    let size = |desk: &Desk| std::fs::metadata(desk.path()).unwrap().len();
    let before = size(&desk);
    let some = gone(Choice {
        to_bytes: Some(before / 2),
        ..Choice::default()
    });
    assert!((1..300).contains(&some), "{some}");
    assert!(size(&desk) <= before / 2 && size(&desk) > before / 4);
    assert_eq!(gone(of("acme")), 0);
    assert_eq!(gone(Choice::default()), 300 - some);
    let left = desk.file().stats().unwrap();
    assert_eq!((left.entries, left.bytes), (0, 0));
    assert!(left.file_bytes < 64 << 10, "{left:?}");
}
