//! What a run says about how to grade: a word, or JSON that configures it.

use fapo_sdk::prelude::*;

use crate::expected::Expected;
use crate::extract::Extract;
use crate::metric::{self, Metric, Row};
use crate::nearest::did_you_mean;
use crate::options::Options;

/// The metrics of a run, at least one.
#[derive(Debug, PartialEq)]
pub(crate) struct Profile {
    pub(crate) metrics: Vec<Weighted>,
    /// Whether the profile says what each is worth, so that there are points.
    pub(crate) has_weights: bool,
}

/// One metric, and what it counts.
#[derive(Debug, PartialEq)]
pub(crate) struct Weighted {
    /// What its measure is called.
    pub(crate) name: String,
    pub(crate) metric: Metric,
    pub(crate) weight: f64,
    pub(crate) extract: Option<Extract>,
}

/// The measures that every score has.
pub(crate) const ALWAYS: [&str; 3] = ["exact_match", "f1", "format"];

/// The options of a metric beside its own.
const COMMON: [&str; 4] = ["metric", "name", "weight", "extract"];

impl Profile {
    /// Reads a profile as the run names it.
    pub(crate) fn read(profile: &str) -> Result<Self, ScoreError> {
        let read = match profile.trim() {
            "" => Self::of_word("exact_match"),
            json if json.starts_with('{') => Self::of_json(json),
            word => Self::of_word(word),
        };
        read.map_err(ScoreError::UnknownProfile)
    }

    /// Says what is wrong with a row.
    pub(crate) fn check(&self, case: &ScoredCase) -> Result<(), ScoreError> {
        let row = Row {
            case,
            expected: Expected {
                value: case.expected_value()?,
            },
        };
        self.metrics
            .iter()
            .try_for_each(|weighted| weighted.metric.check(&row))
            .map_err(ScoreError::BadCase)
    }

    fn of_word(word: &str) -> Result<Self, String> {
        if !metric::NAMES.contains(&word) {
            return Err(format!(
                "`{word}` is none{}: a profile is one of `{}`, a JSON object, or empty",
                did_you_mean(word, &metric::NAMES),
                metric::NAMES.join("`, `")
            ));
        }
        Self::of_value(&json!({ "metric": word }))
    }

    fn of_json(json: &str) -> Result<Self, String> {
        let value: Value = json
            .parse()
            .map_err(|error| format!("it begins as JSON and is none: {error}"))?;
        Self::of_value(&value)
    }

    fn of_value(profile: &Value) -> Result<Self, String> {
        let several = match (profile.get("metric"), profile.get("metrics")) {
            (Some(_), None) => None,
            (None, Some(several)) => Some(several),
            _ => return Err("a profile must have `metric` or `metrics`".into()),
        };
        let Some(several) = several else {
            return Self::of_metrics(vec![Weighted::read(profile, None)?], is_weighted(profile));
        };
        let options = Options {
            of: "a profile with `metrics`",
            value: profile,
        };
        options.only(&["metrics", "extract"])?;
        let items = several.as_array().filter(|items| !items.is_empty());
        let items = items.ok_or("`metrics` must be a list with at least one metric")?;
        let extract = options.get("extract").map(Extract::read).transpose()?;
        let metrics: Result<_, String> = items
            .iter()
            .map(|item| match item.as_str() {
                Some(word) => Weighted::read(&json!({ "metric": word }), extract.as_ref()),
                None => Weighted::read(item, extract.as_ref()),
            })
            .collect();
        Self::of_metrics(metrics?, items.iter().any(is_weighted))
    }

    fn of_metrics(metrics: Vec<Weighted>, has_weights: bool) -> Result<Self, String> {
        for (at, one) in metrics.iter().enumerate() {
            if metrics[..at].iter().any(|other| other.name == one.name) {
                return Err(format!(
                    "two metrics are called `{}`: give one of them another `name`",
                    one.name
                ));
            }
        }
        let sum: f64 = metrics.iter().map(|metric| metric.weight).sum();
        if sum <= 0.0 || sum.is_infinite() {
            return Err("the weights must add up to more than 0, and not to infinity".into());
        }
        Ok(Self {
            metrics,
            has_weights,
        })
    }
}

impl Weighted {
    /// Reads a metric with its options; `extract` is what the profile has for all.
    fn read(value: &Value, extract: Option<&Extract>) -> Result<Self, String> {
        let word = value.get("metric").and_then(Value::as_str).ok_or_else(|| {
            format!("{value} is no metric: it must be an object with the text `metric`")
        })?;
        let own = metric::options_of(word).ok_or_else(|| {
            format!(
                "there is no metric `{word}`{}: there are `{}`",
                did_you_mean(word, &metric::NAMES),
                metric::NAMES.join("`, `")
            )
        })?;
        let of = format!("`{word}`");
        let options = Options { of: &of, value };
        options.only(&[own, &COMMON].concat())?;
        let name = options.text("name")?.unwrap_or(word);
        if name != word && ALWAYS.contains(&name) {
            return Err(format!(
                "`name` of {of} is `{name}`, which is a measure of every score"
            ));
        }
        let extract = match options.get("extract") {
            Some(own) => Some(Extract::read(own)?),
            None => extract.cloned(),
        };
        Ok(Self {
            name: name.to_owned(),
            metric: Metric::read(word, options)?,
            weight: options.amount("weight")?.unwrap_or(1.0),
            extract,
        })
    }
}

fn is_weighted(metric: &Value) -> bool {
    metric.get("weight").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_profile_is_the_exact_match() {
        let empty = Profile::read("").unwrap();
        assert_eq!(empty, Profile::read("exact_match").unwrap());
        assert_eq!(
            empty,
            Profile::read(r#" {"metric": "exact_match"} "#).unwrap()
        );
        assert!(!empty.has_weights);
    }

    #[test]
    fn every_metric_has_a_word() {
        for word in metric::NAMES {
            let profile = Profile::read(word).unwrap();
            assert_eq!(profile.metrics[0].name, word);
        }
    }

    #[test]
    fn a_metric_takes_the_common_extract_unless_it_has_its_own() {
        let profile = Profile::read(
            r#"{"extract": "boxed", "metrics": ["f1", {"metric": "number", "weight": 2, "extract": "last_line"}]}"#,
        )
        .unwrap();
        let [f1, number] = &profile.metrics[..] else {
            panic!("{profile:?}");
        };
        assert_eq!(f1.extract, Some(Extract::Boxed));
        assert_eq!(number.extract, Some(Extract::LastLine));
        assert_eq!((f1.weight, number.weight), (1.0, 2.0));
        assert!(profile.has_weights);
    }

    #[test]
    fn what_cannot_be_read_is_refused_in_words_that_help() {
        for (profile, says) in [
            ("exact", "`exact` is none"),
            ("exact-match", "did you mean `exact_match`?"),
            ("F1", "did you mean `f1`?"),
            ("[1]", "`[1]` is none"),
            ("{", "it begins as JSON and is none"),
            ("{}", "must have `metric` or `metrics`"),
            (
                r#"{"metric": "f1", "metrics": []}"#,
                "must have `metric` or `metrics`",
            ),
            (r#"{"metric": "numbr"}"#, "did you mean `number`?"),
            (r#"{"metric": 1}"#, "an object with the text `metric`"),
            (
                r#"{"metric": "number", "tolerence": 1}"#,
                "`number` has no option `tolerence` (did you mean `tolerance`?)",
            ),
            (
                r#"{"metric": "f1", "tolerance": 1}"#,
                "`f1` has no option `tolerance`",
            ),
            (
                r#"{"metric": "number", "tolerance": "1"}"#,
                "a number of at least 0",
            ),
            (
                r#"{"metric": "number", "tolerance": -1}"#,
                "a number of at least 0",
            ),
            (
                r#"{"metric": "f1", "normalize": "squat"}"#,
                "did you mean `squad`?",
            ),
            (
                r#"{"metric": "regex", "pattern": "("}"#,
                "is not a regular expression",
            ),
            (
                r#"{"metric": "f1", "extract": "box"}"#,
                "did you mean `boxed`?",
            ),
            (
                r#"{"metric": "judge", "name": "format"}"#,
                "a measure of every score",
            ),
            (r#"{"metrics": []}"#, "at least one metric"),
            (
                r#"{"metrics": ["f1"], "weights": [1]}"#,
                "has no option `weights`",
            ),
            (
                r#"{"metrics": ["f1", "f1"]}"#,
                "two metrics are called `f1`",
            ),
            (
                r#"{"metrics": [{"metric": "f1", "weight": 0}]}"#,
                "more than 0",
            ),
            (
                r#"{"metrics": [{"weight": 1}]}"#,
                "an object with the text `metric`",
            ),
        ] {
            match Profile::read(profile) {
                Err(ScoreError::UnknownProfile(why)) => assert!(why.contains(says), "{why}"),
                other => panic!("{profile}: {other:?}"),
            }
        }
    }
}
