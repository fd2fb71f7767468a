//! A node's disk fails, or comes back with less than the node confirmed: it does not vote, says so,
//! and comes back as a learner that catches up. Nothing acknowledged is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use pga_chaos_tests::{Cluster, ClusterOptions, Load, until, why_no_disks};

/// Bounds a hang.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// How soon a node is gone whose log cannot be written: five seconds, on a machine three times
/// slower.
const PROMPTLY: Duration = Duration::from_secs(15);

/// The segment that a young log consists of.
fn segment(data: &Path) -> PathBuf {
    data.join("raft/log/00000000000000000000.log")
}

/// The middle of what was written: a segment ends with zeros for what comes.
fn middle(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) / 2
}

fn flip_a_bit(data: &Path) -> anyhow::Result<()> {
    let mut bytes = fs::read(segment(data))?;
    let middle = middle(&bytes);
    *bytes.get_mut(middle).context("an empty segment")? ^= 16;
    Ok(fs::write(segment(data), bytes)?)
}

fn shorten_the_log(data: &Path) -> anyhow::Result<()> {
    let mut bytes = fs::read(segment(data))?;
    bytes.truncate(middle(&bytes));
    Ok(fs::write(segment(data), bytes)?)
}

fn remove_the_marker(data: &Path) -> anyhow::Result<()> {
    Ok(fs::remove_file(data.join("raft/log/marker"))?)
}

/// Everything but certificates and keys, without which nobody would know whose directory it is.
fn empty_the_directory(data: &Path) -> anyhow::Result<()> {
    for name in ["raft", "store"] {
        fs::remove_dir_all(data.join(name))?;
    }
    Ok(fs::remove_file(data.join("identity"))?)
}

/// Raft's files and the store as they were when the copy was made.
pub(crate) fn put_the_copy_back(data: &Path) -> anyhow::Result<()> {
    for name in ["raft", "store"] {
        fs::remove_dir_all(data.join(name))?;
        fs::rename(data.with_extension(name), data.join(name))?;
    }
    Ok(())
}

type Damage = fn(&Path) -> anyhow::Result<()>;

const DAMAGES: [(&str, Damage); 5] = [
    ("a bit flipped", flip_a_bit),
    ("half of the log", shorten_the_log),
    ("no marker", remove_the_marker),
    ("an empty directory", empty_the_directory),
    ("an older copy", put_the_copy_back),
];

pub(crate) fn load(cluster: &Cluster) -> Load {
    let mut args = cluster.load_args();
    args.elements = 20;
    args.interval = Duration::from_millis(100);
    args.duration = Duration::from_secs(24 * 3600);
    Load::start(args)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lost_what_it_confirmed_comes_back_as_a_learner() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let load = load(&cluster);
    load.acknowledged(50).await?;
    for (name, damage) in DAMAGES {
        let leader = cluster.leader().await?;
        let ids = cluster.ids();
        let id = ids
            .into_iter()
            .find(|id| *id != leader)
            .context("no follower")?;
        let data = cluster.node(id)?.data.clone();
        if name == "an older copy" {
            copy_and_go_on(&mut cluster, &load, id).await?;
        }
        cluster.kill(id).await?;
        damage(&data).context(name)?;
        cluster.restart(id).await.context(name)?;
        load.acknowledged(20).await?;
        votes_again(&cluster, leader, id).await.context(name)?;
        ensure!(
            said(&data, "this node does not vote")?,
            "{name}: the node did not say that it recovers"
        );
        // A copy is whole, and stays where it is.
        if name != "an empty directory" && name != "an older copy" {
            let kept = fs::read_dir(data.join("raft/quarantine"))?.count();
            ensure!(kept > 0, "{name}: nothing was kept");
        }
        fs::remove_dir_all(data.join("logs"))?;
    }
    let report = load.verify().await?;
    eprintln!("{report}");
    cluster.wait_converged(LIMIT).await?;
    Ok(())
}

/// Copies what node `id` has on disk, and waits until it has confirmed more than that.
async fn copy_and_go_on(cluster: &mut Cluster, load: &Load, id: u64) -> anyhow::Result<()> {
    let data = cluster.node(id)?.data.clone();
    cluster.kill(id).await?;
    for part in ["raft", "store"] {
        copy(&data.join(part), &data.with_extension(part))?;
    }
    cluster.restart(id).await?;
    let before = cluster.status_of(id).await?;
    let before = before.nodes.iter().map(|node| node.last).max();
    load.acknowledged(50).await?;
    until("the node has more than the copy", LIMIT, async || {
        let status = cluster.status_of(id).await;
        let status = status.map_err(|e| format!("{e:#}"))?;
        let own = status.nodes.iter().find(|node| node.id == id);
        if own.map(|node| node.last) > before {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await
}

/// Waits until `leader` has node `id` among its followers.
pub(crate) async fn votes_again(cluster: &Cluster, leader: u64, id: u64) -> anyhow::Result<()> {
    until("the node votes again", LIMIT, async || {
        let status = cluster.status_of(leader).await;
        let status = status.map_err(|e| format!("{e:#}"))?;
        let mut nodes = status.nodes.iter();
        let is_back = nodes.any(|node| node.id == id && node.role == "follower" && node.reachable);
        if is_back && status.nodes.len() == 3 {
            Ok(())
        } else {
            Err(format!("{status:?}"))
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_logs_on_a_majority_end_their_nodes_with_65() -> anyhow::Result<()> {
    let mut cluster = Cluster::start(ClusterOptions::default()).await?;
    let load = load(&cluster);
    load.acknowledged(50).await?;
    for id in cluster.ids() {
        cluster.strike(id)?;
    }
    for id in cluster.ids() {
        cluster.kill(id).await?;
    }
    drop(load);
    for id in [1, 2] {
        flip_a_bit(&cluster.node(id)?.data.clone())?;
    }
    for id in cluster.ids() {
        cluster.spawn(id)?;
    }
    for id in [1, 2] {
        let code = cluster.exit_code(id, LIMIT).await?;
        ensure!(code == Some(65), "node {id} ended with {code:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_fsync_ends_the_node_with_74_and_loses_nothing() -> anyhow::Result<()> {
    if let Some(why) = why_no_disks() {
        eprintln!("SKIPPED, no fsync failed: {why}");
        return Ok(());
    }
    let options = ClusterOptions {
        disks: true,
        ..ClusterOptions::default()
    };
    let mut cluster = Cluster::start(options).await?;
    let id = cluster.leader().await?;
    // Only whose parent is this process tells it how it ends.
    cluster.kill(id).await?;
    cluster.restart(id).await?;
    let load = load(&cluster);
    load.acknowledged(50).await?;
    // From here on the next new block cannot be written, and every push needs one.
    cluster.break_disk(id)?;
    let broken = Instant::now();
    let code = cluster.exit_code(id, LIMIT).await?;
    let took = broken.elapsed();
    eprintln!("it ended {took:?} after its disk broke");
    ensure!(code == Some(74), "it ended with {code:?}");
    ensure!(took < PROMPTLY, "it ended after {took:?}");
    load.acknowledged(50).await.context("the others go on")?;
    cluster.mend_disk(id).await?;
    cluster.restart(id).await?;
    load.acknowledged(20).await?;
    let report = load.verify().await?;
    eprintln!("{report}");
    cluster.wait_converged(LIMIT).await?;
    Ok(())
}

/// Whether a node's own log files say something.
pub(crate) fn said(data: &Path, what: &str) -> anyhow::Result<bool> {
    for file in fs::read_dir(data.join("logs"))? {
        let text = fs::read(file?.path())?;
        if String::from_utf8_lossy(&text).contains(what) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
