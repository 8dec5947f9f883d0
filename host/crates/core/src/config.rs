//! Eval configs: JSON with FAPO's field names, as written and as meant.
//!
//! A config is read in three moments: the file is checked for what a tenant
//! may not set, `--set` puts a person's values over it, and the whole becomes
//! an [`EvalConfig`]. Unknown keys are refused with the nearest known one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Untrusted;
use crate::budget::Budget;
use crate::nearest::nearest;

mod provider;

pub use provider::{ProviderSettings, RateSettings, RetrySettings};

/// What an evaluation is asked to do; what is none is the tenant's or the
/// host's to choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EvalConfig {
    /// The tenant that the config is for; another one refuses it.
    pub tenant_id: Option<String>,
    /// What answers model calls.
    pub provider: Option<String>,
    /// How it is asked.
    pub provider_settings: ProviderSettings,
    /// The dataset, in place of a split.
    pub dataset: Option<DatasetConfig>,
    /// The same, in FAPO's short form.
    pub dataset_path: Option<String>,
    /// How the scorer weighs things: a word, or an object that configures it.
    pub scoring_profile: Option<Value>,
    /// Where runs go.
    pub output_dir: Option<String>,
    /// Cases in flight.
    pub max_workers: Option<u16>,
    /// The run's name.
    pub run_id: Option<String>,
    /// The chain.
    pub chain: ChainConfig,
    /// How often each case runs.
    pub repeats: Option<u32>,
    /// The share of cases that the world may fail before the run fails.
    pub world_failures_max: Option<f64>,
    /// What answers for model roles other than the first, such as `judge`.
    pub roles: BTreeMap<String, RoleConfig>,
    /// What may be spent, under the operator's own budgets.
    pub budgets: BudgetsConfig,
    /// Whether a person named the provider, and not the tenant's file.
    #[serde(skip)]
    pub provider_by_person: bool,
}

/// `roles.NAME`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoleConfig {
    /// What answers its calls; the run's first provider where it is not written.
    pub provider: Option<String>,
    /// How it is asked.
    pub provider_settings: ProviderSettings,
}

/// `budgets`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetsConfig {
    /// One case.
    pub case: Budget,
    /// The run.
    pub run: Budget,
}

/// `dataset`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetConfig {
    /// The file.
    pub path: String,
}

/// `chain`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ChainConfig {
    /// The component, in place of the tenant's.
    pub component: Option<String>,
    /// `chain.config`: `prompt_paths`, and a value for each parameter.
    pub config: Map<String, Value>,
}

/// The keys of each object of a config, by the object's path.
const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "tenant_id",
            "provider",
            "provider_settings",
            "dataset",
            "dataset_path",
            "scoring_profile",
            "output_dir",
            "max_workers",
            "run_id",
            "chain",
            "repeats",
            "world_failures_max",
            "roles",
            "budgets",
        ],
    ),
    ("budgets", &["case", "run"]),
    ("budgets.case", &["calls_max", "tokens_max", "usd_max"]),
    ("budgets.run", &["calls_max", "tokens_max", "usd_max"]),
    ("roles.*", &["provider", "provider_settings"]),
    ("dataset", &["path"]),
    ("chain", &["component", "config"]),
    (
        "provider_settings",
        &[
            "model",
            "base_url",
            "temperature",
            "top_p",
            "max_tokens",
            "seed",
            "reasoning_effort",
            "retry",
            "rate",
        ],
    ),
    (
        "provider_settings.retry",
        &["attempts_max", "wait_ms_min", "wait_ms_max"],
    ),
    (
        "provider_settings.rate",
        &["in_flight_max", "requests_per_minute", "tokens_per_minute"],
    ),
];

/// Keys of FAPO's that name Python, and what takes their place.
const PYTHON_KEYS: &[(&str, &str)] = &[
    (
        "path",
        "name a WebAssembly component with `chain.component`",
    ),
    (
        "fn",
        "a component exports its chain itself, so nothing takes its place; name the component with `chain.component`",
    ),
    (
        "module_path",
        "name a WebAssembly component with `chain.component`",
    ),
    (
        "mcp",
        "tools come through the import `tools`: the operator grants them, and `[capabilities]` in `tenant.toml` asks for them",
    ),
];

/// Why a config cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, or not an object.
    #[error("it is not a JSON object: {0}")]
    Json(Untrusted),
    /// A key that nothing reads.
    #[error("there is no key `{key}`")]
    UnknownKey {
        /// The key, with the path to it.
        key: Untrusted,
        /// The known key that is nearest.
        nearest: Option<String>,
    },
    /// A key of FAPO's that names Python.
    #[error("`{key}` names Python, and chains here are WebAssembly components")]
    Python {
        /// The key, with the path to it.
        key: Untrusted,
        /// What to write instead.
        instead: &'static str,
    },
    /// A place on the network in a tenant's file.
    #[error("a tenant's file cannot set `provider_settings.base_url`")]
    BaseUrl,
    /// A value of the wrong type.
    #[error("`{key}` has the wrong type: {why}")]
    Type {
        /// The key, with the path to it.
        key: Untrusted,
        /// What was expected.
        why: Untrusted,
    },
    /// A value out of range.
    #[error("`{key}` must be {expects}")]
    Range {
        /// The key.
        key: &'static str,
        /// What it may be.
        expects: &'static str,
    },
    /// Two keys that say the same.
    #[error("`dataset.path` and `dataset_path` are both set")]
    TwoDatasets,
    /// A `--set` that leads through something that is no object.
    #[error("`{0}` leads through a value that is not an object")]
    Path(Untrusted),
}

impl ConfigError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownKey {
                nearest: Some(nearest),
                ..
            } => format!("did you mean `{nearest}`?"),
            Self::Python { instead, .. } => (*instead).into(),
            Self::BaseUrl => {
                "set it in the operator's `policy.toml`, or with `--set provider_settings.base_url=URL`".into()
            }
            Self::TwoDatasets => "keep one of them".into(),
            Self::Path(_) => "write it as `--set provider_settings.temperature=0.5`".into(),
            Self::Json(_) | Self::Type { .. } | Self::Range { .. } | Self::UnknownKey { .. } => {
                "`fapo-host help eval` and the tenant's `configs/` show the format".into()
            }
        }
    }
}

impl EvalConfig {
    /// Reads a tenant's file, with a person's values put over it.
    ///
    /// ```
    /// use fapo_core::config::EvalConfig;
    ///
    /// let file = r#"{"provider": "script:rules.jsonl", "chain": {"config": {"k": 7}}}"#;
    /// let config = EvalConfig::read(file, &[("max_workers".into(), "4".into())])?;
    /// assert_eq!(config.max_workers, Some(4));
    /// assert_eq!(config.parameters()[0], ("k".to_owned(), "7".to_owned()));
    /// # Ok::<(), fapo_core::config::ConfigError>(())
    /// ```
    pub fn read(file: &str, set: &[(String, String)]) -> Result<Self, ConfigError> {
        let mut value: Value = serde_json::from_str(file)
            .map_err(|error| ConfigError::Json(error.to_string().into()))?;
        check_keys("", &value)?;
        if names_place(&value) {
            return Err(ConfigError::BaseUrl);
        }
        for (path, text) in set {
            put(&mut value, path, text)?;
        }
        check_keys("", &value)?;
        let mut config: Self =
            serde_path_to_error::deserialize(value).map_err(|error| ConfigError::Type {
                key: error.path().to_string().into(),
                why: error.into_inner().to_string().into(),
            })?;
        config.provider_by_person = set.iter().any(|(path, _)| path == "provider");
        config.check()
    }

    fn check(self) -> Result<Self, ConfigError> {
        let budgets = [&self.budgets.case, &self.budgets.run];
        range(
            budgets.iter().all(|budget| {
                budget
                    .usd_max
                    .is_none_or(|usd| usd >= 0.0 && usd.is_finite())
            }),
            "budgets",
            "amounts of at least 0",
        )?;
        range(
            self.max_workers.is_none_or(|n| (1..=1024).contains(&n)),
            "max_workers",
            "from 1 to 1024",
        )?;
        range(
            self.repeats.is_none_or(|n| (1..=1000).contains(&n)),
            "repeats",
            "from 1 to 1000",
        )?;
        range(
            self.world_failures_max
                .is_none_or(|share| (0.0..=1.0).contains(&share)),
            "world_failures_max",
            "a share from 0 to 1",
        )?;
        self.provider_settings.check()?;
        self.roles
            .values()
            .try_for_each(|role| role.provider_settings.check())?;
        if self.dataset.is_some() && self.dataset_path.is_some() {
            return Err(ConfigError::TwoDatasets);
        }
        match self.chain.config.get("prompt_paths") {
            Some(Value::Object(paths)) if paths.values().all(Value::is_string) => {}
            None => {}
            Some(_) => {
                return Err(ConfigError::Range {
                    key: "chain.config.prompt_paths",
                    expects: "an object of prompt names and paths",
                });
            }
        }
        Ok(self)
    }

    /// Returns the dataset's path, where the config names one.
    pub fn dataset(&self) -> Option<(&'static str, &str)> {
        let long = self
            .dataset
            .as_ref()
            .map(|d| ("dataset.path", d.path.as_str()));
        long.or_else(|| Some(("dataset_path", self.dataset_path.as_deref()?)))
    }

    /// Returns the scoring profile as a scorer gets it, where the config has one.
    pub fn profile(&self) -> Option<String> {
        self.scoring_profile.as_ref().map(profile_text)
    }

    /// Returns the names and paths of `chain.config.prompt_paths`.
    pub fn prompt_paths(&self) -> BTreeMap<String, String> {
        let paths = self.chain.config.get("prompt_paths");
        let paths = paths.and_then(Value::as_object).into_iter().flatten();
        paths
            .filter_map(|(name, path)| Some((name.clone(), path.as_str()?.to_owned())))
            .collect()
    }

    /// Returns the other keys of `chain.config`: parameters and their values, as JSON.
    pub fn parameters(&self) -> Vec<(String, String)> {
        let config = self.chain.config.iter();
        config
            .filter(|(name, _)| *name != "prompt_paths")
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect()
    }
}

fn range(fits: bool, key: &'static str, expects: &'static str) -> Result<(), ConfigError> {
    match fits {
        true => Ok(()),
        false => Err(ConfigError::Range { key, expects }),
    }
}

/// Returns a scoring profile as a scorer gets it: a text as it is, else JSON.
pub fn profile_text(profile: &Value) -> String {
    match profile {
        Value::String(word) => word.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Tells whether a file says where a provider is.
fn names_place(config: &Value) -> bool {
    let names = |value: &Value| value.pointer("/provider_settings/base_url").is_some();
    let roles = config.get("roles").and_then(Value::as_object);
    names(config) || roles.is_some_and(|roles| roles.values().any(names))
}

/// Returns the path under which the keys of an object are listed: all roles
/// have the same, and settings of a provider have wherever they stand.
fn listed(path: &str) -> String {
    let Some(of_role) = path.strip_prefix("roles.") else {
        return path.into();
    };
    match of_role.split_once(".provider_settings") {
        Some((_, below)) => format!("provider_settings{below}"),
        None => "roles.*".into(),
    }
}

/// Checks every key of a config, from an object downwards.
fn check_keys(path: &str, value: &Value) -> Result<(), ConfigError> {
    if path == "roles" {
        let mut roles = value.as_object().into_iter().flatten();
        return roles.try_for_each(|(role, value)| check_keys(&format!("roles.{role}"), value));
    }
    let listed = listed(path);
    let Some((_, known)) = KEYS.iter().find(|(of, _)| *of == listed) else {
        return Ok(());
    };
    let Value::Object(object) = value else {
        return match path {
            "" => Err(ConfigError::Json("it is another value".into())),
            _ => Ok(()),
        };
    };
    for (key, value) in object {
        let at = match path {
            "" => key.clone(),
            _ => format!("{path}.{key}"),
        };
        if known.contains(&key.as_str()) {
            check_keys(&at, value)?;
            continue;
        }
        let python = PYTHON_KEYS.iter().find(|(python, _)| {
            python == key && (path == "chain" || matches!(*python, "module_path" | "mcp"))
        });
        return Err(match python {
            Some((_, instead)) => ConfigError::Python {
                key: at.into(),
                instead,
            },
            None => ConfigError::UnknownKey {
                nearest: nearest(key, known).map(|near| match path {
                    "" => near.to_owned(),
                    _ => format!("{path}.{near}"),
                }),
                key: at.into(),
            },
        });
    }
    Ok(())
}

/// Puts a value where a path of names leads, making objects on the way. A text
/// that is not JSON stands for itself.
fn put(value: &mut Value, path: &str, text: &str) -> Result<(), ConfigError> {
    let mut at = value;
    for name in path.split('.') {
        if at.is_null() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(object) = at else {
            return Err(ConfigError::Path(path.into()));
        };
        at = object.entry(name).or_insert(Value::Null);
    }
    *at = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &str) -> Result<EvalConfig, ConfigError> {
        EvalConfig::read(file, &[])
    }

    #[test]
    fn every_key_that_is_read_is_listed_and_every_listed_one_is_read() {
        let mut config = EvalConfig {
            dataset: Some(DatasetConfig::default()),
            roles: [("judge".into(), RoleConfig::default())].into(),
            ..EvalConfig::default()
        };
        let all = Budget {
            calls_max: Some(1),
            tokens_max: Some(1),
            usd_max: Some(1.0),
        };
        config.budgets = BudgetsConfig {
            case: all,
            run: all,
        };
        config.provider_settings = ProviderSettings {
            model: Some(String::new()),
            base_url: Some(String::new()),
            temperature: Some(0.0),
            top_p: Some(0.0),
            max_tokens: Some(1),
            seed: Some(0),
            reasoning_effort: Some(String::new()),
            retry: Some(RetrySettings::default()),
            rate: RateSettings {
                in_flight_max: Some(1),
                requests_per_minute: Some(1),
                tokens_per_minute: Some(1),
            },
        };
        let written = serde_json::to_value(config).unwrap();
        for (path, keys) in KEYS {
            let path = path.replace('*', "judge");
            let pointer = match path.as_str() {
                "" => String::new(),
                path => format!("/{}", path.replace('.', "/")),
            };
            let object = written.pointer(&pointer).unwrap().as_object().unwrap();
            let names: Vec<_> = object.keys().map(String::as_str).collect();
            assert_eq!(&names, keys, "{path}");
        }
    }

    #[test]
    fn a_mistyped_key_is_refused_with_the_nearest_one() {
        for (file, says) in [
            (r#"{"max_worker": 3}"#, "did you mean `max_workers`?"),
            (
                r#"{"provider_settings": {"temprature": 1}}"#,
                "did you mean `provider_settings.temperature`?",
            ),
            (
                r#"{"provider_settings": {"retry": {"attempt_max": 1}}}"#,
                "did you mean `provider_settings.retry.attempts_max`?",
            ),
        ] {
            assert_eq!(read(file).unwrap_err().hint(), says);
        }
    }

    #[test]
    fn a_key_that_names_python_is_told_what_takes_its_place() {
        for file in [
            r#"{"chain": {"path": "chain.py"}}"#,
            r#"{"chain": {"fn": "build"}}"#,
            r#"{"module_path": "x"}"#,
            r#"{"chain": {"module_path": "x"}}"#,
            r#"{"mcp": {}}"#,
        ] {
            let refused = read(file).unwrap_err();
            assert!(matches!(refused, ConfigError::Python { .. }), "{refused:?}");
        }
    }

    #[test]
    fn a_place_on_the_network_comes_from_a_person_and_not_from_a_file() {
        let file = r#"{"provider_settings": {"base_url": "http://10.0.0.1"}}"#;
        assert_eq!(read(file), Err(ConfigError::BaseUrl));
        let set = [("provider_settings.base_url".into(), "http://a".into())];
        let config = EvalConfig::read("{}", &set).unwrap();
        assert_eq!(config.provider_settings.base_url.unwrap(), "http://a");
    }

    #[test]
    fn set_values_are_json_or_texts_and_their_paths_are_checked_too() {
        let set = |path: &str, text: &str| EvalConfig::read("{}", &[(path.into(), text.into())]);
        assert_eq!(set("repeats", "3").unwrap().repeats, Some(3));
        assert_eq!(set("run_id", "abc").unwrap().run_id.unwrap(), "abc");
        assert_eq!(
            set("chain.config.k", "7").unwrap().parameters(),
            [("k".into(), "7".into())]
        );
        assert!(matches!(
            set("repeat", "3"),
            Err(ConfigError::UnknownKey { .. })
        ));
        assert!(matches!(
            EvalConfig::read(r#"{"run_id": "a"}"#, &[("run_id.x".into(), "1".into())]),
            Err(ConfigError::Path(_))
        ));
    }

    #[test]
    fn values_out_of_range_and_of_other_types_are_refused() {
        for file in [
            r#"{"max_workers": 0}"#,
            r#"{"repeats": 0}"#,
            r#"{"world_failures_max": 2}"#,
            r#"{"provider_settings": {"top_p": 1.5}}"#,
            r#"{"chain": {"config": {"prompt_paths": ["a"]}}}"#,
            r#"{"dataset": {"path": "a"}, "dataset_path": "b"}"#,
            r#"{"max_workers": "many"}"#,
            r#"{"chain": 3}"#,
            "[]",
            "{",
        ] {
            assert!(read(file).is_err(), "{file}");
        }
    }

    #[test]
    fn a_value_of_another_type_is_told_by_its_key() {
        let refused = read(r#"{"provider_settings": {"retry": {"attempts_max": "x"}}}"#);
        let told = refused.unwrap_err().to_string();
        assert!(
            told.starts_with("`provider_settings.retry.attempts_max` has the wrong type"),
            "{told}"
        );
    }

    #[test]
    fn a_profile_is_a_word_or_json() {
        let profile = |file| read(file).unwrap().profile();
        assert_eq!(profile(r#"{"scoring_profile": "f1"}"#).unwrap(), "f1");
        assert_eq!(
            profile(r#"{"scoring_profile": {"metric": "f1"}}"#).unwrap(),
            r#"{"metric":"f1"}"#
        );
        assert_eq!(profile("{}"), None);
    }
}
