//! A step that searches an index.

use fapo_sdk::RetrievalError;
use fapo_sdk::fake::{self, FakeHost};

use super::*;

fn wiki() -> FakeHost {
    FakeHost::new().passages(
        "wiki",
        [
            Passage::new("1", "Dracula", "A novel by Bram Stoker."),
            Passage::new("2", "Emma", "A novel by Jane Austen."),
        ],
    )
}

#[test]
fn passages_are_numbered_text_and_go_into_the_state() {
    chain!(C, Vec<Passage>, {
        Graph::new("c", "")
            .parameter(Parameter::integer("k", "", 1..=9, 2))
            .step(
                Retrieve::new("search", "", "wiki")
                    .query("book: ${question}")
                    .k("k")
                    .keep(|state, passages| *state = passages),
            )
            .step(
                Llm::new("read", "")
                    .prompt(prompt("read", "${steps.search.output} ${first}"))
                    .value("first", |state: &Vec<Passage>| state[0].id.clone()),
            )
    });
    fake::check::<C>();
    let host = wiki().answer("read", "Stoker");
    fake::run::<C>(&host, question()).unwrap();
    let Call::Search(searches) = &host.calls()[1] else {
        panic!("no search");
    };
    assert_eq!(searches[0].query, "book: Who wrote Dracula?");
    assert_eq!(searches[0].k, 2);
    assert_eq!(
        host.requests("read")[0].messages[0].text(),
        "[1] Dracula\nA novel by Bram Stoker.\n\n[2] Emma\nA novel by Jane Austen. 1"
    );
}

#[test]
fn several_queries_are_in_flight_together() {
    chain!(C, Vec<Passage>, {
        Graph::new("c", "").step(
            Retrieve::new("search", "", "wiki")
                .queries(|_, visit| vec![visit.case.id().into(), " ".into(), "other".into()])
                .keep(|state: &mut Vec<Passage>, passages| state.extend(passages)),
        )
    });
    let host = wiki();
    let outcome = fake::run::<C>(&host, question()).unwrap();
    assert_eq!(
        trace(&host.calls()),
        ["begin search", "search 2", "end search"]
    );
    assert_eq!(outcome.output_text.matches("Dracula").count(), 1);
}

#[test]
fn an_empty_query_is_no_search_and_reported() {
    chain!(C, (), {
        Graph::new("c", "").step(Retrieve::new("search", "", "wiki").query("${hint}"))
    });
    let host = wiki();
    let case = TestCase::new("1", &json!({"hint": " "}));
    let outcome = fake::run::<C>(&host, case).unwrap();
    assert_eq!(trace(&host.calls()), ["begin search", "end search"]);
    assert_eq!(outcome.output_text, "");
    assert_eq!(diagnostics(&outcome), ["empty_query: search"]);
}

#[test]
fn an_unknown_index_fails_the_step_and_is_the_chains_error() {
    chain!(
        C,
        (),
        Graph::new("c", "").step(Retrieve::new("search", "", "news"))
    );
    let host = wiki();
    let error = fake::run::<C>(&host, question()).unwrap_err();
    assert_eq!(
        error,
        ChainError::Retrieval(RetrievalError::UnknownIndex("news".into()))
    );
    assert_eq!(
        host.steps()[0].failure.as_deref(),
        Some("unknown-index: news")
    );
}
