//! A replay puts another output in a step's place: the step does not run, and
//! the steps after it work with what was put there.

use std::sync::Arc;

use fapo_core::call::{Delivery, GenerateRequest};
use fapo_core::case::Case;
use fapo_core::limits::Limits;
use fapo_core::manifest::Grants;
use fapo_core::settings::{Overrides, Settings};
use fapo_core::trace::CallBody;
use fapo_sandbox::imports::{Answer, Directive, Provider, Trace};
use fapo_sandbox::tenant::GuestRun;
use fapo_sandbox::{Attempt, CallSite, Imports};

use crate::fakes;

/// Answers with the step that asks.
struct Echo;

impl Provider for Echo {
    fn generate(&self, site: CallSite, _: Arc<GenerateRequest>) -> Answer<Delivery> {
        let answer = Ok(fakes::completion(format!("{} ran", site.step)));
        Box::pin(std::future::ready(answer.into()))
    }
}

/// Replaces the first visit of one step.
struct Replace(&'static str);

impl Trace for Replace {
    fn begin(&self, site: CallSite) -> Answer<Directive> {
        let replaced = site.step.as_str() == self.0 && site.visit == 1;
        let directive = if replaced {
            Directive::Use("put here".into())
        } else {
            Directive::Run
        };
        Box::pin(std::future::ready(directive))
    }
}

async fn run(imports: Imports) -> GuestRun<fapo_core::outcome::Outcome> {
    let sandbox = fakes::sandbox();
    let bytes = fapo_test_artifacts::bytes("quickstart");
    let component = sandbox.load(&bytes, &Limits::default()).await.unwrap();
    let tenant = sandbox.tenant(component, Grants::default(), imports);
    let info = tenant.describe().await.result.unwrap();
    let settings = Settings::resolve(&info, &Overrides::default()).unwrap();
    let case = Case::from_json(r#"{"case_id":"1","context":{"question":"Why?","passage":"So."}}"#)
        .unwrap();
    tenant
        .with_steps(&info)
        .run_chain(&case.into(), &settings.into(), Attempt::first(1))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_replaced_does_not_run() {
    let trace: Option<Arc<dyn Trace>> = Some(Arc::new(Replace("find")));
    let ran = run(Imports {
        provider: Some(Arc::new(Echo)),
        trace,
        ..Imports::default()
    })
    .await;
    assert_eq!(ran.result.unwrap().output_text.as_str(), "answer ran");
    assert!(ran.trace.visits[0].replaced && !ran.trace.visits[1].replaced);
    assert_eq!(ran.trace.visits[0].output, Some("put here".into()));
    let [call] = &ran.trace.calls[..] else {
        panic!("{:?}", ran.trace.calls)
    };
    let CallBody::Generate { request, .. } = &call.body else {
        panic!("{call:?}")
    };
    let asked: String = request
        .messages
        .iter()
        .flat_map(|message| message.texts())
        .collect();
    assert!(asked.contains("Evidence: put here"), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_replay_every_step_runs() {
    let ran = run(Imports {
        provider: Some(Arc::new(Echo)),
        ..Imports::default()
    })
    .await;
    assert_eq!(ran.trace.calls.len(), 2);
    assert!(
        ran.trace
            .visits
            .iter()
            .all(|visit| !visit.replaced && visit.visit == 1)
    );
}
