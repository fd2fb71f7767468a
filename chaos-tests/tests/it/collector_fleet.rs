//! Several servers in one collector: each is a collector of its own, follows the cluster's
//! configuration, and says how it is.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use http::Method;
use pga_chaos_tests::{Cluster, ClusterOptions, Timescale, free_ports, program, until};
use serde_json::Value;

/// The collector as a process of its own; it ends with its value.
struct Collector {
    process: Child,
    log: tempfile::NamedTempFile,
}

impl Drop for Collector {
    fn drop(&mut self) {
        let killed = self.process.kill().and_then(|()| self.process.wait());
        drop(killed);
    }
}

impl Collector {
    /// What it logged, for the message of a failure.
    fn said(&self) -> String {
        let log = std::fs::read_to_string(self.log.path());
        log.unwrap_or_else(|error| format!("no log of the collector: {error}"))
    }
}

fn start(
    cluster: &Cluster,
    dsns: &[&str],
    metrics: &str,
    state: &Path,
) -> anyhow::Result<Collector> {
    let nodes: Vec<String> = cluster
        .endpoints()
        .iter()
        .map(ToString::to_string)
        .collect();
    let log = tempfile::NamedTempFile::new()?;
    let process = Command::new(program()?)
        .args(["collect", "--no-host", "--no-explain", "--no-log"])
        .args(["--nodes", &nodes.join(",")])
        .args(["--registration-secret", cluster.registration_secret()])
        .args(dsns.iter().flat_map(|dsn| ["--dsn", dsn]))
        .args(["--metrics-listen", metrics, "--state-dir"])
        .arg(state)
        .stdout(Stdio::null())
        .stderr(log.reopen()?)
        .spawn()?;
    Ok(Collector { process, log })
}

/// What `collect status` says of each server, and whether it says that all is well.
fn status(state: &Path) -> anyhow::Result<(Vec<Value>, bool)> {
    let output = Command::new(program()?)
        .args(["collect", "status", "--output", "json", "--state-dir"])
        .arg(state)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let all = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    Ok((all, output.status.success()))
}

/// Puts a configuration of all collectors.
async fn configure(cluster: &Cluster, text: &str) -> anyhow::Result<()> {
    let token = cluster.login(1).await?;
    let path = "/api/v1/config-groups/default";
    let put = cluster.send(1, Method::PUT, path, Some(&token), text.to_owned());
    let answer = put.await?;
    ensure!(answer.status.is_success(), "{}", answer.text_start());
    Ok(())
}

/// Waits until both run a version, by their own word and by the cluster's.
async fn both_run(cluster: &Cluster, state: &Path, version: u64) -> anyhow::Result<Vec<Value>> {
    let found = until("both run it", Duration::from_secs(120), async || {
        let (own, _) = status(state).map_err(|error| format!("{error:#}"))?;
        let list = cluster.get_json(2, "/api/v1/collectors").await;
        let list = list.map_err(|error| format!("{error:#}"))?;
        let known = list["data"].as_array().cloned().unwrap_or_default();
        let runs =
            |all: &[Value], name: &str| all.iter().filter(|one| one[name] == version).count();
        match (
            runs(&own, "config_version"),
            runs(&known, "config_told_version"),
        ) {
            (2, 2) => Ok(own),
            _ => Err(format!("{own:?} {list}")),
        }
    });
    found.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_collectors_of_their_own_and_follow_the_cluster() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let watched = Timescale::database().await?;
    let state = tempfile::tempdir()?;
    // Nothing listens at port 1.
    let down = "postgres://nobody@127.0.0.1:1/none?sslmode=disable";
    configure(
        &cluster,
        "[collector]\npush_interval = 1\nconfig_pull_interval = 10\n[pg_table]\nenabled = false\n",
    )
    .await?;
    let metrics = free_address()?;
    let collector = start(&cluster, &[down, watched.url()], &metrics, state.path())?;
    let own = both_run(&cluster, state.path(), 1).await;
    let own = own.with_context(|| collector.said())?;
    let of = |label: &str| own.iter().find(|one| one["server"].as_str() == Some(label));
    let dead = of("127.0.0.1:1").context("no status of the dead server")?;
    let alive = own.iter().find(|one| one["server"] != "127.0.0.1:1");
    let alive = alive.context("no status of the server")?;
    ensure!(dead["gaps"][0]["source"] == "connection", "{dead}");
    ensure!(dead["collector_id"] != alive["collector_id"], "{own:?}");
    let id = alive["collector_id"].as_str().context("no id")?.to_owned();
    let has = |read: &[Value], kind: &str| read.iter().any(|element| element["type"] == kind);
    // Another node's store may be a moment behind.
    let read = until("it is read", Duration::from_secs(60), async || {
        let read = cluster.elements(3, &id, None).await;
        let read = read.map_err(|error| format!("{error:#}"))?;
        let is_read = has(&read, "pg_stats");
        is_read.then_some(read).ok_or("nothing yet".to_owned())
    })
    .await?;
    ensure!(
        !has(&read, "pg_table"),
        "the configuration is followed from the start"
    );

    configure(
        &cluster,
        "[collector]\npush_interval = 1\nconfig_pull_interval = 10\n",
    )
    .await?;
    let own = both_run(&cluster, state.path(), 2).await;
    own.with_context(|| collector.said())?;
    until("tables are read", Duration::from_secs(60), async || {
        let read = cluster.elements(3, &id, None).await;
        let read = read.map_err(|error| format!("{error:#}"))?;
        let table = read.iter().find(|element| element["type"] == "pg_table");
        table.map(|_| ()).ok_or(format!("{} elements", read.len()))
    })
    .await?;
    reads_by_column(&cluster, &id).await?;
    let scraped = scrape(&metrics).await?;
    for want in [
        "pganalytics_collector_config_version{server=\"127.0.0.1:1\"} 2\n",
        "pganalytics_collector_pushes_total{result=\"acknowledged\",server=\"127.0.0.1:1\"} ",
        "pganalytics_collector_source_seconds_total{server=\"",
        "pganalytics_collector_clock_skew_seconds{server=\"127.0.0.1:1\"} ",
        "pganalytics_collector_pushed_bytes_total{encoding=\"zstd\",server=\"",
    ] {
        ensure!(scraped.contains(want), "{want}: {scraped}");
    }
    ensure!(status(state.path())?.1, "both run and deliver");
    drop(collector);

    goes_on_without_nodes(&mut cluster, &[watched.url(), down], state.path(), &id).await
}

/// Lists over HTTP know the types of our collector, those with views too.
async fn reads_by_column(cluster: &Cluster, id: &str) -> anyhow::Result<()> {
    let path = |rest: &str| format!("/api/v1/collectors/{id}/{rest}");
    let newest = path("metrics/newest?type=pg_table");
    let newest = cluster.get_json(3, &newest).await?;
    let rows = newest["data"]["metrics_pg_table"].as_array();
    let row = rows.and_then(|rows| rows.first()).context("no row")?;
    ensure!(
        row["relname"].is_string() && row["n_live_tup"].is_i64(),
        "{row}"
    );
    let databases = cluster.get_json(3, &path("databases")).await?;
    for kind in ["pg_database", "pg_table", "pg_index"] {
        let rows = databases["data"][kind].as_array();
        ensure!(
            rows.is_some_and(|rows| !rows.is_empty()),
            "{kind}: {databases}"
        );
    }
    let unknown = cluster.get_json(3, &path("metrics/newest?type=none")).await;
    ensure!(unknown.is_err(), "{unknown:?}");
    Ok(())
}

/// How many pushes of a server were acknowledged.
fn acknowledged(scraped: &str, server: &str) -> Option<u64> {
    let name = "pganalytics_collector_pushes_total{result=\"acknowledged\",server=";
    let head = format!("{name}\"{server}\"}} ");
    let line = scraped.lines().find_map(|line| line.strip_prefix(&head));
    line?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_answers_nothing_delays_no_other() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let watched = Timescale::database().await?;
    let state = tempfile::tempdir()?;
    let each_second = "[collector]\npush_interval = 1\n[pg_activity_sample]\ninterval = 1\n";
    configure(&cluster, each_second).await?;
    // Connections are taken, and nothing is said.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = silent.local_addr()?.to_string();
    let dsn = format!("postgres://nobody@{address}/none?sslmode=disable");
    let metrics = free_address()?;
    let collector = start(&cluster, &[&dsn, watched.url()], &metrics, state.path())?;
    let both = until("both are tried", Duration::from_secs(60), async || {
        let (own, _) = status(state.path()).map_err(|error| format!("{error:#}"))?;
        let gap = |one: &&Value| one["gaps"][0]["source"] == "connection";
        let is_silent = |one: &&Value| one["server"].as_str() == Some(address.as_str());
        let silent = own.iter().find(is_silent).filter(gap);
        let other = own.iter().find(|one| !is_silent(one));
        match (silent, other.and_then(|other| other["server"].as_str())) {
            (Some(_), Some(other)) => Ok(other.to_owned()),
            _ => Err(format!("{own:?}")),
        }
    });
    let other = both.await.with_context(|| collector.said())?;
    let pushes = async || acknowledged(&scrape(&metrics).await.ok()?, &other);
    let before = until("it is pushed", Duration::from_secs(30), async || {
        pushes().await.ok_or("no push yet")
    });
    let before = before.await?;
    let begun = tokio::time::Instant::now();
    let more = until(
        "it goes on",
        Duration::from_secs(60),
        async || -> Result<(), u64> {
            let now = pushes().await.unwrap_or(before);
            (now >= before + 10).then_some(()).ok_or(now)
        },
    );
    more.await.with_context(|| collector.said())?;
    // A try to connect takes five seconds: ten of them would lie between ten cycles.
    ensure!(
        begun.elapsed() < Duration::from_secs(40),
        "{:?}",
        begun.elapsed()
    );
    Ok(())
}

/// The last configuration is there at a start without nodes, and each server has its id.
async fn goes_on_without_nodes(
    cluster: &mut Cluster,
    dsns: &[&str],
    state: &Path,
    id: &str,
) -> anyhow::Result<()> {
    for id in cluster.ids() {
        cluster.kill(id).await?;
    }
    let collector = start(cluster, dsns, &free_address()?, state)?;
    let own = until("it collects", Duration::from_secs(90), async || {
        let (own, _) = status(state).map_err(|error| format!("{error:#}"))?;
        let waits = |one: &&Value| one["spool_cycles"].as_u64() > Some(0);
        match own.iter().filter(waits).count() {
            2 => Ok(own),
            _ => Err(format!("{own:?}")),
        }
    })
    .await?;
    ensure!(own.iter().all(|one| one["config_version"] == 2), "{own:?}");
    ensure!(own.iter().any(|one| one["collector_id"] == id), "{own:?}");
    drop(collector);
    Ok(())
}

/// An address that nobody has now.
fn free_address() -> anyhow::Result<String> {
    Ok(format!("127.0.0.1:{}", free_ports(1)?))
}

async fn scrape(address: &str) -> anyhow::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let request = "GET /metrics HTTP/1.1\r\nHost: collector\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}
