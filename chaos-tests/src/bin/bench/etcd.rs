//! Three nodes of etcd, for comparison.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, ensure};
use pga_chaos_tests::free_ports;
use tempfile::TempDir;
use tokio::process::{Child, Command};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/timescaledb.sh");

/// Writes a second as etcd's own load test finds them.
pub(crate) async fn writes_per_second() -> anyhow::Result<f64> {
    let prepared = Command::new(SCRIPT).args(["with", "etcd"]).status().await?;
    ensure!(prepared.success(), "cannot install etcd");
    let base = free_ports(6)?;
    // Its data stand inside the root file system, which is on the same disk as everything else.
    let root = root()?;
    let directory = TempDir::with_prefix_in("etcd-", Path::new(&root).join("tmp"))?;
    let mut nodes = start(&root, directory.path(), base)?;
    let client = |n: u16| format!("http://127.0.0.1:{}", base + n);
    let endpoints: Vec<String> = (0..3).map(client).collect();
    let endpoints = format!("--endpoints={}", endpoints.join(","));
    pga_chaos_tests::until(
        "etcd is healthy",
        std::time::Duration::from_secs(30),
        async || {
            let asked = Command::new(SCRIPT)
                .args(["exec", "etcdctl", &endpoints, "endpoint", "health"])
                .output();
            match asked.await {
                Ok(output) if output.status.success() => Ok(()),
                other => Err(other),
            }
        },
    )
    .await?;
    let output = Command::new(SCRIPT)
        .args(["exec", "etcdctl", &endpoints, "check", "perf", "--load=l"])
        .output()
        .await?;
    for node in &mut nodes {
        node.kill().await?;
    }
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
