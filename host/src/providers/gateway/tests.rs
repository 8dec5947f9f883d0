//! The way of a call, with a backend that does as it is told.

use std::sync::Mutex;

use fapo_core::budget::Budget;
use fapo_core::call::{Choice, Completion, FinishReason, Served, Spending};
use fapo_core::manifest::Role;

use super::*;
use crate::budgets::Bounds;
use crate::trial::site;

/// Fails a few times, then answers with so many tokens, and writes down what it is sent.
#[derive(Default)]
struct Told {
    fails: Mutex<Vec<Failed>>,
    output_tokens: u32,
    takes_choices: bool,
    /// Whether it gives one completion, however many it is asked for.
    gives_one: bool,
    latency: Duration,
    sent: Mutex<Vec<GenerateRequest>>,
}

struct Obedient(Arc<Told>);

impl Backend for Obedient {
    fn send<'a>(&'a self, _: &'a CallSite, request: &'a Arc<GenerateRequest>) -> Sending<'a> {
        Box::pin(async move {
            let nth = {
                let mut sent = self.0.sent.lock().unwrap();
                sent.push(GenerateRequest::clone(request));
                sent.len()
            };
            tokio::time::sleep(self.0.latency).await;
            let failed = self.0.fails.lock().unwrap().pop();
            let choice = Choice {
                text: format!("answer {nth}").into(),
                tool_calls: vec![],
                finish_reason: FinishReason::Stop,
                opaque: vec![],
            };
            let n_choices = match self.0.gives_one {
                true => 1,
                false => request.params.choices.unwrap_or(1),
            };
            let read = Read {
                completion: Completion {
                    model: "m".into(),
                    choices: vec![choice; n_choices as usize],
                    usage: Usage {
                        input_tokens: Some(10),
                        output_tokens: Some(self.0.output_tokens),
                        ..Usage::default()
                    },
                },
                served: Served::default(),
            };
            Sent {
                outcome: failed.map_or(Ok(read), Err),
                left_out: vec![],
                told: None,
            }
        })
    }

    fn takes_choices(&self) -> bool {
        self.0.takes_choices
    }
}

fn failed(again: Again, maybe_paid: bool) -> Failed {
    Failed {
        error: ProviderError::Unavailable("down".into()),
        status: Some(500),
        again,
        wait: None,
        overloaded: false,
        had_left: true,
        maybe_paid,
    }
}

/// A price at which a token is a millionth of a dollar.
const PRICE: Price = Price {
    input: 1.0,
    cached_input: None,
    output: 1.0,
};

struct Trial {
    told: Arc<Told>,
    budgets: Arc<Budgets>,
    provider: Arc<dyn Provider>,
}

fn trial(told: Told, settings: ProviderSettings, bounds: Bounds) -> Trial {
    let told = Arc::new(told);
    let budgets = Budgets::new(bounds, Amount::default(), None);
    let gateway = Gateway::new(Setup {
        backend: Arc::new(Obedient(told.clone())),
        model: Model::find("m", &[]),
        cost: Cost::Of(PRICE),
        settings,
        limiter: None,
        system: "test",
        has_one_role: true,
        is_local: false,
        retry: RetrySettings::default(),
    });
    let run = OfRun {
        budgets: budgets.clone(),
        flow: Flow {
            tenant: "t".into(),
            run: "r".into(),
        },
        journal: None,
    };
    Trial {
        told,
        budgets,
        provider: gateway.of_run(Arc::new(run)),
    }
}

impl Trial {
    async fn ask(&self, request: GenerateRequest) -> Delivery {
        self.provider.generate(site("a"), Arc::new(request)).await
    }

    fn n_sent(&self) -> usize {
        self.told.sent.lock().unwrap().len()
    }
}

fn bounded(max_tokens: u32) -> GenerateRequest {
    let mut request = GenerateRequest::default();
    request.params.max_tokens = Some(max_tokens);
    request
}

fn of_run(budget: Budget) -> Bounds {
    Bounds {
        run: budget,
        ..Bounds::default()
    }
}

#[tokio::test(start_paused = true)]
async fn what_helps_is_tried_again_and_told() {
    let told = Told {
        fails: Mutex::new(vec![
            failed(Again::Failed, true),
            failed(Again::Throttled, false),
        ]),
        output_tokens: 5,
        ..Told::default()
    };
    let trial = trial(told, ProviderSettings::default(), Bounds::default());
    let Delivery { answer, receipt } = trial.ask(GenerateRequest::default()).await;
    assert!(answer.is_ok());
    assert_eq!(receipt.attempts, 3);
    let maybe_paid: Vec<_> = receipt.failed.iter().map(|f| f.maybe_paid).collect();
    assert_eq!(maybe_paid, [false, true]);
    assert!(receipt.failed.iter().all(|f| f.waited_ms > 0));
    assert_eq!(receipt.paid_usd, Some(15e-6));
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_is_sent_once() {
    let told = Told {
        fails: Mutex::new(vec![failed(Again::Never, false)]),
        ..Told::default()
    };
    let trial = trial(told, ProviderSettings::default(), Bounds::default());
    assert!(trial.ask(GenerateRequest::default()).await.answer.is_err());
    assert_eq!(trial.n_sent(), 1);
}

#[tokio::test(start_paused = true)]
async fn attempts_end_and_the_error_says_how_many_there_were() {
    let told = Told {
        fails: Mutex::new((0..99).map(|_| failed(Again::Failed, false)).collect()),
        ..Told::default()
    };
    let trial = trial(told, ProviderSettings::default(), Bounds::default());
    let delivery = trial.ask(GenerateRequest::default()).await;
    let error = delivery.answer.unwrap_err();
    assert_eq!(error.why().as_str(), "down; after 6 attempts");
    assert_eq!((trial.n_sent(), delivery.receipt.attempts), (6, 6));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_the_run_has_no_model_for_is_not_asked() {
    let trial = trial(
        Told::default(),
        ProviderSettings::default(),
        Bounds::default(),
    );
    for (role, is_known) in [("main", true), ("m", true), ("judge", false)] {
        let request = GenerateRequest {
            model: Some(role.into()),
            ..GenerateRequest::default()
        };
        let answer = trial.ask(request).await.answer;
        let is_unknown = matches!(answer, Err(ProviderError::UnknownModel(_)));
        assert_eq!(is_unknown, !is_known, "{role}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_completions_come_from_one_request_or_from_several() {
    for (takes_choices, gives_one, n_sent) in [(true, false, 1), (false, true, 3), (true, true, 3)]
    {
        let told = Told {
            takes_choices,
            gives_one,
            output_tokens: 5,
            ..Told::default()
        };
        let trial = trial(told, ProviderSettings::default(), Bounds::default());
        let mut request = GenerateRequest::default();
        request.params.choices = Some(3);
        request.params.seed = Some(7);
        let Delivery { answer, receipt } = trial.ask(request).await;
        assert_eq!(answer.unwrap().choices.len(), 3);
        assert_eq!(
            (trial.n_sent(), receipt.attempts as usize),
            (n_sent, n_sent)
        );
        let sent = trial.told.sent.lock().unwrap();
        let mut seeds: Vec<_> = sent.iter().map(|r| r.params.seed).collect();
        seeds.sort_unstable();
        assert_eq!(seeds, (7..).take(n_sent).map(Some).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_for_a_hundred_calls_lets_a_hundred_leave() {
    let told = Told {
        latency: Duration::from_millis(50),
        ..Told::default()
    };
    let calls_max = Some(100);
    let bounds = of_run(Budget {
        calls_max,
        ..Budget::default()
    });
    let trial = trial(told, ProviderSettings::default(), bounds);
    let mut asked = JoinSet::new();
    for nth in 0..256 {
        let answer = trial
            .provider
            .generate(site(&format!("c{nth}")), Arc::default());
        asked.spawn(answer);
    }
    let answered = asked.join_all().await;
    let refused = answered.iter().filter(|d| d.answer.is_err()).count();
    assert_eq!((trial.n_sent(), refused), (100, 156));
    assert!(trial.budgets.is_spent());
    assert!(
        answered
            .iter()
            .all(|d| d.answer.is_ok() || d.receipt.refused_by == Some(Spending::Run))
    );
}

#[tokio::test(start_paused = true)]
async fn tokens_and_money_are_never_overspent_and_hardly_left_over() {
    // Each answer may have 1,000 tokens and has 40: what is reserved and not
    // spent must come back to those who wait.
    let tokens = Budget {
        tokens_max: Some(10_000),
        ..Budget::default()
    };
    let money = Budget {
        usd_max: Some(0.01),
        ..Budget::default()
    };
    for budget in [tokens, money] {
        let told = Told {
            output_tokens: 40,
            latency: Duration::from_millis(50),
            ..Told::default()
        };
        let trial = trial(told, ProviderSettings::default(), of_run(budget));
        let mut asked = JoinSet::new();
        for _ in 0..400 {
            asked.spawn(trial.provider.generate(site("a"), Arc::new(bounded(1_000))));
        }
        asked.join_all().await;
        let spent = trial.n_sent() * 50;
        assert!(spent <= 10_000, "{spent}");
        // No further request could be sure to fit.
        assert!(spent > 10_000 - 1_200, "{spent}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_bound_cannot_be_reserved() {
    let bounds = of_run(Budget {
        tokens_max: Some(10),
        ..Budget::default()
    });
    let trial = trial(Told::default(), ProviderSettings::default(), bounds);
    let answer = trial.ask(GenerateRequest::default()).await.answer;
    assert!(matches!(answer, Err(ProviderError::Denied(_))));
    assert_eq!(trial.n_sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_case_that_spends_its_own_budget_does_not_end_the_run() {
    let bounds = Bounds {
        case: Budget {
            calls_max: Some(1),
            ..Budget::default()
        },
        ..Bounds::default()
    };
    let trial = trial(Told::default(), ProviderSettings::default(), bounds);
    assert!(trial.ask(GenerateRequest::default()).await.answer.is_ok());
    let Delivery { answer, receipt } = trial.ask(GenerateRequest::default()).await;
    assert!(matches!(answer, Err(ProviderError::BudgetSpent(_))));
    assert_eq!(receipt.refused_by, Some(Spending::Case));
    assert!(!trial.budgets.is_spent());
    let other = trial.provider.generate(site("b"), Arc::default()).await;
    assert!(other.answer.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_dropped_under_way_counts_as_spent() {
    let told = Told {
        latency: Duration::from_secs(1),
        ..Told::default()
    };
    let bounds = of_run(Budget {
        calls_max: Some(1),
        ..Budget::default()
    });
    let trial = trial(told, ProviderSettings::default(), bounds);
    let dropped = trial.ask(GenerateRequest::default());
    assert!(
        tokio::time::timeout(Duration::from_millis(10), dropped)
            .await
            .is_err()
    );
    let answer = trial.ask(GenerateRequest::default()).await.answer;
    assert!(matches!(answer, Err(ProviderError::BudgetSpent(_))));
    assert_eq!(trial.n_sent(), 1);
}

#[test]
fn what_a_request_says_itself_is_left_alone() {
    let settings = ProviderSettings {
        temperature: Some(0.5),
        max_tokens: Some(7),
        ..ProviderSettings::default()
    };
    let trial = trial(Told::default(), settings, Bounds::default());
    let mut request = GenerateRequest::default();
    request.params.temperature = Some(1.0);
    trial.provider.complete(Role::Chain, &mut request);
    assert_eq!(request.params.temperature, Some(1.0));
    assert_eq!(request.params.max_tokens, Some(7));
}
