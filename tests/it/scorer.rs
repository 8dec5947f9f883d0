//! A scorer, called as the host calls it: with a text alone, with a pipeline,
//! and to ask whether a row can be scored.

use std::sync::Arc;

use fapo_core::Untrusted;
use fapo_core::call::{
    GenerateRequest, Passage, ProviderError, Receipt, SearchRequest, ToolRequest, ToolResult,
};
use fapo_core::case::Case;
use fapo_core::limits::Limits;
use fapo_core::manifest::{Capability, Grants};
use fapo_core::message::{ContentPart, Message, Speaker};
use fapo_core::outcome::{FailureKind, Outcome};
use fapo_core::trace::{ArtifactOperation, Call, CallBody, CaseTrace, Span, Visit};
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

fn text(profile: &str) -> Graded {
    Graded::Text {
        text: Untrusted::from("the London"),
        profile: profile.into(),
    }
}

fn pipeline(profile: &str) -> Graded {
    let outcome = Outcome {
        output_text: "the London".into(),
        diagnostics: vec![],
    };
    Graded::Pipeline {
        outcome,
        trace: Arc::default(),
        profile: profile.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_and_a_pipeline_get_the_same_grade() {
    let sandbox = fakes::sandbox();
    let tenant = quickstart(&sandbox).await;
    for graded in [text(""), pipeline("")] {
        let score = tenant
            .score(&case("\"London\"").into(), graded, Attempt::first(1))
            .await
            .result
            .unwrap();
        assert_eq!(score.composite, 100.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_scored_is_the_scorers_error() {
    let sandbox = fakes::sandbox();
    let tenant = quickstart(&sandbox).await;
    let validated = |expected: &str| {
        let (tenant, case) = (tenant.clone(), case(expected));
        async move { tenant.validate_case(&case, "", Attempt::first(1)).await }
    };
    assert!(validated("\"London\"").await.result.is_ok());
    let refused = validated("3").await.result.unwrap_err();
    assert_eq!(refused.kind, FailureKind::Error);
    let message = refused.message.as_str();
    assert!(message.contains("`expected` must be a text"), "{message}");
    let rows = ["\"London\"", "\"Paris\"", "3", "\"Rome\""].map(case);
    assert_eq!(tenant.count_valid(&rows, "").await, 2);
    assert_eq!(tenant.count_valid(&rows[3..], "").await, 1);
    assert_eq!(tenant.count_valid(&[], "").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_before_one_that_ends_the_instance_can_be_scored_all_the_same() {
    let sandbox = fakes::sandbox();
    let bytes = fapo_test_artifacts::bytes("hostile");
    let component = sandbox.load(&bytes, &Limits::default()).await.unwrap();
    let tenant = sandbox.tenant(component, Grants::default(), Imports::default());
    let rows = ["scorer-course", "scorer-validate-panic", "scorer-course"].map(|attack| {
        let row = format!(
            r#"{{"case_id":"1","context":{{}},"expected":"x","metadata":{{"attack":"{attack}"}}}}"#
        );
        Case::from_json(&row).unwrap()
    });
    assert_eq!(tenant.count_valid(&rows, "").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_the_scorer_does_not_know_is_its_error_wherever_it_is_asked() {
    let sandbox = fakes::sandbox();
    let tenant = quickstart(&sandbox).await;
    let case = Arc::new(case("\"London\""));
    let attempt = Attempt::first(1);
    let mut refused = vec![
        tenant
            .validate_case(&case, "x", attempt)
            .await
            .result
            .unwrap_err(),
    ];
    for graded in [text("x"), pipeline("x")] {
        let score = tenant.score(&case, graded, attempt).await;
        refused.push(score.result.unwrap_err());
    }
    for failure in refused {
        assert_eq!(failure.kind, FailureKind::Error);
        let message = failure.message.as_str();
        assert!(message.contains("cannot use the profile: `x`"), "{message}");
    }
}

/// One call of each import, with an answer, an error, or neither.
fn calls() -> Vec<Call> {
    let generate = CallBody::Generate {
        request: Arc::new(GenerateRequest {
            messages: vec![Message {
                role: Speaker::User,
                content: vec![ContentPart::Text("Where is it?".into())],
                tool_calls: vec![],
                tool_call_id: None,
            }],
            ..GenerateRequest::default()
        }),
        answer: None,
        error: Some(ProviderError::BudgetSpent("no money is left".into())),
        receipt: Receipt::default(),
    };
    let search = CallBody::Search {
        request: Arc::new(SearchRequest {
            index: "docs".into(),
            query: "Tower Bridge".into(),
            k: 1,
        }),
        answer: Some(Arc::new(vec![Passage {
            id: "doc-7".into(),
            title: "Tower Bridge".into(),
            text: "It is in London.".into(),
            score: 1.5,
            rank: 1,
            metadata: "{}".into(),
        }])),
        error: None,
        requests: 0,
    };
    let tool = |answer| CallBody::Tool {
        request: Arc::new(ToolRequest {
            name: "echo".into(),
            arguments: "{}".into(),
        }),
        answer,
        error: None,
    };
    let said = ToolResult {
        content: vec![ContentPart::Text("it broke".into())],
        is_error: true,
    };
    let artifact = CallBody::Artifact {
        operation: ArtifactOperation::Read,
        name: "notes.txt".into(),
        bytes: 1,
        error: None,
    };
    [
        generate,
        search,
        tool(Some(Arc::new(said))),
        tool(None),
        artifact,
    ]
    .into_iter()
    .map(|body| Call {
        step: "look".into(),
        visit: 2,
        body,
        span: Span::default(),
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_is_handed_the_visits_and_the_calls_and_no_artifacts() {
    let sandbox = fakes::sandbox();
    let bytes = fapo_test_artifacts::bytes("hostile");
    let component = sandbox.load(&bytes, &Limits::default()).await.unwrap();
    let tenant = sandbox.tenant(component.clone(), Grants::default(), Imports::default());
    let case = Case::from_json(
        r#"{"case_id":"1","context":{},"expected":"x","metadata":{"attack":"scorer-course"}}"#,
    )
    .unwrap()
    .into();
    let trace = CaseTrace {
        visits: vec![Visit {
            step: "look".into(),
            visit: 1,
            output: None,
            failure: Some("nothing there".into()),
            replaced: false,
            span: Span::default(),
        }],
        calls: calls(),
        ..CaseTrace::default()
    };
    let graded = Graded::Pipeline {
        outcome: Outcome {
            output_text: "London".into(),
            diagnostics: vec![],
        },
        trace: Arc::new(trace),
        profile: String::new(),
    };
    let score = tenant.score(&case, graded.clone(), Attempt::first(1)).await;
    let feedback = score.result.unwrap().feedback;
    let feedback = feedback.as_str();
    for says in [
        r#"visit: 1, output: None, failure: Some("nothing there")"#,
        r#"Text("Where is it?")"#,
        r#"answer: None, error: Some("budget-spent: no money is left")"#,
        r#"query: "Tower Bridge", k: 1"#,
        r#"id: "doc-7""#,
        r#"content: [ContentPart::Text("it broke")], is-error: true"#,
        r#"name: "echo", arguments: "{}", answer: None, error: None"#,
    ] {
        assert!(feedback.contains(says), "`{says}` is not in {feedback}");
    }
    assert!(!feedback.contains("notes.txt"), "{feedback}");
    assert_eq!(feedback.matches("visit: 2").count(), 4, "{feedback}");
    let grants = Grants {
        reads_calls: false,
        ..Grants::default()
    };
    let tenant = sandbox.tenant(component, grants, Imports::default());
    let score = tenant.score(&case, graded, Attempt::first(1)).await;
    let feedback = score.result.unwrap().feedback;
    let feedback = feedback.as_str();
    assert!(feedback.contains("nothing there"), "{feedback}");
    assert!(feedback.ends_with("calls=[]"), "{feedback}");
}

/// The scorer that ships with the host, as its build script left it.
const STANDARD: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/standard_scorer.wasm"));

/// Has the standard scorer grade `It is 42.`, and returns its score or what it says.
async fn standard(grants: Grants, profile: &str) -> Result<f64, String> {
    let sandbox = fakes::sandbox();
    let component = sandbox.load(STANDARD, &grants.limits).await.unwrap();
    let tenant = sandbox.tenant(component, grants, fakes::imports());
    let attempt = Attempt::first(1);
    let valid = tenant.validate_case(&case("42"), profile, attempt).await;
    valid
        .result
        .map_err(|failure| failure.message.to_string())?;
    let graded = Graded::Text {
        text: Untrusted::from("It is 42."),
        profile: profile.into(),
    };
    let scored = tenant
        .score(&case("42").into(), graded, attempt)
        .await
        .result;
    scored
        .map(|score| score.composite)
        .map_err(|failure| failure.message.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_scorer_is_configured_by_its_profile() {
    for (profile, composite) in [
        ("", 0.0),
        ("number", 100.0),
        (
            r#"{"metric": "exact_match", "extract": {"after": "is"}}"#,
            100.0,
        ),
        (r#"{"metrics": ["exact_match", "contains"]}"#, 50.0),
    ] {
        let score = standard(Grants::default(), profile).await;
        assert_eq!(score, Ok(composite), "{profile}");
    }
    let refused = standard(Grants::default(), r#"{"metric": "numbr"}"#).await;
    let why = refused.unwrap_err();
    assert!(why.contains("did you mean `number`?"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_scorer_has_a_judge_where_it_is_granted_and_never_a_zero_instead() {
    let denied = standard(Grants::default(), "judge").await.unwrap_err();
    assert!(denied.contains("a model call was denied"), "{denied}");
    let mut grants = Grants::default();
    grants.scorer.insert(Capability::Provider);
    let unread = standard(grants, "judge").await.unwrap_err();
    assert!(
        unread.contains("the judge gave no verdict: `ok`"),
        "{unread}"
    );
}
