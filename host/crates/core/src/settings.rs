//! What a chain runs with: the defaults it declares, and what a person or a
//! variant puts in their place.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Untrusted;
use crate::chain::ChainInfo;

/// Every prompt and every parameter of a chain, in the order of declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Names and templates.
    pub prompts: Vec<(Untrusted, Untrusted)>,
    /// Names and values, as JSON.
    pub parameters: Vec<(Untrusted, Untrusted)>,
}

/// Names and texts that take the place of defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// Names and templates.
    pub prompts: Vec<(String, String)>,
    /// Names and values, as JSON.
    pub parameters: Vec<(String, String)>,
}

/// Why settings cannot be used with a chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A name that the chain does not declare.
    #[error("the chain has no {what} `{name}`")]
    Unknown {
        /// Prompt or parameter.
        what: &'static str,
        /// The name.
        name: Untrusted,
        /// What it does have.
        known: Vec<Untrusted>,
    },
    /// A template that breaks the prompt's promise.
    #[error("the template for prompt `{prompt}` {problem}")]
    Template {
        /// The prompt.
        prompt: Untrusted,
        /// What is wrong.
        problem: String,
    },
    /// A value outside its range.
    #[error("parameter `{parameter}` is `{value}`, not {expects}")]
    Value {
        /// The parameter.
        parameter: Untrusted,
        /// The value.
        value: Untrusted,
        /// What is accepted.
        expects: String,
    },
}

impl SettingsError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unknown { what, known, .. } if known.is_empty() => {
                format!("it declares no {what} at all")
            }
            Self::Unknown { what, known, .. } => {
                let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
                format!("its {what}s are {}", names.join(", "))
            }
            Self::Template { .. } => {
                "`fapo-host inspect` lists the placeholders of each prompt".into()
            }
            Self::Value { .. } => "write the value as JSON: 3, 0.5, true, \"text\"".into(),
        }
    }
}

impl Settings {
    /// Completes a chain's settings: its defaults, with overrides in place.
    pub fn resolve(info: &ChainInfo, overrides: &Overrides) -> Result<Self, SettingsError> {
        let mut prompts: Vec<_> = info
            .prompts
            .iter()
            .map(|p| (p.name.clone(), p.default_template.clone()))
            .collect();
        for (name, template) in &overrides.prompts {
            let Some(at) = info.prompts.iter().position(|p| p.name.as_str() == name) else {
                return Err(SettingsError::Unknown {
                    what: "prompt",
                    name: name.as_str().into(),
                    known: info.prompts.iter().map(|p| p.name.clone()).collect(),
                });
            };
            info.prompts[at]
                .accepts(template)
                .map_err(|problem| SettingsError::Template {
                    prompt: name.as_str().into(),
                    problem,
                })?;
            prompts[at].1 = template.as_str().into();
        }
        let mut parameters: Vec<_> = info
            .parameters
            .iter()
            .map(|p| (p.name.clone(), p.default.clone()))
            .collect();
        for (name, value) in &overrides.parameters {
            let Some(at) = info.parameters.iter().position(|p| p.name.as_str() == name) else {
                return Err(SettingsError::Unknown {
                    what: "parameter",
                    name: name.as_str().into(),
                    known: info.parameters.iter().map(|p| p.name.clone()).collect(),
                });
            };
            let kind = &info.parameters[at].kind;
            let parsed: Option<Value> = serde_json::from_str(value).ok();
            let Some(parsed) = parsed.filter(|parsed| kind.accepts(parsed)) else {
                return Err(SettingsError::Value {
                    parameter: name.as_str().into(),
                    value: value.as_str().into(),
                    expects: kind.expects(),
                });
            };
            parameters[at].1 = parsed.to_string().into();
        }
        Ok(Self {
            prompts,
            parameters,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{ParameterInfo, ParameterKind, Placeholder, PromptInfo};

    fn info() -> ChainInfo {
        ChainInfo {
            prompts: vec![PromptInfo {
                name: "p".into(),
                description: "".into(),
                default_template: "${q}".into(),
                placeholders: vec![Placeholder {
                    name: "q".into(),
                    required: true,
                    description: "".into(),
                }],
            }],
            parameters: vec![ParameterInfo {
                name: "t".into(),
                description: "".into(),
                kind: ParameterKind::Number { min: 0.0, max: 2.0 },
                default: "0.5".into(),
            }],
            ..ChainInfo::default()
        }
    }

    fn with(
        prompts: &[(&str, &str)],
        parameters: &[(&str, &str)],
    ) -> Result<Settings, SettingsError> {
        let own = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(a, b)| ((*a).into(), (*b).into()))
                .collect()
        };
        Settings::resolve(
            &info(),
            &Overrides {
                prompts: own(prompts),
                parameters: own(parameters),
            },
        )
    }

    #[test]
    fn defaults_fill_what_nobody_set() {
        let settings = with(&[], &[("t", "1")]).unwrap();
        assert_eq!(settings.prompts, [("p".into(), "${q}".into())]);
        assert_eq!(settings.parameters, [("t".into(), "1".into())]);
    }

    #[test]
    fn a_name_that_the_chain_does_not_have_is_refused_with_those_it_has() {
        let refused = with(&[("x", "${q}")], &[]).unwrap_err();
        assert_eq!(refused.to_string(), "the chain has no prompt `x`");
        assert_eq!(refused.hint(), "its prompts are `p`");
    }

    #[test]
    fn a_template_must_keep_the_placeholders() {
        let refused = with(&[("p", "nothing")], &[]).unwrap_err();
        assert!(refused.to_string().contains("${q}"), "{refused}");
    }

    #[test]
    fn a_value_outside_its_range_or_not_json_is_refused() {
        for value in ["3", "\"1\"", "one", ""] {
            let refused = with(&[], &[("t", value)]).unwrap_err();
            assert!(
                refused.to_string().contains("a number from 0 to 2"),
                "{refused}"
            );
        }
    }
}
