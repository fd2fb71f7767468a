//! A collector that is killed again and again loses no line of a log, and sends none twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, program, until};
use tokio_postgres::{Client, NoTls};

/// An id that is no UUID maps to the same one everywhere.
const COLLECTOR: &str = "b8de636e-a8ba-5e4d-a83d-4536445a936a";
/// Times that the collector is killed, and errors before each.
const ROUNDS: usize = 8;
const ERRORS: usize = 40;

/// A server of PostgreSQL 16 that logs to `jsonlog`.
struct Logging {
    dir: tempfile::TempDir,
    port: u16,
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("postgres.sh")
}

impl Logging {
    fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        // The server runs as another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        std::fs::set_permissions(dir.path(), open)?;
        let started = Command::new(script())
            .args(["start", "16"])
            .arg(dir.path().join("server"))
            .args([
                "-c",
                "logging_collector=on",
                "-c",
                "log_destination=jsonlog",
            ])
            .output()?;
        let port = String::from_utf8_lossy(&started.stdout).trim().parse();
        let port = port.context("no server; run chaos-tests/postgres.sh prepare")?;
        Ok(Self { dir, port })
    }

    fn url(&self) -> String {
        let port = self.port;
        format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable")
    }

    async fn connect(&self) -> anyhow::Result<Client> {
        let (client, connection) = tokio_postgres::connect(&self.url(), NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let server = self.dir.path().join("server");
        let stop = Command::new(script())
            .args(["stop", "16"])
            .arg(server)
            .status();
        drop(stop);
    }
}

/// The collector as a process of its own; it ends with its value.
struct Collector(Child);

impl Collector {
    fn start(cluster: &Cluster, server: &Logging, state: &Path) -> anyhow::Result<Self> {
        let nodes: Vec<String> = cluster
            .endpoints()
            .iter()
            .map(ToString::to_string)
            .collect();
        let child = Command::new(program()?)
            .args([
                "collect",
                "--collector-id",
                "collector-001",
                "--interval",
                "100ms",
            ])
            .args(["--no-host", "--no-explain", "--nodes", &nodes.join(",")])
            .args(["--dsn", &server.url(), "--state-dir"])
            .arg(state)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }

    /// As `kill -9` does it.
    fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let killed = self.0.kill().and_then(|()| self.0.wait());
        drop(killed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_killed_sends_each_line_once() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let server = Logging::start()?;
    let client = server.connect().await?;
    let state = tempfile::tempdir()?;
    // Without a place to go on from, a collector starts in the newest file.
    let first = Collector::start(&cluster, &server, state.path())?;
    let note = state.path().join("spool/note");
    let has_note = async || note.exists().then_some(()).ok_or("no place is kept");
    until("a place in the log", Duration::from_secs(60), has_note).await?;
    first.kill()?;
    for round in 0..ROUNDS {
        let collector = Collector::start(&cluster, &server, state.path())?;
        for error in 0..ERRORS {
            let sql = format!("SELECT * FROM missing_{round}_{error}");
            ensure!(client.batch_execute(&sql).await.is_err(), "{sql}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if round % 3 == 1 {
            client.batch_execute("SELECT pg_rotate_logfile()").await?;
        }
        // Not at the same place of a cycle each time.
        tokio::time::sleep(Duration::from_millis(37 * round as u64)).await;
        collector.kill()?;
    }
    let _last = Collector::start(&cluster, &server, state.path())?;
    // What was sent twice would be there by the time of a later line.
    for (end, count) in [("missing_end", 1), ("missing_after", 2)] {
        let sql = format!("SELECT * FROM {end}");
        ensure!(client.batch_execute(&sql).await.is_err(), "{sql}");
        let found = until(end, Duration::from_secs(120), async || {
            let found = relations(&cluster).await;
            let found = found.map_err(|error| format!("{error:#}"))?;
            match found.len() == ROUNDS * ERRORS + count {
                true => Ok(found),
                false => Err(format!("{} relations", found.len())),
            }
        })
        .await?;
        let twice: Vec<_> = found.iter().filter(|(_, times)| **times != 1).collect();
        ensure!(twice.is_empty(), "{twice:?}");
    }
    Ok(())
}

/// How often each missing relation is told, by another node than the one that took it.
async fn relations(cluster: &Cluster) -> anyhow::Result<BTreeMap<String, usize>> {
    let mut found = BTreeMap::new();
    for element in cluster.elements(3, COLLECTOR, None).await? {
        if element["type"] != "pg_log" {
            continue;
        }
        for entry in element["entries"].as_array().into_iter().flatten() {
            if let Some(relation) = entry["fields"]["relation"].as_str() {
                ensure!(entry["class"] == "sql_error", "{entry}");
                *found.entry(relation.to_owned()).or_default() += 1;
            }
        }
    }
    Ok(found)
}
