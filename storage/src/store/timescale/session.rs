//! Connections: how one is opened, named, bounded in time and ended.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pga_pg_connect::Session as Wanted;
use pga_runtime::{Backoff, Instant};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::failure;
use super::options::{TimescaleOptions, bad_url};
use crate::{Error, Result};

/// First and longest pause after a refused connection. Within it callers fail at once instead of
/// waiting.
const BACKOFF: Backoff = Backoff {
    first: Duration::from_millis(50),
    longest: Duration::from_secs(2),
};

/// In milliseconds.
const LOCK_TIMEOUT: &str = "SELECT setting FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'";

/// One open connection. Dropping it closes the socket, which rolls back whatever the server has
/// open.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What a connection is for: part of its `application_name`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// Flushing as the leader of a term; an older one is terminated by its successor.
    Flush { term: u64 },
    /// Reading, migrating, fencing.
    Read,
}

/// Opens connections, and stops trying for a moment when the database refuses them.
#[derive(Debug)]
pub(super) struct Connector {
    options: TimescaleOptions,
    failed: Mutex<Option<Failed>>,
}

/// What came of the last attempts.
#[derive(Clone, Debug)]
struct Failed {
    /// No other attempt before.
    until: Instant,
    /// So many in a row.
    attempts: u32,
    /// Why the last one did.
    why: Why,
}

#[derive(Clone, Debug)]
enum Why {
    /// A person is needed.
    Schema(Arc<str>),
    /// Another attempt may succeed.
    Unavailable(Arc<str>),
}

impl From<&Error> for Why {
    fn from(error: &Error) -> Self {
        match error {
            Error::Schema { what } => Self::Schema(what.as_str().into()),
            Error::Unavailable { source, .. } => {
                Self::Unavailable(pga_runtime::error_chain(source.as_ref()).into())
            }
            other => Self::Unavailable(pga_runtime::error_chain(other).into()),
        }
    }
}

impl Failed {
    /// The same error for an attempt that is not made.
    fn again(&self) -> Error {
        match &self.why {
            Why::Schema(what) => Error::Schema {
                what: what.to_string(),
            },
            Why::Unavailable(why) => Error::Unavailable {
                action: "connect to",
                source: why.to_string().into(),
            },
        }
    }
}

impl Connector {
    pub(super) fn new(options: TimescaleOptions) -> Result<Self> {
        // A missing or unreadable file is a mistake to report at start, not at the first flush.
        let files = options.target.check_files();
        files.map_err(|error| bad_url(&error))?;
        Ok(Self {
            options,
            failed: Mutex::new(None),
        })
    }

    pub(super) fn options(&self) -> &TimescaleOptions {
        &self.options
    }

    /// Opens a connection for `purpose`.
    ///
    /// # Errors
    /// `Unavailable` if that fails, takes longer than the connect timeout, or failed a moment ago.
    pub(super) async fn open(&self, purpose: Purpose) -> Result<Session> {
        if let Some(failed) = self.failed()
            && pga_runtime::now() < failed.until
        {
            return Err(failed.again());
        }
        let opened = within(
            "connect to",
            self.options.connect_timeout,
            self.connect(purpose),
        )
        .await;
        self.note(opened.as_ref().err());
        opened
    }

    async fn connect(&self, purpose: Purpose) -> Result<Session> {
        let lock_millis = self.options.lock_timeout.as_millis().to_string();
        let wanted = self.wanted(purpose).set("lock_timeout", &lock_millis);
        let connected = self.options.target.connect(&wanted).await;
        let connected = connected.map_err(|error| Error::Unavailable {
            action: "connect to",
            source: Box::new(error),
        })?;
        if connected.begin_with.is_some() {
            return Err(pooled());
        }
        let driver = pga_runtime::spawn(async move {
            // The same failure reaches whoever uses the client; it is reported there.
            connected.connection.await.ok();
        });
        let session = Session {
            client: connected.client,
            driver,
        };
        // A pooler may also take the settings and drop them.
        let set = session.client.simple_query(LOCK_TIMEOUT).await;
        let set = set.map_err(|error| failure::unavailable("connect to", error))?;
        let is_ours = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => row.get(0) == Some(&lock_millis),
            _ => false,
        };
        if !set.iter().any(is_ours) {
            return Err(pooled());
        }
        Ok(session)
    }

    /// What is wanted of a session, but for its wait for locks.
    fn wanted(&self, purpose: Purpose) -> Wanted {
        let options = &self.options;
        let cluster = options.owner.short();
        let (name, timeout) = match purpose {
            Purpose::Flush { term } => (
                format!("pganalytics {} term {term} cluster {cluster}", options.node),
                options.flush_timeout,
            ),
            Purpose::Read => (
                format!("pganalytics {} cluster {cluster}", options.node),
                options.read_timeout,
            ),
        };
        Wanted::new(name)
            .connect_timeout(options.connect_timeout)
            .tcp_user_timeout(options.flush_timeout)
            .keepalives_idle(Duration::from_secs(10))
            .set("statement_timeout", timeout.as_millis().to_string())
            .set("timezone", "UTC")
    }

    fn failed(&self) -> Option<Failed> {
        self.failed.lock().map_or(None, |failed| failed.clone())
    }

    fn note(&self, error: Option<&Error>) {
        let Ok(mut failed) = self.failed.lock() else {
            return;
        };
        *failed = error.map(|error| {
            let before = failed.as_ref().map_or(0, |failed| failed.attempts);
            let attempts = before.saturating_add(1);
            Failed {
                until: pga_runtime::now() + BACKOFF.pause(attempts),
                attempts,
                why: error.into(),
            }
        });
    }
}

/// Bounds `work` in time: whatever the server does, the caller goes on.
///
/// # Errors
/// `Unavailable` once `limit` has passed: the outcome is unknown.
pub(super) async fn within<T>(
    action: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => Err(failure::timed_out(action)),
    }
}

/// A flush is fenced by its session, and prepared statements live in it: neither survives a pooler
/// that gives each transaction another one.
fn pooled() -> Error {
    Error::Schema {
        what: "store.timescale-url leads to a pooler, which shares sessions among clients and \
               drops their settings; the store needs sessions of its own: name the server itself"
            .to_owned(),
    }
}
