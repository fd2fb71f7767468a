//! The machine, the commit, and the program that is measured.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::noise;

/// Builds the release program without fault injection: what users run. One that
/// `PGANALYTICS_TEST_PROGRAM` names is taken as it is.
pub(crate) async fn build_program() -> anyhow::Result<()> {
    if std::env::var_os("PGANALYTICS_TEST_PROGRAM").is_some() {
        return Ok(());
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let status = tokio::process::Command::new(cargo)
        .args([
            "build",
            "--release",
            "--locked",
            "-p",
            "pga-node",
            "--bin",
            "pganalytics",
        ])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .status()
        .await?;
    ensure!(status.success(), "cannot build the program");
    Ok(())
}

/// Some lines: processor, memory, kernel, commit; and how fast the disk is now.
pub(crate) fn describe() -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory: u64 = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok())
        .context("no MemTotal")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let commit = Command::new("git")
        .args(["describe", "--always", "--dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    let syncs = noise::syncs()?;
    Ok(format!(
        "{cores} cores of {model}, {} GiB memory, kernel {}, commit {}. Nodes, database and load share the machine.\n\
         {} × 8 KiB and fdatasync before the first row: p50 / p99 / max {:.2} / {:.2} / {:.2} ms.\n",
        memory >> 20,
        kernel.trim(),
        String::from_utf8_lossy(&commit.stdout).trim(),
        syncs.len(),
        syncs.percentile(50),
        syncs.percentile(99),
        syncs.percentile(100),
    ))
}
