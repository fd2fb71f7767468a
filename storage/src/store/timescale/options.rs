//! How to reach the database, and how long to wait for it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use pga_config::NodeId;
use tokio_postgres::config::{Config, SslMode};

use crate::{Error, Result};

/// Identity of one cluster, written into the database it owns (ID-1). Random, 128 bits; `Display`
/// is 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StoreOwner(u128);

impl StoreOwner {
    /// Wraps the cluster's id.
    pub const fn new(cluster_id: u128) -> Self {
        Self(cluster_id)
    }

    /// The part of the id that fits into `application_name` (63 bytes in all).
    pub(super) fn short(self) -> String {
        self.to_string().chars().take(16).collect()
    }
}

impl fmt::Display for StoreOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// How to reach TimescaleDB. `Debug` never shows the password.
#[derive(Clone)]
pub struct TimescaleOptions {
    pub(super) config: Config,
    pub(super) root_certificates: Option<PathBuf>,
    /// Which cluster writes here; another cluster's database is refused.
    pub owner: StoreOwner,
    /// Which node this is, for `application_name`.
    pub node: NodeId,
    /// Longest wait for a connection, TLS and authentication included.
    pub connect_timeout: Duration,
    /// Longest life of one flush transaction.
    pub flush_timeout: Duration,
    /// Longest wait for the answer to a read.
    pub read_timeout: Duration,
    /// Longest wait for a lock, in a flush and in a migration.
    pub lock_timeout: Duration,
    /// Most connections used for reading.
    pub read_connections: usize,
}

impl TimescaleOptions {
    /// Longest wait for a connection unless set otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
    /// Longest flush unless set otherwise: a batch is a few MB, 30 s is a hundred times the usual.
    pub const FLUSH_TIMEOUT: Duration = Duration::from_secs(30);
    /// Longest read unless set otherwise.
    pub const READ_TIMEOUT: Duration = Duration::from_secs(15);
    /// Longest wait for a lock unless set otherwise.
    pub const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
    /// Read connections unless set otherwise.
    pub const READ_CONNECTIONS: usize = 4;

    /// Options from a `postgres://` URL or a `key=value` connection string.
    ///
    /// TLS is used when `sslmode` is `require`, `verify-ca` or `verify-full`; the server's
    /// certificate and name are checked in each of these, against `sslrootcert` (a PEM file) or
    /// the system's authorities.
    ///
    /// # Errors
    /// `Argument` if the text is no connection string. The text itself is not repeated: it may hold
    /// a password.
    pub fn new(url: &str, owner: StoreOwner, node: NodeId) -> Result<Self> {
        let (text, tls) = split_tls(url);
        let mut config: Config = text
            .parse()
            .map_err(|_| bad_url("not a connection string"))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(bad_url("no host"));
        }
        config.ssl_mode(match tls.mode.as_deref() {
            Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            None | Some("disable" | "allow" | "prefer") => SslMode::Disable,
            Some(_) => return Err(bad_url("unknown sslmode")),
        });
        if config.get_user().is_none() {
            config.user("postgres");
        }
        Ok(Self {
            config,
            root_certificates: tls.root.map(PathBuf::from),
            owner,
            node,
            connect_timeout: Self::CONNECT_TIMEOUT,
            flush_timeout: Self::FLUSH_TIMEOUT,
            read_timeout: Self::READ_TIMEOUT,
            lock_timeout: Self::LOCK_TIMEOUT,
            read_connections: Self::READ_CONNECTIONS,
        })
    }
}

impl fmt::Debug for TimescaleOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimescaleOptions")
            .field("hosts", &self.config.get_hosts())
            .field("dbname", &self.config.get_dbname())
            .field("user", &self.config.get_user())
            .field("owner", &self.owner)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

fn bad_url(what: &str) -> Error {
    Error::Argument {
        key: "TimescaleDB URL",
        what: what.to_owned(),
    }
}

#[derive(Default)]
struct TlsWords {
    mode: Option<String>,
    root: Option<String>,
}

impl TlsWords {
    /// Keeps `sslmode` and `sslrootcert`, which the driver does not know in full; says whether it
    /// did.
    fn take(&mut self, key: &str, value: &str) -> bool {
        match key {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.root = Some(value.to_owned()),
            _ => return false,
        }
        true
    }
}

/// Takes the TLS words out of a connection string.
fn split_tls(url: &str) -> (String, TlsWords) {
    let mut tls = TlsWords::default();
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        let rest: Vec<&str> = url
            .split_ascii_whitespace()
            .filter(|word| {
                let (key, value) = word.split_once('=').unwrap_or((word, ""));
                !tls.take(key, value.trim_matches('\''))
            })
            .collect();
        return if tls.mode.is_none() && tls.root.is_none() {
            (url.to_owned(), tls)
        } else {
            (rest.join(" "), tls)
        };
    }
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), tls);
    };
    let rest: Vec<&str> = query
        .split('&')
        .filter(|word| {
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            !tls.take(key, &value.replace("%2F", "/").replace("%2f", "/"))
        })
        .collect();
    if rest.is_empty() {
        (base.to_owned(), tls)
    } else {
        (format!("{base}?{}", rest.join("&")), tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Result<TimescaleOptions> {
        TimescaleOptions::new(url, StoreOwner::new(7), NodeId::new(1))
    }

    #[test]
    fn tls_words_are_understood_in_both_forms() {
        for (name, url, mode, root) in [
            ("none", "postgres://u@h/d", SslMode::Disable, None),
            (
                "require",
                "postgres://u@h/d?sslmode=require",
                SslMode::Require,
                None,
            ),
            (
                "verified",
                "postgres://u@h/d?connect_timeout=3&sslmode=verify-full&sslrootcert=%2Fca.pem",
                SslMode::Require,
                Some("/ca.pem"),
            ),
            (
                "words",
                "host=h user=u sslmode=verify-ca sslrootcert=/ca.pem dbname=d",
                SslMode::Require,
                Some("/ca.pem"),
            ),
        ] {
            let options = options(url).unwrap();
            assert_eq!(options.config.get_ssl_mode(), mode, "{name}");
            assert_eq!(options.root_certificates, root.map(PathBuf::from), "{name}");
            assert_eq!(options.config.get_dbname(), Some("d"), "{name}");
        }
    }

    #[test]
    fn bad_urls_are_refused_and_no_text_shows_the_password() {
        for url in [
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?sslmode=maybe",
            "password=hunter2 nonsense=1",
            "password=hunter2",
        ] {
            let error = options(url).unwrap_err();
            assert!(
                !format!("{error:?} {error}").contains("hunter2"),
                "{error:?}"
            );
        }
        let shown = format!("{:?}", options("postgres://u:hunter2@h/d").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
