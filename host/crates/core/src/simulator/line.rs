//! What a line of prose is by the look of it.

use super::prompt::titled;

/// Tells whether a line asks.
pub(super) fn is_question(line: &str) -> bool {
    line.trim_end_matches(['"', '*', ' ', ')']).ends_with('?')
}

/// Tells whether a line may be evidence.
pub(super) fn is_statement(line: &str) -> bool {
    let is_titled = !titled(line).0.is_empty();
    (is_titled || line.len() >= 30)
        && line.contains(' ')
        && line.ends_with(['.', '!', '"', ')', '”'])
}

/// Words with which orders begin.
const ORDERS: [&str; 62] = [
    "add",
    "always",
    "analyze",
    "answer",
    "base",
    "be",
    "begin",
    "check",
    "choose",
    "cite",
    "classify",
    "compare",
    "copy",
    "do",
    "don't",
    "end",
    "explain",
    "extract",
    "fill",
    "find",
    "first",
    "follow",
    "format",
    "generate",
    "give",
    "given",
    "here",
    "identify",
    "if",
    "keep",
    "list",
    "make",
    "name",
    "never",
    "no",
    "note",
    "only",
    "output",
    "please",
    "print",
    "produce",
    "provide",
    "put",
    "quote",
    "read",
    "remember",
    "reply",
    "respond",
    "return",
    "rewrite",
    "say",
    "select",
    "show",
    "summarise",
    "summarize",
    "tell",
    "then",
    "think",
    "translate",
    "use",
    "write",
    "you",
];

/// Tells whether a line is an order.
pub(super) fn is_imperative(line: &str) -> bool {
    let line = line.trim_start_matches(|c: char| !c.is_alphabetic());
    let first = line
        .split(|c: char| !(c.is_alphabetic() || c == '\'' || c == '’'))
        .next()
        .unwrap_or_default()
        .to_lowercase()
        .replace('’', "'");
    ORDERS.binary_search(&first.as_str()).is_ok()
        || [
            "based on",
            "your task",
            "using the",
            "let's",
            "in your",
            "the answer",
        ]
        .iter()
        .any(|head| {
            line.get(..head.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(head))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_orders_stand_in_order() {
        assert!(ORDERS.is_sorted());
    }
}
