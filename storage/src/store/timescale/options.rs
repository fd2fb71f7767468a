//! How to reach the database, and how long to wait for it.

use std::fmt;
use std::time::Duration;

use pga_config::NodeId;
use pga_pg_connect::{ConnectError, Environment, Target};

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
    pub(super) target: Target,
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

    /// Options from a `postgres://` URL or a `key=value` connection string, by libpq's rules
    /// ([`Target`]). What the text leaves open, the `PG*` variables of this process say; the user
    /// is `postgres` if nothing names one.
    ///
    /// # Errors
    /// `Argument` if the text is no connection string: what is wrong and what helps, without the
    /// password that it may hold.
    pub fn new(url: &str, owner: StoreOwner, node: NodeId) -> Result<Self> {
        let environment = Environment::process().or("PGUSER", "postgres");
        Ok(Self {
            target: Target::parse(url, &environment).map_err(|error| bad_url(&error))?,
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
            .field("target", &self.target)
            .field("owner", &self.owner)
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}

/// The error for a URL, or a file that it names, that cannot be used.
pub(super) fn bad_url(error: &ConnectError) -> Error {
    Error::Argument {
        key: "store.timescale-url",
        what: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_urls_are_refused_and_no_text_shows_the_password() {
        let options = |url: &str| TimescaleOptions::new(url, StoreOwner::new(7), NodeId::new(1));
        for url in [
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?sslmode=maybe",
            "password=hunter2 nonsense=1",
        ] {
            let error = options(url).unwrap_err();
            let shown = format!("{error:?} {error}");
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("store.timescale-url"), "{shown}");
        }
        let shown = format!("{:?}", options("postgres://u:hunter2@h/d").unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
