//! Whether a request is signed as Amazon has it (Signature Version 4).
//!
//! The signature is made again from the request as it arrived, and compared.

use std::fmt::Write as _;

use fapo_core::digest::sha256_hex;
use hmac::{Hmac, Mac};
use hyper::HeaderMap;
use sha2::Sha256;

use super::vendor::Refusal;

/// A key that may sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AwsKey {
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// What was signed.
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// As it was sent, with its escapes.
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Signatures are good for so long.
const GOOD_FOR_S: u64 = 15 * 60;

/// Checks a request to a service, which is part of what is signed.
pub(super) fn check(
    signed: &Signed<'_>,
    key: &AwsKey,
    service: &str,
    now: u64,
) -> Result<(), Refusal> {
    let refused = |code: &'static str, message: String| Refusal::of(403, message).code(code);
    let header = |name: &str| {
        signed
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let Some(authorization) =
        header("authorization").and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256 "))
    else {
        return Err(refused(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token".into(),
        ));
    };
    let part = |name: &str| {
        authorization
            .split(',')
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
    };
    let scope: Vec<&str> = part("Credential").split('/').collect();
    let [id, date, region, scoped, "aws4_request"] = scope[..] else {
        return Err(refused(
            "IncompleteSignatureException",
            "The Credential of the signature is incomplete.".into(),
        ));
    };
    if id != key.id {
        let why = "The security token included in the request is invalid.";
        return Err(refused("UnrecognizedClientException", why.into()));
    }
    if scoped != service {
        let why = format!("Credential should be scoped to correct service: '{service}'.");
        return Err(refused("SignatureDoesNotMatch", why));
    }
    let at = header("x-amz-date").unwrap_or_default();
    match seconds(at) {
        Some(signed_at) if at.starts_with(date) && now.abs_diff(signed_at) <= GOOD_FOR_S => {}
        _ => {
            let why = format!(
                "Signature expired: {at} is now earlier than the time of this server, or later."
            );
            return Err(refused("SignatureDoesNotMatch", why));
        }
    }
    let names: Vec<&str> = part("SignedHeaders").split(';').collect();
    if !names.contains(&"host") {
        return Err(refused(
            "SignatureDoesNotMatch",
            "The header `host` is not signed.".into(),
        ));
    }
    let canonical = canonical(signed, &names);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{at}\n{date}/{region}/{service}/aws4_request\n{}",
        sha256_hex(canonical)
    );
    let mut secret = hmac(format!("AWS4{}", key.secret).as_bytes(), date);
    for part in [region, service, "aws4_request"] {
        secret = hmac(&secret, part);
    }
    let expected = hmac(&secret, &to_sign)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
    if expected != part("Signature") {
        let why = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.";
        return Err(refused("SignatureDoesNotMatch", why.into()));
    }
    Ok(())
}

fn canonical(signed: &Signed<'_>, names: &[&str]) -> String {
    let mut canonical = format!("{}\n", signed.method);
    // The path is escaped once more as it was sent: only S3 does without.
    escape(signed.path, true, &mut canonical);
    canonical.push('\n');
    let mut query: Vec<&str> = signed
        .query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .collect();
    query.sort_unstable();
    for (at, pair) in query.iter().enumerate() {
        let gap = if at > 0 { "&" } else { "" };
        let equals = if pair.contains('=') { "" } else { "=" };
        let _ = write!(canonical, "{gap}{pair}{equals}");
    }
    canonical.push('\n');
    for name in names {
        let values: Vec<String> = signed
            .headers
            .get_all(*name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .map(|value| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        let _ = writeln!(canonical, "{name}:{}", values.join(","));
    }
    let _ = write!(
        canonical,
        "\n{}\n{}",
        names.join(";"),
        sha256_hex(signed.body)
    );
    canonical
}

fn escape(text: &str, keeps_slash: bool, escaped: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte))
            }
            b'/' if keeps_slash => escaped.push('/'),
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("keys of any length are taken");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Returns the seconds since 1970 of `20260131T235959Z`.
fn seconds(at: &str) -> Option<u64> {
    let digits = at.replace(['T', 'Z'], "");
    if digits.len() != 14 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| digits[from..to].parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second) = (number(8, 10)?, number(10, 12)?, number(12, 14)?);
    if year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day;
    Some((days.checked_sub(719_469)?) * 86_400 + hour * 3_600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Amazon's own documentation, for the service `iam`.
    #[test]
    fn the_example_in_amazons_documentation_is_accepted() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "iam.amazonaws.com"),
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("x-amz-date", "20150830T123600Z"),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            ),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let key = |secret: &str| AwsKey {
            id: "AKIDEXAMPLE".into(),
            secret: secret.into(),
        };
        let signed = Signed {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &headers,
            body: b"",
        };
        let now = 1_440_938_160;
        let good = key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        assert_eq!(check(&signed, &good, "iam", now), Ok(()));
        let code = |key: &AwsKey, service: &str, now: u64| {
            check(&signed, key, service, now).unwrap_err().code
        };
        assert_eq!(
            code(&key("other"), "iam", now),
            Some("SignatureDoesNotMatch")
        );
        assert_eq!(code(&good, "bedrock", now), Some("SignatureDoesNotMatch"));
        assert_eq!(
            code(&good, "iam", now + 3_600),
            Some("SignatureDoesNotMatch")
        );
    }
}
