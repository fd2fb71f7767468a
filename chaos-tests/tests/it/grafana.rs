//! `config/grafana`: what can be tried of it without a Grafana.
//!
//! Its queries run on a real TimescaleDB, as the role that Grafana gets, and in a real Prometheus.
//! The rest are rules about the files.

mod board;
mod feed;
mod macros;
mod reader;
mod scraper;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Timescale};
use serde_json::Value;

use self::board::{Board, Panel};
use self::macros::Variables;
use self::reader::Reader;

/// uids and titles of the v3 dashboards: bookmarks and embedded panels name them.
const KEPT: [(&str, &str); 9] = [
    (
        "pg-query-performance",
        "PostgreSQL Query Performance Monitoring",
    ),
    (
        "query-stats-performance",
        "PostgreSQL Query Performance Monitor",
    ),
    (
        "multi-collector-monitor",
        "Multi-Collector PostgreSQL Monitor",
    ),
    (
        "pg-query-by-hostname",
        "PostgreSQL Query Performance by Hostname",
    ),
    (
        "replication-health-monitor",
        "PostgreSQL Replication Health Monitor",
    ),
    (
        "replication-advanced-analytics",
        "PostgreSQL Replication Advanced Analytics",
    ),
    ("infrastructure-stats", "Infrastructure Statistics"),
    ("system-metrics-breakdown", "System Metrics Breakdown"),
    ("advanced-features-analysis", "Advanced Features Analysis"),
];

/// Counters that have a column of differences: what they count since whenever is nothing to show.
const COUNTERS: [&str; 26] = [
    "calls",
    "total_time",
    "rows",
    "shared_blks_hit",
    "shared_blks_read",
    "shared_blks_dirtied",
    "shared_blks_written",
    "local_blks_hit",
    "local_blks_read",
    "temp_blks_read",
    "temp_blks_written",
    "blk_read_time",
    "blk_write_time",
    "wal_records",
    "wal_fpi",
    "wal_bytes",
    "xact_commit",
    "xact_rollback",
    "blks_read",
    "blks_hit",
    "tup_returned",
    "tup_fetched",
    "tup_inserted",
    "tup_updated",
    "tup_deleted",
    "deadlocks",
];

/// Columns that are empty here, and why.
const EMPTY: [(&str, &str, &str); 1] = [(
    "Bloat",
    "Wasted",
    "only stock collectors with pgstattuple send it",
)];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/grafana")
}

#[test]
fn the_committed_dashboards_are_what_the_generator_writes() -> anyhow::Result<()> {
    let program = directory().join("build.py");
    let output = Command::new("python3")
        .arg(program)
        .arg("--check")
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(())
}

#[test]
fn dashboards_keep_to_the_rules() -> anyhow::Result<()> {
    let boards = Board::all(&directory())?;
    let uids: BTreeSet<&str> = boards.iter().map(|board| board.uid.as_str()).collect();
    ensure!(uids.len() == boards.len(), "a uid is there twice");
    for (uid, title) in KEPT {
        let is_it = |board: &Board| board.uid == uid && board.title == title;
        ensure!(boards.iter().any(is_it), "{uid}: {title} is gone");
    }
    let sources = std::fs::read_to_string(directory().join("datasources/pganalytics.yaml"))?;
    for board in &boards {
        let about = |panel: &Panel| format!("{}: {}", board.uid, panel.title);
        ensure!(!board.text.contains("://"), "{}: an address", board.uid);
        for panel in &board.panels {
            let rule = panel.check(&sources);
            rule.with_context(|| about(panel))?;
        }
        board
            .check_grid()
            .with_context(|| format!("{}: grid", board.uid))?;
        board
            .check_variables()
            .with_context(|| format!("{}: variables", board.uid))?;
    }
    Ok(())
}

#[test]
fn no_panel_reads_a_raw_counter() -> anyhow::Result<()> {
    for board in Board::all(&directory())? {
        for panel in &board.panels {
            for sql in panel.sql() {
                // The roll-up's columns are differences, under the contract's names.
                if sql.contains("metrics_pg_stats_query_1h") {
                    continue;
                }
                let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let outside_of_quotes = sql.split(['\'', '"']).step_by(2);
                for name in outside_of_quotes.flat_map(|part| part.split(|c| !is_name(c))) {
                    ensure!(
                        !COUNTERS.contains(&name),
                        "{}: {}: {name}",
                        board.uid,
                        panel.title
                    );
                }
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sql_query_gives_rows_to_the_role_that_may_only_read() -> anyhow::Result<()> {
    let database = Timescale::server().await?;
    let cluster = Cluster::start(ClusterOptions {
        timescale: Some(database.url().to_owned()),
        ..ClusterOptions::default()
    })
    .await?;
    feed::fill(&cluster, &database).await?;
    let role = std::fs::read_to_string(directory().join("readonly.sql"))?;
    let admin = database.connect().await?;
    // Twice: it says that it may be run again.
    admin.client.batch_execute(&role).await?;
    admin.client.batch_execute(&role).await?;
    let reader = Reader::connect(&database).await?;
    reader.check_that_it_may_only_read().await?;
    let mut complaints = Vec::new();
    for board in Board::all(&directory())? {
        let variables = reader.variables(&board).await?;
        for panel in &board.panels {
            for sql in panel.sql() {
                if let Err(error) = try_query(&reader, panel, sql, &variables).await {
                    complaints.push(format!("{}: {}: {error:#}", board.uid, panel.title));
                }
            }
        }
    }
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}

async fn try_query(
    reader: &Reader,
    panel: &Panel,
    sql: &str,
    variables: &Variables,
) -> anyhow::Result<()> {
    let found = reader.rows(&variables.expand(sql)?).await?;
    ensure!(!found.rows.is_empty(), "no rows");
    panel.check_shape(&found)?;
    for (at, column) in found.columns.iter().enumerate() {
        let is_filled = found.rows.iter().any(|row| row[at].is_some());
        let is_listed = EMPTY
            .iter()
            .any(|(title, name, _)| (*title, *name) == (panel.title.as_str(), column.as_str()));
        ensure!(is_filled || is_listed, "{column} is always empty");
        ensure!(
            !(is_filled && is_listed),
            "{column} is listed as empty and is not"
        );
    }
    // Where there is nothing to choose, as slots where there are none, a panel is empty, not
    // broken.
    let nothing = reader.rows(&variables.without_values().expand(sql)?).await;
    nothing.map(drop).context("with no value chosen")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promql_query_is_about_metrics_that_exist() -> anyhow::Result<()> {
    let boards = Board::all(&directory())?;
    let expressions: Vec<&str> = boards.iter().flat_map(Board::promql).collect();
    ensure!(expressions.len() > 20, "{} expressions", expressions.len());
    let listed = std::fs::read_to_string(directory().join("../../docs/metrics.md"))?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = expressions
        .iter()
        .flat_map(|text| text.split(|c| !is_name(c)));
    for name in names.filter(|name| name.starts_with("pganalytics_")) {
        let metric = name.strip_suffix("_bucket").unwrap_or(name);
        ensure!(listed.contains(&format!("`{metric}`")), "{name}");
    }
    let rules: Vec<Value> = expressions
        .iter()
        .enumerate()
        .map(|(n, text)| {
            serde_json::json!({"record": format!("r{n}"), "expr": macros::promql(text)})
        })
        .collect();
    let rules = serde_json::json!({"groups": [{"name": "dashboards", "rules": rules}]});
    // JSON is YAML.
    let (is_good, said) =
        crate::prometheus::promtool(["check", "rules"], &rules.to_string()).await?;
    ensure!(is_good, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promql_query_gives_series() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let server = scraper::Server::start(&cluster).await?;
    let mut args = cluster.load_args();
    args.duration = std::time::Duration::from_secs(15);
    pga_chaos_tests::Load::start(args).finish().await?;
    let mut complaints = Vec::new();
    for board in Board::all(&directory())? {
        for text in board.promql() {
            if let Err(error) = server.gives_series(&macros::promql(text)).await {
                complaints.push(format!("{}: {text}: {error:#}", board.uid));
            }
        }
    }
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}
