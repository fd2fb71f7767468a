//! Reads back from the database itself, past the nodes.

use futures::TryStreamExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use pga_pg_connect::{Connected, Environment, Session, Target};

use crate::content::CycleCache;
use crate::{Counts, History, LoadError, Run, Verdict};

const SAMPLES: &str = "
SELECT r.name, r.labels::text, extract(epoch FROM s.time)::float8, s.value
FROM metrics.series r JOIN metrics.samples s ON s.series_id = r.id WHERE r.collector_id = $1";

/// In the order of time, which the cache of cycles is made for.
const ELEMENTS: &str = "
SELECT e.body, i.content, e.sent_timestamp, e.cut_at
FROM metrics.elements e
LEFT JOIN metrics.inventory i ON i.collector_id = e.collector_id AND i.hash = e.inventory
WHERE e.collector_id = $1 ORDER BY e.time";

/// Ends its task with itself.
struct Connection {
    client: Client,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// What the database of `url`, a connection string or URL, holds of `run`.
pub(crate) async fn in_database(run: &Run, url: &str) -> Result<Verdict, LoadError> {
    let target = Target::parse(url, &Environment::process())?;
    let Connected {
        client, connection, ..
    } = target.connect(&Session::new("pganalytics-load")).await?;
    let driver = pga_runtime::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %error, "connection to the database ended");
        }
    });
    let connection = Connection { client, driver };
    let mut verdict = Verdict::default();
    for history in &run.histories {
        verdict += collector(run, history, &connection.client).await?;
    }
    Ok(verdict)
}

async fn collector(run: &Run, history: &History, client: &Client) -> Result<Verdict, LoadError> {
    let id = pga_config::CollectorId::from_external(&history.collector).get();
    let mut counts = Counts::new(history);
    let mut cache = CycleCache::default();
    for (sql, element) in [
        (SAMPLES, sample as fn(&Row) -> Result<Value, LoadError>),
        (ELEMENTS, document),
    ] {
        let params: [Uuid; 1] = [id];
        let rows = client.query_raw(sql, params).await?;
        futures::pin_mut!(rows);
        while let Some(row) = rows.try_next().await? {
            let element = element(&row)?;
            counts.saw(run.kind.sequence(history, &element, &mut cache));
        }
    }
    Ok(counts.verdict(history))
}

fn sample(row: &Row) -> Result<Value, LoadError> {
    let (name, labels): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    let (seconds, value): (f64, f64) = (row.try_get(2)?, row.try_get(3)?);
    let labels: Value = parse(labels)?;
    Ok(json!({"name": name, "labels": labels, "timestamp": seconds as i64, "value": value}))
}

fn document(row: &Row) -> Result<Value, LoadError> {
    if let Some(body) = row.try_get(0)? {
        return parse(body);
    }
    // An inventory: its content stands once, without the value of its timestamp.
    let content: &str = row.try_get::<_, Option<&str>>(1)?.unwrap_or_default();
    let timestamp: Option<&str> = row.try_get(2)?;
    let cut_at: Option<i32> = row.try_get(3)?;
    let cut_at = usize::try_from(cut_at.unwrap_or_default()).unwrap_or_default();
    let (head, tail) = content.split_at_checked(cut_at).unwrap_or((content, ""));
    parse(&[head, timestamp.unwrap_or_default(), tail].concat())
}

fn parse(text: &str) -> Result<Value, LoadError> {
    serde_json::from_str(text).map_err(|error| LoadError::Answer {
        node: "sql".to_owned(),
        what: error.to_string(),
    })
}
