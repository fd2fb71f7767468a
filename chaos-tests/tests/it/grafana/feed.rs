//! Fills a store as collectors do: two stock ones, simulated over three hours, and one of ours that
//! reads a real server; and has the nodes find out what there is to find.

use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, Session, Timescale, until};
use pga_collector::SimulatedServer;
use pga_node::collect::{self, CollectArgs};
use pga_storage::Timestamp;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::insight;

/// Cycles of the simulated collectors, and the time between two.
const CYCLES: u64 = 18;
const STEP: Duration = Duration::from_secs(600);

/// What the collector of the real server has to have sent, and how often.
const SEEN: &str = "SELECT kind, count(DISTINCT time) FROM metrics.elements \
    WHERE collector_id = (SELECT collector_id FROM metrics.elements WHERE kind = 'pg_identity' LIMIT 1) GROUP BY 1";
const KINDS: [&str; 11] = [
    "pg_stats",
    "pg_query_stats",
    "pg_activity_sample",
    "pg_blocking",
    "pg_connection",
    "pg_database",
    "pg_freeze",
    "pg_slot",
    "pg_table",
    "pg_table_size",
    "sysstat",
];

/// Pushes everything, and waits until the store has it.
pub(super) async fn fill(cluster: &Cluster, database: &Timescale) -> anyhow::Result<()> {
    for (seed, name) in [(1, "stock-1"), (2, "stock-2")] {
        push_stock(cluster, seed, name).await?;
    }
    collect_from_a_real_server(cluster, database).await?;
    find_out(cluster).await
}

/// Has the nodes find something of each kind: anomalies, a plan regression, patterns, an index.
async fn find_out(cluster: &Cluster) -> anyhow::Result<()> {
    insight::push_all(cluster, "odd", insight::unusual()).await?;
    insight::push_all(cluster, "even", insight::regular()).await?;
    insight::feed(cluster).await?;
    let client = insight::Client {
        cluster,
        token: cluster.login(1).await?,
    };
    let nine_days = json!({ "database_name": "even", "lookback_days": 9 });
    let analyze = "/workload-patterns/analyze";
    client.judge_with(1, analyze, nine_days.to_string()).await?;
    for path in [
        "/anomalies/detect",
        "/plan-regressions/detect",
        "/databases/shop/index-recommendations/generate",
    ] {
        client.judge(2, path).await?;
    }
    Ok(())
}

/// When `cycle` of [`CYCLES`] is; the last one is now.
fn time_of(cycle: u64) -> anyhow::Result<Timestamp> {
    let back = STEP.as_micros() * u128::from(CYCLES - 1 - cycle);
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000;
    let micros = i64::try_from(now)? - i64::try_from(back)?;
    Ok(Timestamp::from_micros(micros))
}

async fn push_stock(cluster: &Cluster, seed: u64, name: &str) -> anyhow::Result<()> {
    let host = format!("{name}.example.org");
    let server = SimulatedServer::new(seed, name, &host);
    for cycle in 0..CYCLES {
        let at = time_of(cycle)?;
        let at = at.to_string();
        let mut elements = server.cycle(cycle, &at);
        elements.extend(rare(&at, name, cycle));
        let body = json!({
            "collector_id": name, "hostname": host, "version": "3.0.0",
            "timestamp": at, "metrics_count": elements.len(), "metrics": elements,
        });
        let answer = cluster.push_ok(1, body.to_string()).await?;
        let rejected = &answer["rejected"];
        ensure!(
            rejected.is_null() || rejected == 0 || rejected == &json!([]),
            "{answer}"
        );
    }
    Ok(())
}

/// What neither the simulated server nor a fresh real one has: in the forms of the contract for
/// stock collectors (3.3, 3.7, 3.8), and as our collector's queries give them for a standby and a
/// transaction of over a minute.
fn rare(at: &str, name: &str, cycle: u64) -> Vec<Value> {
    let waits = json!([{
        "blocked_pid": 501, "blocked_user": "app", "blocking_pid": 502, "blocking_user": "batch",
        "blocked_query": "UPDATE stock SET on_hand = 1", "blocking_query": "LOCK stock", "wait_time_seconds": 2.5,
    }]);
    let long = json!([{
        "pid": 503, "username": "batch", "database": "shop", "state": "active", "query": "SELECT 1",
        "query_start": at, "duration_seconds": 400.0, "application_name": "etl", "backend_start": at,
    }]);
    let connections = json!({
        "connection_stats": {"by_state": [], "total_connections": 0},
        "long_running_transactions": long, "idle_transactions": [],
    });
    let locks = json!({"active_locks": [], "lock_wait_chains": waits, "blocking_queries": []});
    // Another host's name than the cycle's would be another host.
    let host = format!("{name}.example.org");
    vec![
        json!({"type": "pg_log", "timestamp": at, "database": "shop", "entries": [{
            "timestamp": at, "level": "ERROR", "message": "deadlock detected", "user_name": "app",
            "sqlstate": "40P01", "query": "UPDATE stock SET on_hand = 1",
        }, {
            "timestamp": at, "level": "LOG", "message": "duration: 1500.25 ms  statement: SELECT 1",
            "user_name": "app", "duration_ms": 1500.25,
        }]}),
        json!({"type": "pg_replication", "timestamp": at, "replication_status": [], "replication_slots": [{
            "slot_name": "standby1", "slot_type": "physical", "active": true, "wal_retained_mb": 16 * cycle,
        }], "wraparound_risk": [{
            "database": "shop", "relfrozenxid": 731, "current_xid": 200_000_731, "xid_until_wraparound": 1_947_483_648,
            "percent_until_wraparound": 90, "tables_needing_vacuum": 0, "oldest_table_age": 200_000_000,
            "at_risk": false,
        }], "logical_subscriptions": []}),
        json!({"type": "pg_locks", "timestamp": at, "hostname": host, "databases": {"shop": locks}}),
        json!({"type": "pg_connections", "timestamp": at, "hostname": host, "databases": {"shop": connections}}),
        json!({"type": "pg_sender", "timestamp": at, "total": 1, "truncated": false, "rows": [{
            "pid": 504, "user": "repl", "application": "standby2", "address": "10.0.0.13", "state": "streaming",
            "sync_state": "sync", "sync_priority": 1, "sent_distance_bytes": 0, "write_distance_bytes": 0,
            "flush_distance_bytes": 0, "replay_distance_bytes": 4_096 * cycle, "write_lag_seconds": 0.001,
            "flush_lag_seconds": 0.002, "replay_lag_seconds": 0.25, "slot": null,
        }]}),
        json!({"type": "pg_long_transaction", "timestamp": at, "total": 1, "truncated": false, "rows": [{
            "kind": "backend", "holder": "505", "user": "app", "database": "shop", "application": "shop-web",
            "state": "idle in transaction", "xmin_age": 7, "age_seconds": 90.5, "query": "SELECT 2",
        }]}),
    ]
}

/// Runs our collector on the store's own server, with a slot and a lock that somebody waits for.
async fn collect_from_a_real_server(cluster: &Cluster, database: &Timescale) -> anyhow::Result<()> {
    let session = database.connect().await?;
    session
        .client
        .batch_execute(
            "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; \
             CREATE TABLE orders (id int PRIMARY KEY, status text); \
             INSERT INTO orders SELECT n, 'open' FROM generate_series(1, 5000) n; \
             DELETE FROM orders WHERE id % 10 = 0; ANALYZE orders; SELECT count(*) FROM orders; \
             SELECT pg_create_physical_replication_slot('spare', true)",
        )
        .await?;
    // Of a row: a lock of the table would keep the collector from measuring it.
    let locks = "BEGIN; UPDATE orders SET status = 'held' WHERE id = 1";
    session.client.batch_execute(locks).await?;
    let waiting = database.connect().await?;
    let waits = tokio::spawn(async move {
        let update = "UPDATE orders SET status = 'late' WHERE id = 1";
        waiting.client.batch_execute(update).await
    });
    let mut args = CollectArgs::for_nodes(cluster.endpoints());
    args.collector_id = Some("ours".to_owned());
    args.dsn = vec![database.url().to_owned()];
    let (_, name) = database.url().rsplit_once('/').context("no database")?;
    args.include_database = vec![name.to_owned()];
    args.interval = Some(Duration::from_secs(1));
    args.max_cadence = Some(Duration::from_secs(2));
    let (stop, stopped) = watch::channel(false);
    let collecting = tokio::spawn(collect::run(args, stopped));
    let admin = database.connect().await?;
    until("all is stored", Duration::from_secs(180), async || {
        all_is_stored(&admin).await
    })
    .await?;
    stop.send_replace(true);
    collecting.await??;
    session.client.batch_execute("COMMIT").await?;
    waits.await??;
    Ok(())
}

async fn all_is_stored(admin: &Session) -> Result<(), String> {
    let stored = admin.client.query(SEEN, &[]).await;
    let stored = stored.map_err(|error| format!("{error:?}"))?;
    let times = |kind: &str| {
        let row = stored.iter().find(|row| row.get::<_, &str>(0) == kind);
        row.map_or(0, |row| row.get::<_, i64>(1))
    };
    // Twice: the first has no differences.
    let missing: Vec<&str> = KINDS.into_iter().filter(|kind| times(kind) < 2).collect();
    if !missing.is_empty() {
        return Err(format!("not twice: {missing:?}"));
    }
    let stock = "SELECT count(*) FROM metrics.elements WHERE kind = 'pg_sender'";
    let row = admin.client.query_one(stock, &[]).await;
    let stock: i64 = row.map_err(|error| format!("{error:?}"))?.get(0);
    let wanted = 2 * i64::try_from(CYCLES).map_err(|error| error.to_string())?;
    if stock < wanted {
        return Err(format!("{stock} of {wanted} cycles"));
    }
    Ok(())
}
