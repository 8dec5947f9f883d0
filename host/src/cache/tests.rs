mod file;
mod once;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

use fapo_core::call::{Choice as Answered, Completion, FinishReason, Served, Usage};
use fapo_core::message::{ContentPart, Message, Speaker};
use tokio::sync::Semaphore;

use super::*;
use crate::trial::site;

/// Answers with how often it was asked, once it may.
struct Counting {
    asked: AtomicU32,
    fails: AtomicU32,
    may: Semaphore,
}

struct Shared(Arc<Counting>);

impl Provider for Shared {
    fn generate(&self, _: CallSite, _: Arc<GenerateRequest>) -> Answer<Delivery> {
        let counting = self.0.clone();
        Box::pin(async move {
            let n = counting.asked.fetch_add(1, SeqCst);
            counting.may.acquire().await.unwrap().forget();
            if counting.fails.load(SeqCst) > n {
                return Err(ProviderError::Unavailable("down".into())).into();
            }
            Delivery {
                answer: Ok(completion(&n.to_string())),
                receipt: Receipt {
                    paid_usd: Some(0.1 + 0.2),
                    worth_usd: Some(0.1 + 0.2),
                    served: Served {
                        fingerprint: Some(format!("fp-{n}").as_str().into()),
                        ..Served::default()
                    },
                    ..Receipt::default()
                },
            }
        })
    }
}

fn completion(text: &str) -> Completion {
    Completion {
        model: "counting".into(),
        choices: vec![Answered {
            text: text.into(),
            tool_calls: vec![],
            finish_reason: FinishReason::Stop,
            opaque: vec![],
        }],
        usage: Usage::default(),
    }
}

fn says(text: &str) -> Arc<GenerateRequest> {
    Arc::new(GenerateRequest {
        messages: vec![Message {
            role: Speaker::User,
            content: vec![ContentPart::Text(text.into())],
            tool_calls: vec![],
            tool_call_id: None,
        }],
        ..GenerateRequest::default()
    })
}

/// A cache in a directory of its own, with a clock that stands.
struct Desk {
    dir: tempfile::TempDir,
    now: Arc<AtomicU64>,
    counting: Arc<Counting>,
}

impl Desk {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            now: Arc::new(AtomicU64::new(1_000_000)),
            counting: Arc::new(Counting {
                asked: AtomicU32::new(0),
                fails: AtomicU32::new(0),
                may: Semaphore::new(1_000_000),
            }),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("cache.sqlite")
    }

    fn cache(&self, bytes_max: u64) -> Cache {
        let now = self.now.clone();
        let clock: Clock = Arc::new(move || now.load(SeqCst));
        Cache::open_by(&self.path(), bytes_max, &clock)
            .unwrap_or_else(|error| panic!("{:?}", error.chain()))
    }

    fn provider(&self, cache: &Cache, tenant: Option<&str>, mode: Mode) -> Arc<dyn Provider> {
        let provider = Arc::new(Shared(self.counting.clone()));
        Self::before(provider, cache, tenant, mode)
    }

    fn before(
        provider: Arc<dyn Provider>,
        cache: &Cache,
        tenant: Option<&str>,
        mode: Mode,
    ) -> Arc<dyn Provider> {
        let scope = Scope {
            tenant: tenant.map(str::to_owned),
            identity: Arc::new(|_| Identity {
                provider: "p".into(),
                model: "m".into(),
                text: "p m".into(),
            }),
        };
        cached(provider, cache.clone(), scope, mode)
    }

    fn asked(&self) -> u32 {
        self.counting.asked.load(SeqCst)
    }

    fn file(&self) -> File {
        File::open(&self.path()).unwrap().unwrap()
    }
}

fn text(delivery: &Delivery) -> &str {
    delivery.answer.as_ref().unwrap().choices[0].text.as_str()
}

#[tokio::test]
async fn what_was_answered_once_is_not_asked_again() {
    let desk = Desk::new();
    let first = desk.provider(&desk.cache(1 << 30), None, Mode::Use);
    let paid = first.generate(site("a"), says("x")).await;
    assert!(!paid.receipt.cached);
    drop(first);
    // Another process, another case, another step.
    let again = desk.provider(&desk.cache(1 << 30), None, Mode::Use);
    let elsewhere = CallSite {
        step: "other".into(),
        seq: 7,
        ..site("b")
    };
    let found = again.generate(elsewhere, says("x")).await;
    assert_eq!(found.answer, paid.answer);
    assert_eq!(
        found.receipt,
        Receipt {
            attempts: 0,
            cached: true,
            paid_usd: Some(0.0),
            ..paid.receipt
        },
        "what it is worth is kept to the last bit"
    );
    assert_eq!(desk.asked(), 1);
}

#[tokio::test]
async fn another_question_tenant_or_repeat_is_asked() {
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    let acme = desk.provider(&cache, Some("acme"), Mode::Use);
    let other = desk.provider(&cache, Some("other"), Mode::Use);
    let repeat = CallSite {
        repeat: 2,
        ..site("a")
    };
    for (n, (provider, site, says)) in [
        (&acme, site("a"), says("x")),
        (&acme, site("a"), says("y")),
        (&acme, repeat, says("x")),
        (&other, site("a"), says("x")),
    ]
    .into_iter()
    .enumerate()
    {
        let delivery = provider.generate(site, says).await;
        assert_eq!(text(&delivery), n.to_string());
    }
}

#[tokio::test]
async fn a_case_that_asks_the_same_twice_gets_two_samples_and_gets_them_again() {
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    for _ in 0..2 {
        let run = desk.provider(&cache, None, Mode::Use);
        let second = CallSite {
            sample: 1,
            ..site("a")
        };
        assert_eq!(text(&run.generate(site("a"), says("x")).await), "0");
        assert_eq!(text(&run.generate(second, says("x")).await), "1");
        assert_eq!(text(&run.generate(site("b"), says("x")).await), "0");
    }
    assert_eq!(desk.asked(), 2);
}

#[tokio::test]
async fn an_error_is_not_kept() {
    let desk = Desk::new();
    desk.counting.fails.store(1, SeqCst);
    let provider = desk.provider(&desk.cache(1 << 30), None, Mode::Use);
    let failed = provider.generate(site("a"), says("x")).await;
    assert!(matches!(failed.answer, Err(ProviderError::Unavailable(_))));
    let next = provider.generate(site("b"), says("x")).await;
    assert_eq!(text(&next), "1");
}

#[tokio::test]
async fn an_answer_without_a_choice_is_not_kept() {
    struct Empty;
    impl Provider for Empty {
        fn generate(&self, _: CallSite, _: Arc<GenerateRequest>) -> Answer<Delivery> {
            let mut empty = completion("");
            empty.choices.clear();
            Box::pin(std::future::ready(Ok(empty).into()))
        }
    }
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    let provider = Desk::before(Arc::new(Empty), &cache, None, Mode::Use);
    let empty = provider.generate(site("a"), says("x")).await;
    assert_eq!(empty.answer.unwrap().choices, []);
    let provider = desk.provider(&cache, None, Mode::Use);
    assert!(!provider.generate(site("a"), says("x")).await.receipt.cached);
}

#[tokio::test]
async fn without_asking_only_what_is_kept_is_answered() {
    let desk = Desk::new();
    let cache = desk.cache(1 << 30);
    let only = desk.provider(&cache, None, Mode::Only);
    let missing = only.generate(site("a"), says("x")).await;
    let Err(ProviderError::Unavailable(why)) = missing.answer else {
        panic!("{missing:?}");
    };
    assert!(why.as_str().ends_with("is not in the cache"), "{why}");
    let provider = desk.provider(&cache, None, Mode::Use);
    provider.generate(site("a"), says("x")).await;
    let only = desk.provider(&cache, None, Mode::Only);
    assert!(only.generate(site("a"), says("x")).await.receipt.cached);
    assert_eq!(desk.asked(), 1);
}
