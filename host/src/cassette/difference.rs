//! Where a run leaves its recording.

use std::fmt;

use fapo_core::Untrusted;
use fapo_core::case::CaseId;
use fapo_core::manifest::Role;
use serde_json::Value;

/// A call that is not the one that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "case `{case}`, repeat {repeat}, call {seq} of the {}, step `{step}`: {what}",
    role.name()
)]
pub(crate) struct Divergence {
    pub(crate) case: CaseId,
    pub(crate) repeat: u32,
    pub(crate) role: Role,
    pub(crate) seq: u32,
    /// The step that asks now.
    pub(crate) step: Untrusted,
    pub(crate) what: Difference,
}

/// What is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// Nothing was recorded in this place.
    NoSuchCall {
        /// Lines of the recording that cannot be read: it may have been one of them.
        n_unreadable: u64,
    },
    /// The first field that differs, as in `messages[1].content[0].text`.
    Field {
        field: String,
        /// Cut to where the difference begins; none where there is no such field.
        asked: Option<Untrusted>,
        recorded: Option<Untrusted>,
    },
    /// The line was there when the replay began, and cannot be read any more.
    Unreadable(String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchCall { n_unreadable: 0 } => f.write_str("the recording has no such call"),
            Self::NoSuchCall { n_unreadable } => write!(
                f,
                "the recording has no such call, and {n_unreadable} of its lines cannot be read"
            ),
            Self::Field {
                field,
                asked,
                recorded,
            } => {
                let shown = |text: &Option<Untrusted>| match text {
                    Some(text) => format!("`{}`", text.cut(SHOWN_CHARS)),
                    None => "nothing".into(),
                };
                write!(
                    f,
                    "`{field}`: asked {}, recorded {}",
                    shown(asked),
                    shown(recorded)
                )
            }
            Self::Unreadable(why) => write!(f, "its line cannot be read any more: {why}"),
        }
    }
}

/// Characters that are shown of a value, and those of them that stand before
/// the difference.
const SHOWN_CHARS: usize = 80;
const CHARS_BEFORE: usize = 20;

/// Returns the first field in which two records differ.
///
/// A value that changed is told before one that only one of them has: the
/// latter may be no more than its consequence.
pub(super) fn first(asked: &Value, recorded: &Value) -> Option<Difference> {
    let mut field = String::new();
    differs(asked, recorded, false, &mut field).or_else(|| {
        field.clear();
        differs(asked, recorded, true, &mut field)
    })
}

/// Tells of two values that are not the same.
pub(super) fn changed(field: &str, asked: &str, recorded: &str) -> Difference {
    let same = asked
        .chars()
        .zip(recorded.chars())
        .take_while(|(a, b)| a == b)
        .count();
    let from = same.saturating_sub(CHARS_BEFORE);
    let shown = |text: &str| {
        let part: String = text.chars().skip(from).take(SHOWN_CHARS + 1).collect();
        Some(match from {
            0 => part.into(),
            _ => format!("…{part}").into(),
        })
    };
    Difference::Field {
        field: field.into(),
        asked: shown(asked),
        recorded: shown(recorded),
    }
}

/// Walks down to the first difference; `field` is then its name.
fn differs(
    asked: &Value,
    recorded: &Value,
    missing_counts: bool,
    field: &mut String,
) -> Option<Difference> {
    let length = field.len();
    match (asked, recorded) {
        (Value::Object(a), Value::Object(b)) => {
            let of_b = b.keys().filter(|name| !a.contains_key(*name));
            for name in a.keys().chain(of_b) {
                if length > 0 {
                    field.push('.');
                }
                field.push_str(name);
                if let Some(found) = either(a.get(name), b.get(name), missing_counts, field) {
                    return Some(found);
                }
                field.truncate(length);
            }
            None
        }
        (Value::Array(a), Value::Array(b)) => {
            for at in 0..a.len().max(b.len()) {
                field.push_str(&format!("[{at}]"));
                if let Some(found) = either(a.get(at), b.get(at), missing_counts, field) {
                    return Some(found);
                }
                field.truncate(length);
            }
            None
        }
        (Value::String(a), Value::String(b)) if a != b => Some(changed(field, a, b)),
        (a, b) if a != b => Some(changed(field, &a.to_string(), &b.to_string())),
        _ => None,
    }
}

fn either(
    asked: Option<&Value>,
    recorded: Option<&Value>,
    missing_counts: bool,
    field: &mut String,
) -> Option<Difference> {
    match (asked, recorded) {
        (Some(asked), Some(recorded)) => differs(asked, recorded, missing_counts, field),
        _ if !missing_counts => None,
        (asked, recorded) => {
            let shown = |value: &Value| match value {
                Value::String(text) => text.as_str().into(),
                value => value.to_string().into(),
            };
            Some(Difference::Field {
                field: field.clone(),
                asked: asked.map(shown),
                recorded: recorded.map(shown),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(asked: &Value, recorded: &Value, told: &str) {
        let difference = first(asked, recorded).map(|difference| difference.to_string());
        assert_eq!(difference.as_deref().unwrap_or(""), told);
    }

    #[test]
    fn the_first_field_that_differs_is_named_with_both_values() {
        check(
            &json!({"a": [{"b": "x"}, {"b": "y"}], "c": 1}),
            &json!({"a": [{"b": "x"}, {"b": "z"}], "c": 2}),
            "`a[1].b`: asked `y`, recorded `z`",
        );
        check(
            &json!({"a": 0.5}),
            &json!({"a": {"b": 1}}),
            "`a`: asked `0.5`, recorded `{\"b\":1}`",
        );
    }

    #[test]
    fn what_changed_is_told_before_what_is_missing() {
        check(
            &json!({"new": 1, "temperature": 0.5}),
            &json!({"temperature": 0.7, "old": 2}),
            "`temperature`: asked `0.5`, recorded `0.7`",
        );
        check(
            &json!({"new": 1}),
            &json!({}),
            "`new`: asked `1`, recorded nothing",
        );
        check(
            &json!({"a": ["x"]}),
            &json!({"a": ["x", "y"]}),
            "`a[1]`: asked nothing, recorded `y`",
        );
    }

    #[test]
    fn equal_records_do_not_differ() {
        let record = json!({"a": [1, "x", null], "b": {"c": true}});
        check(&record, &record.clone(), "");
    }

    #[test]
    fn a_long_text_is_shown_from_where_it_differs() {
        let text = |end: &str| json!({"t": format!("{}{end}", "ü".repeat(5_000))});
        let end = format!("\u{1b}[2J{}", "y".repeat(500));
        let difference = first(&text("x"), &text(&end)).unwrap().to_string();
        let before = "ü".repeat(CHARS_BEFORE);
        let asked = format!("`t`: asked `…{before}x`, recorded `…{before}\\u{{1b}}[2Jyyy");
        assert!(difference.starts_with(&asked), "{difference}");
        assert!(difference.chars().count() < 250, "{difference}");
    }
}
