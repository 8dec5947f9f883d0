//! The quickstart's scorer, called as the host calls it: with a text alone,
//! with a pipeline, and to ask whether a row can be scored.

use fapo_core::Untrusted;
use fapo_core::case::Case;
use fapo_core::limits::Limits;
use fapo_core::manifest::Grants;
use fapo_core::outcome::{FailureKind, Outcome};
use fapo_sandbox::sandbox::Sandbox;
use fapo_sandbox::tenant::{Graded, Tenant};
use fapo_sandbox::{Attempt, Imports};

use crate::fakes;

async fn quickstart(sandbox: &Sandbox) -> Tenant {
    let bytes = fapo_test_artifacts::bytes("quickstart");
    let component = sandbox.load(&bytes, &Limits::default()).await.unwrap();
    sandbox.tenant(component, Grants::default(), Imports::default())
}

fn case(expected: &str) -> Case {
    Case::from_json(&format!(
        r#"{{"case_id":"1","context":{{}},"expected":{expected}}}"#
    ))
    .unwrap()
}

fn pipeline(profile: &str) -> Graded {
    let outcome = Outcome {
        output_text: "the London".into(),
        diagnostics: vec![],
    };
    Graded::Pipeline {
        outcome,
        visits: vec![],
        profile: profile.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_and_a_pipeline_get_the_same_grade() {
    let sandbox = fakes::sandbox();
    let tenant = quickstart(&sandbox).await;
    let text = Graded::Text(Untrusted::from("the London"));
    for graded in [text, pipeline("")] {
        let score = tenant
            .score(&case("\"London\""), graded, Attempt::first(1))
            .await
            .result
            .unwrap();
        assert_eq!(score.composite, 100.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_scored_and_an_unknown_profile_are_the_scorers_errors() {
    let sandbox = fakes::sandbox();
    let tenant = quickstart(&sandbox).await;
    assert!(
        tenant
            .validate_case(&case("\"London\""), Attempt::first(1))
            .await
            .result
            .is_ok()
    );
    let refused = tenant
        .validate_case(&case("3"), Attempt::first(1))
        .await
        .result
        .unwrap_err();
    assert_eq!(refused.kind, FailureKind::Error);
    assert!(
        refused
            .message
            .as_str()
            .contains("`expected` must be a text"),
        "{refused:?}"
    );
    let unknown = tenant
        .score(&case("\"London\""), pipeline("x"), Attempt::first(1))
        .await
        .result
        .unwrap_err();
    assert!(
        unknown.message.as_str().contains("no profile `x`"),
        "{unknown:?}"
    );
}
