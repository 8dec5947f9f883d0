//! What a chain says of itself: its steps and edges, prompts and parameters.
//!
//! The description comes from a guest, so nothing of it is believed before
//! [`ChainInfo::check`] has passed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Untrusted, prompt};

/// The most steps, edges, prompts or parameters that a chain may declare.
///
/// People read this list, and every variant is checked against it.
const ITEMS_MAX: usize = 256;

/// A chain's description of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainInfo {
    /// What the chain is called.
    pub name: Untrusted,
    /// What it does.
    pub description: Untrusted,
    /// Its steps, in the author's order.
    pub steps: Vec<StepInfo>,
    /// The ways from step to step.
    pub edges: Vec<Edge>,
    /// Its prompts.
    pub prompts: Vec<PromptInfo>,
    /// Its parameters.
    pub parameters: Vec<ParameterInfo>,
}

/// A named node of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepInfo {
    /// Its name.
    pub name: Untrusted,
    /// What kind of work it does.
    pub kind: StepKind,
    /// What it does.
    pub description: Untrusted,
    /// The prompts it uses.
    pub prompts: Vec<Untrusted>,
    /// The parameters it uses.
    pub parameters: Vec<Untrusted>,
}

/// What kind of work a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// A model call.
    Llm,
    /// A search.
    Retrieval,
    /// Plain code.
    Code,
    /// A model that calls tools.
    Agent,
    /// Something else.
    Other(Untrusted),
}

/// A way that a case may take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// A step, or `start`.
    pub source: Untrusted,
    /// A step, or `end`.
    pub target: Untrusted,
    /// When the way is taken; none is always.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Untrusted>,
}

/// A declared prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PromptInfo {
    /// Its name.
    pub name: Untrusted,
    /// What it is for.
    pub description: Untrusted,
    /// The baseline.
    pub default_template: Untrusted,
    /// What a template of this prompt may name.
    pub placeholders: Vec<Placeholder>,
}

/// What a template may name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placeholder {
    /// As between `${` and `}`.
    pub name: Untrusted,
    /// Whether a template without it is refused.
    pub required: bool,
    /// What it stands for.
    pub description: Untrusted,
}

/// A declared parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterInfo {
    /// Its name.
    pub name: Untrusted,
    /// What it does.
    pub description: Untrusted,
    /// Its type and range.
    pub kind: ParameterKind,
    /// JSON of that type.
    pub default: Untrusted,
}

/// A parameter's type and range; both ends belong to a range.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterKind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer {
        /// The smallest.
        min: i32,
        /// The largest.
        max: i32,
    },
    /// A number.
    Number {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// One of these texts.
    Choice(Vec<Untrusted>),
    /// A text of at most so many bytes.
    Text(u32),
}

impl ParameterKind {
    /// Tells whether a value belongs to the kind.
    pub fn accepts(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Boolean, Value::Bool(_)) => true,
            (Self::Integer { min, max }, Value::Number(n)) => n
                .as_i64()
                .is_some_and(|n| (i64::from(*min)..=i64::from(*max)).contains(&n)),
            (Self::Number { min, max }, Value::Number(n)) => {
                n.as_f64().is_some_and(|n| (*min..=*max).contains(&n))
            }
            (Self::Choice(texts), Value::String(s)) => texts.iter().any(|t| t.as_str() == s),
            (Self::Text(max), Value::String(s)) => s.len() <= *max as usize,
            _ => false,
        }
    }

    /// Says in words what is accepted.
    pub fn expects(&self) -> String {
        match self {
            Self::Boolean => "`true` or `false`".into(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Choice(texts) => {
                let words: Vec<_> = texts.iter().map(|t| format!("`\"{t}\"`")).collect();
                format!("one of {}", words.join(", "))
            }
            Self::Text(max) => format!("a text of at most {max} bytes"),
        }
    }
}

/// What is wrong with a chain's description.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// More of something than anyone reads.
    #[error("the chain declares {count} {what}, and {ITEMS_MAX} is the most")]
    TooMany {
        /// Steps, edges, prompts or parameters.
        what: &'static str,
        /// How many.
        count: usize,
    },
    /// A chain that does nothing.
    #[error("the chain declares no step")]
    NoStep,
    /// A name outside the rule.
    #[error(
        "the {what} name `{name}` is not 1 to 64 of `A-Z a-z 0-9 _ -` that begin with a letter"
    )]
    Name {
        /// What carries the name.
        what: &'static str,
        /// The name.
        name: Untrusted,
    },
    /// `start` or `end` as a step.
    #[error("`{0}` is reserved and no name for a step")]
    Reserved(Untrusted),
    /// The same name twice.
    #[error("the {what} `{name}` is declared twice")]
    Twice {
        /// What carries the name.
        what: &'static str,
        /// The name.
        name: Untrusted,
    },
    /// A name that nothing declares.
    #[error("{place} names the {what} `{name}`, which is not declared")]
    Undeclared {
        /// Where it stands.
        place: String,
        /// What it should be.
        what: &'static str,
        /// The name.
        name: Untrusted,
    },
    /// A default template that the chain itself would refuse.
    #[error("the default template of prompt `{prompt}` {problem}")]
    Template {
        /// The prompt.
        prompt: Untrusted,
        /// What is wrong.
        problem: String,
    },
    /// A default value outside its own range.
    #[error("the default of parameter `{parameter}` is `{value}`, not {expects}")]
    Default {
        /// The parameter.
        parameter: Untrusted,
        /// Its default.
        value: Untrusted,
        /// What the kind accepts.
        expects: String,
    },
}

impl ChainInfo {
    /// Checks that the description holds together.
    pub fn check(&self) -> Result<(), InfoError> {
        for (what, count) in [
            ("steps", self.steps.len()),
            ("edges", self.edges.len()),
            ("prompts", self.prompts.len()),
            ("parameters", self.parameters.len()),
        ] {
            if count > ITEMS_MAX {
                return Err(InfoError::TooMany { what, count });
            }
        }
        if self.steps.is_empty() {
            return Err(InfoError::NoStep);
        }
        let steps = names("step", self.steps.iter().map(|s| &s.name))?;
        let prompts = names("prompt", self.prompts.iter().map(|p| &p.name))?;
        let parameters = names("parameter", self.parameters.iter().map(|p| &p.name))?;
        if let Some(reserved) = steps
            .iter()
            .find(|name| matches!(name.as_str(), "start" | "end"))
        {
            return Err(InfoError::Reserved((*reserved).clone()));
        }
        for step in &self.steps {
            let place = || format!("step `{}`", step.name);
            declared(&prompts, &step.prompts, "prompt", place)?;
            declared(&parameters, &step.parameters, "parameter", place)?;
        }
        for edge in &self.edges {
            let place = || format!("the edge from `{}` to `{}`", edge.source, edge.target);
            for (end, free) in [(&edge.source, "start"), (&edge.target, "end")] {
                if end.as_str() != free {
                    declared(&steps, std::slice::from_ref(end), "step", place)?;
                }
            }
        }
        for prompt in &self.prompts {
            prompt
                .accepts(prompt.default_template.as_str())
                .map_err(|problem| InfoError::Template {
                    prompt: prompt.name.clone(),
                    problem,
                })?;
        }
        for parameter in &self.parameters {
            let value: Option<Value> = serde_json::from_str(parameter.default.as_str()).ok();
            if !value.is_some_and(|value| parameter.kind.accepts(&value)) {
                return Err(InfoError::Default {
                    parameter: parameter.name.clone(),
                    value: parameter.default.clone(),
                    expects: parameter.kind.expects(),
                });
            }
        }
        Ok(())
    }
}

impl PromptInfo {
    /// Checks a template against the declared placeholders; the error says
    /// what the template does wrong.
    pub fn accepts(&self, template: &str) -> Result<(), String> {
        let named = prompt::placeholders(template);
        if let Some(missing) = self
            .placeholders
            .iter()
            .find(|p| p.required && !named.contains(&p.name.as_str()))
        {
            return Err(format!(
                "does not name the placeholder `${{{}}}`",
                missing.name
            ));
        }
        match named
            .iter()
            .find(|name| !self.placeholders.iter().any(|p| p.name.as_str() == **name))
        {
            Some(unknown) => Err(format!(
                "names `${{{}}}`, which the chain does not declare",
                Untrusted::from(*unknown)
            )),
            None => Ok(()),
        }
    }
}

/// Checks names by rule and for doubles, and returns them as a set.
fn names<'a>(
    what: &'static str,
    of: impl Iterator<Item = &'a Untrusted>,
) -> Result<BTreeSet<&'a Untrusted>, InfoError> {
    let mut seen = BTreeSet::new();
    for name in of {
        if !is_name(name.as_str()) {
            return Err(InfoError::Name {
                what,
                name: name.clone(),
            });
        }
        if !seen.insert(name) {
            return Err(InfoError::Twice {
                what,
                name: name.clone(),
            });
        }
    }
    Ok(seen)
}

fn declared(
    known: &BTreeSet<&Untrusted>,
    used: &[Untrusted],
    what: &'static str,
    place: impl Fn() -> String,
) -> Result<(), InfoError> {
    match used.iter().find(|name| !known.contains(name)) {
        Some(name) => Err(InfoError::Undeclared {
            place: place(),
            what,
            name: name.clone(),
        }),
        None => Ok(()),
    }
}

/// Tells whether a text may name a step, a prompt or a parameter.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 64
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &str) -> StepInfo {
        StepInfo {
            name: name.into(),
            kind: StepKind::Llm,
            description: "".into(),
            prompts: vec![],
            parameters: vec![],
        }
    }

    fn chain() -> ChainInfo {
        ChainInfo {
            name: "c".into(),
            steps: vec![step("one"), step("two")],
            edges: vec![edge("start", "one"), edge("one", "two"), edge("two", "end")],
            prompts: vec![PromptInfo {
                name: "p".into(),
                description: "".into(),
                default_template: "Q: ${q}".into(),
                placeholders: vec![Placeholder {
                    name: "q".into(),
                    required: true,
                    description: "".into(),
                }],
            }],
            parameters: vec![ParameterInfo {
                name: "k".into(),
                description: "".into(),
                kind: ParameterKind::Integer { min: 1, max: 9 },
                default: "3".into(),
            }],
            ..ChainInfo::default()
        }
    }

    fn edge(source: &str, target: &str) -> Edge {
        Edge {
            source: source.into(),
            target: target.into(),
            condition: None,
        }
    }

    fn check(broken: impl FnOnce(&mut ChainInfo), says: &str) {
        let mut info = chain();
        broken(&mut info);
        let error = info.check().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }

    #[test]
    fn a_description_that_holds_together_passes() {
        assert_eq!(chain().check(), Ok(()));
    }

    #[test]
    fn names_are_short_words_and_stand_once() {
        check(
            |c| c.steps[0].name = "a\u{1b}[2J".into(),
            r"step name `a\u{1b}[2J`",
        );
        check(
            |c| c.steps[1].name = "one".into(),
            "step `one` is declared twice",
        );
        check(|c| c.parameters[0].name = "".into(), "parameter name");
        check(|c| c.steps[0].name = "start".into(), "reserved");
    }

    #[test]
    fn what_is_named_is_declared() {
        check(
            |c| c.steps[0].prompts.push("x".into()),
            "step `one` names the prompt `x`",
        );
        check(
            |c| c.edges.push(edge("two", "three")),
            "names the step `three`",
        );
        check(|c| c.edges.push(edge("end", "one")), "names the step `end`");
    }

    #[test]
    fn defaults_obey_their_own_rules() {
        check(
            |c| c.prompts[0].default_template = "no".into(),
            "does not name the placeholder `${q}`",
        );
        check(
            |c| c.prompts[0].default_template = "${q} ${z}".into(),
            "names `${z}`",
        );
        check(
            |c| c.parameters[0].default = "10".into(),
            "a whole number from 1 to 9",
        );
        check(
            |c| c.parameters[0].default = "{".into(),
            "not a whole number",
        );
    }

    #[test]
    fn a_chain_of_nothing_or_of_too_much_is_refused() {
        check(|c| c.steps.clear(), "no step");
        check(|c| c.edges = vec![edge("one", "two"); 257], "257 edges");
    }
}
