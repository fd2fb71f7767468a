//! Starting the demo that makes a cluster from nothing.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock};

use anyhow::Context;
use pga_client::Endpoint;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{ClusterOptions, Node, READY_LIMIT};
use crate::process::Process;
use crate::{free_ports, program};

/// Clusters at the same time: each is three processes that want to be timely.
static SLOTS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Arc::new(Semaphore::new((cores / 2).max(1)))
});

/// The line that `demo --json` prints when every node is ready.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) nodes: Vec<ReadyNode>,
    pub(super) admin: Admin,
    pub(super) registration_secret: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReadyNode {
    id: u64,
    pid: u32,
    http: String,
    config: PathBuf,
    data: PathBuf,
}

#[derive(Debug, Deserialize)]
pub(super) struct Admin {
    pub(super) username: String,
    pub(super) password: String,
}

impl TryFrom<ReadyNode> for Node {
    type Error = anyhow::Error;

    fn try_from(node: ReadyNode) -> anyhow::Result<Self> {
        let http: Endpoint = node.http.parse()?;
        Ok(Self {
            id: node.id,
            http,
            config: node.config,
            data: node.data,
            process: Process::new(node.pid),
            child: None,
        })
    }
}

/// Waits until another cluster may run.
pub(super) async fn slot() -> anyhow::Result<OwnedSemaphorePermit> {
    Ok(Arc::clone(&SLOTS).acquire_owned().await?)
}

/// Starts the demo in `directory`, and waits for its line.
pub(super) async fn demo(
    options: &ClusterOptions,
    directory: &Path,
) -> anyhow::Result<(Child, Ready)> {
    let base = free_ports(2 * options.nodes)?;
    let mut command = Command::new(program()?);
    command
        .args(["demo", "--json", "--no-collector", "--exit-with-parent"])
        .arg("--dir")
        .arg(demo_directory(directory))
        .args(["--nodes", &options.nodes.to_string()])
        .args(["--http-base-port", &base.to_string()])
        .args(["--quic-base-port", &(base + options.nodes).to_string()])
        .envs(options.environment())
        // Held open as long as the harness lives: without it the demo and its nodes end.
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log_file(directory, "demo")?)
        .kill_on_drop(true);
    if options.tls {
        command.arg("--tls");
    }
    if let Some(url) = &options.timescale {
        command.args(["--timescale", url]);
    }
    let mut child = command.spawn().context("cannot start the demo")?;
    let stdout = child.stdout.take().context("the demo has no stdout")?;
    let mut line = String::new();
    let mut reader = BufReader::new(stdout);
    let read = tokio::time::timeout(READY_LIMIT, reader.read_line(&mut line)).await;
    let ready = match read {
        Ok(Ok(_)) => serde_json::from_str(&line).context("the demo's first line"),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(anyhow::anyhow!(
            "the demo was not ready within {READY_LIMIT:?}"
        )),
    };
    let ready = ready.with_context(|| log_ends(directory))?;
    Ok((child, ready))
}

/// Where the demo's files are.
pub(super) fn demo_directory(directory: &Path) -> PathBuf {
    directory.join("demo")
}

/// A log file in `directory` that is added to.
pub(super) fn log_file(directory: &Path, name: &str) -> anyhow::Result<File> {
    let path = directory.join(format!("{name}.log"));
    let file = OpenOptions::new().create(true).append(true).open(&path);
    file.with_context(|| format!("cannot write {}", path.display()))
}

/// The last lines of every log file below `directory`, for a failed test.
pub(super) fn log_ends(directory: &Path) -> String {
    let mut text = String::new();
    for path in log_files(directory, 3) {
        let log = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines
            .get(lines.len().saturating_sub(40)..)
            .unwrap_or_default();
        text.push_str(&format!("--- {}\n{}\n", path.display(), last.join("\n")));
    }
    text
}

fn log_files(directory: &Path, depth: u32) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && depth > 0 {
            found.extend(log_files(&path, depth - 1));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "log" || extension == "stderr")
        {
            found.push(path);
        }
    }
    found
}
