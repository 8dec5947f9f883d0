//! Images, sounds and documents in requests: every format says them in base64,
//! each in words of its own.

use fapo_core::call::ProviderError;

use super::invalid;

/// A part of a message that is not text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Media<'a> {
    /// What it is.
    pub(super) kind: Kind,
    data: &'a [u8],
}

/// What formats know of media, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Png,
    Jpeg,
    Gif,
    Webp,
    Wav,
    Mp3,
    Pdf,
    Text,
}

impl Kind {
    /// Every kind.
    const ALL: [Self; 8] = [
        Self::Png,
        Self::Jpeg,
        Self::Gif,
        Self::Webp,
        Self::Wav,
        Self::Mp3,
        Self::Pdf,
        Self::Text,
    ];

    /// The type, as it is written.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Pdf => "application/pdf",
            Self::Text => "text/plain",
        }
    }

    /// The word that formats have for it where they want no type.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Pdf => "pdf",
            Self::Text => "txt",
        }
    }

    pub(super) fn is_image(self) -> bool {
        matches!(self, Self::Png | Self::Jpeg | Self::Gif | Self::Webp)
    }

    pub(super) fn is_sound(self) -> bool {
        matches!(self, Self::Wav | Self::Mp3)
    }
}

impl<'a> Media<'a> {
    /// Reads a part's type; one that no format knows is the request's fault.
    pub(super) fn of(media_type: &str, data: &'a [u8]) -> Result<Self, ProviderError> {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        let essence = match essence.to_ascii_lowercase().as_str() {
            "image/jpg" => "image/jpeg".into(),
            "audio/mp3" => "audio/mpeg".into(),
            "audio/x-wav" | "audio/wave" => "audio/wav".into(),
            other => other.to_owned(),
        };
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.media_type() == essence);
        match kind {
            Some(kind) => Ok(Self { kind, data }),
            None => Err(invalid(format!(
                "no provider takes a part of type `{}`",
                fapo_core::Untrusted::from(media_type).cut(100)
            ))),
        }
    }

    /// Returns the error of a format that has no word for this kind.
    pub(super) fn not_taken(&self, by: &str) -> ProviderError {
        invalid(format!(
            "{by} takes no part of type `{}` there",
            self.kind.media_type()
        ))
    }

    /// The bytes, in base64.
    pub(super) fn base64(&self) -> String {
        base64(self.data)
    }

    /// The bytes, as a URL that holds them.
    pub(super) fn data_url(&self) -> String {
        format!("data:{};base64,{}", self.kind.media_type(), self.base64())
    }

    /// The bytes of a text, as text.
    pub(super) fn text(&self) -> Result<&'a str, ProviderError> {
        std::str::from_utf8(self.data)
            .map_err(|_| invalid("a part of type `text/plain` is not UTF-8"))
    }
}

/// Writes bytes in base64, with the padding that all servers want.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |n: usize| u32::from(three.get(n).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let written = digit <= three.len();
            let six = (bits >> (18 - 6 * digit)) as usize & 63;
            text.push(if written {
                char::from(DIGITS[six])
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_rfc_4648_has_it() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xef, 0xbe]), "/+++");
    }

    #[test]
    fn a_type_is_read_whatever_its_case_and_parameters() {
        for (written, kind) in [
            ("image/png", Kind::Png),
            ("IMAGE/JPG", Kind::Jpeg),
            ("text/plain; charset=utf-8", Kind::Text),
            ("audio/x-wav", Kind::Wav),
        ] {
            assert_eq!(Media::of(written, b"").unwrap().kind, kind);
        }
        for unknown in ["", "image", "image/svg+xml", "video/mp4"] {
            assert!(matches!(
                Media::of(unknown, b""),
                Err(ProviderError::InvalidRequest(_))
            ));
        }
    }
}
