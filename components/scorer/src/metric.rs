//! The metrics: each holds an answer against what its row expects.

mod text;

mod choice;
mod field;
mod number;
mod pattern;

mod judge;

#[cfg(test)]
mod trial;

use fapo_sdk::prelude::*;
use fapo_sdk::score::Normalize;

use crate::expected::Expected;
use crate::options::Options;

use judge::Judge;
pub(crate) use text::best_f1;

/// One way to compare, as the profile configures it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Metric {
    ExactMatch(Normalize),
    F1(Normalize),
    Contains {
        /// Whether all the accepted texts have to be there, or one of them.
        all: bool,
        normalize: Normalize,
    },
    Regex {
        /// None where the row's expected text is the pattern.
        pattern: Option<String>,
    },
    JsonFields {
        /// None is every field of the expected object.
        fields: Vec<String>,
        tolerance: f64,
        normalize: Normalize,
    },
    Number {
        tolerance: f64,
        /// A difference that is forgiven whatever the expected number is.
        absolute: f64,
    },
    Choice {
        /// The field of the context that lists the options.
        options: Option<String>,
    },
    Judge(Judge),
}

/// The metrics, by the words that profiles use.
pub(crate) const NAMES: [&str; 8] = [
    "exact_match",
    "f1",
    "contains",
    "regex",
    "json_fields",
    "number",
    "choice",
    "judge",
];

/// Returns the names of a metric's own options.
pub(crate) fn options_of(metric: &str) -> Option<&'static [&'static str]> {
    Some(match metric {
        "exact_match" | "f1" => &["normalize"],
        "contains" => &["need", "normalize"],
        "regex" => &["pattern"],
        "json_fields" => &["fields", "tolerance", "normalize"],
        "number" => &["tolerance", "absolute"],
        "choice" => &["options"],
        "judge" => &["rubric", "scale", "model"],
        _ => return None,
    })
}

/// A row, with its expected value read.
pub(crate) struct Row<'a> {
    pub(crate) case: &'a ScoredCase,
    pub(crate) expected: Expected,
}

/// What a metric says of an answer.
pub(crate) struct Finding {
    /// 0 to 1.
    pub(crate) value: f64,
    /// Whether the answer had the form that the metric reads.
    pub(crate) is_formed: bool,
    /// What keeps it from 1, as a part of a sentence.
    pub(crate) note: String,
}

impl Finding {
    pub(crate) fn new(value: f64, note: impl FnOnce() -> String) -> Self {
        Self {
            value,
            is_formed: true,
            note: if value < 1.0 { note() } else { String::new() },
        }
    }

    fn pass(right: bool, note: impl FnOnce() -> String) -> Self {
        Self::new(f64::from(right), note)
    }

    /// Returns what there is to say of an answer that cannot be read.
    pub(crate) fn malformed(note: impl Into<String>) -> Self {
        Self {
            value: 0.0,
            is_formed: false,
            note: note.into(),
        }
    }
}

/// What separates numbers that are written in different ways, and no more.
const ROUNDING: f64 = 1e-9;

const NORMALIZE: [(&str, Normalize); 4] = [
    ("hotpotqa", Normalize::Hotpotqa),
    ("squad", Normalize::Squad),
    ("case", Normalize::Case),
    ("none", Normalize::Nothing),
];

/// Fields are data: nothing is taken away from them unless the profile says so.
const NORMALIZE_FIELDS: [(&str, Normalize); 4] =
    [NORMALIZE[3], NORMALIZE[2], NORMALIZE[0], NORMALIZE[1]];

impl Metric {
    /// Reads a metric's own options.
    pub(crate) fn read(name: &str, options: Options) -> Result<Self, String> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(match name {
            "exact_match" => Self::ExactMatch(options.one_of("normalize", &NORMALIZE)?),
            "f1" => Self::F1(options.one_of("normalize", &NORMALIZE)?),
            "contains" => Self::Contains {
                all: options.one_of("need", &[("any", false), ("all", true)])?,
                normalize: options.one_of("normalize", &NORMALIZE)?,
            },
            "regex" => {
                let pattern = owned(options.text("pattern")?);
                pattern
                    .iter()
                    .try_for_each(|pattern| pattern::check(pattern))?;
                Self::Regex { pattern }
            }
            "json_fields" => Self::JsonFields {
                fields: options.texts("fields")?,
                tolerance: options.amount("tolerance")?.unwrap_or(ROUNDING),
                normalize: options.one_of("normalize", &NORMALIZE_FIELDS)?,
            },
            "number" => Self::Number {
                tolerance: options.amount("tolerance")?.unwrap_or(ROUNDING),
                absolute: options.amount("absolute")?.unwrap_or(0.0),
            },
            "choice" => Self::Choice {
                options: owned(options.text("options")?),
            },
            "judge" => Self::Judge(Judge {
                rubric: owned(options.text("rubric")?),
                says_yes_or_no: options.one_of("scale", &[("points", false), ("yes_no", true)])?,
                model: owned(options.text("model")?),
            }),
            _ => unreachable!("`options_of` knows no other metric"),
        })
    }

    /// Says what is wrong with a row.
    pub(crate) fn check(&self, row: &Row) -> Result<(), String> {
        match self {
            Self::ExactMatch(_) | Self::F1(_) | Self::Contains { .. } => {
                row.expected.texts().map(|_| ())
            }
            Self::Regex { pattern } => pattern::expected(row, pattern.as_deref()).map(|_| ()),
            Self::JsonFields { fields, .. } => field::expected(row, fields).map(|_| ()),
            Self::Number { .. } => number::expected(row).map(|_| ()),
            Self::Choice { options } => {
                choice::expected(row, &choice::listed(row, options.as_deref())?).map(|_| ())
            }
            Self::Judge(_) if row.expected.value.is_null() => {
                Err("`expected` is null: there is nothing for the judge to compare with".into())
            }
            Self::Judge(_) => Ok(()),
        }
    }

    /// Holds an answer, which is not blank, against the row.
    pub(crate) fn grade(
        &self,
        row: &Row,
        answer: &str,
        judge: &Host,
    ) -> Result<Finding, ScoreError> {
        let found = match self {
            Self::ExactMatch(normalize) => text::exact_match(row, answer, *normalize),
            Self::F1(normalize) => text::f1(row, answer, *normalize),
            Self::Contains { all, normalize } => text::contains(row, answer, *all, *normalize),
            Self::Regex { pattern } => pattern::grade(row, answer, pattern.as_deref()),
            Self::JsonFields {
                fields,
                tolerance,
                normalize,
            } => field::grade(row, answer, fields, *tolerance, *normalize),
            Self::Number {
                tolerance,
                absolute,
            } => number::grade(row, answer, *tolerance, *absolute),
            Self::Choice { options } => choice::grade(row, answer, options.as_deref()),
            Self::Judge(asked) => return asked.grade(row, answer, judge),
        };
        found.map_err(ScoreError::BadCase)
    }
}

/// Returns the text of an error that is about a text of the profile or the row.
pub(crate) fn reason(error: ScoreError) -> String {
    match error {
        ScoreError::BadCase(why) | ScoreError::UnknownProfile(why) | ScoreError::Other(why) => why,
        ScoreError::Provider(error) => error.reason(),
    }
}
