//! Why there is no connection: what is wrong, and what helps.

use std::fmt;
use std::time::Duration;

/// Why a target cannot be used. No text holds a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The text is neither a connection string nor a URL. It is not repeated.
    #[error("the connection string cannot be read: {problem}; {fix}")]
    Syntax {
        /// What is wrong.
        problem: String,
        /// What helps.
        fix: &'static str,
    },
    /// A setting has a value that cannot be used.
    #[error("{key}={value}: {problem}; {fix}")]
    Setting {
        /// The keyword, or the variable of the environment.
        key: String,
        /// Its value, or a path; `***` in place of a secret.
        value: String,
        /// What is wrong with it.
        problem: String,
        /// What helps.
        fix: String,
    },
    /// No host took the connection.
    #[error("cannot connect to {}", Joined(.0))]
    Hosts(Vec<HostFailure>),
}

impl ConnectError {
    pub(crate) fn setting(
        key: impl Into<String>,
        value: impl Into<String>,
        problem: impl fmt::Display,
        fix: impl Into<String>,
    ) -> Self {
        Self::Setting {
            key: key.into(),
            value: value.into(),
            problem: problem.to_string(),
            fix: fix.into(),
        }
    }
}

/// Why one host was not used.
#[derive(Debug)]
pub struct HostFailure {
    /// Host and port.
    pub place: String,
    /// What happened.
    pub reason: Reason,
}

/// What happened at a host.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// No answer within this time.
    TimedOut(Duration),
    /// The host, its TLS or its server refused.
    Refused(tokio_postgres::Error),
    /// The server is not what `target_session_attrs` asks for.
    Unsuitable(&'static str),
    /// A file cannot be used.
    Setting(Box<ConnectError>),
}

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.reason {
            Reason::TimedOut(limit) => write!(
                f,
                "no answer within {} s; check host and port, or raise connect_timeout",
                limit.as_secs_f64()
            ),
            Reason::Refused(error) => refused(f, error),
            Reason::Unsuitable(wanted) => write!(
                f,
                "the server is not what target_session_attrs={wanted} asks for; \
                 name another host, or use target_session_attrs=any"
            ),
            Reason::Setting(error) => write!(f, "{error}"),
        }
    }
}

fn refused(f: &mut fmt::Formatter<'_>, error: &tokio_postgres::Error) -> fmt::Result {
    let text = match error.as_db_error() {
        Some(db) => format!("{} (SQLSTATE {})", db.message(), db.code().code()),
        None => pga_runtime::error_chain(error),
    };
    f.write_str(&text)?;
    match fix(error, &text) {
        Some(fix) => write!(f, "; {fix}"),
        None => Ok(()),
    }
}

fn fix(error: &tokio_postgres::Error, text: &str) -> Option<&'static str> {
    if let Some(code) = error.code() {
        return match code.code() {
            "28P01" => Some("check user and password, PGPASSWORD or the passfile"),
            "28000" => Some("check user, sslmode and sslcert against the server's pg_hba.conf"),
            "3D000" => Some("check dbname"),
            _ => None,
        };
    }
    let about = |what| text.contains(what);
    if about("server does not support TLS") {
        Some("switch ssl on at the server, or use sslmode=prefer")
    } else if about("TLS handshake") {
        Some("check sslrootcert, sslcert and the name of the host")
    } else if about("password missing") {
        Some("set password or PGPASSWORD, or add a line to the passfile (mode 0600)")
    } else {
        None
    }
}

struct Joined<'a>(&'a [HostFailure]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, failure) in self.0.iter().enumerate() {
            let between = if i == 0 { "" } else { "; " };
            write!(f, "{between}{failure}")?;
        }
        Ok(())
    }
}
