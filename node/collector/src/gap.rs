//! What cannot be read, why, and what would help (rule C2: silence looks like health).

use serde::{Deserialize, Serialize};

use crate::connection::ReadError;

/// A source that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Type of its elements.
    pub source: String,
    /// The database, for a source that is read in each; else empty.
    pub database: String,
    /// Why, in the server's words.
    pub reason: String,
    /// SQLSTATE, if the server gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// What would help.
    pub help: String,
}

impl Gap {
    /// A source whose view the server does not have.
    pub(crate) fn absent(source: &str, database: &str, help: &str) -> Self {
        Self {
            database: database.to_owned(),
            ..Self::told(source, "this server does not have it", help)
        }
    }

    /// What cannot be read, for a reason that no server told.
    pub(crate) fn told(source: &str, reason: impl Into<String>, help: &str) -> Self {
        Self {
            source: source.to_owned(),
            database: String::new(),
            reason: reason.into(),
            sqlstate: None,
            help: help.to_owned(),
        }
    }

    /// A source whose reading failed.
    pub(crate) fn failed(source: &str, database: &str, error: &ReadError, help: &str) -> Self {
        let sqlstate = error.sqlstate();
        let help = match sqlstate {
            Some("42501") => help,
            Some("55000") if source.starts_with("pg_statement") => {
                "add pg_stat_statements to shared_preload_libraries, and restart the server"
            }
            Some("55P03") => "an exclusive lock is held: it is read again at the next cycle",
            Some("57014") => "it took longer than 30 s: it is read again at the next cycle",
            Some("57P03") => "the server is starting up",
            Some("53300") => "no connection is free: set reserved_connections (16 and later)",
            _ => "",
        };
        Self {
            source: source.to_owned(),
            database: database.to_owned(),
            reason: pga_runtime::error_chain(error),
            sqlstate: sqlstate.map(str::to_owned),
            help: help.to_owned(),
        }
    }
}
