//! A chain and a scorer that attack their host.
//!
//! A case's `context` is `{"attack": "NAME"}`, and the chain does that attack;
//! the scorer reads the same from the row's `metadata`. An attack that the host
//! stands returns a text that says what it saw, and the row of
//! `tests/it/attacks.rs` with its name says what must be in it. The modules are
//! named by what they attack.

// The whole crate speaks to the imports of a component.
#![cfg(target_family = "wasm")]

mod cpu;
mod crash;
mod memory;
mod wasi;

mod artifacts;
mod denied;
mod log;
mod provider;
mod retrieval;
mod tools;
mod trace;

mod leak;
mod output;

mod scorer;

use std::fmt::Debug;

use fapo_sdk::bindings::chain::{
    ChainError, ChainInfo, Edge, Guest, IntegerRange, ParameterInfo, ParameterKind, Placeholder,
    PromptInfo, StepInfo, StepKind,
};
use fapo_sdk::bindings::types::{Outcome, Settings, TestCase};

/// What an attack is: it may never return, or it returns what it saw.
type Attack = fn(&TestCase, &Settings) -> Result<Outcome, ChainError>;

/// The attacks of the chain, module by module.
const ATTACKS: &[&[(&str, Attack)]] = &[
    cpu::ATTACKS,
    crash::ATTACKS,
    memory::ATTACKS,
    wasi::ATTACKS,
    artifacts::ATTACKS,
    denied::ATTACKS,
    log::ATTACKS,
    provider::ATTACKS,
    retrieval::ATTACKS,
    tools::ATTACKS,
    trace::ATTACKS,
    leak::ATTACKS,
    output::ATTACKS,
];

struct Hostile;

impl Guest for Hostile {
    /// Describes two steps, a prompt and a parameter, as an honest chain would.
    ///
    /// The description lists the attacks, so that a test can see that each of
    /// them has its row.
    fn describe() -> ChainInfo {
        let chain = ATTACKS.concat();
        ChainInfo {
            name: "hostile".into(),
            description: names(&chain) + " " + &names(scorer::ATTACKS),
            steps: vec![step("one", StepKind::Llm), step("two", StepKind::Code)],
            edges: vec![edge("start", "one"), edge("one", "two"), edge("two", "end")],
            prompts: vec![PromptInfo {
                name: "ask".into(),
                description: "What step `one` asks.".into(),
                default_template: "User: ${attack}".into(),
                placeholders: vec![Placeholder {
                    name: "attack".into(),
                    required: true,
                    description: "The attack of the case.".into(),
                }],
            }],
            parameters: vec![ParameterInfo {
                name: "force".into(),
                description: "How hard it tries.".into(),
                kind: ParameterKind::Integer(IntegerRange { min: 0, max: 10 }),
                default: "1".into(),
            }],
        }
    }

    fn run(case: TestCase, settings: Settings) -> Result<Outcome, ChainError> {
        let attack = attack_of(&case.context).map_err(ChainError::BadCase)?;
        let mut attacks = ATTACKS.iter().copied().flatten();
        match attacks.find(|(name, _)| *name == attack) {
            Some((_, run)) => run(&case, &settings),
            None => Err(ChainError::BadCase(format!(
                "there is no attack `{attack}`"
            ))),
        }
    }
}

fapo_sdk::export_chain!(Hostile);

fn step(name: &str, kind: StepKind) -> StepInfo {
    StepInfo {
        name: name.into(),
        kind,
        description: format!("Step `{name}`."),
        prompts: vec!["ask".into()],
        parameters: vec!["force".into()],
    }
}

fn edge(source: &str, target: &str) -> Edge {
    Edge {
        source: source.into(),
        target: target.into(),
        condition: None,
    }
}

fn names<T>(attacks: &[(&str, T)]) -> String {
    let names: Vec<_> = attacks.iter().map(|(name, _)| *name).collect();
    names.join(" ")
}

/// Returns the attack that a row's JSON names.
fn attack_of(json: &str) -> Result<String, String> {
    let value: serde_json::Value =
        serde_json::from_str(json).map_err(|error| format!("`{json}` is not JSON: {error}"))?;
    match value["attack"].as_str() {
        Some(attack) => Ok(attack.to_owned()),
        None => Err("`attack` is missing".to_owned()),
    }
}

/// Returns the outcome of an attack that came to its end.
fn saw(text: impl Into<String>) -> Result<Outcome, ChainError> {
    Ok(Outcome {
        output_text: text.into(),
        diagnostics: Vec::new(),
    })
}

/// Returns what an import answered: `ok`, or the case of its error as the
/// contract spells it.
fn answer<T, E: Debug>(result: Result<T, E>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => kebab_case(&format!("{error:?}")),
    }
}

/// Turns the `TypeName::CaseName(…)` of a generated error into `case-name`.
fn kebab_case(debug: &str) -> String {
    let case = debug.split('(').next().unwrap_or(debug);
    let case = case.rsplit("::").next().unwrap_or(case);
    let mut word = String::new();
    for letter in case.chars() {
        if letter.is_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.extend(letter.to_lowercase());
    }
    word
}

/// A text that a terminal, a log or a JSON record would obey if it were let
/// through: clear the screen, set the title, begin a new line, turn the
/// direction of writing.
const ESCAPES: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}\r\n{\"level\":\"error\"}\u{202e}\u{9b}31m\u{0}";

const MIB: usize = 1 << 20;
