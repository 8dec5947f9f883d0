//! Connecting a provider: its format, its client, and its key.

use std::collections::BTreeMap;

use fapo_core::digest::sha256_hex;
use fapo_core::model::Model;
use fapo_core::policy::{AuthScheme, Format, Kind, SecretSource, WrittenProvider};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::http::Http;
use super::place::{self, is_private, region, system};
use super::remote::{Auth, Remote};
use super::secret::{self, Scrub};
use super::sign::{Account, Service};
use super::wire::Wire;
use super::wire::chat::Chat;
use super::wire::converse::Converse;
use super::wire::messages::Messages;
use super::wire::responses::Responses;
use super::wire::template::Template;
use super::wire::tgi::Tgi;
use crate::exit::{CommandError, CommandResult};

/// Connects a provider: its format, its client, its key. The other half of what
/// is returned tells one credential from another, and shows neither.
pub(super) fn connect(
    name: &str,
    written: &WrittenProvider,
    model: &Model,
) -> CommandResult<(Remote, String)> {
    let mut scrub = Scrub::default();
    let auth = auth(name, written, &mut scrub)?;
    let base = written.base_url.clone().unwrap_or_default();
    let credential = match &auth {
        Auth::None => String::new(),
        Auth::Header(_, value) => sha256_hex(value.expose_secret()),
        Auth::Signed(account, _) => sha256_hex(account.access_key_id.expose_secret()),
    };
    let headers = headers(name, &written.headers)?;
    strike_out(written.headers.iter().chain(&written.query), &mut scrub);
    let query: Vec<String> = written
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    let remote = Remote {
        wire: wire_of(name, written)?,
        http: Http::new(&base, &written.deadlines, written.answer_bytes_max)?,
        query: query.join("&"),
        auth,
        scrub,
        model: model.clone(),
        headers,
        body: written.body.clone(),
        base: base.clone(),
    };
    Ok((remote, format!("{base} {credential} {}", model.name)))
}

/// Reads headers that every request has.
pub(crate) fn headers(name: &str, written: &BTreeMap<String, String>) -> CommandResult<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (header, value) in written {
        let bad = || CommandError::person(format!("`{name}` has a bad header `{header}`"));
        let mut sent = HeaderValue::try_from(value).map_err(|_| bad())?;
        sent.set_sensitive(is_secret(header));
        headers.insert(HeaderName::try_from(header).map_err(|_| bad())?, sent);
    }
    Ok(headers)
}

/// Has the secrets among headers or parameters struck out of what comes back.
pub(crate) fn strike_out<'a>(
    fields: impl Iterator<Item = (&'a String, &'a String)>,
    scrub: &mut Scrub,
) {
    for (field, value) in fields {
        if is_secret(field) {
            let secret = value.split_whitespace().last().unwrap_or_default();
            scrub.add(&SecretString::from(secret.to_owned()));
        }
    }
}

/// Tells whether what a header or a parameter holds is not for everyone, by its name.
pub(crate) fn is_secret(field: &str) -> bool {
    let field = field.to_ascii_lowercase();
    let words = [
        "auth",
        "cookie",
        "key",
        "password",
        "secret",
        "signature",
        "token",
    ];
    words.iter().any(|word| field.contains(word))
}

/// Writes a text so that it can stand in a query.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Returns the format of a provider's requests.
fn wire_of(name: &str, written: &WrittenProvider) -> CommandResult<Box<dyn Wire>> {
    let template = |path| {
        let template = written
            .template
            .clone()
            .expect("it is settled with the format");
        Template::new(path, template).map_err(|error| {
            CommandError::person(format!("could not use `[providers.{name}.template]`"))
                .because(error)
                .hint("`host/README.md` shows one")
        })
    };
    let format = written.format.unwrap_or(Format::Chat);
    Ok(match (written.kind, format) {
        (Kind::Anthropic, _) => Box::new(Messages),
        (Kind::Bedrock, _) => Box::new(Converse),
        (_, Format::Responses) => Box::new(Responses),
        (_, Format::Tgi) => Box::new(Tgi),
        (Kind::Sagemaker, Format::Template) => Box::new(template(Template::SAGEMAKER)?),
        (_, Format::Template) => Box::new(template(Template::PREDICT)?),
        (Kind::Sagemaker, Format::Chat) => Box::new(Chat::SAGEMAKER),
        (_, Format::Chat) if names_deployment(written) => Box::new(Chat::DEPLOYMENT),
        (_, Format::Chat) => Box::new(Chat::OPENAI),
    })
}

/// Tells whether the model is the name of a deployment, in the path: as Azure
/// has it where the version of its interface is a date.
fn names_deployment(written: &WrittenProvider) -> bool {
    let base = written.base_url.as_deref().unwrap_or_default();
    written.query.contains_key("api-version") && !base.contains("/deployments/")
}

/// Reads the key, and how it is presented.
fn auth(name: &str, written: &WrittenProvider, scrub: &mut Scrub) -> CommandResult<Auth> {
    let (usual_key, scheme) = match written.kind {
        Kind::Openai if system(written) == "azure.ai.openai" => {
            ("AZURE_OPENAI_API_KEY", AuthScheme::ApiKeyHeader)
        }
        Kind::Openai => ("OPENAI_API_KEY", AuthScheme::Bearer),
        Kind::Baseten => ("BASETEN_API_KEY", AuthScheme::ApiKey),
        Kind::Anthropic => ("ANTHROPIC_API_KEY", AuthScheme::XApiKey),
        Kind::Bedrock => ("AWS_BEARER_TOKEN_BEDROCK", AuthScheme::Bearer),
        Kind::Sagemaker | Kind::Sim => ("", AuthScheme::None),
    };
    let scheme = written.auth.unwrap_or(scheme);
    if scheme == AuthScheme::None && written.kind != Kind::Sagemaker {
        return Ok(Auth::None);
    }
    let signs = match (written.auth, written.kind) {
        (Some(scheme), _) => scheme == AuthScheme::Sigv4,
        (None, Kind::Sagemaker) => true,
        (None, Kind::Bedrock) => written.key.is_none() && std::env::var_os(usual_key).is_none(),
        (None, _) => false,
    };
    if signs {
        let service = match written.kind {
            Kind::Bedrock => Service::Bedrock,
            _ => Service::Sagemaker,
        };
        return Ok(Auth::Signed(account(name, written, scrub)?, service));
    }
    let what = format!("the key of `{name}`");
    let key = match &written.key {
        Some(source) => secret::read(source, &what)?,
        None => match usual(name, written, usual_key)? {
            Some(source) => secret::read(&source, &what)?,
            None => return Ok(Auth::None),
        },
    };
    scrub.add(&key);
    Ok(Auth::of(scheme, &key))
}

/// Returns where the key of a provider usually is. Nobody said that it is for
/// this place, so it is not sent where others could read it.
fn usual(
    name: &str,
    written: &WrittenProvider,
    variable: &str,
) -> CommandResult<Option<SecretSource>> {
    let base = written.base_url.as_deref().unwrap_or_default();
    let is_elsewhere = place::usual(name, written).ok().as_deref() != Some(base);
    let is_set = std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    match (is_set, is_elsewhere) {
        (true, true) if !is_private(base) => Err(CommandError::person(format!(
            "`{name}` is at `{base}`, where its key could be read on the way"
        ))
        .hint("use `https`, or say in `[providers.NAME]` of `policy.toml` which `key` it gets there")),
        (true, _) => Ok(Some(SecretSource::Env(variable.into()))),
        // A server of one's own may want none.
        (false, true) => Ok(None),
        (false, false) => Err(CommandError::person(format!("`{name}` needs a key"))
            .hint(format!(
                "set `{variable}`, or say where it is with `key` of `[providers.{name}]` in `policy.toml`"
            ))),
    }
}

fn account(name: &str, written: &WrittenProvider, scrub: &mut Scrub) -> CommandResult<Account> {
    let read = |source: &Option<SecretSource>, variable: &str, what: &str| {
        let usual = SecretSource::Env(variable.into());
        let source = source.as_ref().unwrap_or(&usual);
        secret::read(source, &format!("the {what} of `{name}`"))
    };
    let id = read(&written.access_key_id, "AWS_ACCESS_KEY_ID", "access key id")?;
    let secret = read(
        &written.secret_access_key,
        "AWS_SECRET_ACCESS_KEY",
        "secret access key",
    )?;
    let has_session =
        written.session_token.is_some() || std::env::var_os("AWS_SESSION_TOKEN").is_some();
    let session: Option<SecretString> = match has_session {
        true => Some(read(
            &written.session_token,
            "AWS_SESSION_TOKEN",
            "session token",
        )?),
        false => None,
    };
    scrub.add(&secret);
    session.iter().for_each(|session| scrub.add(session));
    Ok(Account {
        access_key_id: id,
        secret_access_key: secret,
        session_token: session,
        region: region(name, written)?,
    })
}
