//! Ways, loops and branches, code, and the mistakes that `check` finds.

use fapo_sdk::bindings::chain::Edge;
use fapo_sdk::fake::{self, FakeHost};

use super::*;

/// A judge that says whether to search again.
fn hops(times: impl Into<fapo_sdk::Setting<u32>>) -> Graph<bool> {
    Graph::new("hops", "")
        .parameter(Parameter::integer("hops", "", 0..=4, 2))
        .step(ask("search"))
        .step(ask("judge").keep(|state: &mut bool, output| *state = output == "enough"))
        .step(ask("answer"))
        .path([START, "search", "judge", "answer", END])
        .loop_back("judge", "search", times, "not enough", |enough, _| !enough)
}

chain!(Hops, bool, hops("hops"));

fn host() -> FakeHost {
    FakeHost::new().answer("search", "s").answer("answer", "a")
}

fn visits(host: &FakeHost, step: &str) -> usize {
    host.steps()
        .iter()
        .filter(|record| record.step == step)
        .count()
}

#[test]
fn a_loop_goes_back_until_it_need_not() {
    let host = host().answers("judge", ["more", "enough"]);
    let outcome = fake::run::<Hops>(&host, question()).unwrap();
    assert_eq!(outcome.output_text, "a");
    assert_eq!(visits(&host, "search"), 2);
    assert_eq!(outcome.diagnostics, []);
}

#[test]
fn a_loop_that_never_has_enough_ends_at_its_bound_and_says_so() {
    let host = host().answer("judge", "more");
    let outcome = fake::run::<Hops>(&host, question()).unwrap();
    assert_eq!(visits(&host, "search"), 3);
    assert_eq!(diagnostics(&outcome), ["loop_spent: judge: search"]);

    let host = self::host().answer("judge", "more");
    let settings = fake::settings::<Hops>().with_parameter("hops", "0");
    fake::run_with::<Hops>(&host, question(), &settings).unwrap();
    assert_eq!(visits(&host, "search"), 1);
}

#[test]
fn the_last_visit_is_what_a_placeholder_shows() {
    chain!(C, (), {
        Graph::new("c", "")
            .step(ask("s"))
            .step(Llm::new("t", "").prompt(prompt("t", "${steps.s.output}")))
            .path([START, "s", "t", END])
            .loop_back("s", "s", 1, "once more", |_, steps| steps.visits("s") < 2)
    });
    let host = FakeHost::new()
        .answers("s", ["one", "two"])
        .answer("t", "x");
    fake::run::<C>(&host, question()).unwrap();
    assert_eq!(host.requests("t")[0].messages[0].text(), "two");
}

#[test]
fn a_loop_is_described_with_its_bound_and_the_other_way_is_otherwise() {
    let edge = |source: &str, target: &str, condition: Option<&str>| Edge {
        source: source.into(),
        target: target.into(),
        condition: condition.map(str::to_owned),
    };
    let info = fake::describe::<Hops>();
    assert_eq!(
        info.edges[2..],
        [
            edge("judge", "answer", Some("otherwise")),
            edge("answer", "end", None),
            edge("judge", "search", Some("not enough, at most `hops` times")),
        ]
    );
    assert_eq!(info.steps[1].parameters, ["hops"]);
    let fixed = hops(2).describe().edges[4].condition.clone();
    assert_eq!(fixed.as_deref(), Some("not enough, at most 2 times"));
}

chain!(Route, String, {
    Graph::new("route", "")
        .step(ask("kind").keep(|state: &mut String, output| *state = output.into()))
        .step(ask("maths"))
        .step(ask("facts"))
        .path([START, "kind"])
        .branch(
            "kind",
            [("a sum", "maths"), ("a fact", "facts"), ("neither", END)],
            |state, _| match state.as_str() {
                "sum" => "maths",
                "fact" => "facts",
                "wild" => "kind",
                _ => END,
            },
        )
        .path(["maths", END])
        .path(["facts", END])
});

#[test]
fn a_branch_takes_the_way_that_is_chosen() {
    fake::check::<Route>();
    for (kind, answer) in [("sum", "4"), ("fact", "Stoker"), ("joke", "joke")] {
        let host = FakeHost::new()
            .answer("kind", kind)
            .answer("maths", "4")
            .answer("facts", "Stoker");
        let outcome = fake::run::<Route>(&host, question()).unwrap();
        assert_eq!(outcome.output_text, answer);
    }
    let conditions: Vec<_> = fake::describe::<Route>()
        .edges
        .into_iter()
        .filter_map(|edge| edge.condition)
        .collect();
    assert_eq!(conditions, ["a sum", "a fact", "neither"]);
}

#[test]
fn a_branch_to_an_undeclared_target_is_an_error() {
    let host = FakeHost::new().answer("kind", "wild");
    let error = fake::run::<Route>(&host, question()).unwrap_err();
    let message = "the branch after `kind` chose `kind`, which it does not declare";
    assert_eq!(error, ChainError::Other(message.into()));
}

#[test]
fn a_graph_without_ways_takes_its_steps_in_order() {
    chain!(C, (), Graph::new("c", "").step(ask("a")).step(ask("b")));
    fake::check::<C>();
    let host = FakeHost::new().answer("a", "A").answer("b", "B");
    assert_eq!(fake::run::<C>(&host, question()).unwrap().output_text, "B");
    let edges: Vec<_> = fake::describe::<C>()
        .edges
        .into_iter()
        .map(|e| (e.source, e.target))
        .collect();
    let expected = [("start", "a"), ("a", "b"), ("b", "end")];
    assert_eq!(
        edges,
        expected.map(|(source, target)| (source.into(), target.into()))
    );
}

#[test]
fn code_reads_the_steps_and_the_settings_and_may_ask_a_model() {
    chain!(C, (), {
        let join = |_: &mut (), visit: &Visit| {
            let first = visit.steps.output("a").unwrap_or_default();
            let messages = visit.render("p", &[("first", first)])?;
            let request = fapo_sdk::GenerateRequest::new(visit.step, messages);
            let text = visit.host.generate(&request)?.text().to_owned();
            if text.is_empty() {
                Err(visit.failed("nothing to say"))
            } else {
                Ok(text)
            }
        };
        Graph::new("c", "")
            .step(ask("a"))
            .step(Code::new("join", "", join).prompt(prompt("p", "${first}, ${question}")))
    });
    fake::check::<C>();
    let host = FakeHost::new().answer("a", "A").answers("join", ["J", ""]);
    assert_eq!(fake::run::<C>(&host, question()).unwrap().output_text, "J");
    assert_eq!(
        host.requests("join")[0].messages[0].text(),
        "A, Who wrote Dracula?"
    );
    let error = fake::run::<C>(&host, question()).unwrap_err();
    assert_eq!(error, ChainError::step("join", "nothing to say"));
}

/// Asserts that a graph has this problem, and no other.
fn refused(graph: Graph<()>, problem: &str) {
    assert_eq!(graph.check(), [problem]);
}

#[test]
fn names_are_checked() {
    refused(
        Graph::new("c", "").step(ask("a")).step(ask("a")),
        "step `a` is declared twice",
    );
    refused(
        Graph::new("c", "")
            .step(FanOut::new("f").branch(ask("a")))
            .step(ask("f")),
        "step `f` is declared twice",
    );
    refused(
        Graph::new("2c", "").step(ask("a")),
        "`2c` is no name: a letter, then at most 63 of `A-Z a-z 0-9 _ -`",
    );
    refused(
        Graph::new("c", "").step(ask("end")),
        "`end` is no name for a step",
    );
    refused(Graph::new("c", ""), "the graph has no steps");
    let parameter = || Parameter::boolean("p", "", true);
    refused(
        Graph::new("c", "")
            .step(ask("a"))
            .parameter(parameter())
            .parameter(parameter()),
        "parameter `p` is declared twice",
    );
}

#[test]
fn prompts_and_parameters_are_checked() {
    let with = |template| Graph::new("c", "").step(Llm::new("a", "").prompt(prompt("p", template)));
    refused(
        with("${steps.b.output}"),
        "prompt `p` uses `${steps.b.output}`, of a step that is not declared",
    );
    refused(
        with("${steps.a}"),
        "prompt `p` uses `${steps.a}`, which is not spelled `steps.NAME.output`",
    );
    refused(
        with("${parameters.x}"),
        "prompt `p` uses `${parameters.x}`, of a parameter that is not declared",
    );
    refused(
        Graph::new("c", "").step(ask("a").temperature("t")),
        "step `a` uses parameter `t`, which is not declared",
    );
    refused(
        Graph::new("c", "")
            .step(ask("a"))
            .parameter(Parameter::integer("n", "", 1..=2, 3)),
        "parameter `n` has a default outside its range",
    );
    refused(
        Graph::new("c", "").step(Llm::new("a", "")),
        "step `a` has no prompt",
    );
    refused(
        with("one").step(Llm::new("b", "").prompt(prompt("p", "two"))),
        "prompt `p` has two default templates",
    );
}

#[test]
fn ways_are_checked() {
    let two = || Graph::new("c", "").step(ask("a")).step(ask("b"));
    refused(
        two().path([START, "a", "b", END]).path(["x", END]),
        "an edge begins at `x`, which is not declared",
    );
    refused(
        two().path([START, "a", "b"]),
        "`b` leads nowhere; lead it to a step or to `end`",
    );
    refused(
        two().path([START, "a", END]).path(["b", END]),
        "no way leads to step `b`",
    );
    refused(
        two().path([START, "a", "b", END]).path(["a", END]),
        "several edges begin at `a`; use `branch` to choose, or a `FanOut` to take all",
    );
    let fan_out = FanOut::new("f").branch(ask("x"));
    refused(
        Graph::new("c", "")
            .step(fan_out)
            .path([START, "f", END])
            .path(["x", END]),
        "an edge begins at `x`, a branch of `f`; use that name",
    );
    refused(
        two()
            .path([START, "a", "b", END])
            .loop_back("b", "a", "n", "", |_, _| true),
        "the loop from `b` is bounded by parameter `n`, which is not declared",
    );
}

#[test]
fn a_loop_without_a_bound_is_refused() {
    let graph = Graph::new("c", "")
        .step(ask("a"))
        .step(ask("b"))
        .path([START, "a", "b"])
        .branch("b", [("again", "a"), ("done", END)], |_, _| END);
    refused(
        graph,
        "`a` → `b` can go round without end; use `loop_back`, which has a bound",
    );
}

#[test]
#[should_panic(expected = "the graph cannot be used: the graph has no steps")]
fn a_graph_with_problems_is_not_described() {
    chain!(C, (), Graph::new("c", ""));
    fake::describe::<C>();
}
