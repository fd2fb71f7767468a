//! A statement that is slow for a while.

use anyhow::{Context, ensure};
use http::Method;
use serde_json::{Value, json};

use super::client::{Client, fires};
use super::times::ago;

/// A server whose statement 3 takes four times as long for the last twenty of eight hours, in
/// samples of a minute.
pub(crate) fn unusual() -> Vec<Value> {
    let sample = |minute: i64| {
        let rows = (1..=4).map(|hash| {
            let calls = minute * 100;
            // Some noise, the same in every run.
            let extra = minute * 7 % 11;
            let slow = if hash == 3 {
                (minute - 460).max(0) * 9_000
            } else {
                0
            };
            json!({ "hash": hash, "text": format!("SELECT {hash}"), "calls": calls,
                "total_time": calls * hash * 10 + extra * 20 + slow, "rows": calls,
                "mean_time": 10.0, "min_time": 1.0, "max_time": 90.0, "stddev_time": 5.0 })
        });
        json!({ "type": "pg_query_stats", "timestamp": ago((480 - minute) * 60),
            "database": "odd", "queries": rows.collect::<Vec<_>>() })
    };
    let mut samples: Vec<Value> = (0..=480).map(sample).collect();
    samples.extend(scanned());
    samples
}

/// Two tables of that database: `orders` is read by sequential scans for the last twenty minutes.
fn scanned() -> Vec<Value> {
    let read = |minute: i64| minute * 1_000 + (minute - 460).max(0) * 30_000_000;
    let counted = |minute: i64| {
        let table = |name: &str, read: i64| {
            json!({ "schema": "public", "name": name, "live_tuples": 1_000_000,
                "seq_tup_read": read, "n_tup_ins": minute * 50, "n_tup_upd": 0, "n_tup_del": 0 })
        };
        let tables = [
            table("orders", read(minute)),
            table("items", minute * 40_000_000),
        ];
        json!({ "type": "pg_stats", "timestamp": ago((480 - minute) * 60), "database": "odd",
            "databases": [{ "database": "odd", "connections": 1 }], "tables": tables })
    };
    let list = |minute: i64| {
        let row = |relid: i64, name: &str, read: i64| {
            json!({ "relid": relid, "schemaname": "public", "relname": name, "seq_tup_read": read,
                "n_tup_ins": minute * 50, "n_tup_upd": 0, "n_tup_del": 0 })
        };
        json!({ "type": "pg_table", "timestamp": ago((480 - minute) * 60), "database": "odd",
            "changed_only": false,
            "rows": [row(1, "orders", read(minute)), row(2, "items", minute * 40_000_000)] })
    };
    // The last one seals the hours of the others.
    let lists = [300, 360, 475].map(list);
    (0..=480).map(counted).chain(lists).collect()
}

/// Which of the rows is of a statement, and which of a table.
fn told(rows: &[Value]) -> anyhow::Result<(Vec<&Value>, &Value)> {
    let (of_statements, others): (Vec<&Value>, Vec<&Value>) =
        rows.iter().partition(|row| row["query_hash"] == 3);
    let [table] = others.as_slice() else {
        anyhow::bail!("one table was expected: {others:?}");
    };
    Ok((of_statements, table))
}

pub(super) async fn anomalies(client: &Client<'_>) -> anyhow::Result<()> {
    let done = client.judge(2, "/anomalies/detect").await?;
    ensure!(done["found"].as_u64() >= Some(1), "{done}");
    let path = "/anomalies?severity=all";
    let mut id = Value::Null;
    for node in client.cluster.ids() {
        let listed = client.get(node, path).await?;
        let rows = listed["anomalies"].as_array().context("no rows")?;
        let (rows, table) = told(rows)?;
        ensure!(
            table["subject"] == "table public.orders odd"
                && table["metric_name"] == "seq_rows_per_minute"
                && table["database_name"] == "odd"
                && table["baseline_value"].as_f64() > Some(990.0),
            "{table}"
        );
        let spike = |row: &&&Value| row["anomaly_type"] == "execution_time_spike";
        let spike = rows.iter().find(spike).context("no spike")?;
        let factor = spike["raw_metrics_json"]["factor"].as_f64();
        ensure!(
            factor.is_some_and(|factor| (3.5..4.5).contains(&factor)),
            "{spike}"
        );
        id = spike["id"].clone();
    }
    let labels = fires(client, 1, "Q3").await?;
    ensure!(
        labels["statement"] == "3" && labels["database"] == "odd",
        "{labels}"
    );
    // Asked again, the same is not found again.
    let again = client.judge(3, "/anomalies/detect").await?;
    ensure!(again["found"] == 0, "{again}");
    let resolve = format!("/anomalies/{id}/resolve");
    client.post(3, &resolve, Value::Null).await?;
    let listed = client.get(3, path).await?;
    let rows = listed["anomalies"].as_array().context("no rows")?;
    ensure!(rows.iter().all(|row| row["id"] != id), "{listed}");
    let of_statement = client.get(3, "/queries/3/anomalies").await?;
    let rows = of_statement["anomalies"].as_array().context("no rows")?;
    let resolved = rows
        .iter()
        .find(|row| row["id"] == id)
        .context("it is gone")?;
    ensure!(resolved["resolved"] == true, "{resolved}");
    let (status, _) = client
        .ask(1, Method::POST, "/anomalies/12/resolve", &Value::Null)
        .await?;
    ensure!(status == 404, "an unknown anomaly: {status}");
    Ok(())
}
