//! The configuration as the cluster has it: fetched, kept for a start without nodes, applied.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, ETAG, IF_NONE_MATCH};
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use pga_client::{Answer, ClientOptions, Endpoint, HttpClient};
use serde::{Deserialize, Serialize};

const FILE: &str = "config.json";
/// Names the version of the configuration: in an answer the one that it holds, in a request the one
/// that runs (0 for none).
const VERSION: &str = "x-config-version";

/// A version of the configuration, as it came.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fetched {
    /// Its number.
    pub(super) version: u64,
    /// What tells it from another text with that number.
    pub(super) tag: String,
    /// TOML.
    pub(super) text: String,
}

impl std::fmt::Debug for Fetched {
    /// Passwords may stand in the text.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fetched({})", self.version)
    }
}

impl Fetched {
    /// The one that was applied last by an earlier run; `None` if there is none that can be read.
    pub(super) fn kept(dir: &Path) -> Option<Self> {
        let bytes = fs::read(dir.join(FILE)).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps it for the next start.
    ///
    /// # Errors
    /// If it cannot be written; then the one before is whole.
    pub(super) fn keep(&self, dir: &Path) -> io::Result<()> {
        pga_runtime::replace_file(&dir.join(FILE), &serde_json::to_vec(self)?)
    }

    /// Keeps none.
    ///
    /// # Errors
    /// If the one that is kept cannot be removed.
    pub(super) fn forget(dir: &Path) -> io::Result<()> {
        match fs::remove_file(dir.join(FILE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pulled {
    /// Another version than the one that was named.
    New(Fetched),
    /// The one that was named.
    Same(u64),
    /// There is none for this collector.
    None,
    /// The node does not tell this collector, with this status.
    Denied(u16),
    /// No node answered, or none with an answer.
    Failed(String),
}

/// Who asks, and what it knows.
#[derive(Debug)]
pub(super) struct Question<'a> {
    /// The collector.
    pub(super) collector: &'a str,
    /// Its token.
    pub(super) token: Option<&'a str>,
    /// The tag of the version it has, whether it runs or was refused.
    pub(super) tag: Option<&'a str>,
    /// The version that runs.
    pub(super) runs: Option<u64>,
}

impl Question<'_> {
    /// Asks one node after the other until one answers.
    pub(super) async fn ask(&self, nodes: &[Endpoint], options: &Arc<ClientOptions>) -> Pulled {
        let mut failure = "there are no nodes".to_owned();
        for node in nodes {
            let request = match self.request() {
                Ok(request) => request,
                Err(error) => return Pulled::Failed(error.to_string()),
            };
            let mut client = HttpClient::new(node.clone(), Arc::clone(options));
            match client.send_request(request).await {
                Ok(answer) if answer.status.is_server_error() => {
                    failure = format!("{node} answers {}", answer.status);
                }
                Ok(answer) => return read(&answer),
                Err(error) => failure = pga_runtime::error_chain(&error),
            }
        }
        Pulled::Failed(failure)
    }

    fn request(&self) -> http::Result<Request<Full<Bytes>>> {
        let path = format!("/api/v1/config/{}", encoded(self.collector));
        let mut request = Request::builder()
            .method(Method::GET)
            .uri(path)
            .header(VERSION, self.runs.unwrap_or(0));
        if let Some(token) = self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(tag) = self.tag {
            request = request.header(IF_NONE_MATCH, tag);
        }
        request.body(Full::new(Bytes::new()))
    }
}

fn read(answer: &Answer) -> Pulled {
    let header = |name: &str| answer.headers.get(name)?.to_str().ok();
    let version = header(VERSION).and_then(|text| text.parse().ok());
    match (answer.status, version) {
        (StatusCode::OK, Some(version)) => match std::str::from_utf8(&answer.body) {
            Ok(text) => Pulled::New(Fetched {
                version,
                tag: header(ETAG.as_str()).unwrap_or_default().to_owned(),
                text: text.to_owned(),
            }),
            Err(_) => Pulled::Failed("the configuration is no UTF-8".to_owned()),
        },
        (StatusCode::NOT_MODIFIED, Some(version)) => Pulled::Same(version),
        (StatusCode::NOT_FOUND, _) => Pulled::None,
        (status, _) if status.is_client_error() => Pulled::Denied(status.as_u16()),
        (status, _) => Pulled::Failed(format!("answer {status} without a version")),
    }
}

/// An id as a part of a path (RFC 3986, 2.1).
pub(super) fn encoded(id: &str) -> String {
    let mut out = String::new();
    for byte in id.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, version: Option<&'static str>, body: &'static [u8]) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(version) = version {
            headers.insert(VERSION, HeaderValue::from_static(version));
            headers.insert(ETAG, HeaderValue::from_static("\"7-a\""));
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let new = Pulled::New(Fetched {
            version: 7,
            tag: "\"7-a\"".to_owned(),
            text: "a".to_owned(),
        });
        assert_eq!(read(&answer(200, Some("7"), b"a")), new);
        assert!(!format!("{new:?}").contains("text"));
        assert_eq!(read(&answer(304, Some("7"), b"")), Pulled::Same(7));
        assert_eq!(read(&answer(404, None, b"")), Pulled::None);
        for status in [401, 403] {
            assert_eq!(read(&answer(status, None, b"")), Pulled::Denied(status));
        }
        for odd in [answer(200, None, b"a"), answer(200, Some("7"), b"\xff")] {
            assert!(matches!(read(&odd), Pulled::Failed(_)), "{odd:?}");
        }
    }

    #[test]
    fn what_was_applied_last_is_there_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Fetched::kept(dir.path()), None);
        let fetched = Fetched {
            version: 2,
            tag: "t".to_owned(),
            text: "[pg_wal]\n".to_owned(),
        };
        fetched.keep(dir.path()).unwrap();
        assert_eq!(Fetched::kept(dir.path()), Some(fetched));
        Fetched::forget(dir.path()).unwrap();
        Fetched::forget(dir.path()).unwrap();
        assert_eq!(Fetched::kept(dir.path()), None);
    }

    #[test]
    fn an_id_is_one_part_of_a_path() {
        assert_eq!(encoded("db-1.a_b"), "db-1.a_b");
        assert_eq!(encoded("a/b ü"), "a%2Fb%20%C3%BC");
    }
}
