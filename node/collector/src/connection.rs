//! One session, and reading in it.

use std::time::Duration;

use pga_pg_connect::{ConnectError, Connected, Session, Target};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Row};

/// How this collector shows itself in `pg_stat_activity`.
pub(crate) const APPLICATION: &str = "pganalytics-collector";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time one source may take, a lock may be waited for, a transaction may idle; the search
/// path finds no function of a user; no compiler starts for a query that is read once.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'; \
    SET LOCAL lock_timeout = '100ms'; SET LOCAL idle_in_transaction_session_timeout = '60s'; \
    SET LOCAL search_path = pg_catalog; SET LOCAL timezone = 'UTC'; SET LOCAL jit = off; \
    SET LOCAL DateStyle = 'ISO'";
/// The same on this side: a server that stalls times nothing out.
const READ_TIMEOUT: Duration = Duration::from_secs(35);

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server says no.
    #[error(transparent)]
    Sql(#[from] tokio_postgres::Error),
    /// Nothing was said in time.
    #[error("no answer within {} s", READ_TIMEOUT.as_secs())]
    Late,
    /// The answer is none.
    #[error("the server's answer makes no sense: {0}")]
    Odd(String),
}

impl ReadError {
    /// The server's SQLSTATE, if it said something.
    pub(crate) fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::Sql(error) => error.code().map(tokio_postgres::error::SqlState::code),
            Self::Connect(_) | Self::Late | Self::Odd(_) => None,
        }
    }

    /// Whether the connection may still be used.
    pub(crate) fn keeps_connection(&self) -> bool {
        self.sqlstate()
            .is_some_and(|code| !code.starts_with("57P") && !code.starts_with("08"))
    }
}

/// What a source read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Read {
    /// When, by the server's clock (RFC 3339).
    pub(crate) at: String,
    /// The rows, each an object.
    pub(crate) rows: Vec<Value>,
    /// Bytes of the answer.
    pub(crate) bytes: usize,
}

/// A session; it ends with its value.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Connection {
    /// Opens a session. No setting is made for the session: a pooler would keep none.
    pub(crate) async fn open(target: &Target) -> Result<Self, ConnectError> {
        let session = Session::new(APPLICATION).connect_timeout(CONNECT_TIMEOUT);
        let Connected {
            client, connection, ..
        } = target.connect(&session).await?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to the database ended");
            }
        });
        Ok(Self { client, driver })
    }

    /// Whether it can be used.
    pub(crate) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// The rows of a query, in a transaction of its own that cannot write.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<Row>, ReadError> {
        let read = async {
            self.client.batch_execute(BEGIN).await?;
            // Without a named statement: a pooler may have no place for one.
            let rows = self.client.query_typed(sql, &[]).await;
            let end = match &rows {
                Ok(_) => "COMMIT",
                Err(_) => "ROLLBACK",
            };
            self.client.batch_execute(end).await?;
            Ok(rows?)
        };
        tokio::time::timeout(READ_TIMEOUT, read)
            .await
            .unwrap_or(Err(ReadError::Late))
    }

    /// What the query of a source says: its rows as objects, and when they were read.
    ///
    /// The tag stands behind the first keyword, since PostgreSQL 18 drops a leading comment from
    /// the text that `pg_stat_statements` keeps.
    pub(crate) async fn read(&self, tag: &str, inner: &str) -> Result<Read, ReadError> {
        let sql = format!(
            "SELECT /* pganalytics:{tag} */ to_char(clock_timestamp(), \
             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), coalesce(json_agg(r), '[]')::text \
             FROM ({inner}) r"
        );
        let rows = self.rows(&sql).await?;
        let row = rows
            .first()
            .ok_or_else(|| ReadError::Odd("no row".to_owned()))?;
        let (at, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let found = serde_json::from_str(&text);
        Ok(Read {
            at,
            rows: found.map_err(|error| ReadError::Odd(error.to_string()))?,
            bytes: text.len(),
        })
    }
}
