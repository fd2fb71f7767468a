//! The collector reads a real PostgreSQL, and finds a node that takes it.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Timescale, until};
use pga_node::collect::{self, CollectArgs};
use serde_json::Value;
use tokio::sync::watch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_database_is_read_and_pushed_past_a_dead_node() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let watched = Timescale::database().await?;
    let session = watched.connect().await?;
    session
        .client
        .batch_execute("CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 500)")
        .await?;
    cluster.kill(1).await?;
    let mut args = CollectArgs::for_nodes(cluster.endpoints());
    args.collector_id = Some("collector-001".to_owned());
    args.dsn = vec![watched.url().to_owned()];
    // The server has the databases of other tests too.
    let name = watched
        .url()
        .split('?')
        .next()
        .and_then(|url| url.rsplit('/').next());
    args.include_database = vec![name.context("the database's name")?.to_owned()];
    args.interval = Some(Duration::from_millis(300));
    args.max_cadence = Some(Duration::from_millis(300));
    let (stop, stopped) = watch::channel(false);
    let collecting = tokio::spawn(collect::run(args, stopped));
    // An id that is no UUID maps to the same one everywhere.
    let id = "b8de636e-a8ba-5e4d-a83d-4536445a936a";
    let found = until("the table is seen", Duration::from_secs(180), async || {
        let read = cluster
            .elements(2, id, None)
            .await
            .map_err(|error| format!("{error:#}"))?;
        let table = read.iter().find(|element| sees_orders(element)).cloned();
        table.ok_or(format!("{} elements", read.len()))
    })
    .await?;
    ensure!(
        found["type"] == "pg_stats" && found["indexes"].is_array(),
        "{found}"
    );
    let read = cluster.elements(3, id, None).await?;
    let statements = read
        .iter()
        .find(|element| element["type"] == "pg_query_stats");
    let statements = statements.and_then(|element| element["queries"].as_array());
    let statements = statements.context("no statements")?;
    ensure!(
        statements
            .iter()
            .any(|query| query["text"].to_string().contains("INSERT INTO orders")),
        "{statements:?}"
    );
    stop.send_replace(true);
    collecting.await??;
    Ok(())
}

fn sees_orders(element: &Value) -> bool {
    let tables = element["tables"].as_array();
    tables.is_some_and(|tables| {
        let rows = |table: &&Value| table["name"] == "orders" && table["live_tuples"] == 500;
        tables.iter().any(|table| rows(&table))
    })
}
