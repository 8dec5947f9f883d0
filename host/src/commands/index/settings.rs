//! How documents are indexed, as flags.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use fapo_core::bm25::{Analysis, Method, Scoring, Settings, Stemmer, Stopwords};

use crate::exit::{CommandError, CommandResult, file_error};
use crate::indexes::IndexedText;

/// Which documents a query finds, and in which order.
#[derive(Debug, clap::Args)]
pub(crate) struct SettingsArgs {
    /// The formula that scores documents
    #[arg(long, default_value = Method::default().name(), value_parser = methods())]
    method: Method,
    /// How slowly repeats of a word saturate
    #[arg(long, value_name = "N", default_value_t = Scoring::default().k1, allow_negative_numbers = true)]
    k1: f64,
    /// How much long documents are held back, from 0 to 1
    #[arg(long, value_name = "N", default_value_t = Scoring::default().b, allow_negative_numbers = true)]
    b: f64,
    /// What bm25+ and bm25l add; others ignore it
    #[arg(long, value_name = "N", default_value_t = Scoring::default().delta, allow_negative_numbers = true)]
    delta: f64,
    /// What makes forms of a word one term
    #[arg(long, default_value = "english", value_parser = stemmers())]
    stemmer: Stemmer,
    /// Words that are no terms: `english` (33 of them), `none`, or a file with
    /// one word a line, in lower case
    #[arg(long, value_name = "english|none|FILE", default_value = "english")]
    stopwords: String,
    /// What of a document is found; all of it is shown
    #[arg(long, value_name = "TEMPLATE", default_value_t = IndexedText::default().template().to_owned())]
    text: String,
}

/// The longest file of stop words.
const STOPWORDS_BYTES_MAX: u64 = 4 << 20;

impl SettingsArgs {
    /// Reads the settings, and what is indexed of a document.
    pub(crate) fn read(&self) -> CommandResult<(Settings, IndexedText)> {
        let stopwords = match self.stopwords.as_str() {
            "english" => Stopwords::English,
            "none" => Stopwords::None,
            path => Stopwords::Own(words_in(path.as_ref())?),
        };
        let scoring = Scoring {
            method: self.method,
            k1: self.k1,
            b: self.b,
            delta: self.delta,
        };
        let analysis = Analysis {
            stopwords,
            stemmer: self.stemmer,
        };
        let text = IndexedText::parse(&self.text).map_err(|error| {
            let hint = error.hint();
            CommandError::person("could not use `--text`")
                .because(error)
                .hint(hint)
        })?;
        Ok((Settings { scoring, analysis }, text))
    }
}

fn methods() -> impl TypedValueParser<Value = Method> {
    let names = Method::ALL.map(Method::name);
    PossibleValuesParser::new(names)
        .map(|name| Method::named(&name).expect("names lead back to methods"))
}

fn stemmers() -> impl TypedValueParser<Value = Stemmer> {
    PossibleValuesParser::new(["english", "none"]).map(|name| match name.as_str() {
        "none" => Stemmer::None,
        _ => Stemmer::English,
    })
}

fn words_in(path: &Path) -> CommandResult<BTreeSet<String>> {
    let not_usable = || {
        CommandError::person(format!(
            "could not use the stop words in `{}`",
            path.display()
        ))
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(STOPWORDS_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            file_error("read", path, error)
                .hint("`--stopwords` takes `english`, `none`, or a file with one word a line")
        })?;
    if bytes.len() as u64 > STOPWORDS_BYTES_MAX {
        return Err(not_usable().because(format!("it is longer than {STOPWORDS_BYTES_MAX} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|error| not_usable().because(error))?;
    let mut words = BTreeSet::new();
    for (line, number) in text.lines().zip(1..) {
        let word = line.trim();
        if word.contains(char::is_whitespace) {
            return Err(not_usable()
                .because(format!("line {number} holds more than one word"))
                .hint("write one word a line"));
        }
        if !word.is_empty() {
            words.insert(word.to_owned());
        }
    }
    Ok(words)
}
