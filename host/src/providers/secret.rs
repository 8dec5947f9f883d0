//! Keys: read where the operator says they are, held so that nothing prints
//! them, and struck out of whatever a server sends back.

use std::process::{Command, Stdio};

use bytes::Bytes;
use fapo_core::policy::SecretSource;
use secrecy::{ExposeSecret, SecretString};

use crate::exit::{CommandError, CommandResult};

/// The longest secret: more is no key, and would only fill the memory.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// What stands where a secret stood.
const STRUCK_OUT: &str = "[secret]";

/// Shorter texts than this are struck out nowhere: they stand in any answer.
const STRUCK_OUT_BYTES_MIN: usize = 6;

/// Reads a secret. No error holds any of it.
pub(crate) fn read(source: &SecretSource, what: &str) -> CommandResult<SecretString> {
    let could_not = |why: String| {
        CommandError::person(format!("could not read {what}"))
            .because(why)
            .hint("`[providers.NAME]` in `policy.toml` says where it is")
    };
    let text = match source {
        SecretSource::Env(name) => std::env::var(name)
            .map_err(|_| could_not(format!("the environment has no variable `{name}`")))?,
        SecretSource::File(path) => {
            read_file(path).map_err(|error| could_not(format!("the file `{path}`: {error}")))?
        }
        SecretSource::Command(words) => run(words).map_err(could_not)?,
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(could_not(format!("{} is empty", named(source))));
    }
    if text.chars().any(char::is_control) {
        return Err(could_not(format!(
            "{} holds more than one line, or control characters",
            named(source)
        )));
    }
    Ok(SecretString::from(text.to_owned()))
}

/// Says where a secret comes from.
pub(crate) fn named(source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the variable `{name}`"),
        SecretSource::File(path) => format!("the file `{path}`"),
        SecretSource::Command(words) => {
            let program = words.first().map_or("", String::as_str);
            format!("the output of `{program}`")
        }
    }
}

fn read_file(path: &str) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(SECRET_BYTES_MAX)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// Runs a program that prints a secret. What it complains of goes to the
/// person's own terminal, not through us.
fn run(words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("the command has no words")?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("could not start `{program}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` ended with {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("`{program}` printed no text"))
}

/// Strikes secrets out of what comes from outside: servers like to repeat the
/// key that they refuse.
#[derive(Default)]
pub(crate) struct Scrub {
    /// Each secret as it is, and as JSON may spell it.
    secrets: Vec<SecretString>,
}

impl Scrub {
    /// Strikes out this secret, too.
    pub(crate) fn add(&mut self, secret: &SecretString) {
        let text = secret.expose_secret();
        if text.len() < STRUCK_OUT_BYTES_MIN {
            return;
        }
        let as_json = serde_json::to_string(text).unwrap_or_default();
        let as_json = as_json.trim_matches('"').to_owned();
        for spelled in [text.to_owned(), text.replace('/', "\\/"), as_json] {
            if !self.secrets.iter().any(|s| s.expose_secret() == spelled) {
                self.secrets.push(SecretString::from(spelled));
            }
        }
    }

    /// Returns a body without the secrets in it.
    pub(crate) fn body(&self, body: Bytes) -> Bytes {
        let has = |secret: &&SecretString| find(&body, secret.expose_secret().as_bytes()).is_some();
        if !self.secrets.iter().any(|secret| has(&secret)) {
            return body;
        }
        let mut clean = body.to_vec();
        for secret in &self.secrets {
            let secret = secret.expose_secret().as_bytes();
            let mut from = 0;
            while let Some(at) = find(&clean[from..], secret) {
                let at = from + at;
                clean.splice(at..at + secret.len(), STRUCK_OUT.bytes());
                from = at + STRUCK_OUT.len();
            }
        }
        clean.into()
    }

    /// Returns a text without the secrets in it.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in &self.secrets {
            if clean.contains(secret.expose_secret()) {
                clean = clean.replace(secret.expose_secret(), STRUCK_OUT);
            }
        }
        clean
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    // A window at a time is quadratic only for texts of one letter, and keys are short.
    let first = *what.first()?;
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|byte| *byte == first) {
        let at = from + at;
        if text[at..].starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> SecretSource {
        SecretSource::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_secret_comes_from_a_file_or_a_command_and_is_not_printed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "  sk-planted-1\n").unwrap();
        let path = file.path().display().to_string();
        for source in [
            SecretSource::File(path),
            command(&["printf", "sk-planted-1\\n"]),
        ] {
            let secret = read(&source, "the key").unwrap_or_else(|e| panic!("{:?}", e.chain()));
            assert_eq!(secret.expose_secret(), "sk-planted-1");
            assert!(!format!("{secret:?}").contains("planted"));
        }
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        for (source, why) in [
            (
                SecretSource::Env("FAPO_NO_SUCH_VARIABLE".into()),
                "no variable",
            ),
            (command(&["true"]), "is empty"),
            (
                command(&["printf", "planted\\nsecond"]),
                "more than one line",
            ),
            (command(&["false"]), "ended with"),
            (command(&[]), "no words"),
        ] {
            let error = read(&source, "the key").unwrap_err();
            let told = error.chain().join(": ");
            assert!(told.contains(why), "{told}");
            assert!(!told.contains("planted"), "{told}");
        }
    }

    #[test]
    fn secrets_are_struck_out_however_json_spells_them() {
        let mut scrub = Scrub::default();
        scrub.add(&SecretString::from("pla/nted+key".to_owned()));
        scrub.add(&SecretString::from("no".to_owned()));
        for (text, clean) in [
            ("you sent pla/nted+key, no?", "you sent [secret], no?"),
            (r#"{"key": "pla\/nted+key"}"#, r#"{"key": "[secret]"}"#),
            ("pla/nted+keypla/nted+key", "[secret][secret]"),
            ("nothing", "nothing"),
        ] {
            let body = scrub.body(Bytes::copy_from_slice(text.as_bytes()));
            assert_eq!(body, clean.as_bytes());
        }
        assert_eq!(scrub.text("a pla/nted+key b"), "a [secret] b");
    }
}
