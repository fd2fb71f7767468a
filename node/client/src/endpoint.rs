//! Address of one node's HTTP side.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Where one node serves HTTP: `http://127.0.0.1:8081`, `https://db1.example:8443`, or without the
/// scheme (`http`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    is_tls: bool,
    host: String,
    port: u16,
}

/// The text is no address of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address of a node: write http://host:port")]
pub struct ParseEndpointError {
    text: String,
}

impl Endpoint {
    /// Whether it speaks TLS.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// Host name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, as the `Host` header has it.
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || ParseEndpointError {
            text: text.to_owned(),
        };
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let uri: Uri = full.parse().map_err(|_| refused())?;
        let is_tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refused()),
        };
        let host = uri.host().ok_or_else(refused)?;
        if !matches!(uri.path(), "" | "/") {
            return Err(refused());
        }
        Ok(Self {
            is_tls,
            host: host.trim_matches(['[', ']']).to_owned(),
            port: uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_a_host_and_no_path() {
        for (text, want) in [
            ("http://127.0.0.1:8081", Some("http://127.0.0.1:8081")),
            ("127.0.0.1:8081", Some("http://127.0.0.1:8081")),
            ("https://db1.example", Some("https://db1.example:443")),
            ("http://[::1]:8081/", Some("http://[::1]:8081")),
            ("ftp://db1", None),
            ("http://db1:8081/api", None),
            ("", None),
        ] {
            let got = text.parse::<Endpoint>().ok().map(|e| e.to_string());
            assert_eq!(got.as_deref(), want, "{text}");
        }
    }
}
