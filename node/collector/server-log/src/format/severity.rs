//! How severe the server says a record is.

use serde::{Deserialize, Serialize};

/// The server's own word for a record. `LOG` is no degree of trouble: the log gets it always.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// `DEBUG`, of any of the five levels.
    Debug,
    /// `LOG`.
    #[default]
    Log,
    /// `INFO`.
    Info,
    /// `NOTICE`.
    Notice,
    /// `WARNING`.
    Warning,
    /// `ERROR`: the statement failed.
    Error,
    /// `FATAL`: the session ended.
    Fatal,
    /// `PANIC`: the server ended.
    Panic,
}

impl Severity {
    /// The severity that a code alone allows to say: a success is a `LOG`, class 01 a `WARNING`,
    /// anything else an `ERROR`.
    #[must_use]
    pub fn of_sqlstate(code: &str) -> Self {
        match code {
            "00000" => Self::Log,
            code if code.starts_with("01") => Self::Warning,
            _ => Self::Error,
        }
    }

    /// PostgreSQL's English word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Log => "LOG",
            Self::Info => "INFO",
            Self::Notice => "NOTICE",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
            Self::Panic => "PANIC",
        }
    }
}
