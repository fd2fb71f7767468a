//! Connections: how one is opened, named, bounded in time and ended.

use std::future::Future;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use pga_runtime::Instant;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::failure;
use super::options::TimescaleOptions;
use super::tls;
use crate::{Error, Result};

/// First and longest pause after a refused connection. Within it callers fail at once instead of
/// waiting.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

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
    backoff: Mutex<Option<Backoff>>,
}

#[derive(Clone, Copy, Debug)]
struct Backoff {
    until: Instant,
    pause: Duration,
}

impl Connector {
    pub(super) fn new(options: TimescaleOptions) -> Result<Self> {
        if options.config.get_ssl_mode() == SslMode::Require {
            // A missing or unreadable bundle is a mistake to report at start, not at the first
            // flush.
            tls::connector(options.root_certificates.as_deref())?;
        }
        Ok(Self {
            options,
            backoff: Mutex::new(None),
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
        if let Some(backoff) = self.backoff()
            && pga_runtime::now() < backoff.until
        {
            return Err(failure::timed_out("reconnect so soon to"));
        }
        let opened = within("connect to", self.options.connect_timeout, async {
            let config = self.config(purpose);
            connect(&config, self.options.root_certificates.as_deref()).await
        })
        .await;
        self.note(opened.is_err());
        opened
    }

    fn config(&self, purpose: Purpose) -> Config {
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
        let mut config = options.config.clone();
        let given = config.get_options().unwrap_or_default().to_owned();
        config
            .application_name(name)
            .connect_timeout(options.connect_timeout)
            .tcp_user_timeout(options.flush_timeout)
            .keepalives_idle(Duration::from_secs(10))
            .options(format!(
                "{given} -c statement_timeout={} -c lock_timeout={} -c timezone=UTC -c client_encoding=UTF8",
                timeout.as_millis(),
                options.lock_timeout.as_millis(),
            ));
        config
    }

    fn backoff(&self) -> Option<Backoff> {
        self.backoff.lock().map_or(None, |backoff| *backoff)
    }

    fn note(&self, failed: bool) {
        let next = failed.then(|| {
            let pause = self
                .backoff()
                .map_or(BACKOFF.0, |last| (last.pause * 2).min(BACKOFF.1));
            Backoff {
                until: pga_runtime::now() + pause,
                pause,
            }
        });
        if let Ok(mut backoff) = self.backoff.lock() {
            *backoff = next;
        }
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

async fn connect(config: &Config, roots: Option<&Path>) -> Result<Session> {
    if config.get_ssl_mode() == SslMode::Disable {
        let (client, connection) = config.connect(NoTls).await.map_err(refused)?;
        return Ok(session(client, connection));
    }
    let (client, connection) = config
        .connect(tls::connector(roots)?)
        .await
        .map_err(refused)?;
    Ok(session(client, connection))
}

fn refused(error: tokio_postgres::Error) -> Error {
    failure::unavailable("connect to", error)
}

fn session<C, E>(client: Client, connection: C) -> Session
where
    C: Future<Output = Result<(), E>> + Send + 'static,
{
    let driver = pga_runtime::spawn(async move {
        // The same failure reaches whoever uses the client; it is reported there.
        connection.await.ok();
    });
    Session { client, driver }
}
