use fapo_sdk::fake::{self, Call, FakeHost};
use fapo_sdk::{Role, SearchRequest};

use super::*;

fn night() -> TestCase {
    let question = "In which town was the director of The Long Night born?";
    TestCase::new("night", &json!({ "question": question }))
}

/// A host whose index has two articles and whose model says what each step wants.
fn host() -> FakeHost {
    FakeHost::new()
        .passages(
            INDEX,
            [
                Passage::new("1", "The Long Night", "A film by Ann Holt."),
                Passage::new("2", "Ann Holt", "Born in Tarn."),
            ],
        )
        .answer("summarize_hop1", "[[ ## reasoning ## ]]\nx\n\n[[ ## summary ## ]]\nAnn Holt directed it.\n\n[[ ## completed ## ]]")
        .answer("query_hop2", "[[ ## query ## ]]\nAnn Holt birthplace")
        .answer("summarize_hop2", "She was born in Tarn.")
        .answer("answer", "[[ ## answer ## ]]\nTarn\n\n[[ ## completed ## ]]")
}

/// Returns the settings of variant 001, whose prompts are plain.
fn plain() -> Settings {
    let texts = [
        (
            "summarize_hop1",
            include_str!("../../prompts/summarize_hop1/variant-001.md"),
        ),
        (
            "query_hop2",
            include_str!("../../prompts/query_hop2/variant-001.md"),
        ),
        (
            "summarize_hop2",
            include_str!("../../prompts/summarize_hop2/variant-001.md"),
        ),
        (
            "answer",
            include_str!("../../prompts/answer/variant-001.md"),
        ),
    ];
    texts
        .iter()
        .fold(fake::settings::<HotpotQa>(), |settings, (name, text)| {
            settings.with_prompt(name, text)
        })
}

fn searches(host: &FakeHost) -> Vec<SearchRequest> {
    let calls = host.calls().into_iter();
    let searches = calls.filter_map(|call| match call {
        Call::Search(searches) => Some(searches),
        _ => None,
    });
    searches.flatten().collect()
}

#[test]
fn the_graph_can_be_used() {
    fake::check::<HotpotQa>();
}

#[test]
fn the_steps_are_those_of_the_papers_baseline() {
    let info = fake::describe::<HotpotQa>();
    let steps: Vec<_> = info.steps.iter().map(|step| step.name.as_str()).collect();
    let order = [
        "retrieve_hop1",
        "summarize_hop1",
        "query_hop2",
        "retrieve_hop2",
        "summarize_hop2",
        "answer",
    ];
    assert_eq!(steps, order);
    assert_eq!(info.edges.len(), 7, "one after the other");
    let defaults: Vec<_> = info
        .parameters
        .iter()
        .map(|p| (p.name.as_str(), p.default.as_str()))
        .collect();
    assert_eq!(
        defaults,
        [
            ("k_hop1", "7"),
            ("k_hop2", "7"),
            ("fusion", "false"),
            ("rescue", "0"),
            ("temperature", "1.0"),
            ("top_p", "0.95"),
            ("max_tokens", "16000"),
        ]
    );
}

#[test]
fn two_searches_and_four_calls_lead_to_the_answer() {
    let host = host();
    let outcome = fake::run::<HotpotQa>(&host, night()).unwrap();
    assert_eq!(outcome.output_text, "Tarn");
    assert_eq!(outcome.diagnostics, []);
    let queries: Vec<_> = searches(&host)
        .into_iter()
        .map(|s| (s.query, s.k))
        .collect();
    let question = "In which town was the director of The Long Night born?";
    assert_eq!(
        queries,
        [
            (question.to_owned(), 7),
            ("Ann Holt birthplace".to_owned(), 7)
        ]
    );
    let params = &host.requests("answer")[0].params;
    assert_eq!(
        (params.temperature, params.top_p, params.max_tokens),
        (Some(1.0), Some(0.95), Some(16_000))
    );
}

#[test]
fn the_baselines_prompts_have_the_layout_of_dspy() {
    let host = host();
    fake::run::<HotpotQa>(&host, night()).unwrap();
    let asked = &host.requests("summarize_hop2")[0].messages;
    assert_eq!(asked[0].role, Role::System);
    let system = asked[0].text();
    assert!(
        system.starts_with("Your input fields are:\n1. `question` (str):\n2. `context` (str):"),
        "{system}"
    );
    assert!(
        system.ends_with(
            "Given the fields `question`, `context`, `passages`, produce the fields `summary`."
        ),
        "{system}"
    );
    assert_eq!(
        asked[1].text(),
        "[[ ## question ## ]]\nIn which town was the director of The Long Night born?\n\n\
         [[ ## context ## ]]\nAnn Holt directed it.\n\n\
         [[ ## passages ## ]]\n[1] «The Long Night | A film by Ann Holt.»\n[2] «Ann Holt | Born in Tarn.»\n\n\
         Respond with the corresponding output fields, starting with the field `[[ ## reasoning ## ]]`, \
         then `[[ ## summary ## ]]`, and then ending with the marker for `[[ ## completed ## ]]`."
    );
}

#[test]
fn the_plain_prompts_are_a_line_for_each_field() {
    let host = host();
    let outcome = fake::run_with::<HotpotQa>(&host, night(), &plain()).unwrap();
    assert_eq!(outcome.output_text, "Tarn");
    assert_eq!(outcome.diagnostics, []);
    for (step, system, user) in [
        (
            "summarize_hop1",
            "Given the fields `question`, `passages`, produce the fields `summary`.",
            "passages: [1] «The Long Night | A film by Ann Holt.»\n[2] «Ann Holt | Born in Tarn.»\n",
        ),
        (
            "query_hop2",
            "Given the fields `question`, `summary_1`, produce the fields `query`.",
            "summary_1: Ann Holt directed it.\n",
        ),
        (
            "summarize_hop2",
            "Given the fields `question`, `context`, `passages`, produce the fields `summary`.",
            "context: Ann Holt directed it.\npassages: [1] «The Long Night | A film by Ann Holt.»\n[2] «Ann Holt | Born in Tarn.»\n",
        ),
        (
            "answer",
            "Given the fields `question`, `summary_1`, `summary_2`, produce the fields `answer`.",
            "summary_1: Ann Holt directed it.\nsummary_2: She was born in Tarn.\n",
        ),
    ] {
        let asked = &host.requests(step)[0].messages;
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].text(), system);
        let question = "question: In which town was the director of The Long Night born?\n";
        assert_eq!(asked[1].text(), format!("{question}{user}"));
    }
}

#[test]
fn a_case_without_a_question_is_bad() {
    let host = FakeHost::new();
    let outcome = fake::run::<HotpotQa>(&host, TestCase::new("1", &json!({"q": "?"})));
    let message = "`context.question` is missing".to_owned();
    assert_eq!(outcome, Err(ChainError::BadCase(message)));
    assert_eq!(host.calls(), []);
}

#[test]
fn parameters_turn_fusion_and_rescue_on() {
    let settings = fake::settings::<HotpotQa>()
        .with_parameter("k_hop1", "1")
        .with_parameter("k_hop2", "2")
        .with_parameter("fusion", "true")
        .with_parameter("rescue", "1");
    let host = host();
    fake::run_with::<HotpotQa>(&host, night(), &settings).unwrap();
    let queries: Vec<_> = searches(&host).into_iter().map(|s| s.query).collect();
    let question = "In which town was the director of The Long Night born?";
    // Nothing is rescued: titles cover both names by then.
    assert_eq!(queries, [question, "Ann Holt birthplace", question]);
}

#[test]
fn a_replay_goes_on_from_an_output_that_was_put_in_a_steps_place() {
    let host = host().replace("retrieve_hop2", "[1] «Tarn | A town.»");
    fake::run::<HotpotQa>(&host, night()).unwrap();
    assert_eq!(searches(&host).len(), 1);
    let asked = host.requests("summarize_hop2")[0].messages[1].text();
    assert!(
        asked.contains("[[ ## passages ## ]]\n[1] «Tarn | A town.»\n"),
        "{asked}"
    );
}
