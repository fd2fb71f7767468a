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

/// How a server plans a statement without its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Explain {
    /// `EXPLAIN (GENERIC_PLAN)`: PostgreSQL 16 and later.
    Generic,
    /// `EXPLAIN EXECUTE` of a prepared statement whose generic plan is forced.
    Prepared,
}

impl Explain {
    /// How a server of this version does it (`server_version_num`).
    pub(crate) const fn of(version: i32) -> Self {
        if version >= 160_000 {
            Self::Generic
        } else {
            Self::Prepared
        }
    }
}

/// A statement to plan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statement<'a> {
    /// One statement, with parameters for values.
    pub(crate) sql: &'a str,
    /// Where its names are looked for.
    pub(crate) search_path: &'a str,
    /// How its server plans it.
    pub(crate) how: Explain,
}

/// What a statement costs without and with an index, in plans as JSON.
#[derive(Debug)]
pub(crate) struct Tried {
    /// The plan without it.
    pub(crate) before: String,
    /// The plan with it.
    pub(crate) after: String,
    /// How a plan names the index.
    pub(crate) name: String,
    /// How large HypoPG takes it to be, in bytes.
    pub(crate) bytes: i64,
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
        statement: &Statement<'_>,
    ) -> Result<String, ReadError> {
        let explain = async {
            self.look_in(statement.search_path).await?;
            self.planned(tag, statement.sql, statement.how).await
        };
        self.in_transaction(Box::pin(explain)).await
    }

    /// What a statement costs without an index and with it, which is not built. `hypopg` is the
    /// schema of HypoPG, whose indexes outlive transactions: whatever an earlier try that failed
    /// left goes first.
    pub(crate) async fn try_index(
        &self,
        tag: &str,
        statement: &Statement<'_>,
        create_index: &str,
        hypopg: &str,
    ) -> Result<Tried, ReadError> {
        let forget = format!("SELECT /* pganalytics:{tag} */ {hypopg}.hypopg_reset()");
        let create = format!(
            "SELECT /* pganalytics:{tag} */ indexname, {hypopg}.hypopg_relation_size(indexrelid) \
             FROM {hypopg}.hypopg_create_index($1)"
        );
        let trying = async {
            self.look_in(statement.search_path).await?;
            self.client.query_typed(&forget, &[]).await?;
            let planned = || self.planned(tag, statement.sql, statement.how);
            let before = planned().await?;
            let with_it = async {
                let ddl: &[(&(dyn ToSql + Sync), Type)] = &[(&create_index, Type::TEXT)];
                let made = self.client.query_typed(&create, ddl).await?;
                let made = made
                    .first()
                    .ok_or_else(|| ReadError::Odd("no index was made".to_owned()))?;
                let (name, bytes) = (made.try_get(0)?, made.try_get(1)?);
                Ok((name, bytes, planned().await?))
            };
            let (name, bytes, after) = self.and_then_undo(Box::pin(with_it), &forget).await?;
            Ok(Tried {
                before,
                after,
                name,
                bytes,
            })
        };
        self.in_transaction(Box::pin(trying)).await
    }

    /// Within a transaction: what follows is short, and names are looked for in this path.
    async fn look_in(&self, search_path: &str) -> Result<(), ReadError> {
        let path = "SELECT /* pganalytics:path */ set_config('search_path', $1, true)";
        self.client.batch_execute(SHORT).await?;
        let parameters: &[(&(dyn ToSql + Sync), Type)] = &[(&search_path, Type::TEXT)];
        self.client.query_typed(path, parameters).await?;
        Ok(())
    }

    /// Within a transaction: what EXPLAIN says of a statement.
    async fn planned(&self, tag: &str, sql: &str, how: Explain) -> Result<String, ReadError> {
        match how {
            Explain::Generic => {
                let options = "GENERIC_PLAN, VERBOSE, SETTINGS, FORMAT JSON";
                let sql = format!("EXPLAIN /* pganalytics:{tag} */ ({options}) {sql}");
                self.lines(&sql).await
            }
            Explain::Prepared => self.explain_prepared(tag, sql).await,
        }
    }

    /// Within a transaction, which a pooler leaves on one session: `work`, and then `undo`, which
    /// takes back what outlives transactions, also where `work` fails. Behind a pooler the next
    /// transaction on that session may be somebody else's.
    async fn and_then_undo<T>(
        &self,
        work: impl Future<Output = Result<T, ReadError>>,
        undo: &str,
    ) -> Result<T, ReadError> {
        self.client
            .batch_execute("SAVEPOINT /* pganalytics:undo */ pganalytics")
            .await?;
        let found = work.await;
        if found.is_err() {
            let back = "ROLLBACK /* pganalytics:undo */ TO SAVEPOINT pganalytics";
            self.client.batch_execute(back).await?;
        }
        self.client.batch_execute(undo).await?;
        found
    }

    /// Within a transaction, which a pooler leaves on one session. What was left in the session
    /// goes first: prepared statements outlive transactions.
    async fn explain_prepared(&self, tag: &str, sql: &str) -> Result<String, ReadError> {
        const NAME: &str = "pganalytics_plan";
        let known = format!(
            "SELECT /* pganalytics:prepared */ cardinality(parameter_types), \
             set_config('plan_cache_mode', 'force_generic_plan', true) \
             FROM pg_prepared_statements WHERE name = '{NAME}'"
        );
        let forget = format!("DEALLOCATE {NAME}");
        if !self.client.query_typed(&known, &[]).await?.is_empty() {
            self.client.batch_execute(&forget).await?;
        }
        let prepare = format!("PREPARE {NAME} AS {sql}");
        self.client.batch_execute(&prepare).await?;
        let explaining = async {
            let found = self.client.query_typed(&known, &[]).await?;
            let count: i32 = match found.first() {
                Some(row) => row.try_get(0)?,
                None => return Err(ReadError::Odd("it is not prepared".to_owned())),
            };
            let values = match usize::try_from(count).unwrap_or(0) {
                0 => String::new(),
                count => format!("({})", vec!["NULL"; count].join(", ")),
            };
            let options = "VERBOSE, SETTINGS, FORMAT JSON";
            let explain =
                format!("EXPLAIN /* pganalytics:{tag} */ ({options}) EXECUTE {NAME}{values}");
            self.lines(&explain).await
        };
        self.and_then_undo(Box::pin(explaining), &forget).await
    }

    /// The lines of an answer by the simple protocol.
    async fn lines(&self, sql: &str) -> Result<String, ReadError> {
        let mut lines = Vec::new();
        for message in self.client.simple_query(sql).await? {
            if let SimpleQueryMessage::Row(row) = message {
                lines.extend(row.try_get(0)?.map(str::to_owned));
            }
        }
        Ok(lines.join("\n"))
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
