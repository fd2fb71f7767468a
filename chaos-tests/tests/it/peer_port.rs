//! The peer port of a running node against hostile input (its rows of `docs/bad-input.md`): after
//! each row the same processes run, in the same term, with the memory they had within 5 %, and take
//! the next push.
//!
//! Elections are slow here, so that a busy machine is not taken for an attack that succeeded.

mod flood;
mod frames;
mod handshake;
mod intruder;
mod leftovers;
mod say;

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use pga_chaos_tests::{Cluster, ClusterOptions, Node, until};

use self::intruder::PATIENCE;
pub(crate) use self::intruder::Stolen;
use crate::bodies::samples;
use crate::proc::Memory;

/// Good pushes before memory is measured.
const WARM_UP: u32 = 20;

/// A cluster under attack.
struct Siege {
    cluster: Cluster,
    stolen: Stolen,
    /// The node that is attacked: a follower.
    target: u64,
    before: Before,
    pushes: u32,
}

/// How the cluster was.
struct Before {
    term: u64,
    leader: Option<u64>,
    pids: Vec<u32>,
    memory: Vec<Memory>,
}

impl Siege {
    async fn lay() -> anyhow::Result<Self> {
        let options = ClusterOptions::default()
            .with("raft.heartbeat", "500ms")
            .with("raft.election-min", "4s")
            .with("raft.election-max", "6s");
        let cluster = Cluster::start(options).await?;
        let leader = cluster.leader().await?;
        let target = leader % 3 + 1;
        let before = Before {
            term: cluster.status_of(target).await?.term,
            leader: Some(leader),
            pids: cluster.nodes().iter().map(Node::pid).collect(),
            memory: Vec::new(),
        };
        let mut siege = Self {
            stolen: Stolen::from(&cluster)?,
            cluster,
            target,
            before,
            pushes: 100,
        };
        siege.warm_up(0).await?;
        let nodes = siege.cluster.nodes().iter();
        let settled = nodes.map(|node| memory(&siege.cluster, node));
        siege.before.memory = try_join_all(settled).await?;
        Ok(siege)
    }

    /// A few pushes through the target of values from `first` on, and a few strangers refused, so
    /// that what the first of them fill for good is filled before memory is measured.
    async fn warm_up(&self, first: u32) -> anyhow::Result<()> {
        for push in first..first + WARM_UP {
            let body = samples("siege", [push]).to_string();
            self.cluster.push_ok(self.target, body).await?;
        }
        handshake::certificates(self).await
    }

    fn target(&self) -> anyhow::Result<&Node> {
        self.cluster.node(self.target)
    }

    /// Nothing has changed, and the next push succeeds.
    async fn unharmed(&mut self, row: &str) -> anyhow::Result<()> {
        self.pushes += 1;
        let body = samples("siege", [self.pushes]).to_string();
        let pushed = self.cluster.push_ok(self.target, body).await;
        pushed.with_context(|| format!("push after {row}"))?;
        for node in self.cluster.nodes() {
            ensure!(node.is_alive(), "{row}: node {} has died", node.id);
            let status = self.cluster.status_of(node.id).await?;
            ensure!(
                (status.term, status.leader) == (self.before.term, self.before.leader),
                "{row}: term {} became {} (leader {:?})",
                self.before.term,
                status.term,
                status.leader
            );
        }
        let pids: Vec<u32> = self.cluster.nodes().iter().map(Node::pid).collect();
        ensure!(pids == self.before.pids, "{row}: processes changed");
        for (node, memory) in self.cluster.nodes().iter().zip(&self.before.memory) {
            let ask = async || self.cluster.metrics(node.id).await.map(drop);
            let back = memory.is_back(ask).await;
            back.with_context(|| format!("{row}: node {}", node.id))?;
        }
        Ok(())
    }

    /// The sum of a metric's samples whose line has all of `labels`, on the target.
    async fn count(&self, name: &str, labels: &[&str]) -> anyhow::Result<f64> {
        let text = self.cluster.metrics(self.target).await?;
        let lines = text.lines().filter(|line| {
            line.starts_with(name) && labels.iter().all(|label| line.contains(label))
        });
        let values = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }

    async fn refused(&self, reason: &str) -> anyhow::Result<f64> {
        let labels = ["side=\"server\"", &format!("reason=\"{reason}\"")];
        self.count("pganalytics_transport_handshakes_refused_total", &labels)
            .await
    }

    /// Waits until the target has counted a refused handshake more than `before`.
    async fn counted(&self, what: &str, reason: &str, before: f64) -> anyhow::Result<()> {
        until(what, PATIENCE, async || match self.refused(reason).await {
            Ok(now) if now > before => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await
    }
}

async fn memory(cluster: &Cluster, node: &Node) -> anyhow::Result<Memory> {
    let ask = async || cluster.metrics(node.id).await.map(drop);
    Memory::settled(node.pid(), ask).await
}

/// Each begins with its number in `docs/bad-input.md`.
pub(crate) const NAMES: [&str; 12] = [
    "67 certificates",
    "68 other cluster",
    "69 identities",
    "70 protocols",
    "71 frame lengths",
    "72 votes",
    "73 streams",
    "74 floods",
    "75 snapshots",
    "76 early data",
    "95 snapshot names",
    "96 half-written snapshots",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_peers_change_nothing() -> anyhow::Result<()> {
    let mut siege = Siege::lay().await?;
    for row in NAMES {
        let number = row.split(' ').next().unwrap_or_default();
        let attack = match number {
            "67" => handshake::certificates(&siege).await,
            "68" => handshake::other_cluster(&siege).await,
            "69" => handshake::identities(&siege).await,
            "70" => handshake::protocols(&siege).await,
            "71" => frames::lengths(&siege).await,
            "72" => say::strangers_and_impostors(&siege).await,
            "73" => frames::streams(&siege).await,
            "74" => flood::datagrams(&siege).await,
            "75" => frames::snapshots(&siege).await,
            "76" => handshake::early_data(&siege).await,
            "95" => frames::names(&siege).await,
            "96" => leftovers::half_written(&mut siege).await,
            other => anyhow::bail!("no row {other}"),
        };
        attack.context(row)?;
        siege.unharmed(row).await?;
    }
    say::a_removed_node(&mut siege).await
}
