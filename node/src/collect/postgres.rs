//! One real database, PostgreSQL 13 to 18.

mod queries;

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Row};

use pga_pg_connect::{ConnectError, Connected, Environment, Session, Target};
use pga_storage::Timestamp;

use self::queries::{DATABASE, INDEXES, STATEMENTS_VIEW, TABLES, statements};
use super::CollectError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time one cycle may take in one database.
const CYCLE_TIMEOUT: Duration = Duration::from_secs(30);

/// One database and the connection to it, opened when needed.
#[derive(Debug)]
pub(super) struct Database {
    target: Target,
    connection: Option<Connection>,
    is_failing: bool,
}

/// Ends its task with itself.
#[derive(Debug)]
struct Connection {
    client: Client,
    driver: JoinHandle<()>,
    /// Settings for each transaction: a pooler keeps none for a session.
    begin_with: Option<String>,
}

/// Why a database cannot be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Sql(#[from] tokio_postgres::Error),
    #[error("the server gave no row")]
    NoRow,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Database {
    pub(super) fn new(dsn: &str) -> Result<Self, CollectError> {
        let target = Target::parse(dsn, &Environment::process()).map_err(CollectError::Dsn)?;
        target.check_files().map_err(CollectError::Dsn)?;
        Ok(Self {
            target,
            connection: None,
            is_failing: false,
        })
    }

    /// What this database says; nothing if it cannot be reached.
    pub(super) async fn collect(&mut self, at: Timestamp) -> Vec<Value> {
        let read = tokio::time::timeout(CYCLE_TIMEOUT, self.read(at)).await;
        let problem = match read {
            Ok(Ok(elements)) => {
                if std::mem::take(&mut self.is_failing) {
                    tracing::info!(database = self.target.dbname(), "database is read again");
                }
                return elements;
            }
            Ok(Err(error)) => chain(&error),
            Err(_elapsed) => "no answer in time".to_owned(),
        };
        self.connection = None;
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(
                database = self.target.dbname(),
                error = problem,
                "database cannot be read"
            );
        }
        Vec::new()
    }

    async fn read(&mut self, at: Timestamp) -> Result<Vec<Value>, ReadError> {
        let connection = self.connection().await?;
        let client = &connection.client;
        let Some(settings) = &connection.begin_with else {
            return read_all(client, at).await;
        };
        let begin = format!("BEGIN READ ONLY; {settings}");
        client.batch_execute(&begin).await?;
        let elements = read_all(client, at).await?;
        client.batch_execute("COMMIT").await?;
        Ok(elements)
    }

    async fn connection(&mut self) -> Result<&Connection, ConnectError> {
        let connection = match self.connection.take() {
            Some(connection) if !connection.client.is_closed() => connection,
            _ => open(&self.target).await?,
        };
        Ok(self.connection.insert(connection))
    }
}

async fn open(target: &Target) -> Result<Connection, ConnectError> {
    // A monitor must not hold locks, write, or wait long.
    let session = Session::new("pganalytics-collector")
        .connect_timeout(CONNECT_TIMEOUT)
        .set("statement_timeout", "10s")
        .set("lock_timeout", "1s")
        .set("default_transaction_read_only", "on");
    let Connected {
        client,
        connection,
        begin_with,
    } = target.connect(&session).await?;
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = chain(&error), "connection to the database ended");
        }
    });
    Ok(Connection {
        client,
        driver,
        begin_with,
    })
}

async fn read_all(client: &Client, at: Timestamp) -> Result<Vec<Value>, ReadError> {
    let at = at.to_string();
    let mut stats = json_of(client, DATABASE).await?;
    if let Some(fields) = stats.as_object_mut() {
        fields.insert("type".to_owned(), "pg_stats".into());
        fields.insert("timestamp".to_owned(), at.as_str().into());
        fields.insert("tables".to_owned(), json_of(client, TABLES).await?);
        fields.insert("indexes".to_owned(), json_of(client, INDEXES).await?);
    }
    let database = stats.get("database").cloned().unwrap_or_default();
    let mut elements = vec![stats];
    if let Some(queries) = read_statements(client).await? {
        elements.push(serde_json::json!({
            "type": "pg_query_stats", "timestamp": at, "database": database, "queries": queries,
        }));
    }
    Ok(elements)
}

/// The statements of this database, if `pg_stat_statements` is installed in it and loaded.
async fn read_statements(client: &Client) -> Result<Option<Value>, ReadError> {
    let Some(view) = first_row(client, STATEMENTS_VIEW).await? else {
        return Ok(None);
    };
    let (schema, columns): (String, Vec<String>) = (view.try_get(0)?, view.try_get(1)?);
    match json_of(client, &statements(&schema, &columns)).await {
        Ok(queries) => Ok(Some(queries)),
        // Installed, but not in shared_preload_libraries (55000), or not allowed (42501): the rest is still worth having.
        Err(ReadError::Sql(error))
            if error
                .code()
                .is_some_and(|c| matches!(c.code(), "55000" | "42501")) =>
        {
            tracing::debug!(error = chain(&error), "pg_stat_statements cannot be read");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The one JSON value of a query.
async fn json_of(client: &Client, sql: &str) -> Result<Value, ReadError> {
    let row = first_row(client, sql).await?.ok_or(ReadError::NoRow)?;
    let text: String = row.try_get(0)?;
    // INVARIANT: PostgreSQL's own JSON is valid JSON.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

/// The first row of a query, without a named statement: a pooler may have no place for one.
async fn first_row(client: &Client, sql: &str) -> Result<Option<Row>, tokio_postgres::Error> {
    Ok(client.query_typed(sql, &[]).await?.into_iter().next())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
