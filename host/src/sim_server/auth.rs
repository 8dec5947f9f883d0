//! Whose key a request has.

use hyper::HeaderMap;

use super::route::Route;
use super::settings::Settings;
use super::sigv4::{self, Signed};
use super::vendor::{Refusal, Vendor};

/// Checks the key of a request, where the server has one.
pub(super) fn check(
    settings: &Settings,
    route: &Route,
    vendor: Vendor,
    signed: &Signed<'_>,
    now: u64,
) -> Result<(), Refusal> {
    let header = |name: &str| {
        signed
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let authorization = header("authorization").unwrap_or_default();
    if let (Vendor::Bedrock | Vendor::SageMaker, Some(key)) = (vendor, &settings.aws_key) {
        let bearer = authorization.strip_prefix("Bearer ");
        if vendor == Vendor::Bedrock && bearer.is_some() && bearer == settings.api_key.as_deref() {
            return Ok(());
        }
        return sigv4::check(
            signed,
            key,
            if vendor == Vendor::Bedrock {
                "bedrock"
            } else {
                "sagemaker"
            },
            now,
        );
    }
    if vendor == Vendor::Anthropic && header("anthropic-version").is_none() {
        return Err(Refusal::bad("anthropic-version: header is required"));
    }
    let Some(key) = settings.api_key.as_deref() else {
        return Ok(());
    };
    let has = |schemes: &[&str]| {
        schemes
            .iter()
            .any(|scheme| authorization.strip_prefix(scheme) == Some(key))
    };
    let given = match vendor {
        Vendor::OpenAi => has(&["Bearer "]),
        Vendor::Azure => header("api-key") == Some(key) || has(&["Bearer "]),
        Vendor::Anthropic => header("x-api-key") == Some(key) || has(&["Bearer "]),
        Vendor::Baseten => {
            has(&["Api-Key "]) || (matches!(route, Route::Chat { .. }) && has(&["Bearer "]))
        }
        Vendor::Bedrock => has(&["Bearer "]),
        // Only signatures count there.
        Vendor::SageMaker => true,
    };
    if given {
        return Ok(());
    }
    Err(match vendor {
        Vendor::OpenAi if authorization.is_empty() => {
            let why = "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).";
            Refusal {
                code: None,
                ..Refusal::of(401, why)
            }
        }
        Vendor::OpenAi => Refusal::of(401, "Incorrect API key provided.").code("invalid_api_key"),
        Vendor::Azure => Refusal::of(
            401,
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.",
        ),
        Vendor::Anthropic if header("x-api-key").is_none() => {
            Refusal::of(401, "x-api-key header is required")
        }
        Vendor::Anthropic => Refusal::of(401, "invalid x-api-key"),
        Vendor::Bedrock => Refusal::of(
            403,
            "Authentication failed: Please make sure your API Key is valid.",
        ),
        Vendor::SageMaker | Vendor::Baseten => {
            Refusal::of(401, "please check the api-key you provided")
        }
    })
}

/// Tells whether a client presents itself as Baseten's do.
pub(super) fn is_baseten(headers: &HeaderMap) -> bool {
    let authorization = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    authorization.is_some_and(|text| text.starts_with("Api-Key "))
}
