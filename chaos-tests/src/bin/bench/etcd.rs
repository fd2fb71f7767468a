//! Three nodes of etcd, for comparison.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use http::Method;
use pga_chaos_tests::{free_ports, until};
use pga_client::{ClientOptions, Endpoint, HttpClient};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::Instant;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/timescaledb.sh");

/// A cluster; its processes end with this value.
#[derive(Debug)]
pub(crate) struct Etcd {
    endpoints: Vec<String>,
    _nodes: Vec<Child>,
    _directory: TempDir,
}

impl Etcd {
    /// Installs it if needed, and waits until it is healthy.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let prepared = Command::new(SCRIPT).args(["with", "etcd"]).status().await?;
        ensure!(prepared.success(), "cannot install etcd");
        let base = free_ports(6)?;
        // Its data stand inside the root file system, which is on the same disk as everything else.
        let root = root()?;
        let directory = TempDir::with_prefix_in("etcd-", Path::new(&root).join("tmp"))?;
        let etcd = Self {
            _nodes: start(&root, directory.path(), base)?,
            endpoints: (0..3)
                .map(|n| format!("http://127.0.0.1:{}", base + n))
                .collect(),
            _directory: directory,
        };
        let limit = Duration::from_secs(30);
        until("etcd is healthy", limit, async || {
            match etcd.ctl(&["endpoint", "health"]).await {
                Ok(output) if output.status.success() => Ok(()),
                other => Err(other),
            }
        })
        .await?;
        Ok(etcd)
    }

    /// Writes a second as its own load test finds them.
    pub(crate) async fn writes_per_second(&self) -> anyhow::Result<f64> {
        let output = self.ctl(&["check", "perf", "--load=l"]).await?;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        // "PASS: Throughput is 7900 writes/s" or "FAIL: Throughput too low: 2500 writes/s".
        let line = said.lines().find(|line| line.contains("writes/s"));
        let number = line.and_then(|line| {
            line.split_whitespace()
                .filter_map(|word| word.parse().ok())
                .next()
        });
        number.with_context(|| format!("no throughput in {said}"))
    }

    /// Puts of `bytes` by `clients`, each once a second to one of the nodes, spread over the
    /// second; how long each took, and when it began.
    pub(crate) async fn puts(
        &self,
        clients: u32,
        bytes: usize,
        duration: Duration,
    ) -> anyhow::Result<Vec<(Duration, Instant)>> {
        let options = Arc::new(ClientOptions::new(
            Duration::from_secs(2),
            Duration::from_secs(30),
        ));
        // The gateway takes base64 (RFC 4648): four of its characters are three bytes.
        let value = "A".repeat(bytes.div_ceil(3) * 4);
        let begun = Instant::now();
        let nodes = self.endpoints.iter().cycle();
        let clients = (0..clients).zip(nodes).map(|(n, node)| {
            let body = format!(r#"{{"key":"{n:04}","value":"{value}"}}"#);
            let first = begun + Duration::from_secs(1) * n / clients;
            put_each_second(node, body, first, begun + duration, Arc::clone(&options))
        });
        Ok(try_join_all(clients).await?.concat())
    }

    async fn ctl(&self, args: &[&str]) -> std::io::Result<std::process::Output> {
        let endpoints = format!("--endpoints={}", self.endpoints.join(","));
        let mut command = Command::new(SCRIPT);
        command.args(["exec", "etcdctl", &endpoints]).args(args);
        command.output().await
    }
}

async fn put_each_second(
    node: &str,
    body: String,
    first: Instant,
    end: Instant,
    options: Arc<ClientOptions>,
) -> anyhow::Result<Vec<(Duration, Instant)>> {
    let mut client = HttpClient::new(node.parse::<Endpoint>()?, options);
    let mut tick = tokio::time::interval_at(first, Duration::from_secs(1));
    let mut took = Vec::new();
    while tick.tick().await < end {
        let begun = Instant::now();
        let body = body.clone().into();
        let answer = client.send(Method::POST, "/v3/kv/put", None, body).await?;
        ensure!(answer.status.is_success(), "put: {}", answer.text_start());
        took.push((begun.elapsed(), begun));
    }
    Ok(took)
}

/// Three nodes, with clients on the ports from `base` on and peers on the three after them.
fn start(root: &str, directory: &Path, base: u16) -> anyhow::Result<Vec<Child>> {
    let inside = format!(
        "/tmp/{}",
        directory.file_name().context("no name")?.display()
    );
    let url = |port: u16| format!("http://127.0.0.1:{port}");
    let members: Vec<String> = (0..3)
        .map(|n| format!("n{n}={}", url(base + 3 + n)))
        .collect();
    let node = |n: u16| {
        let (client, peer) = (url(base + n), url(base + 3 + n));
        Command::new("chroot")
            .args([root, "/usr/bin/etcd", "--name", &format!("n{n}")])
            .args(["--data-dir", &format!("{inside}/{n}")])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--initial-cluster",
                &members.join(","),
                "--log-level",
                "error",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start etcd")
    };
    (0..3).map(node).collect()
}

fn root() -> anyhow::Result<String> {
    if let Ok(root) = std::env::var("PGANALYTICS_TEST_ROOT") {
        return Ok(root);
    }
    let build = std::env::var("CARGO_TARGET_DIR")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../target").to_owned());
    Ok(format!("{build}/timescaledb"))
}
