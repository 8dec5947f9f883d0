//! Whether better prompts make better answers, over cases of our own.

use crate::call::{GenerateRequest, ResponseSchema};
use crate::message::Message;

use super::trial::messages;
use super::{Key, Rates, simulate};

/// A case: passages of which some look alike, a question and its answer.
struct Trial {
    passages: String,
    question: String,
    answer: String,
}

const PEOPLE: [&str; 12] = [
    "Ann Holt",
    "Jim Dorr",
    "Eva Lund",
    "Tom Sarre",
    "Ida Brek",
    "Karl Venn",
    "Mia Orlo",
    "Paul Stig",
    "Rosa Tarn",
    "Olaf Quist",
    "Lena Marsh",
    "Hugo Falk",
];
const TOWNS: [&str; 12] = [
    "Arvel", "Brinmoor", "Caldas", "Dunmere", "Elvast", "Forrin", "Galdt", "Hestor", "Ivaly",
    "Jorund", "Kelmar", "Lothen",
];
const RIVERS: [&str; 12] = [
    "Orn", "Sarn", "Velt", "Tyre", "Ulm", "Wend", "Xant", "Ysel", "Zarn", "Abel", "Brae", "Corv",
];

/// Sixty cases: twelve towns, each with five questions.
fn trials() -> Vec<Trial> {
    let of = |list: &[&'static str; 12], at: usize| list[at % 12];
    let mut trials = Vec::new();
    for at in 0..12 {
        let (town, person, river) = (of(&TOWNS, at), of(&PEOPLE, at), of(&RIVERS, at));
        let year = 1803 + 13 * at;
        let n = 3 + at;
        let about = |shift: usize| {
            let at = at + shift;
            let (town, person, river) = (of(&TOWNS, at), of(&PEOPLE, at + 1), of(&RIVERS, at + 1));
            format!(
                "{town} | {town} is a harbour town on the {river}. The old bridge of {town} was designed by {person}. It was opened in {}. {town} has {} mills.",
                1807 + 11 * at,
                20 + at
            )
        };
        let own = format!(
            "{town} Bridge | The stone bridge of {town} was designed by {person}. It was opened on 4 May {year}. {town} has {n} towers, and the river {river} flows past it into the Bay of {}.",
            of(&PEOPLE, at + 5).split(' ').nth(1).unwrap_or_default()
        );
        let bay = format!(
            "Bay of {}",
            of(&PEOPLE, at + 5).split(' ').nth(1).unwrap_or_default()
        );
        let questions = [
            (
                format!("Who designed the stone bridge of {town}?"),
                person.to_owned(),
            ),
            (
                format!("In what year was the stone bridge of {town} opened?"),
                year.to_string(),
            ),
            (format!("How many towers does {town} have?"), n.to_string()),
            (
                format!("Which river flows past {town} with its stone bridge?"),
                river.to_owned(),
            ),
            (format!("Into which bay does the river {river} flow?"), bay),
        ];
        for (nth, (question, answer)) in questions.into_iter().enumerate() {
            let mut passages: Vec<_> = (0..7).map(|shift| about(shift + at % 2)).collect();
            passages.insert((at + nth) % 8, own.clone());
            let passages: Vec<_> = passages
                .iter()
                .enumerate()
                .map(|(at, passage)| format!("[{}] {passage}", at + 1))
                .collect();
            trials.push(Trial {
                passages: passages.join("\n"),
                question,
                answer,
            });
        }
    }
    trials
}

/// Where an answer is read from.
#[derive(Clone, Copy)]
enum From {
    All,
    LastLine,
    Json,
}

/// Returns the share of right answers to some samples of each case.
fn share_right(system: &str, from: From, schema: Option<&str>, rates: &Rates) -> f64 {
    const SAMPLES: u32 = 10;
    let trials = trials();
    let mut n_right = 0;
    for trial in &trials {
        let request = GenerateRequest {
            messages: ask(system, trial),
            response_schema: schema.map(|schema| ResponseSchema {
                name: "answer".into(),
                schema: schema.into(),
            }),
            ..GenerateRequest::default()
        };
        for repeat in 1..=SAMPLES {
            let completion = simulate(&request, rates, Key { repeat, seed: 0 });
            let text = completion.choices[0].text.as_str();
            let answer = match from {
                From::All => text.to_owned(),
                From::LastLine => text.lines().last().unwrap_or_default().to_owned(),
                From::Json => serde_json::from_str(text)
                    .ok()
                    .and_then(|json: serde_json::Value| Some(json["answer"].as_str()?.to_owned()))
                    .unwrap_or_default(),
            };
            n_right += u32::from(answer == trial.answer);
        }
    }
    f64::from(n_right) / (trials.len() as f64 * f64::from(SAMPLES))
}

fn ask(system: &str, trial: &Trial) -> Vec<Message> {
    let user = format!(
        "Passages:\n{}\n\nQuestion: {}",
        trial.passages, trial.question
    );
    messages(system, &user)
}

const BARE: &str = "Answer the question from the passages.";
const BRIEF: &str = "Answer the question from the passages, in as few words as you can.";
const ONLY: &str = "Answer the question from the passages. Answer only with the name or number.";
const ALWAYS: &str =
    "Answer the question from the passages. Answer only with the name or number. Always answer.";
const QUOTED: &str = "Read all passages. Quote the evidence, then answer on the last line, with the name or number alone. Always answer.";
const JSON: &str = "Answer the question from the passages. Output JSON: {\"answer\": \"…\"}. Answer only with the name or number.";
const SCHEMA: &str = r#"{"type":"object","properties":{"answer":{"type":"string"}},"required":["answer"],"additionalProperties":false}"#;

#[test]
fn better_instructions_get_more_answers_right() {
    let rates = Rates::default();
    let shares = [
        ("bare", share_right(BARE, From::All, None, &rates)),
        ("brief", share_right(BRIEF, From::All, None, &rates)),
        ("only", share_right(ONLY, From::All, None, &rates)),
        ("always", share_right(ALWAYS, From::All, None, &rates)),
        ("quoted", share_right(QUOTED, From::LastLine, None, &rates)),
    ];
    for pair in shares.windows(2) {
        assert!(pair[0].1 + 0.01 < pair[1].1, "{shares:?}");
    }
    assert!(shares[0].1 < 0.4 && shares[4].1 > 0.65, "{shares:?}");
    let json = share_right(JSON, From::Json, None, &rates);
    let schema = share_right(JSON, From::Json, Some(SCHEMA), &rates);
    assert!(
        shares[0].1 + 0.2 < json && json < schema,
        "{json} {schema} {shares:?}"
    );
}

#[test]
fn without_failures_it_reads_well_and_not_perfectly() {
    let share = share_right(BARE, From::All, None, &Rates::NONE);
    assert!((0.7..=1.0).contains(&share), "{share}");
}

#[test]
fn without_the_passages_it_knows_nothing() {
    let mut n_right = 0;
    for trial in trials() {
        let request = GenerateRequest {
            messages: messages(ALWAYS, &format!("Question: {}", trial.question)),
            ..GenerateRequest::default()
        };
        let completion = simulate(&request, &Rates::NONE, Key::default());
        n_right += u32::from(completion.choices[0].text.as_str() == trial.answer);
    }
    assert!(n_right <= 2, "{n_right} of 60 were guessed");
}

#[test]
fn other_passages_give_other_answers() {
    let rates = Rates::NONE;
    let answer = |trial: &Trial| {
        let request = GenerateRequest {
            messages: ask(ONLY, trial),
            ..GenerateRequest::default()
        };
        let completion = simulate(&request, &rates, Key::default());
        completion.choices[0].text.as_str().to_owned()
    };
    let mut n_followed = 0;
    let trials = trials();
    let who: Vec<_> = trials.iter().step_by(5).collect();
    for trial in &who {
        let changed = Trial {
            passages: trial.passages.replace(&trial.answer, "Vera Nox"),
            question: trial.question.clone(),
            answer: "Vera Nox".into(),
        };
        n_followed +=
            usize::from(answer(trial) == trial.answer && answer(&changed) == changed.answer);
    }
    assert!(
        n_followed >= who.len() * 3 / 4,
        "{n_followed} of {}",
        who.len()
    );
}
