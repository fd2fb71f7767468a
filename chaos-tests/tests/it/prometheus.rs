//! `/metrics` as Prometheus reads it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Load};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What `promtool` says of `input`; the real one, in the root file system of the other programs.
pub(crate) async fn promtool(args: [&str; 2], input: &str) -> anyhow::Result<(bool, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("timescaledb.sh");
    let prepared = Command::new(&script)
        .args(["with", "promtool"])
        .status()
        .await?;
    ensure!(prepared.success(), "cannot install promtool");
    let mut promtool = Command::new(&script)
        .args(["exec", "promtool"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut stdin = promtool.stdin.take().context("no stdin")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let output = promtool.wait_with_output().await?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    ))
}

/// A name that promtool complains about, without a reason that holds here.
const ABOUT_COUNTERS: &str = "pganalytics_counter_anomalies_total";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub(crate) async fn promtool_finds_nothing_to_complain_about() -> anyhow::Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let mut args = cluster.load_args();
    args.duration = Duration::from_secs(2);
    Load::start(args).finish().await?;
    for id in cluster.ids() {
        // It counts what happened to counters, and promtool takes the word for a metric's type.
        let text = cluster.metrics(id).await?;
        let text = text.replace(ABOUT_COUNTERS, "pganalytics_statistics_anomalies_total");
        let (is_good, said) = promtool(["check", "metrics"], &text).await?;
        ensure!(is_good && said.trim().is_empty(), "node {id}: {said}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alert_rules_are_rules_about_metrics_that_exist() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rules = std::fs::read_to_string(root.join("config/prometheus/pganalytics.rules.yml"))?;
    let (is_good, said) = promtool(["check", "rules"], &rules).await?;
    let count = rules.matches("- alert:").count() + rules.matches("- record:").count();
    ensure!(is_good, "{said}");
    ensure!(
        said.contains(&format!("SUCCESS: {count} rules found")),
        "{said}"
    );
    let listed = std::fs::read_to_string(root.join("docs/metrics.md"))?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for name in rules.split(|c| !is_name(c)) {
        let name = name.trim_end_matches("_bucket");
        if name.starts_with("pganalytics_") {
            ensure!(listed.contains(&format!("`{name}`")), "{name}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_rules_say_what_their_tests_expect() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let said = Command::new(
        crate::alert_kills::fetched()
            .await?
            .join("usr/bin/promtool"),
    )
    .args(["test", "rules", "pganalytics.rules.test.yml"])
    .current_dir(root.join("config/prometheus"))
    .output()
    .await?;
    let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    ensure!(said.status.success(), "{text}");
    Ok(())
}
