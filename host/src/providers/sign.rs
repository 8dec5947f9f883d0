//! Signature Version 4, which Amazon wants in the place of a key: the signature
//! of a request is made with a secret that is never sent.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign as sign_request,
};
use aws_sigv4::sign::v4;
use secrecy::{ExposeSecret, SecretString};

/// An account with Amazon, in a region.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) access_key_id: SecretString,
    pub(crate) secret_access_key: SecretString,
    /// What keys that are lent for a while come with.
    pub(crate) session_token: Option<SecretString>,
    pub(crate) region: String,
}

/// The name by which a service knows itself in a signature. It is not always
/// the one in its address: that of Bedrock says `bedrock-runtime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Bedrock,
    Sagemaker,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Bedrock => "bedrock",
            Self::Sagemaker => "sagemaker",
        }
    }
}

/// A request as it will be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Post<'a> {
    /// The whole URL, percent-encoded.
    pub(crate) url: &'a str,
    /// The headers that are signed, beside the address and the date. Whatever
    /// is signed must arrive as it is, so what a proxy may change has no place
    /// here: the type of the content has.
    pub(crate) headers: &'a [(&'static str, String)],
    pub(crate) body: &'a [u8],
}

/// Why a request cannot be signed.
#[derive(Debug, thiserror::Error)]
#[error("could not sign a request")]
pub(crate) struct SignError(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Returns the headers that a request needs beside its own: `x-amz-date`,
/// `authorization`, and the token of a session if there is one.
///
/// A service turns down a signature that is some minutes old, so each attempt
/// is signed anew.
pub(crate) fn sign(
    post: &Post<'_>,
    account: &Account,
    service: Service,
    at: SystemTime,
) -> Result<Vec<(String, SecretString)>, SignError> {
    let token = account.session_token.as_ref();
    let credentials = Credentials::new(
        account.access_key_id.expose_secret(),
        account.secret_access_key.expose_secret(),
        token.map(|token| token.expose_secret().to_owned()),
        None,
        "fapo-host",
    );
    let identity = credentials.into();
    let mut settings = SigningSettings::default();
    // Outside of S3 the path is encoded once more for the signature: the `%3A`
    // of a model's id is signed as `%253A`.
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&account.region)
        .name(service.name())
        .time(at)
        .settings(settings)
        .build()
        .map_err(|error| SignError(error.into()))?;
    let headers = post.headers.iter();
    let headers = headers.map(|(name, value)| (*name, value.as_str()));
    let request = SignableRequest::new("POST", post.url, headers, SignableBody::Bytes(post.body))
        .map_err(|error| SignError(error.into()))?;
    let (instructions, _) = sign_request(request, &params.into())
        .map_err(|error| SignError(error.into()))?
        .into_parts();
    let (headers, _) = instructions.into_parts();
    let headers = headers.into_iter();
    let headers = headers.map(|header| (header.name().to_owned(), header.value().into()));
    Ok(headers.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const BEDROCK: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model";
    const SAGEMAKER: &str = "https://runtime.sagemaker.us-west-2.amazonaws.com/endpoints";

    fn account(region: &str, session_token: Option<&str>) -> Account {
        Account {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: session_token.map(Into::into),
            region: region.into(),
        }
    }

    /// Signs at 2026-01-02 03:04:05 UTC.
    fn signed(url: &str, body: &str, account: &Account, service: Service) -> Vec<(String, String)> {
        let post = Post {
            url,
            headers: &[("content-type", "application/json".into())],
            body: body.as_bytes(),
        };
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_323_045);
        let headers = sign(&post, account, service, at).unwrap().into_iter();
        headers
            .map(|(name, value)| (name, value.expose_secret().to_owned()))
            .collect()
    }

    fn check(headers: &[(String, String)], scope: &str, signed_headers: &str, signature: &str) {
        let header = |name: &str| headers.iter().find(|(known, _)| known == name);
        assert_eq!(
            header("authorization").map(|(_, value)| value.as_str()),
            Some(&*format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/{scope}/aws4_request, \
                 SignedHeaders={signed_headers}, Signature={signature}"
            ))
        );
        let date = header("x-amz-date").map(|(_, value)| value.as_str());
        assert_eq!(date, Some("20260102T030405Z"));
    }

    // The signatures are botocore's for the same requests.

    #[test]
    fn the_path_is_encoded_once_more_for_the_signature() {
        let url = format!("{BEDROCK}/us.anthropic.claude-opus-4-5-20251101-v1%3A0/converse");
        let account = account("us-east-1", None);
        let headers = signed(&url, r#"{"messages":[]}"#, &account, Service::Bedrock);
        assert_eq!(headers.len(), 2);
        check(
            &headers,
            "us-east-1/bedrock",
            "content-type;host;x-amz-date",
            "a034f722a6732aeb7861e4b1d3c0041d58b582925b82190decb4db45ce1b59f8",
        );
    }

    #[test]
    fn the_token_of_a_session_is_signed_and_sent() {
        let token = "token/with+odd=chars";
        let url = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/\
                   arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Ainference-profile%2Feu.x-v1%3A0\
                   /converse";
        let account = account("eu-west-1", Some(token));
        let headers = signed(url, r#"{"text":"ü"}"#, &account, Service::Bedrock);
        assert!(headers.contains(&("x-amz-security-token".into(), token.into())));
        check(
            &headers,
            "eu-west-1/bedrock",
            "content-type;host;x-amz-date;x-amz-security-token",
            "cc546003bf307319f2db9cb54311dbaab4d674e271ae8c6c9b58497255240348",
        );
    }

    #[test]
    fn a_query_and_a_port_are_part_of_the_signature() {
        let account = account("us-west-2", None);
        for (url, body, signature) in [
            (
                &*format!("{SAGEMAKER}/my-endpoint/invocations"),
                "",
                "fa0d47a432bc1fc8bf67ee31123c285f5ac9f6949a955768a97b049c30f0eef2",
            ),
            (
                "http://127.0.0.1:8080/endpoints/a%20b/invocations?b=2&a=1%20x",
                "{}",
                "d8660ebd995abdb0ca944d25b8d7cf315df9926d0c1fcc80066adbed1715a668",
            ),
        ] {
            let headers = signed(url, body, &account, Service::Sagemaker);
            let signed_headers = "content-type;host;x-amz-date";
            check(&headers, "us-west-2/sagemaker", signed_headers, signature);
        }
    }

    #[test]
    fn what_is_no_url_is_an_error_that_tells_no_secret() {
        let post = Post {
            url: "not a url",
            headers: &[],
            body: b"",
        };
        let account = account("us-east-1", Some("token"));
        let error = sign(&post, &account, Service::Bedrock, SystemTime::UNIX_EPOCH).unwrap_err();
        let told = format!("{error:?} {account:?}");
        assert!(
            !told.contains("EXAMPLE") && !told.contains("token/"),
            "{told}"
        );
    }
}
