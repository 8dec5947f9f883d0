//! Prompts of the usual layouts, read.

use super::*;
use crate::simulator::trial::{messages, said};

#[track_caller]
fn check(user: &str, passages: &[(&str, &str)], question: &str) {
    let prompt = read(&[said(Speaker::User, user)]);
    let read: Vec<_> = prompt
        .passages
        .iter()
        .map(|passage| (passage.title.as_str(), passage.text.as_str()))
        .collect();
    assert_eq!(read, passages, "{user}");
    assert_eq!(prompt.question, question, "{user}");
}

const ONE: &str = "The Orn is a river in the north of Vell.";
const TWO: &str = "The Sarn is a river in the south of Vell.";

#[test]
fn evidence_is_found_in_the_usual_layouts() {
    let question = "Where is the Orn?";
    for user in [
        format!("Passages:\n[1] Orn\n{ONE}\n[2] Sarn\n{TWO}\n\nQuestion: {question}"),
        format!("question: {question}\npassages: [1] Orn\n{ONE}\n\n[2] Sarn\n{TWO}"),
        format!("[1] «Orn | {ONE}»\n[2] «Sarn | {TWO}»\n{question}"),
        format!("1. Orn | {ONE}\n2. Sarn | {TWO}\n\nAnswer the question.\n{question}"),
        format!("Orn | {ONE}\nSarn | {TWO}\n\nQuestion: {question}\nAnswer:"),
        format!("Title: Orn\nText: {ONE}\nTitle: Sarn\nText: {TWO}\nQ: {question}"),
        format!("Document [1](Title: Orn) {ONE}\nDocument [2](Title: Sarn) {TWO}\n\n{question}"),
        format!(
            "[{{\"title\": \"Orn\", \"text\": \"{ONE}\"}},\n {{\"title\": \"Sarn\", \"text\": \"{TWO}\"}}]\n\n{question}"
        ),
        format!("[[\"Orn\", [\"{ONE}\"]], [\"Sarn\", [\"{TWO}\"]]]\nQuestion: {question}"),
        format!(
            "[[ ## passages ## ]]\n[1] «Orn | {ONE}»\n[2] «Sarn | {TWO}»\n\n[[ ## question ## ]]\n{question}\n\nRespond with the field `answer`."
        ),
        format!(
            "<context>\nOrn | {ONE}\nSarn | {TWO}\n</context>\n<question>{question}</question>"
        ),
    ] {
        check(&user, &[("Orn", ONE), ("Sarn", TWO)], question);
    }
}

#[test]
fn paragraphs_without_a_label_are_evidence() {
    let user = format!("{ONE}\n\n{TWO}\n\nWhere is the Sarn?");
    check(&user, &[("", ONE), ("", TWO)], "Where is the Sarn?");
    let user = format!("Read this and answer briefly.\n\n{ONE} {TWO} Where is the Sarn?");
    let both = format!("{ONE} {TWO}");
    check(&user, &[("", &both)], "Where is the Sarn?");
}

#[test]
fn orders_are_instructions_and_no_evidence() {
    let system =
        "You read passages.\n1. Quote the sentence that answers the question, word for word.";
    let user = format!(
        "Evidence: {ONE}\n\nUse no other words than those of the passage.\n\nQuestion: Where?"
    );
    let prompt = read(&messages(system, &user));
    assert_eq!(prompt.passages, [Passage::of(ONE)]);
    assert_eq!(
        prompt.instructions,
        format!("{system}\nUse no other words than those of the passage.\n")
    );
}

#[test]
fn examples_are_not_what_is_asked() {
    let user = format!(
        "Context: {TWO}\nQuestion: Which river is south?\nAnswer: Sarn\n\nContext: {ONE}\nQuestion: Which river is north?\nAnswer:"
    );
    check(&user, &[("", ONE)], "Which river is north?");
    let mut turns = messages(
        "",
        &format!("Context: {TWO}\nQuestion: Which river is south?"),
    );
    turns.push(said(Speaker::Assistant, "Sarn"));
    turns.push(said(
        Speaker::User,
        &format!("Context: {ONE}\nQuestion: Which river is north?"),
    ));
    let prompt = read(&turns);
    assert_eq!(prompt.passages, [Passage::of(ONE)]);
    assert_eq!(prompt.examples, ["Sarn"]);
}

#[test]
fn what_a_tool_returned_is_evidence() {
    for result in [
        format!("[1] Orn\n{ONE}"),
        format!("{{\"results\": [{{\"title\": \"Orn\", \"snippet\": \"{ONE}\"}}]}}"),
    ] {
        let prompt = read(&[
            said(Speaker::User, "Where is the Orn?"),
            said(Speaker::Tool, &result),
        ]);
        assert_eq!(prompt.passages[0].title, "Orn");
        assert_eq!(prompt.passages[0].text, ONE);
        assert_eq!(prompt.question, "Where is the Orn?");
    }
}

#[test]
fn no_text_is_too_strange_to_be_read() {
    for text in [
        "",
        "?",
        "[",
        "[[",
        "[[ ##",
        "{\"a\":",
        "::",
        "|",
        " | ",
        "\u{301}\n<",
        "<a",
        "[1]",
        "1.",
        "Answer:",
        "é?",
        "Question:",
    ] {
        for at in 0..3 {
            let text = text.repeat(1 << (at * 5));
            read(&[said(Speaker::User, &text), said(Speaker::Tool, &text)]);
        }
    }
}
