//! A cluster of real processes.

mod disks;
mod http;
mod operate;
mod options;
mod restore;
mod start;
mod status;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use pga_client::{ClientOptions, Endpoint};
use pga_loadgen::LoadArgs;
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::OwnedSemaphorePermit;

use self::start::Ready;
pub use self::{
    options::ClusterOptions,
    status::{NodeStatus, Status},
};
use crate::disk::{Disk, directory_prefix};
use crate::process::Process;
use crate::{program, until};

/// Longest time a node may take from its start until it serves.
const READY_LIMIT: Duration = Duration::from_secs(180);

/// One node, as the demo set it up.
#[derive(Debug)]
pub struct Node {
    /// Its id.
    pub id: u64,
    /// Where it serves HTTP.
    pub http: Endpoint,
    /// Its configuration file.
    pub config: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    process: Process,
    /// After a restart this harness is its parent.
    child: Option<Child>,
}

impl Node {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether its process runs (a stopped one does).
    pub fn is_alive(&self) -> bool {
        self.process.is_alive()
    }
}

/// A cluster of one process per node in a temporary directory. All processes end with this value,
/// however a test ends.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    /// User name and password of the first user.
    admin: (String, String),
    registration_secret: String,
    options: ClusterOptions,
    client: Arc<ClientOptions>,
    /// The demo that started the nodes.
    demo: Child,
    /// One per node, if the nodes have their own.
    disks: Vec<Disk>,
    directory: TempDir,
    _slot: OwnedSemaphorePermit,
}

impl Cluster {
    /// Starts a cluster, and waits until every node is ready.
    ///
    /// # Errors
    /// If the program is missing, or the cluster does not become ready; with the end of its log.
    pub async fn start(options: ClusterOptions) -> anyhow::Result<Self> {
        let slot = start::slot().await?;
        let directory = TempDir::with_prefix(directory_prefix())?;
        let disks = disks::make(&options, directory.path())?;
        let (demo, ready) = start::demo(&options, directory.path()).await?;
        let Ready {
            nodes,
            admin,
            registration_secret,
        } = ready;
        let mut client = ClientOptions::new(Duration::from_secs(2), Duration::from_secs(30));
        if options.tls {
            client =
                client.with_ca_file(&start::demo_directory(directory.path()).join("ca.pem"))?;
        }
        Ok(Self {
            nodes: nodes
                .into_iter()
                .map(TryInto::try_into)
                .collect::<anyhow::Result<_>>()?,
            admin: (admin.username, admin.password),
            registration_secret,
            options,
            client: Arc::new(client),
            demo,
            disks,
            directory,
            _slot: slot,
        })
    }

    /// All nodes, by id.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node with this id.
    ///
    /// # Errors
    /// If there is none.
    pub fn node(&self, id: u64) -> anyhow::Result<&Node> {
        let found = self.nodes.iter().find(|node| node.id == id);
        found.with_context(|| format!("no node {id}"))
    }

    /// Ids of all nodes.
    pub fn ids(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.id).collect()
    }

    /// Addresses of all nodes.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.nodes.iter().map(|node| node.http.clone()).collect()
    }

    /// The secret collectors register with.
    pub fn registration_secret(&self) -> &str {
        &self.registration_secret
    }

    /// Directory of everything the cluster has on disk.
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// A load against all nodes, verified with the first user's credentials.
    pub fn load_args(&self) -> LoadArgs {
        let mut args = LoadArgs::for_nodes(self.endpoints());
        args.username = Some(self.admin.0.clone());
        args.password = Some(self.admin.1.clone());
        args.timescale.clone_from(&self.options.timescale);
        args.verify = true;
        // Until it is stopped.
        args.duration = Duration::from_secs(3_600);
        args
    }

    /// Kills a node (SIGKILL) and waits until it is dead.
    ///
    /// # Errors
    /// If it does not die.
    pub async fn kill(&mut self, id: u64) -> anyhow::Result<()> {
        let node = self.node_mut(id)?;
        node.process.kill().await?;
        if let Some(mut child) = node.child.take() {
            child.wait().await?;
        }
        Ok(())
    }

    /// Kills a node in the middle of other work on the cluster; [`Cluster::kill`] waits until it is
    /// dead.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn strike(&self, id: u64) -> anyhow::Result<()> {
        self.node(id)?.process.signal(Signal::KILL)
    }

    /// Tells nodes to end in order (SIGTERM), all at the same time, and waits until they have.
    ///
    /// # Errors
    /// If one does not end within `limit`.
    pub async fn stop(&mut self, ids: &[u64], limit: Duration) -> anyhow::Result<()> {
        for id in ids {
            self.node(*id)?.process.signal(Signal::TERM)?;
        }
        for id in ids {
            let node = self.node_mut(*id)?;
            let gone = until("node has ended", limit, async || {
                if node.process.is_alive() {
                    Err(id)
                } else {
                    Ok(())
                }
            });
            gone.await?;
            if let Some(mut child) = node.child.take() {
                child.wait().await?;
            }
        }
        Ok(())
    }

    /// Starts a killed node again from its configuration file; does not wait.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn spawn(&mut self, id: u64) -> anyhow::Result<()> {
        let environment = self.options.environment();
        let log = start::log_file(self.directory.path(), &format!("serve-{id}"))?;
        let node = self.node_mut(id)?;
        let child = Command::new(program()?)
            .args(["serve", "--exit-with-parent", "--config"])
            .arg(&node.config)
            // As the demo's nodes have it; one that joined later has not.
            .env("PGANALYTICS_NODE__DEMO", "true")
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the node")?;
        node.process = Process::new(child.id().context("the node ended at once")?);
        node.child = Some(child);
        Ok(())
    }

    /// Waits until a node that this harness started ends by itself; its exit code.
    ///
    /// # Errors
    /// If it does not end within `limit`.
    pub async fn exit_code(&mut self, id: u64, limit: Duration) -> anyhow::Result<Option<i32>> {
        let node = self.node_mut(id)?;
        let child = node.child.as_mut().context("the demo started the node")?;
        // Waiting would close it, which tells the node to stop.
        let input = child.stdin.take();
        let status = tokio::time::timeout(limit, child.wait()).await;
        drop(input);
        let status = status.with_context(|| format!("node {id} does not end"))??;
        node.child = None;
        Ok(status.code())
    }

    /// Starts a killed node again, and waits until it is ready.
    ///
    /// # Errors
    /// If it does not become ready; with the end of its log.
    pub async fn restart(&mut self, id: u64) -> anyhow::Result<()> {
        self.spawn(id)?;
        self.wait_ready(id).await
    }

    /// Waits until a node says that it is ready.
    ///
    /// # Errors
    /// If it does not.
    pub async fn wait_ready(&self, id: u64) -> anyhow::Result<()> {
        let waited = until("node is ready", READY_LIMIT, async || {
            let answer = self
                .get(id, "/readyz")
                .await
                .map_err(|e| format!("{e:#}"))?;
            if answer.status.is_success() {
                Ok(())
            } else {
                Err(answer.text_start())
            }
        })
        .await;
        waited.with_context(|| format!("node {id}: {}", self.log_ends()))
    }

    /// The last lines that each process has logged, for a failed test.
    pub fn log_ends(&self) -> String {
        start::log_ends(self.directory.path())
    }

    /// Stops a node's process (SIGSTOP), and waits until it has stopped: it keeps its sockets and
    /// does nothing.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub async fn pause(&self, id: u64) -> anyhow::Result<()> {
        self.node(id)?.process.freeze().await
    }

    /// Lets a paused node go on.
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn resume(&self, id: u64) -> anyhow::Result<()> {
        self.node(id)?.process.signal(Signal::CONT)
    }

    /// Lets a node read its configuration again (SIGHUP).
    ///
    /// # Errors
    /// If it cannot be signalled.
    pub fn hang_up(&self, id: u64) -> anyhow::Result<()> {
        self.node(id)?.process.signal(Signal::HUP)
    }

    fn node_mut(&mut self, id: u64) -> anyhow::Result<&mut Node> {
        let found = self.nodes.iter_mut().find(|node| node.id == id);
        found.with_context(|| format!("no node {id}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.log_ends());
        }
        for node in &self.nodes {
            if let Err(error) = node.process.signal(Signal::KILL) {
                eprintln!("node {} is left behind: {error:#}", node.id);
            }
        }
        if let Err(error) = self.demo.start_kill() {
            eprintln!("demo is left behind: {error}");
        }
    }
}
