use std::collections::HashSet;
use std::path::PathBuf;

use fapo_core::call::{
    Choice, Completion, FailedAttempt, FinishReason, ProviderError, Receipt, Usage,
};
use fapo_core::message::{ContentPart, Message, Speaker};
use fapo_sandbox::imports::{Answer, Provider};

use super::*;
use crate::exit::{CommandError, Exit};
use crate::trial::site;

/// Answers with the question, and fills in a temperature that JSON finds hard.
struct Echo;

const TEMPERATURE: f64 = 0.1 + 0.2;

impl Provider for Echo {
    fn complete(&self, role: Role, request: &mut GenerateRequest) {
        let params = &mut request.params;
        params.temperature = params.temperature.or(Some(TEMPERATURE));
        params.max_tokens = params.max_tokens.or(Some(match role {
            Role::Chain => 7,
            Role::Scorer => 70,
        }));
    }

    fn generate(&self, _: CallSite, request: Arc<GenerateRequest>) -> Answer<Delivery> {
        let text = request.messages[0].texts().collect::<String>();
        let answer = match text.as_str() {
            "fail" => Err(ProviderError::ContentFiltered("no".into())),
            text => Ok(Completion {
                model: "echo".into(),
                choices: vec![Choice {
                    text: text.into(),
                    tool_calls: vec![],
                    finish_reason: FinishReason::Length,
                    opaque: vec![],
                }],
                usage: Usage::default(),
            }),
        };
        let receipt = Receipt {
            attempts: 2,
            paid_usd: Some(0.5),
            worth_usd: Some(0.25),
            failed: vec![FailedAttempt {
                maybe_paid: true,
                status: Some(500),
                why: "down".into(),
                waited_ms: 9,
            }],
            ..Receipt::default()
        };
        Box::pin(std::future::ready(Delivery { answer, receipt }))
    }
}

fn says(text: &str) -> GenerateRequest {
    GenerateRequest {
        messages: vec![Message {
            role: Speaker::User,
            content: vec![ContentPart::Text(text.into())],
            tool_calls: vec![],
            tool_call_id: None,
        }],
        ..GenerateRequest::default()
    }
}

/// Asks as a guest does: what is left open is filled in first.
async fn ask(provider: &Arc<dyn Provider>, site: CallSite, text: &str) -> Delivery {
    let mut request = says(text);
    provider.complete(site.role, &mut request);
    provider.generate(site, Arc::new(request)).await
}

fn at(case: &str, seq: u32) -> CallSite {
    CallSite { seq, ..site(case) }
}

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
        self.dir.path().join("run.cassette")
    }

    fn recorder(&self) -> Arc<Recorder> {
        Recorder::open(&self.path(), "r1", false)
            .unwrap_or_else(|error| panic!("{:?}", error.chain()))
    }

    /// Records calls of case `a`.
    async fn record(&self, texts: &[&str]) {
        let provider = recorded(Arc::new(Echo), self.recorder());
        for (seq, text) in (0..).zip(texts) {
            ask(&provider, at("a", seq), text).await;
        }
    }

    fn replay(&self) -> (Arc<Replay>, Arc<dyn Provider>) {
        let replay = Replay::open(&self.path());
        let replay = replay.unwrap_or_else(|error| panic!("{:?}", error.chain()));
        (replay.clone(), replayed(&replay))
    }
}

#[tokio::test]
async fn a_replay_delivers_what_was_recorded_answers_and_errors_alike() {
    let desk = Desk::new();
    let recorder = desk.recorder();
    let provider = recorded(Arc::new(Echo), recorder.clone());
    let judge = CallSite {
        role: Role::Scorer,
        ..at("a", 0)
    };
    let again = CallSite {
        repeat: 2,
        ..at("a", 0)
    };
    let sites = [at("a", 0), at("a", 1), at("b", 0), judge, again];
    let mut before = Vec::new();
    for (site, text) in sites.iter().zip(["x", "fail", "y", "z", "x"]) {
        before.push(ask(&provider, site.clone(), text).await);
    }
    recorder.check().unwrap();
    drop((provider, recorder));
    let (replay, provider) = desk.replay();
    for (at, text) in ["x", "fail", "y", "z", "x"].into_iter().enumerate().rev() {
        let now = ask(&provider, sites[at].clone(), text).await;
        assert_eq!(now.answer, before[at].answer);
        assert_eq!(now.receipt.paid_usd, Some(0.0), "a replay pays nothing");
        let receipt = Receipt {
            paid_usd: Some(0.5),
            ..now.receipt
        };
        assert_eq!(receipt, before[at].receipt);
    }
    replay.check().unwrap();
}

#[tokio::test]
async fn what_a_provider_fills_in_is_filled_in_again() {
    let desk = Desk::new();
    desk.record(&["x"]).await;
    let (_, provider) = desk.replay();
    let mut request = says("x");
    provider.complete(Role::Chain, &mut request);
    let params = &request.params;
    assert!((params.temperature.unwrap() - TEMPERATURE).abs() < 1e-12);
    assert_eq!(params.max_tokens, Some(7));
    let mut request = says("x");
    provider.complete(Role::Scorer, &mut request);
    assert_eq!(request, says("x"), "nobody asked this before");
}

/// Replays one call that asks something else, and returns how it diverges.
async fn diverges(site: CallSite, change: impl FnOnce(&mut GenerateRequest)) -> String {
    let desk = Desk::new();
    desk.record(&["first", "second"]).await;
    let (replay, provider) = desk.replay();
    ask(&provider, at("a", 0), "first").await;
    replay.check().unwrap();
    let mut request = says("second");
    change(&mut request);
    provider.complete(site.role, &mut request);
    let delivery = provider.generate(site, Arc::new(request)).await;
    assert!(matches!(
        delivery.answer,
        Err(ProviderError::Unavailable(_))
    ));
    let error = replay.check().unwrap_err();
    assert_eq!(error.exit(), Exit::Person);
    assert!(error.chain()[0].ends_with("of the run `r1`"), "{error:?}");
    assert!(error.hint_text().unwrap().contains("--record"));
    error.chain()[1].clone()
}

#[tokio::test]
async fn the_first_difference_is_named_with_its_place() {
    let case = "case `a`, repeat 1, call 1 of the chain, step `s`:";
    let told = diverges(at("a", 1), |request| {
        *request = says("sixth");
    })
    .await;
    assert_eq!(
        told,
        format!("{case} `messages[0].content[0].text`: asked `sixth`, recorded `second`")
    );
    let told = diverges(at("a", 1), |request| {
        request.params.max_tokens = Some(8);
    })
    .await;
    assert_eq!(
        told,
        format!("{case} `params.max_tokens`: asked `8`, recorded `7`")
    );
    let told = diverges(at("a", 1), |request| {
        request.messages.extend(says("more").messages);
    })
    .await;
    assert!(
        told.starts_with(&format!("{case} `messages[1]`: asked `{{")),
        "{told}"
    );
    let elsewhere = CallSite {
        step: "t".into(),
        ..at("a", 1)
    };
    let told = diverges(elsewhere, |_| {}).await;
    assert!(told.ends_with("`step`: asked `t`, recorded `s`"), "{told}");
    let told = diverges(at("a", 2), |_| {}).await;
    assert!(told.ends_with("the recording has no such call"), "{told}");
}

#[tokio::test]
async fn the_first_divergence_is_the_one_that_is_told() {
    let desk = Desk::new();
    desk.record(&["x"]).await;
    let (replay, provider) = desk.replay();
    ask(&provider, at("b", 0), "x").await;
    ask(&provider, at("c", 0), "x").await;
    assert_eq!(replay.divergence().unwrap().case, "b".into());
    let still = ask(&provider, at("a", 0), "x").await;
    assert!(still.answer.is_ok(), "what was recorded is still delivered");
}

#[tokio::test]
async fn a_line_that_was_cut_off_is_one_that_was_not_written() {
    let desk = Desk::new();
    desk.record(&["x", "y"]).await;
    let whole = std::fs::read(desk.path()).unwrap();
    std::fs::write(desk.path(), &whole[..whole.len() - 9]).unwrap();
    let (replay, provider) = desk.replay();
    assert!(ask(&provider, at("a", 0), "x").await.answer.is_ok());
    assert!(ask(&provider, at("a", 1), "y").await.answer.is_err());
    let told = replay.divergence().unwrap().to_string();
    assert!(
        told.ends_with("and 1 of its lines cannot be read"),
        "{told}"
    );
}

#[tokio::test]
async fn a_run_that_is_resumed_goes_on_in_its_recording() {
    let desk = Desk::new();
    desk.record(&["x", "y"]).await;
    let whole = std::fs::read(desk.path()).unwrap();
    std::fs::write(desk.path(), &whole[..whole.len() - 9]).unwrap();
    let recorder = Recorder::open(&desk.path(), "r1", true).unwrap();
    let provider = recorded(Arc::new(Echo), recorder.clone());
    // The call that was cut, one that was recorded, and a new one.
    for (seq, text) in [(1, "y"), (0, "x"), (2, "z")] {
        ask(&provider, at("a", seq), text).await;
    }
    drop((provider, recorder));
    let (replay, provider) = desk.replay();
    for (seq, text) in (0..).zip(["x", "y", "z"]) {
        assert!(ask(&provider, at("a", seq), text).await.answer.is_ok());
    }
    replay.check().unwrap();
    let other = Recorder::open(&desk.path(), "r2", true).err().unwrap();
    assert!(
        other.chain()[0].ends_with("it is of the run `r1`"),
        "{other:?}"
    );
}

#[test]
fn a_resumed_run_that_was_not_recorded_from_its_beginning_is_not_recorded() {
    let desk = Desk::new();
    assert!(Recorder::open(&desk.path(), "r1", true).is_err());
    assert!(!desk.path().exists());
    std::fs::write(desk.path(), "").unwrap();
    assert!(Recorder::open(&desk.path(), "r1", true).is_err());
}

#[tokio::test]
async fn a_file_that_holds_something_is_not_recorded_over() {
    let desk = Desk::new();
    std::fs::write(desk.path(), "something").unwrap();
    let told = |error: CommandError| error.chain().join(": ");
    let full = told(Recorder::open(&desk.path(), "r1", false).err().unwrap());
    assert!(full.ends_with("the file is not empty"), "{full}");
    let resumed = told(Recorder::open(&desk.path(), "r1", true).err().unwrap());
    assert!(resumed.contains("is not a recording"), "{resumed}");
    assert_eq!(std::fs::read_to_string(desk.path()).unwrap(), "something");
}

#[test]
fn two_runs_do_not_record_to_one_file() {
    let desk = Desk::new();
    let _recorder = desk.recorder();
    let error = Recorder::open(&desk.path(), "r1", true).err().unwrap();
    assert!(
        error.chain()[0].ends_with("another run records to it"),
        "{error:?}"
    );
}

#[test]
fn what_is_no_recording_is_refused() {
    let desk = Desk::new();
    for (text, why) in [
        ("", "EOF"),
        ("{}\n", "expected"),
        (
            "{\"header\":{\"format\":2,\"host\":\"9\",\"run\":\"r\"}}\n",
            "it has the format 2",
        ),
        (
            "{\"filled\":{\"role\":\"chain\",\"asked\":{\"params\":{}},\"sent\":{\"params\":{}}}}\n",
            "no header",
        ),
        ("\u{0}\u{1}\u{2}", "expected"),
    ] {
        std::fs::write(desk.path(), text).unwrap();
        let error = Replay::open(&desk.path()).err().unwrap();
        let told = error.chain().join(": ");
        assert!(
            told.contains("is not a recording") && told.contains(why),
            "{told}"
        );
        assert_eq!(error.exit(), Exit::Person);
    }
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_answered() {
    let full = PathBuf::from("/dev/full");
    let file = std::fs::OpenOptions::new()
        .append(true)
        .open(&full)
        .unwrap();
    let recorder = Recorder::new(&full, file);
    let provider = recorded(Arc::new(Echo), recorder.clone());
    let delivery = ask(&provider, at("a", 0), "x").await;
    assert!(matches!(
        delivery.answer,
        Err(ProviderError::Unavailable(_))
    ));
    assert_eq!(recorder.check().unwrap_err().exit(), Exit::World);
}

#[tokio::test]
async fn each_filling_and_each_call_is_one_line() {
    let desk = Desk::new();
    desk.record(&["x", "y", "z"]).await;
    let text = std::fs::read_to_string(desk.path()).unwrap();
    let kinds: Vec<_> = text
        .lines()
        .map(|line| line.split('"').nth(1).unwrap())
        .collect();
    assert_eq!(kinds, ["header", "filled", "call", "call", "call"]);
    let lines: HashSet<_> = text.lines().collect();
    assert_eq!(lines.len(), 5);
}
