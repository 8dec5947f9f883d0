//! Many cases at once, and cases that wait: nobody is killed for waiting, and
//! nobody finds the house full.

use std::sync::Arc;
use std::time::Duration;

use fapo_core::call::{Delivery, GenerateRequest};
use fapo_core::case::Case;
use fapo_core::limits::Limits;
use fapo_core::manifest::Grants;
use fapo_core::settings::{Overrides, Settings};
use fapo_sandbox::imports::{Answer, Provider};
use fapo_sandbox::sandbox::Sandbox;
use fapo_sandbox::tenant::Tenant;
use fapo_sandbox::{Attempt, CallSite, Imports};

use crate::fakes;

/// Answers after a while.
struct After(Duration);

impl Provider for After {
    fn generate(&self, _: CallSite, _: Arc<GenerateRequest>) -> Answer<Delivery> {
        let wait = self.0;
        Box::pin(async move {
            tokio::time::sleep(wait).await;
            Ok(fakes::completion("an answer".into())).into()
        })
    }
}

/// Returns the quickstart under some limits, with what it runs on.
async fn quickstart(
    sandbox: &Sandbox,
    limits: Limits,
    wait: Duration,
) -> (Tenant, Arc<Settings>, Arc<Case>) {
    let bytes = fapo_test_artifacts::bytes("quickstart");
    let component = sandbox.load(&bytes, &Limits::default()).await.unwrap();
    let imports = Imports {
        provider: Some(Arc::new(After(wait))),
        ..Imports::default()
    };
    let tenant = sandbox.tenant(
        component,
        Grants {
            limits,
            ..Grants::default()
        },
        imports,
    );
    let info = tenant.describe().await.result.unwrap();
    let settings = Settings::resolve(&info, &Overrides::default()).unwrap();
    let case = Case::from_json(r#"{"case_id":"1","context":{"question":"Why?","passage":"So."}}"#)
        .unwrap();
    (tenant.with_steps(&info), settings.into(), case.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_waits_longer_than_its_cpu_time_is_not_killed() {
    let sandbox = fakes::sandbox();
    let limits = Limits {
        cpu_ms_max: 50,
        ..Limits::default()
    };
    let (tenant, settings, case) = quickstart(&sandbox, limits, Duration::from_millis(150)).await;
    let ran = tenant.run_chain(&case, &settings, Attempt::first(1)).await;
    assert_eq!(ran.result.unwrap().output_text.as_str(), "an answer");
    assert!(ran.used.wall_us >= 300_000, "{:?}", ran.used);
    assert!(ran.used.cpu_us < 50_000, "{:?}", ran.used);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_cases_than_there_are_places_wait_for_one() {
    let sandbox = fakes::sandbox();
    let (tenant, settings, case) =
        quickstart(&sandbox, Limits::default(), Duration::from_millis(50)).await;
    let cases: Vec<_> = (0..2500)
        .map(|seed| {
            let (tenant, settings, case) = (tenant.clone(), settings.clone(), case.clone());
            tenant.clone().spawn(async move {
                tenant
                    .run_chain(&case, &settings, Attempt::first(seed))
                    .await
                    .result
            })
        })
        .collect();
    for case in cases {
        case.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_that_spin_do_not_hold_up_a_neighbour() {
    let sandbox = fakes::sandbox();
    let spinning = sandbox
        .load(
            &fapo_test_artifacts::bytes("loop-in-describe"),
            &Limits::default(),
        )
        .await
        .unwrap();
    let limits = Limits {
        cpu_ms_max: 400,
        ..Limits::default()
    };
    let spinner = sandbox.tenant(
        spinning,
        Grants {
            limits,
            ..Grants::default()
        },
        Imports::default(),
    );
    let (tenant, settings, case) = quickstart(&sandbox, Limits::default(), Duration::ZERO).await;
    let spinners: Vec<_> = (0..8)
        .map(|_| {
            let spinner = spinner.clone();
            tokio::spawn(async move { spinner.describe().await.result.unwrap_err() })
        })
        .collect();
    tenant
        .run_chain(&case, &settings, Attempt::first(1))
        .await
        .result
        .unwrap();
    // Eight that spin have two threads between them: without turns, all would
    // be done before the neighbour had one.
    assert!(spinners.iter().any(|spinner| !spinner.is_finished()));
    for spinner in spinners {
        spinner.await.unwrap();
    }
}
