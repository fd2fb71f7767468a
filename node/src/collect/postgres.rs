//! One real database, PostgreSQL 13 to 18.

mod queries;

use std::time::Duration;

use pga_storage::Timestamp;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};

use self::queries::{DATABASE, INDEXES, STATEMENTS_VIEW, TABLES, statements};
use super::CollectError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time one cycle may take in one database.
const CYCLE_TIMEOUT: Duration = Duration::from_secs(30);

/// One database and the connection to it, opened when needed.
#[derive(Debug)]
pub(super) struct Database {
    config: Config,
    connection: Option<Connection>,
    is_failing: bool,
}

/// Ends its task with itself.
#[derive(Debug)]
struct Connection {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Database {
    pub(super) fn new(dsn: &str) -> Result<Self, CollectError> {
        let mut config: Config = dsn.parse().map_err(CollectError::Dsn)?;
        config
            .application_name("pganalytics-collector")
            .connect_timeout(CONNECT_TIMEOUT)
            // A monitor must not hold locks, write, or wait long.
            .options(
                "-c statement_timeout=10s -c lock_timeout=1s -c default_transaction_read_only=on",
            );
        Ok(Self {
            config,
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
                    tracing::info!(
                        database = self.config.get_dbname(),
                        "database is read again"
                    );
                }
                return elements;
            }
            Ok(Err(error)) => chain(&error),
            Err(_elapsed) => "no answer in time".to_owned(),
        };
        self.connection = None;
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(
                database = self.config.get_dbname(),
                error = problem,
                "database cannot be read"
            );
        }
        Vec::new()
    }

    async fn read(&mut self, at: Timestamp) -> Result<Vec<Value>, tokio_postgres::Error> {
        let client = self.client().await?;
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

    async fn client(&mut self) -> Result<&Client, tokio_postgres::Error> {
        let connection = match self.connection.take() {
            Some(connection) if !connection.client.is_closed() => connection,
            _ => {
                let (client, driver) = self.config.connect(NoTls).await?;
                let driver = tokio::spawn(async move {
                    if let Err(error) = driver.await {
                        tracing::debug!(error = chain(&error), "connection to the database ended");
                    }
                });
                Connection { client, driver }
            }
        };
        Ok(&self.connection.insert(connection).client)
    }
}

/// The statements of this database, if `pg_stat_statements` is installed in it and loaded.
async fn read_statements(client: &Client) -> Result<Option<Value>, tokio_postgres::Error> {
    let Some(view) = client.query_opt(STATEMENTS_VIEW, &[]).await? else {
        return Ok(None);
    };
    let (schema, columns): (String, Vec<String>) = (view.try_get(0)?, view.try_get(1)?);
    match json_of(client, &statements(&schema, &columns)).await {
        Ok(queries) => Ok(Some(queries)),
        // Installed, but not in shared_preload_libraries (55000), or not allowed (42501): the rest is still worth having.
        Err(error)
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
async fn json_of(client: &Client, sql: &str) -> Result<Value, tokio_postgres::Error> {
    let text: String = client.query_one(sql, &[]).await?.try_get(0)?;
    // INVARIANT: PostgreSQL's own JSON is valid JSON.
    Ok(serde_json::from_str(&text).unwrap_or_default())
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
