//! A host may put an output in a step's place. The step then does not run, and
//! the state is as if it had come to that output.

use fapo_sdk::fake::{self, FakeHost};

use super::*;

#[derive(Default)]
struct State {
    seen: Vec<String>,
}

impl State {
    fn see(&mut self, output: &str) {
        self.seen.push(output.to_owned());
    }
}

chain!(Every, State, {
    let code = |_: &mut State, visit: &Visit| {
        visit.host.log(fapo_sdk::Level::Info, "ran");
        Ok("code ran".to_owned())
    };
    Graph::new("every", "")
        .step(
            ask("llm")
                .parse(parse::json_field("/a"))
                .strict()
                .keep(State::see),
        )
        .step(
            Retrieve::new("search", "", "wiki").keep(|state: &mut State, passages| {
                state.seen.extend(
                    passages
                        .into_iter()
                        .map(|p| format!("{}={}", p.title, p.text)),
                );
            }),
        )
        .step(Code::new("code", "", code).keep(State::see))
        .step(
            FanOut::new("both")
                .branch(ask("a").keep(State::see))
                .branch(ask("b").keep(State::see)),
        )
        .step(Agent::new(ask("agent").keep(State::see)).all_granted())
        .step(
            Llm::new("last", "")
                .prompt(prompt("last", "${seen}"))
                .value("seen", |state: &State| state.seen.join("|")),
        )
});

#[test]
fn no_replaced_step_calls_anything_and_every_hook_sees_the_output() {
    let host = FakeHost::new()
        .replace("llm", "not JSON")
        .replace("search", "[1] T\nt\n\n[2] U\nu")
        .replace("code", "C")
        .replace("a", "A")
        .replace("b", "B")
        .replace("agent", "G")
        .answer("last", "done");
    let outcome = fake::run::<Every>(&host, question()).unwrap();
    assert_eq!(outcome.output_text, "done");
    assert_eq!(
        trace(&host.calls()),
        [
            "begin llm",
            "begin search",
            "begin code",
            "begin a",
            "begin b",
            "begin agent",
            "begin last",
            "generate 1",
            "end last"
        ]
    );
    let text = host.requests("last")[0].messages[0].text();
    assert_eq!(text, "not JSON|T=t|U=u|C|A|B|G");
}

#[test]
fn a_fan_out_asks_for_the_branches_that_are_not_replaced() {
    chain!(C, (), {
        let both = FanOut::new("both").branch(ask("a")).branch(ask("b"));
        Graph::new("c", "")
            .step(both)
            .step(Llm::new("join", "").prompt(prompt("join", "${steps.a.output}${steps.b.output}")))
    });
    let host = FakeHost::new()
        .replace("a", "A")
        .answer("b", "B")
        .answer("join", "x");
    fake::run::<C>(&host, question()).unwrap();
    assert_eq!(
        trace(&host.calls())[..4],
        ["begin a", "begin b", "generate 1", "end b"]
    );
    assert_eq!(host.requests("join")[0].messages[0].text(), "AB");
}

#[test]
fn a_hook_that_refuses_a_replaced_output_fails_the_chain() {
    chain!(
        C,
        (),
        Graph::new("c", "").step(ask("s").try_keep(|_, _| Err("no".into())))
    );
    let host = FakeHost::new().replace("s", "x");
    assert_eq!(
        fake::run::<C>(&host, question()),
        Err(ChainError::step("s", "no"))
    );
    // The visit was over when the host answered, so there is nothing to fail.
    assert_eq!(trace(&host.calls()), ["begin s"]);
}
