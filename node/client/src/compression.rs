//! Bodies in the encoding that a node takes.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::header::ACCEPT_ENCODING;
use http::{HeaderMap, HeaderValue};

/// Level of zstd: its default, and faster than gzip's.
const ZSTD_LEVEL: i32 = 3;

/// How the body of a push is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Plain,
    /// gzip (RFC 1952), which every node of the v3 protocol takes.
    Gzip,
    /// zstd (RFC 8878), for nodes that say so.
    Zstd,
}

impl Encoding {
    /// Its name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The header of a request with such a body; none for a plain one.
    pub(crate) fn header(self) -> Option<HeaderValue> {
        (self != Self::Plain).then(|| HeaderValue::from_static(self.name()))
    }

    /// Encodes a body. It takes a processor for some milliseconds a megabyte.
    ///
    /// # Errors
    /// If memory is missing for it.
    pub fn encode(self, body: &[u8]) -> io::Result<Bytes> {
        match self {
            Self::Plain => Ok(Bytes::copy_from_slice(body)),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Level::default());
                encoder.write_all(body)?;
                encoder.finish().map(Bytes::from)
            }
            Self::Zstd => zstd::bulk::compress(body, ZSTD_LEVEL).map(Bytes::from),
        }
    }
}

/// Whether a node says that it takes zstd (`Accept-Encoding` in an answer).
///
/// # Source
/// RFC 9110, 12.5.3.
pub(crate) fn takes_zstd(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter();
    let mut names = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    names.any(|name| {
        name.split(';')
            .next()
            .is_some_and(|name| name.trim() == "zstd")
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_node_takes_zstd_if_it_says_so() {
        for (value, want) in [
            ("zstd, gzip", true),
            ("gzip;q=0.5,zstd;q=1", true),
            ("gzip", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(takes_zstd(&headers), want, "{value}");
        }
    }

    #[test]
    fn a_body_is_the_same_behind_its_encoding() {
        let body = b"{\"metrics\":[]}".repeat(100);
        let zstd = Encoding::Zstd.encode(&body).unwrap();
        assert_eq!(zstd::bulk::decompress(&zstd, 2_000).unwrap(), body);
        let gzip = Encoding::Gzip.encode(&body).unwrap();
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(gzip.as_ref())
            .read_to_end(&mut text)
            .unwrap();
        assert_eq!(text, body);
        assert!(zstd.len() < body.len() && gzip.len() < body.len());
        assert_eq!(Encoding::Plain.encode(&body).unwrap(), body);
    }
}
