//! What a graph declares beside its steps: prompts and parameters, and the
//! settings of a step that are fixed or come from a parameter.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::bindings::chain::{
    ChainError, IntegerRange, NumberRange, ParameterInfo, ParameterKind, Placeholder, PromptInfo,
};
use crate::bindings::types::Settings;
use crate::template;

/// A prompt with its baseline: what an optimizer may write anew.
///
/// Every placeholder of the default template is required of a new one, unless
/// it is named [`optional`](Prompt::optional).
///
/// ```
/// use fapo_sdk::Prompt;
///
/// let prompt = Prompt::new("answer", "Answers the question.", "User: ${question} ${hint}")
///     .optional("hint", "What the case suggests; often empty.");
/// ```
#[derive(Clone)]
pub struct Prompt {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) template: &'static str,
    optional: Vec<&'static str>,
    notes: Vec<(&'static str, &'static str)>,
}

impl Prompt {
    /// Returns a prompt with its default template, most often an `include_str!`.
    pub fn new(name: &'static str, description: &'static str, template: &'static str) -> Self {
        Self {
            name,
            description,
            template,
            optional: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Lets a template do without a placeholder, or offers one that the default
    /// template does not use.
    pub fn optional(mut self, placeholder: &'static str, description: &'static str) -> Self {
        self.optional.push(placeholder);
        self.notes.push((placeholder, description));
        self
    }

    /// Says what a placeholder of the default template stands for.
    pub fn describes(mut self, placeholder: &'static str, description: &'static str) -> Self {
        self.notes.push((placeholder, description));
        self
    }

    /// Returns all placeholders, those of the template first.
    pub(crate) fn placeholders(&self) -> Vec<&str> {
        let mut names = template::placeholders(self.template);
        for name in &self.optional {
            if !names.contains(name) {
                names.push(name);
            }
        }
        names
    }

    pub(crate) fn info(&self) -> PromptInfo {
        let placeholder = |name: &str| Placeholder {
            name: name.to_owned(),
            required: !self.optional.contains(&name),
            description: self.note(name).to_owned(),
        };
        PromptInfo {
            name: self.name.into(),
            description: self.description.into(),
            default_template: self.template.into(),
            placeholders: self.placeholders().into_iter().map(placeholder).collect(),
        }
    }

    fn note(&self, placeholder: &str) -> &'static str {
        let mut notes = self.notes.iter();
        notes
            .find(|(name, _)| *name == placeholder)
            .map_or("", |(_, note)| note)
    }
}

/// A parameter with its range and its baseline: what an optimizer may turn.
pub struct Parameter {
    pub(crate) name: &'static str,
    description: &'static str,
    kind: Kind,
}

enum Kind {
    Boolean {
        default: bool,
    },
    Integer {
        range: RangeInclusive<i32>,
        default: i32,
    },
    Number {
        range: RangeInclusive<f64>,
        default: f64,
    },
    Choice {
        choices: Vec<&'static str>,
        default: &'static str,
    },
    Text {
        bytes_max: u32,
        default: &'static str,
    },
}

impl Parameter {
    /// Returns a parameter that is true or false.
    pub fn boolean(name: &'static str, description: &'static str, default: bool) -> Self {
        Self {
            name,
            description,
            kind: Kind::Boolean { default },
        }
    }

    /// Returns a parameter that is a whole number.
    pub fn integer(
        name: &'static str,
        description: &'static str,
        range: RangeInclusive<i32>,
        default: i32,
    ) -> Self {
        Self {
            name,
            description,
            kind: Kind::Integer { range, default },
        }
    }

    /// Returns a parameter that is a number.
    pub fn number(
        name: &'static str,
        description: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> Self {
        Self {
            name,
            description,
            kind: Kind::Number { range, default },
        }
    }

    /// Returns a parameter that is one of a few texts.
    pub fn choice<const N: usize>(
        name: &'static str,
        description: &'static str,
        choices: [&'static str; N],
        default: &'static str,
    ) -> Self {
        Self {
            name,
            description,
            kind: Kind::Choice {
                choices: choices.into(),
                default,
            },
        }
    }

    /// Returns a parameter that is a text of at most so many bytes.
    pub fn text(
        name: &'static str,
        description: &'static str,
        bytes_max: u32,
        default: &'static str,
    ) -> Self {
        Self {
            name,
            description,
            kind: Kind::Text { bytes_max, default },
        }
    }

    /// Says why the default is not a value of the parameter, if it is not.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let fits = match &self.kind {
            Kind::Boolean { .. } => true,
            Kind::Integer { range, default } => range.contains(default),
            Kind::Number { range, default } => {
                range.contains(default) && range.start().is_finite() && range.end().is_finite()
            }
            Kind::Choice { choices, default } => choices.contains(default),
            Kind::Text { bytes_max, default } => default.len() <= *bytes_max as usize,
        };
        (!fits).then_some("a default outside its range")
    }

    pub(crate) fn info(&self) -> ParameterInfo {
        let text = |default: &str| Value::from(default).to_string();
        let (kind, default) = match &self.kind {
            Kind::Boolean { default } => (ParameterKind::Boolean, default.to_string()),
            Kind::Integer { range, default } => {
                let range = IntegerRange {
                    min: *range.start(),
                    max: *range.end(),
                };
                (ParameterKind::Integer(range), default.to_string())
            }
            Kind::Number { range, default } => {
                let range = NumberRange {
                    min: *range.start(),
                    max: *range.end(),
                };
                (
                    ParameterKind::Number(range),
                    Value::from(*default).to_string(),
                )
            }
            Kind::Choice { choices, default } => {
                let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
                (ParameterKind::Choice(choices), text(default))
            }
            Kind::Text { bytes_max, default } => (ParameterKind::Text(*bytes_max), text(default)),
        };
        ParameterInfo {
            name: self.name.into(),
            description: self.description.into(),
            kind,
            default,
        }
    }
}

/// A setting of a step: a value, or the name of the parameter that holds it.
///
/// A text is a parameter's name, so `.temperature(0.2)` is fixed and
/// `.temperature("temperature")` is for the optimizer to turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Setting<T> {
    /// Always this value.
    Fixed(T),
    /// What the parameter of this name is set to.
    Parameter(&'static str),
}

impl<T> Setting<T> {
    pub(crate) fn parameter(&self) -> Option<&'static str> {
        match self {
            Self::Fixed(_) => None,
            Self::Parameter(name) => Some(name),
        }
    }
}

impl Setting<f64> {
    pub(crate) fn resolve(&self, settings: &Settings) -> Result<f64, ChainError> {
        match self {
            Self::Fixed(value) => Ok(*value),
            Self::Parameter(name) => settings.number(name),
        }
    }
}

impl Setting<u32> {
    pub(crate) fn resolve(&self, settings: &Settings) -> Result<u32, ChainError> {
        match self {
            Self::Fixed(value) => Ok(*value),
            Self::Parameter(name) => {
                let value = settings.integer(name)?;
                u32::try_from(value).map_err(|_| {
                    ChainError::BadSettings(format!(
                        "parameter `{name}` is out of range: `{value}`"
                    ))
                })
            }
        }
    }
}

impl Setting<bool> {
    pub(crate) fn resolve(&self, settings: &Settings) -> Result<bool, ChainError> {
        match self {
            Self::Fixed(value) => Ok(*value),
            Self::Parameter(name) => settings.boolean(name),
        }
    }
}

impl Setting<&'static str> {
    pub(crate) fn resolve(&self, settings: &Settings) -> Result<String, ChainError> {
        match self {
            Self::Fixed(value) => Ok((*value).to_owned()),
            Self::Parameter(name) => settings.text(name),
        }
    }
}

impl<T> From<&'static str> for Setting<T> {
    fn from(parameter: &'static str) -> Self {
        Self::Parameter(parameter)
    }
}

impl From<f64> for Setting<f64> {
    fn from(value: f64) -> Self {
        Self::Fixed(value)
    }
}

impl From<bool> for Setting<bool> {
    fn from(value: bool) -> Self {
        Self::Fixed(value)
    }
}

impl From<u32> for Setting<u32> {
    fn from(value: u32) -> Self {
        Self::Fixed(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_required_unless_they_are_optional() {
        let prompt = Prompt::new("p", "", "${a} ${b}")
            .optional("b", "often empty")
            .optional("c", "not used at first")
            .describes("a", "always there");
        let seen: Vec<_> = prompt
            .info()
            .placeholders
            .into_iter()
            .map(|p| (p.name, p.required, p.description))
            .collect();
        let expected = [
            ("a", true, "always there"),
            ("b", false, "often empty"),
            ("c", false, "not used at first"),
        ];
        let expected = expected.map(|(name, required, note)| (name.into(), required, note.into()));
        assert_eq!(seen, expected);
    }

    #[test]
    fn defaults_are_json_of_their_kind() {
        let default = |parameter: Parameter| parameter.info().default;
        assert_eq!(default(Parameter::number("n", "", 0.0..=2.0, 0.0)), "0.0");
        assert_eq!(default(Parameter::integer("i", "", 1..=9, 3)), "3");
        assert_eq!(default(Parameter::boolean("b", "", true)), "true");
        assert_eq!(default(Parameter::choice("c", "", ["x"], "x")), "\"x\"");
        assert_eq!(
            default(Parameter::text("t", "", 9, "a \"b\"")),
            r#""a \"b\"""#
        );
    }

    #[test]
    fn a_default_outside_its_range_is_a_problem() {
        assert!(
            Parameter::number("n", "", 0.0..=2.0, 2.0)
                .problem()
                .is_none()
        );
        for parameter in [
            Parameter::number("n", "", 0.0..=2.0, 2.1),
            Parameter::number("n", "", 0.0..=2.0, f64::NAN),
            Parameter::number("n", "", 0.0..=f64::INFINITY, 1.0),
            Parameter::integer("i", "", 1..=9, 0),
            Parameter::choice("c", "", ["x"], "y"),
            Parameter::text("t", "", 2, "abc"),
        ] {
            assert!(parameter.problem().is_some());
        }
    }
}
