//! The database as Grafana sees it.

use anyhow::{Context, ensure};
use pga_chaos_tests::Timescale;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::board::Board;
use super::macros::Variables;

/// A connection of the role that may only read.
#[derive(Debug)]
pub(super) struct Reader {
    client: Client,
    driver: JoinHandle<()>,
}

/// What a query gave.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Option<String>>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Reader {
    pub(super) async fn connect(database: &Timescale) -> anyhow::Result<Self> {
        let (_, place) = database.url().split_once('@').context("no user")?;
        let url = format!("postgres://pganalytics_grafana@{place}");
        let (client, driver) = tokio_postgres::connect(&url, NoTls).await?;
        let driver = tokio::spawn(async move {
            driver.await.unwrap_or_default();
        });
        Ok(Self { client, driver })
    }

    /// All rows, as text.
    pub(super) async fn rows(&self, sql: &str) -> anyhow::Result<Found> {
        let mut found = Found::default();
        let messages = self.client.simple_query(sql).await;
        for message in messages.with_context(|| sql.to_owned())? {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    found.columns = columns.iter().map(|one| one.name().to_owned()).collect();
                }
                SimpleQueryMessage::Row(row) => {
                    let value = |at| row.get(at).map(str::to_owned);
                    found.rows.push((0..row.len()).map(value).collect());
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The values of all variables of a dashboard; each has some.
    pub(super) async fn variables(&self, board: &Board) -> anyhow::Result<Variables> {
        let range = "SELECT now() - interval '24 hours', now()";
        let range = self.rows(range).await?.rows.concat();
        let [Some(from), Some(to)] = range.as_slice() else {
            anyhow::bail!("no range: {range:?}");
        };
        let mut variables = Variables::new(from.clone(), to.clone());
        for variable in &board.variables {
            let name = variable["name"].as_str().context("no name")?;
            let values = if variable["type"] == "custom" {
                let first = variable["current"]["value"].as_str();
                vec![first.context("no first value")?.to_owned()]
            } else if let Some(query) = variable["query"].as_str() {
                let found = self.rows(&variables.expand(query)?).await?;
                let value = found.columns.iter().position(|name| name == "__value");
                let value = value.unwrap_or_default();
                let rows = found.rows.into_iter();
                rows.filter_map(|row| row[value].clone()).collect()
            } else {
                continue;
            };
            ensure!(!values.is_empty(), "{}: {name} has no values", board.uid);
            variables.set(name, values);
        }
        Ok(variables)
    }

    /// It cannot write, nor read what is no metric, and is stopped if it takes long.
    pub(super) async fn check_that_it_may_only_read(&self) -> anyhow::Result<()> {
        let timeout = self.rows("SHOW statement_timeout").await?;
        ensure!(timeout.rows == [[Some("30s".to_owned())]], "{timeout:?}");
        // An editor may well take back what is only a setting.
        self.rows("SET default_transaction_read_only = off").await?;
        for refused in [
            "DELETE FROM metrics.elements",
            "INSERT INTO metrics.series (key) VALUES (gen_random_uuid())",
            "UPDATE public.metrics_pg_stats_query SET calls = 0",
            "CREATE TABLE public.mine (id int)",
            "SELECT * FROM pganalytics.dead_letter",
            "SELECT * FROM pganalytics.watermark",
        ] {
            let error = self.client.simple_query(refused).await.err();
            let error = error.with_context(|| format!("not refused: {refused}"))?;
            let code = error.code().map(|code| code.code().to_owned());
            ensure!(code.as_deref() == Some("42501"), "{refused}: {error:?}");
        }
        self.rows("SET default_transaction_read_only = on").await?;
        Ok(())
    }
}
