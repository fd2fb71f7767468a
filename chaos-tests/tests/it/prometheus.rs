//! `/metrics` as Prometheus reads it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Load};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_finds_nothing_to_complain_about() -> anyhow::Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("timescaledb.sh");
    let prepared = Command::new(&script)
        .args(["with", "promtool"])
        .status()
        .await?;
    ensure!(prepared.success(), "cannot install promtool");
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.duration = Duration::from_secs(2);
    Load::start(args).finish().await?;
    for id in cluster.ids() {
        let text = cluster.metrics(id).await?;
        let mut promtool = Command::new(&script)
            .args(["exec", "promtool", "check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = promtool.stdin.take().context("no stdin")?;
        stdin.write_all(text.as_bytes()).await?;
        drop(stdin);
        let output = promtool.wait_with_output().await?;
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        ensure!(
            output.status.success() && said.trim().is_empty(),
            "node {id}: {said}"
        );
    }
    Ok(())
}
