//! One record of the log, in whatever format it was written.

use serde::{Deserialize, Serialize};

use super::severity::Severity;
use crate::Timestamp;

/// One record. What the format or the settings leave out is `None`, and so is an empty value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// When the server wrote it; milliseconds or whole seconds are what servers write. `None` on
    /// `stderr` with a prefix without a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// The server's word for it.
    pub severity: Severity,
    /// Five characters; `00000` for what is no error. `None` on `stderr` without `%e` and without
    /// `log_error_verbosity = verbose`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// Process id of the server process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Start time and process id of the session, both hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    /// Number of the record within its session, from 1; on `stderr` that of its first line, where
    /// each prefixed line counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_num: Option<u64>,
    /// Name of the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Name of the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// `application_name` of the session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// Address or name of the client; `[local]` for a Unix socket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Kind of process, as in `pg_stat_activity.backend_type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_type: Option<String>,
    /// Query id (14 and later); the server's 0 is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<i64>,
    /// The message, without a position behind it.
    pub message: String,
    /// `DETAIL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// `HINT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// `CONTEXT`: one line for each level of a call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// `STATEMENT`: the client's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// Character of `statement`, from 1, at which the error is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// `QUERY`: a statement that the server ran on the client's behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_query: Option<String>,
    /// Character of `internal_query`, from 1, at which the error is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_position: Option<u32>,
    /// Function of the server's source (`log_error_verbosity = verbose`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// File and line of the server's source, `name.c:1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The record was longer than 1 MiB and lost its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_cut: bool,
}

impl Record {
    /// Takes `function, file.c:1`, `function` of which the server may leave out.
    pub(super) fn set_location(&mut self, text: &str) {
        let (function, place) = match text.split_once(", ") {
            Some((function, place)) => (function, place),
            None => ("", text),
        };
        self.function = some(function);
        self.location = some(place);
    }
}

/// The text, unless it is empty.
pub(super) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
