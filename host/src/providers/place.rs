//! Where a provider is, and in which of its formats it is asked there.

use std::net::IpAddr;

use fapo_core::policy::{Format, Kind, WrittenProvider};
use reqwest::Url;

use crate::exit::{CommandError, CommandResult};

/// Completes where a provider is, and checks that it can be asked there.
pub(super) fn settle(name: &str, written: &mut WrittenProvider) -> CommandResult<()> {
    let base = match &written.base_url {
        Some(base) => base.clone(),
        None => usual(name, written)?,
    };
    let bad = |why: String| {
        CommandError::person(format!("could not use the `base_url` of `{name}`"))
            .because(why)
            .hint("write it as `https://api.example.com/v1`")
    };
    address(&base).map_err(bad)?;
    written.base_url = Some(base.trim_end_matches('/').to_owned());
    written.format = Some(match (written.format, written.kind) {
        (Some(format), kind) => {
            let has = match kind {
                Kind::Openai => &[Format::Chat, Format::Responses][..],
                Kind::Baseten => &[Format::Chat, Format::Template],
                Kind::Sagemaker => &[Format::Chat, Format::Tgi, Format::Template],
                Kind::Anthropic | Kind::Bedrock | Kind::Sim => &[],
            };
            if !has.contains(&format) {
                return Err(CommandError::person(format!(
                    "`format` of `{name}` is not one that `{}` has",
                    kind.name()
                )));
            }
            format
        }
        (None, Kind::Openai | Kind::Baseten | Kind::Sagemaker) => match written.template {
            Some(_) => Format::Template,
            None => Format::Chat,
        },
        (None, _) => return Ok(()),
    });
    if (written.format == Some(Format::Template)) != written.template.is_some() {
        return Err(CommandError::person(format!(
            "`format = \"template\"` of `{name}` and `[providers.{name}.template]` go together"
        )));
    }
    Ok(())
}

/// Reads an address of HTTP that holds no secret; the error says what it is instead.
pub(crate) fn address(base: &str) -> Result<Url, String> {
    // What cannot be read is not shown: a password may be what is wrong with it.
    let url = Url::parse(base).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(format!("`{base}` is no address of HTTP"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a name or a password: keys come from `key`".into());
    }
    match url.query().is_some() || url.fragment().is_some() {
        true => Err("what stands after a `?` belongs into `query` beside it".into()),
        false => Ok(url),
    }
}

/// Returns where the vendor of a kind has its own servers.
pub(super) fn usual(name: &str, written: &WrittenProvider) -> CommandResult<String> {
    Ok(match written.kind {
        Kind::Openai => "https://api.openai.com/v1".into(),
        Kind::Baseten if written.template.is_some() => {
            return Err(CommandError::person(format!(
                "`{name}` has no `base_url`, and each deployment has its own"
            ))
            .hint("write it as `https://model-ID.api.baseten.co/environments/production`"));
        }
        Kind::Baseten => "https://inference.baseten.co/v1".into(),
        Kind::Anthropic => "https://api.anthropic.com".into(),
        Kind::Sagemaker => format!(
            "https://runtime.sagemaker.{}.amazonaws.com",
            region(name, written)?
        ),
        Kind::Bedrock => format!(
            "https://bedrock-runtime.{}.amazonaws.com",
            region(name, written)?
        ),
        Kind::Sim => String::new(),
    })
}

pub(super) fn region(name: &str, written: &WrittenProvider) -> CommandResult<String> {
    let from = |variable: &str| std::env::var(variable).ok();
    let region = written
        .region
        .clone()
        .or_else(|| from("AWS_REGION"))
        .or_else(|| from("AWS_DEFAULT_REGION"));
    region.ok_or_else(|| {
        CommandError::person(format!("nobody says in which region `{name}` is"))
            .hint("set `region` of `[providers.NAME]` in `policy.toml`, or `AWS_REGION`")
    })
}

/// Returns the name that telemetry has for a provider.
pub(super) fn system(written: &WrittenProvider) -> &'static str {
    let base = written.base_url.as_deref().unwrap_or_default();
    match written.kind {
        Kind::Openai if base.contains(".azure.com") => "azure.ai.openai",
        Kind::Openai if base.contains("generativelanguage.googleapis.com") => "gcp.gemini",
        Kind::Bedrock => "aws.bedrock",
        Kind::Sagemaker => "aws.sagemaker",
        kind => kind.name(),
    }
}

/// Tells whether nobody else can read what is sent to a place.
pub(super) fn is_private(base: &str) -> bool {
    base.starts_with("https:") || is_here(base)
}

/// Tells whether a place is on this machine.
pub(super) fn is_here(base: &str) -> bool {
    let Ok(url) = Url::parse(base) else {
        return false;
    };
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(base_url: &str) -> Result<String, String> {
        let mut written = WrittenProvider::of(Kind::Openai);
        written.base_url = Some(base_url.into());
        match settle("main", &mut written) {
            Ok(()) => Ok(written.base_url.unwrap_or_default()),
            Err(error) => Err(error.chain().join(": ")),
        }
    }

    #[test]
    fn a_place_is_an_address_of_http_and_nothing_more() {
        assert_eq!(
            settled("https://a.example/v1/").as_deref(),
            Ok("https://a.example/v1")
        );
        for (bad, why) in [
            ("a.example/v1", "relative URL"),
            ("file:///etc/passwd", "no address of HTTP"),
            ("ftp://a.example", "no address of HTTP"),
            ("https://me:secret@a.example", "holds a name or a password"),
            ("https://a.example/v1?key=x", "belongs into `query`"),
        ] {
            let told = settled(bad).unwrap_err();
            assert!(told.contains(why), "{bad}: {told}");
            assert!(!told.contains("secret"), "{told}");
        }
    }

    #[test]
    fn what_is_on_the_way_of_others_is_not_private() {
        for (base, expected) in [
            ("https://a.example", true),
            ("http://127.0.0.1:8080/v1", true),
            ("http://[::1]:8080", true),
            ("http://localhost", true),
            ("http://a.example", false),
            ("http://10.0.0.1", false),
            ("http://localhost.a.example", false),
        ] {
            assert_eq!(is_private(base), expected, "{base}");
        }
    }

    #[test]
    fn a_format_is_one_that_the_kind_has() {
        let mut written = WrittenProvider::of(Kind::Anthropic);
        written.format = Some(Format::Tgi);
        assert!(settle("main", &mut written).is_err());
        let mut written = WrittenProvider::of(Kind::Openai);
        settle("main", &mut written).unwrap_or_else(|error| panic!("{:?}", error.chain()));
        assert_eq!(written.format, Some(Format::Chat));
    }
}
