//! What PostgreSQL's answers mean to us.

use std::fmt;

use tokio_postgres::error::{DbError, SqlState};

use crate::Error;

/// Why a transaction did not end.
pub(super) enum Failure {
    /// The server refuses some of the rows, and always will.
    Poison(Refusal),
    /// Another session holds what is needed.
    Locked(Error),
    /// Anything else.
    Other(Error),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_poison(&error)
            && let Some(refusal) = refusal(&error)
        {
            return Self::Poison(refusal);
        }
        let locked = is_lock_timeout(&error);
        let error = unavailable("flush to", error);
        if locked {
            Self::Locked(error)
        } else {
            Self::Other(error)
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Poison(refusal) => Self::Unavailable {
                action: "flush to",
                source: Box::new(refusal),
            },
            Failure::Locked(error) | Failure::Other(error) => error,
        }
    }
}

/// A refusal of the server, without the data of the row it is about: messages and details quote
/// values.
#[derive(Debug, thiserror::Error)]
#[error("SQLSTATE {code}{about}")]
pub(super) struct Refusal {
    code: String,
    about: String,
}

impl Refusal {
    /// Missing or wrong objects, missing rights.
    fn is_schema(&self) -> bool {
        ["42", "3F", "0A", "P0"]
            .iter()
            .any(|class| self.code.starts_with(class))
    }
}

/// Whether the rows are at fault: class 22 (data exception), 23 (integrity constraint), and rows
/// beyond what a server can take (54). Such a batch fails for ever unless the rows are put aside.
pub(super) fn is_poison(error: &tokio_postgres::Error) -> bool {
    // 22P04 (bad COPY file format) and 54023 are our own mistakes on every row alike.
    error.code().is_some_and(|code| {
        ["22", "23", "54", "P0"]
            .iter()
            .any(|class| code.code().starts_with(class))
    })
}

/// Whether the wait for a lock was given up.
pub(super) fn is_lock_timeout(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE)
}

/// Our error for a failure while trying to `action`.
pub(super) fn unavailable(action: &'static str, error: tokio_postgres::Error) -> Error {
    let source: Box<dyn std::error::Error + Send + Sync> = match refusal(&error) {
        Some(refusal) => Box::new(refusal),
        None => Box::new(error),
    };
    Error::Unavailable { action, source }
}

/// As [`unavailable`], but a missing object or right is `Schema`: trying again does not help, a
/// person is needed.
pub(super) fn schema_or_unavailable(action: &'static str, error: tokio_postgres::Error) -> Error {
    match refusal(&error) {
        Some(refusal) if refusal.is_schema() => Error::Schema {
            what: format!("cannot {action} the database: {refusal}"),
        },
        _ => unavailable(action, error),
    }
}

/// Our error for an `action` that was not answered in time: its outcome is unknown.
pub(super) fn timed_out(action: &'static str) -> Error {
    Error::Unavailable {
        action,
        source: Box::new(std::io::Error::new(
            std::io::ErrorKind::TimedOut,
            "no answer in time",
        )),
    }
}

/// The server's refusal in `error`, if it is one.
pub(super) fn refusal(error: &tokio_postgres::Error) -> Option<Refusal> {
    error.as_db_error().map(|db| Refusal {
        code: db.code().code().to_owned(),
        about: About(db).to_string(),
    })
}

/// What may be said about an error: names always, the message only where it cannot quote a row.
struct About<'a>(&'a DbError);

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let db = self.0;
        let quotes_no_row = [
            "08", "0A", "25", "28", "3D", "3F", "42", "53", "55", "57", "58",
        ];
        if quotes_no_row
            .iter()
            .any(|class| db.code().code().starts_with(class))
        {
            write!(f, " ({})", db.message())?;
        }
        for (what, name) in [
            ("table", db.table()),
            ("column", db.column()),
            ("constraint", db.constraint()),
        ] {
            if let Some(name) = name {
                write!(f, ", {what} {name}")?;
            }
        }
        Ok(())
    }
}
