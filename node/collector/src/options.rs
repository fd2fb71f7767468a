//! What is read of a server.

use std::time::Duration;

use crate::log::LogOptions;

/// What is read of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Only these databases; empty for all.
    pub include: Vec<String>,
    /// Not these.
    pub exclude: Vec<String>,
    /// All cadences are at most this long: a short one shows everything soon.
    pub max_cadence: Option<Duration>,
    /// The server's log is read, if they are there.
    pub log: Option<LogOptions>,
    /// The statements that cost most are explained (16 and later).
    pub explains: bool,
}

impl Options {
    /// Whether a database is to be read.
    pub(crate) fn wants(&self, database: &str) -> bool {
        let is = |names: &[String]| names.iter().any(|name| name == database);
        (self.include.is_empty() || is(&self.include)) && !is(&self.exclude)
    }
}
