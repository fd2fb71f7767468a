//! The node processes.

use std::fs::{File, OpenOptions};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use pga_config::NodeId;
use tokio::process::{Child, Command};

use super::layout::{DemoNode, Layout};
use crate::data_dir::file_error;
use crate::{Error, Result};

/// How often processes are looked at.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug)]
struct NodeProcess {
    id: NodeId,
    pid: u32,
    child: Child,
    /// What it wrote to standard error.
    errors: PathBuf,
    is_dead: bool,
}

/// The node processes of a demo.
#[derive(Debug)]
pub(super) struct Nodes(Vec<NodeProcess>);

impl Nodes {
    /// Starts one process per node.
    pub(super) fn start(layout: &Layout) -> Result<Self> {
        let mut nodes = Vec::new();
        for node in &layout.nodes {
            nodes.push(spawn(node, layout)?);
        }
        Ok(Self(nodes))
    }

    /// Their process ids, in the order of the nodes.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.0.iter().map(|node| node.pid).collect()
    }

    /// Waits until one of them has died, and says why.
    pub(super) async fn first_dead(&mut self) -> Error {
        let line = self.next_dead().await;
        Error::Unavailable(line)
    }

    /// Waits until one more of them has died, and describes it.
    pub(super) async fn next_dead(&mut self) -> String {
        loop {
            for node in self.0.iter_mut().filter(|node| !node.is_dead) {
                if let Ok(Some(status)) = node.child.try_wait() {
                    node.is_dead = true;
                    return node.describe(status);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Asks all of them to stop, and ends those that do not.
    pub(super) async fn stop(&mut self, limit: Duration) {
        for node in &mut self.0 {
            // The end of its standard input tells a node to stop.
            drop(node.child.stdin.take());
        }
        let all = async {
            for node in &mut self.0 {
                if let Err(error) = node.child.wait().await {
                    tracing::debug!(%error, "node not awaited");
                }
            }
        };
        if tokio::time::timeout(limit, all).await.is_ok() {
            return;
        }
        for node in &mut self.0 {
            if let Err(error) = node.child.kill().await {
                tracing::debug!(%error, "node not ended");
            }
        }
    }
}

impl NodeProcess {
    fn describe(&self, status: ExitStatus) -> String {
        let tail = std::fs::read_to_string(&self.errors).unwrap_or_default();
        let tail = tail.lines().rev().take(5).collect::<Vec<_>>();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        format!(
            "node {} (pid {}) ended: {status}{}{}",
            self.id.get(),
            self.pid,
            if tail.is_empty() { "" } else { "\n" },
            tail.join("\n")
        )
    }
}

fn spawn(node: &DemoNode, layout: &Layout) -> Result<NodeProcess> {
    let id = node.config.node.id;
    let errors = layout.dir.join(format!("node-{}.stderr", id.get()));
    let file = open_errors(&errors)?;
    let program = std::env::current_exe()
        .map_err(|error| file_error("find", "this program".as_ref(), error))?;
    let mut command = Command::new(&program);
    command
        .args(["serve", "--exit-with-parent", "--config"])
        .arg(&node.config_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::from(file))
        // Ctrl-c is for this process: it stops the nodes in order.
        .process_group(0);
    let child = command
        .spawn()
        .map_err(|error| file_error("start", &program, error))?;
    Ok(NodeProcess {
        id,
        pid: child.id().unwrap_or_default(),
        child,
        errors,
        is_dead: false,
    })
}

fn open_errors(path: &PathBuf) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .open(path)
        .map_err(|error| file_error("open", path, error))
}
