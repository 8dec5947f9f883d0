//! What is known of models: which parameters they take, how long they can
//! read and write, and what their tokens cost.
//!
//! All of it is data. A table that comes with the host knows some models; the
//! operator's policy says more, or says it better. What no table knows is
//! unknown: such a model is sent what a chain asks for, and has no price.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::call::Usage;

/// What is known of the models of some names, as written. What is left out is
/// as the next less exact entry says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WrittenModel {
    /// Whether it thinks before it answers, and takes no advice on sampling.
    pub reasons: Option<bool>,
    /// Parameters that it refuses, beside those that its kind does.
    pub refuses: Vec<Parameter>,
    /// How many tokens it can hold, of request and answer together.
    pub context_tokens: Option<u32>,
    /// How many it can write in one answer.
    pub output_tokens_max: Option<u32>,
    /// What its tokens cost.
    pub price: Option<Price>,
}

/// A parameter that a model may refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the fields of `GenerateParams` by their names")]
pub enum Parameter {
    Temperature,
    TopP,
    Stop,
    Seed,
    Choices,
    ReasoningEffort,
}

impl Parameter {
    /// The word in files and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Temperature => "temperature",
            Self::TopP => "top_p",
            Self::Stop => "stop",
            Self::Seed => "seed",
            Self::Choices => "choices",
            Self::ReasoningEffort => "reasoning_effort",
        }
    }
}

/// What a model's tokens cost, in US dollars for a million.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Tokens that it reads.
    pub input: f64,
    /// Tokens that it read before and remembers; as `input` where it is not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<f64>,
    /// Tokens that it writes, the hidden ones, too.
    pub output: f64,
}

impl Price {
    /// Returns what an answer cost; none where the tokens were not counted.
    ///
    /// ```
    /// use fapo_core::call::Usage;
    /// use fapo_core::model::Price;
    ///
    /// let price = Price { input: 1.0, cached_input: Some(0.1), output: 10.0 };
    /// let usage = Usage {
    ///     input_tokens: Some(1_000),
    ///     cached_input_tokens: Some(500),
    ///     output_tokens: Some(100),
    ///     reasoning_tokens: Some(90),
    /// };
    /// assert_eq!(price.of(&usage), Some(0.00155));
    /// ```
    pub fn of(&self, usage: &Usage) -> Option<f64> {
        let input = f64::from(usage.input_tokens?);
        let cached = f64::from(usage.cached_input_tokens.unwrap_or(0)).min(input);
        let output = f64::from(usage.output_tokens?);
        let dollars = (input - cached) * self.input
            + cached * self.cached_input.unwrap_or(self.input)
            + output * self.output;
        Some(dollars / 1e6)
    }
}

/// What a table says of models, by name; a `*` at the end of a name stands for
/// anything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ModelTable {
    /// Tells one state of the table from another, and stands beside every price.
    pub version: String,
    /// The models.
    pub models: BTreeMap<String, WrittenModel>,
}

/// What is known of one model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// As it is sent.
    pub name: String,
    /// Whether it thinks before it answers.
    pub reasons: bool,
    /// Parameters that it refuses.
    pub refuses: Vec<Parameter>,
    /// How many tokens it can hold.
    pub context_tokens: Option<u32>,
    /// How many it can write.
    pub output_tokens_max: Option<u32>,
    /// What its tokens cost; none is unknown.
    pub price: Option<Price>,
}

/// What every model that reasons refuses.
const REASONING_REFUSES: [Parameter; 3] =
    [Parameter::Temperature, Parameter::TopP, Parameter::Stop];

impl Model {
    /// Returns what the tables know of a model; the first table knows it best,
    /// and in a table the longest name that fits.
    pub fn find(name: &str, tables: &[&ModelTable]) -> Self {
        let mut found = Self {
            name: name.into(),
            reasons: false,
            refuses: Vec::new(),
            context_tokens: None,
            output_tokens_max: None,
            price: None,
        };
        let mut reasons = None;
        for table in tables {
            let mut fitting: Vec<_> = table
                .models
                .iter()
                .filter(|(pattern, _)| fits(pattern, name))
                .collect();
            fitting.sort_by_key(|(pattern, _)| {
                std::cmp::Reverse((!pattern.ends_with('*'), pattern.len()))
            });
            for (_, written) in fitting {
                reasons = reasons.or(written.reasons);
                found.refuses.extend(&written.refuses);
                found.context_tokens = found.context_tokens.or(written.context_tokens);
                found.output_tokens_max = found.output_tokens_max.or(written.output_tokens_max);
                found.price = found.price.or(written.price);
            }
        }
        found.reasons = reasons.unwrap_or(false);
        if found.reasons {
            found.refuses.extend(REASONING_REFUSES);
        }
        found.refuses.sort_unstable();
        found.refuses.dedup();
        found
    }

    /// Tells whether the model takes a parameter.
    pub fn takes(&self, parameter: Parameter) -> bool {
        !self.refuses.contains(&parameter)
    }
}

/// Tells whether a name is one that a pattern stands for.
pub fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(head) => name.starts_with(head),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(models: &[(&str, WrittenModel)]) -> ModelTable {
        ModelTable {
            version: "test".into(),
            models: models
                .iter()
                .map(|(name, model)| ((*name).into(), model.clone()))
                .collect(),
        }
    }

    fn price(input: f64) -> Option<Price> {
        Some(Price {
            input,
            cached_input: None,
            output: 1.0,
        })
    }

    #[test]
    fn the_most_exact_name_says_the_most() {
        let table = table(&[
            (
                "o*",
                WrittenModel {
                    reasons: Some(true),
                    price: price(9.0),
                    ..WrittenModel::default()
                },
            ),
            (
                "o3",
                WrittenModel {
                    price: price(2.0),
                    ..WrittenModel::default()
                },
            ),
        ]);
        let model = Model::find("o3", &[&table]);
        assert!(model.reasons && !model.takes(Parameter::Temperature));
        assert_eq!(model.price, price(2.0));
        assert_eq!(Model::find("o3-mini", &[&table]).price, price(9.0));
        assert_eq!(Model::find("gpt", &[&table]).price, None);
    }

    #[test]
    fn the_first_table_is_believed_first() {
        let own = table(&[(
            "m*",
            WrittenModel {
                price: price(1.0),
                ..WrittenModel::default()
            },
        )]);
        let shipped = table(&[(
            "m1",
            WrittenModel {
                price: price(2.0),
                context_tokens: Some(8),
                ..WrittenModel::default()
            },
        )]);
        let model = Model::find("m1", &[&own, &shipped]);
        assert_eq!((model.price, model.context_tokens), (price(1.0), Some(8)));
    }

    #[test]
    fn tokens_that_nobody_counted_have_no_price() {
        let usage = Usage {
            input_tokens: Some(7),
            ..Usage::default()
        };
        assert_eq!(price(1.0).unwrap().of(&usage), None);
    }
}
