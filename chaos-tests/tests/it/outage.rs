//! The database is down: pushes go on until the buffer is full, and are drained when it is back.

use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use pga_chaos_tests::{Cluster, ClusterOptions, Load, none_failed, until, verified};
use rand::distr::Alphanumeric;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bodies::samples;
use crate::stores::Store;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pushes_go_on_while_the_database_is_down_and_are_drained_after_it() -> anyhow::Result<()> {
    let cluster = Store::Timescale.cluster(ClusterOptions::default()).await?;
    let database = cluster.database.as_ref().context("no database")?;
    let mut args = cluster.load_args();
    args.interval = Duration::from_millis(200);
    let load = Load::start(args);
    load.acknowledged(50).await?;
    database.crash().await?;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let leader = cluster.leader().await?;
    let backlog = cluster
        .status_of(leader)
        .await?
        .nodes
        .iter()
        .map(|node| node.backlog_bytes)
        .max();
    database.restart().await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (args, run) = load.stop().await?;
    none_failed(&run)?;
    ensure!(
        backlog > Some(0),
        "no backlog was seen while the database was down"
    );
    eprintln!(
        "longest gap {:?} while the database went and came",
        run.longest_gap
    );
    cluster.wait_converged(Duration::from_secs(180)).await?;
    verified(&args, &run).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_buffer_refuses_with_503_and_takes_pushes_again_when_it_is_drained()
-> anyhow::Result<()> {
    let options = ClusterOptions::default().with("buffer.max-size", "2MiB");
    let cluster = Store::Timescale.cluster(options).await?;
    let database = cluster.database.as_ref().context("no database")?;
    database.crash().await?;
    let collector = Uuid::new_v4().to_string();
    let mut acknowledged = 0;
    let mut refused = None;
    for n in 0..4_000 {
        let body = log_lines(&collector, n);
        let answer = cluster.push(u64::from(n) % 3 + 1, body, &[]).await?;
        match answer.status.as_u16() {
            200 => acknowledged += 1,
            503 => {
                refused = Some(answer);
                break;
            }
            status => anyhow::bail!("answer {status}: {}", answer.text_start()),
        }
    }
    let refused = refused.with_context(|| format!("never refused, {acknowledged} pushes taken"))?;
    ensure!(
        refused.retry_after().is_some(),
        "503 without Retry-After: {:?}",
        refused.headers
    );
    let error: Value = serde_json::from_slice(&refused.body)?;
    ensure!(
        error["code"] == 503 && error["request_id"].is_string(),
        "{error}"
    );
    ensure!(acknowledged > 0, "refused from the first push on");
    is_counted(&cluster).await?;
    database.restart().await?;
    let probe = samples(&collector, 1_000_000..1_000_001).to_string();
    let taken = until(
        "pushes are taken again",
        Duration::from_secs(180),
        async || {
            let answer = cluster
                .push(1, probe.clone(), &[])
                .await
                .map_err(|e| format!("{e:#}"))?;
            if answer.status == 200 {
                Ok(answer)
            } else {
                Err(answer.text_start())
            }
        },
    )
    .await?;
    let at = crate::bodies::position(&serde_json::from_slice(&taken.body)?)?;
    let read = cluster.elements(2, &collector, Some(&at)).await?;
    ensure!(
        read.len() == acknowledged * 10 + 1,
        "{acknowledged} pushes taken, {} elements",
        read.len()
    );
    in_log_order(database).await
}

/// Some node counted that its buffer was full.
async fn is_counted(cluster: &Cluster) -> anyhow::Result<()> {
    let refusals = "pganalytics_push_refusals_total{reason=\"buffer_full\"}";
    for id in cluster.ids() {
        if cluster.metrics(id).await?.contains(refusals) {
            return Ok(());
        }
    }
    anyhow::bail!("{refusals} is on no node")
}

/// Ten log lines that hardly compress.
fn log_lines(collector: &str, n: u32) -> Bytes {
    let mut random = rand::rngs::StdRng::seed_from_u64(n.into());
    let line = |n: u32, random: &mut rand::rngs::StdRng| {
        let text: String = random
            .sample_iter(Alphanumeric)
            .take(2_000)
            .map(char::from)
            .collect();
        json!({"type": "pg_log", "timestamp": "2026-09-21T14:13:20Z", "database": "postgres",
            "entries": [{"level": "LOG", "message": format!("{n} {text}")}]})
    };
    let metrics: Vec<Value> = (0..10).map(|line_n| line(line_n, &mut random)).collect();
    let push = json!({"collector_id": collector, "hostname": "db-1", "version": "3.0.0",
        "timestamp": "2026-09-21T14:13:20Z", "metrics": metrics});
    Bytes::from(push.to_string())
}

/// Rows were stored in the order of the log: a row that was written later never has a smaller
/// index.
async fn in_log_order(database: &pga_chaos_tests::Timescale) -> anyhow::Result<()> {
    let session = database.connect().await?;
    let sql = "SELECT count(*) FROM (SELECT log_index, lag(log_index) OVER (ORDER BY xmin::text::int8, ctid) AS before
               FROM metrics.elements) s WHERE before > log_index";
    let wrong: i64 = session.client.query_one(sql, &[]).await?.try_get(0)?;
    ensure!(wrong == 0, "{wrong} rows out of the log's order");
    Ok(())
}
