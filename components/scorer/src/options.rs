//! The options of a part of a profile, as they are written: each is looked up by
//! its name and type, and whatever is wrong is said in a sentence.

use fapo_sdk::Value;

use crate::nearest::did_you_mean;

/// A JSON object of a profile.
#[derive(Clone, Copy)]
pub(crate) struct Options<'a> {
    /// What the options are of, for the sentences.
    pub(crate) of: &'a str,
    pub(crate) value: &'a Value,
}

impl<'a> Options<'a> {
    /// Refuses options that nobody would read.
    pub(crate) fn only(self, known: &[&str]) -> Result<(), String> {
        let Some(object) = self.value.as_object() else {
            return Err(format!("{} must be an object", self.of));
        };
        match object.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(format!(
                "{} has no option `{key}`{}: it has `{}`",
                self.of,
                did_you_mean(key, known),
                known.join("`, `")
            )),
            None => Ok(()),
        }
    }

    pub(crate) fn get(self, name: &str) -> Option<&'a Value> {
        self.value.get(name)
    }

    /// Returns a text that is not empty.
    pub(crate) fn text(self, name: &str) -> Result<Option<&'a str>, String> {
        self.read(name, "a text that is not empty", |value| {
            value.as_str().filter(|text| !text.is_empty())
        })
    }

    /// Returns a list of such texts; of none where it is not given.
    pub(crate) fn texts(self, name: &str) -> Result<Vec<String>, String> {
        let texts = self.read(name, "a list of texts, none empty", |value| {
            let text = |value: &Value| {
                let text = value.as_str().filter(|text| !text.is_empty());
                text.map(str::to_owned)
            };
            value.as_array()?.iter().map(text).collect()
        });
        Ok(texts?.unwrap_or_default())
    }

    /// Returns a number that is not negative.
    pub(crate) fn amount(self, name: &str) -> Result<Option<f64>, String> {
        self.read(name, "a number of at least 0", |value| {
            value.as_f64().filter(|number| *number >= 0.0)
        })
    }

    /// Returns what one of some words stands for; the first is the default.
    pub(crate) fn one_of<T: Copy>(self, name: &str, words: &[(&str, T)]) -> Result<T, String> {
        let Some(value) = self.get(name) else {
            return Ok(words[0].1);
        };
        let said = value.as_str().unwrap_or_default();
        let mut known = words.iter();
        match known.find(|(word, _)| *word == said) {
            Some((_, meaning)) => Ok(*meaning),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(format!(
                    "`{name}` of {} is {value}{}: it must be one of `{}`",
                    self.of,
                    did_you_mean(said, &words),
                    words.join("`, `")
                ))
            }
        }
    }

    fn read<T>(
        self,
        name: &str,
        kind: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(format!(
                    "`{name}` of {} is {value}: it must be {kind}",
                    self.of
                )),
            },
        }
    }
}
