//! One session, and reading in it.

use std::time::Duration;

use pga_pg_connect::{ConnectError, Connected, Session, Target};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row, SimpleQueryMessage};

/// How this collector shows itself in `pg_stat_activity`.
pub(crate) const APPLICATION: &str = "pganalytics-collector";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time one source may take, a lock may be waited for, a transaction may idle; the search
/// path finds no function of a user; no compiler starts for a query that is read once.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = '30s'; \
    SET LOCAL lock_timeout = '100ms'; SET LOCAL idle_in_transaction_session_timeout = '60s'; \
    SET LOCAL search_path = pg_catalog; SET LOCAL timezone = 'UTC'; SET LOCAL jit = off; \
    SET LOCAL DateStyle = 'ISO'";
/// Planning takes no longer.
const SHORT: &str = "SET LOCAL statement_timeout = '5s'";
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
    /// The rows: a JSON array of objects.
    pub(crate) text: String,
}

impl Read {
    /// The rows, each an object, as text: as values they would take ten times as much.
    pub(crate) fn rows(&self) -> Result<Vec<&RawValue>, ReadError> {
        serde_json::from_str(&self.text).map_err(odd)
    }
}

/// A row of a [`Read`].
pub(crate) fn parsed(row: &RawValue) -> Result<Value, ReadError> {
    serde_json::from_str(row.get()).map_err(odd)
}

/// An answer that is not what the query asks for.
pub(crate) fn odd(error: serde_json::Error) -> ReadError {
    ReadError::Odd(error.to_string())
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
        let driver = pga_runtime::spawn(async move {
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

    /// The rows of a `SELECT`, in a transaction of its own that cannot write.
    ///
    /// The tag stands behind the first keyword, since PostgreSQL 18 drops a leading comment from
    /// the text that `pg_stat_statements` keeps.
    pub(crate) async fn rows(&self, tag: &str, sql: &str) -> Result<Vec<Row>, ReadError> {
        let sql = sql.replacen("SELECT", &format!("SELECT /* pganalytics:{tag} */"), 1);
        // Without a named statement: a pooler may have no place for one.
        self.in_transaction(async { Ok(self.client.query_typed(&sql, &[]).await?) })
            .await
    }

    /// What EXPLAIN says of a statement without values for its parameters, as JSON. The statement
    /// is planned and not run, and the transaction cannot write.
    ///
    /// The caller makes sure that it is one statement. The simple protocol sends it: the extended
    /// one would ask for the values.
    pub(crate) async fn explain(
        &self,
        tag: &str,
        sql: &str,
        search_path: &str,
    ) -> Result<String, ReadError> {
        let path = "SELECT /* pganalytics:path */ set_config('search_path', $1, true)";
        let sql = format!(
            "EXPLAIN /* pganalytics:{tag} */ (GENERIC_PLAN, VERBOSE, SETTINGS, FORMAT JSON) {sql}"
        );
        let explain = async {
            self.client.batch_execute(SHORT).await?;
            let parameters: &[(&(dyn ToSql + Sync), Type)] = &[(&search_path, Type::TEXT)];
            self.client.query_typed(path, parameters).await?;
            let mut lines = Vec::new();
            for message in self.client.simple_query(&sql).await? {
                if let SimpleQueryMessage::Row(row) = message {
                    lines.extend(row.try_get(0)?.map(str::to_owned));
                }
            }
            Ok(lines.join("\n"))
        };
        self.in_transaction(explain).await
    }

    /// Runs `work` between the start and the end of a transaction, within a time.
    async fn in_transaction<T>(
        &self,
        work: impl Future<Output = Result<T, ReadError>>,
    ) -> Result<T, ReadError> {
        let read = async {
            self.client.batch_execute(BEGIN).await?;
            let found = work.await;
            let end = match &found {
                Ok(_) => "COMMIT",
                Err(_) => "ROLLBACK",
            };
            self.client.batch_execute(end).await?;
            found
        };
        tokio::time::timeout(READ_TIMEOUT, read)
            .await
            .unwrap_or(Err(ReadError::Late))
    }

    /// How many rows a query has.
    pub(crate) async fn count(&self, tag: &str, inner: &str) -> Result<usize, ReadError> {
        let sql = format!("SELECT count(*) FROM ({inner}) r");
        let rows = self.rows(tag, &sql).await?;
        let row = rows
            .first()
            .ok_or_else(|| ReadError::Odd("no row".to_owned()))?;
        let count: i64 = row.try_get(0)?;
        usize::try_from(count).map_err(|error| ReadError::Odd(error.to_string()))
    }

    /// What the query of a source says: its rows as objects, and when they were read.
    pub(crate) async fn read(&self, tag: &str, inner: &str) -> Result<Read, ReadError> {
        let sql = format!(
            "SELECT to_char(clock_timestamp(), \
             'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), coalesce(json_agg(r), '[]')::text \
             FROM ({inner}) r"
        );
        let rows = self.rows(tag, &sql).await?;
        let row = rows
            .first()
            .ok_or_else(|| ReadError::Odd("no row".to_owned()))?;
        let (at, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Read { at, text })
    }
}
