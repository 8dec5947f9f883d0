//! A step that searches an index.

use fapo_sdk::RetrievalError;
use fapo_sdk::fake::{self, FakeHost};
use fapo_sdk::retrieve::{Fusion, Layout, Rescue};

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

/// Searches for what the model wrote, with what the two switches add.
fn hop() -> Graph<()> {
    Graph::new("hop", "")
        .parameter(Parameter::boolean("fusion", "", false))
        .parameter(Parameter::integer("rescue", "", 0..=5, 0))
        .step(ask("write"))
        .step(
            Retrieve::new("search", "", "wiki")
                .query("${steps.write.output}")
                .k(2)
                .layout(Layout::Quoted)
                .fuse(Fusion::rrf().with("${question}").when("fusion"))
                .rescue(Rescue::names_in("${question}\n${steps.write.output}").searches("rescue")),
        )
}

chain!(Hop, (), hop());

fn searches(host: &FakeHost) -> Vec<Vec<String>> {
    let calls = host.calls().into_iter();
    let searches = calls.filter_map(|call| match call {
        Call::Search(searches) => Some(searches.into_iter().map(|s| s.query).collect()),
        _ => None,
    });
    searches.collect()
}

#[test]
fn fusion_and_rescue_are_off_until_a_parameter_turns_them_on() {
    fake::check::<Hop>();
    let host = wiki().answer("write", "1. Bram Stoker\n2. Emma novel");
    let outcome = fake::run::<Hop>(&host, question()).unwrap();
    assert_eq!(searches(&host), [["1. Bram Stoker\n2. Emma novel"]]);
    assert_eq!(
        outcome.output_text,
        "[1] «Dracula | A novel by Bram Stoker.»\n[2] «Emma | A novel by Jane Austen.»"
    );
    let declared = fake::describe::<Hop>().steps;
    assert_eq!(declared[1].parameters, ["fusion", "rescue"]);
}

#[test]
fn a_fusion_asks_each_line_and_the_further_text_together() {
    let settings = fake::settings::<Hop>().with_parameter("fusion", "true");
    let host = wiki().answer("write", "1. Bram Stoker\n\n2. Emma novel\nBram Stoker");
    let outcome = fake::run_with::<Hop>(&host, question(), &settings).unwrap();
    assert_eq!(
        searches(&host),
        [["Bram Stoker", "Emma novel", "Who wrote Dracula?"]]
    );
    assert_eq!(outcome.output_text.matches("Dracula").count(), 1);
    let many = (0..20).map(|n| format!("line {n}\n")).collect::<String>();
    let host = wiki().answer("write", &many);
    fake::run_with::<Hop>(&host, question(), &settings).unwrap();
    assert_eq!(searches(&host)[0].len(), Fusion::QUERIES_MAX);
}

#[test]
fn names_that_no_title_covers_are_searched_for_by_themselves() {
    let settings = fake::settings::<Hop>().with_parameter("rescue", "2");
    let host = FakeHost::new()
        .passages(
            "wiki",
            [
                Passage::new("1", "Dracula", "A novel."),
                Passage::new("2", "Emma", "A novel."),
                Passage::new("3", "Stoker (film)", "A film."),
                Passage::new("4", "Bram Stoker", "A writer."),
            ],
        )
        .answer(
            "write",
            "Dracula was written by Bram Stoker of Clontarf in 1897.",
        );
    let outcome = fake::run_with::<Hop>(&host, question(), &settings).unwrap();
    let searches = searches(&host);
    assert_eq!(searches[1], ["Bram Stoker of Clontarf", "1897"]);
    assert!(
        outcome
            .output_text
            .ends_with("[3] «Bram Stoker | A writer.»")
    );
    assert_eq!(diagnostics(&outcome), ["rescued: search: Bram Stoker"]);
    // All that was missing has been found: there is nothing more to look for.
    let settings = fake::settings::<Hop>().with_parameter("rescue", "1");
    let host = wiki().answer("write", "Dracula");
    fake::run_with::<Hop>(&host, question(), &settings).unwrap();
    assert_eq!(self::searches(&host).len(), 1);
}

#[test]
fn a_rescue_only_adds_and_never_more_than_it_may() {
    const TITLES: [&str; 6] = [
        "Ann Holt",
        "Vell",
        "New Vell",
        "Orn (river)",
        "1954 flood",
        "",
    ];
    const TEXTS: [&str; 6] = [
        "Ann Holt",
        "of Vell",
        "and the Orn",
        "in 1954.",
        "\"Vell\"",
        "x",
    ];
    let mut state = 5_u64;
    let mut below = move |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
        (state >> 33) as usize % n
    };
    for _ in 0..500 {
        let passages: [Passage; 5] = std::array::from_fn(|nth| {
            let title = TITLES[below(TITLES.len())];
            Passage::new(&nth.to_string(), title, "")
        });
        let n_max = below(4);
        let text: Vec<_> = (0..below(6)).map(|_| TEXTS[below(TEXTS.len())]).collect();
        let settings = fake::settings::<Hop>().with_parameter("rescue", &n_max.to_string());
        let host = FakeHost::new()
            .passages("wiki", passages.clone())
            .answer("write", &format!("query {}", text.join(" ")));
        let outcome = fake::run_with::<Hop>(&host, question(), &settings).unwrap();
        let searches = searches(&host);
        assert!(searches.len() <= 2);
        assert!(
            searches[1..]
                .iter()
                .all(|names| (1..=n_max).contains(&names.len()))
        );
        let found = Layout::Quoted.read(&outcome.output_text);
        assert!((2..=2 + n_max).contains(&found.len()), "{found:?}");
        let titles = |passages: &[Passage]| -> Vec<String> {
            passages.iter().map(|p| p.title.clone()).collect()
        };
        assert_eq!(
            titles(&found[..2]),
            titles(&passages[..2]),
            "the query's own stay"
        );
        assert!(
            (1..)
                .zip(&found)
                .all(|(rank, passage)| passage.rank == rank)
        );
    }
}
