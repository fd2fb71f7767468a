//! What the nodes use, from /proc.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use pga_chaos_tests::Cluster;
use tokio::task::JoinHandle;

/// Clock ticks of /proc/*/stat: 100 a second on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// CPU time of all nodes so far.
pub(crate) fn cpu_time(cluster: &Cluster) -> anyhow::Result<Duration> {
    let mut ticks = 0;
    for node in cluster.nodes() {
        let stat = fs::read_to_string(format!("/proc/{}/stat", node.pid()))?;
        let (_, fields) = stat.rsplit_once(") ").context("bad stat")?;
        // User and system time are fields 14 and 15; the state after the name is field 3.
        let times = fields.split_whitespace().skip(11).take(2);
        ticks += times.map(|time| time.parse().unwrap_or(0)).sum::<u32>();
    }
    Ok(TICK * ticks)
}

/// Resident memory of one process, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most that was resident of one process since [`reset_peak`], in bytes.
pub(crate) fn peak_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmHWM:")
}

/// Begins anew to note how much is resident at most.
pub(crate) fn reset_peak(pid: u32) -> anyhow::Result<()> {
    Ok(fs::write(format!("/proc/{pid}/clear_refs"), "5")?)
}

fn status_bytes(pid: u32, name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: u64 = line
        .with_context(|| format!("no {name}"))?
        .trim_end_matches("kB")
        .trim()
        .parse()?;
    Ok(kib << 10)
}

/// The largest of the nodes now, in bytes.
pub(crate) fn largest_resident(cluster: &Cluster) -> anyhow::Result<u64> {
    let sizes = cluster
        .nodes()
        .iter()
        .map(|node| resident_bytes(node.pid()));
    let sizes: Vec<u64> = sizes.collect::<anyhow::Result<_>>()?;
    sizes.into_iter().max().context("no nodes")
}

/// Bytes on disk below a directory.
pub(crate) fn disk_bytes(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = fs::read_dir(path) else {
        return 0;
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => disk_bytes(&entry.path()),
        Ok(meta) => meta.blocks() * 512,
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Watches the nodes' memory once a second, until it is asked for the largest size.
#[derive(Debug)]
pub(crate) struct Watch(JoinHandle<()>, tokio::sync::watch::Receiver<u64>);

impl Watch {
    pub(crate) fn start(cluster: &Cluster) -> Self {
        let pids: Vec<u32> = cluster
            .nodes()
            .iter()
            .map(pga_chaos_tests::Node::pid)
            .collect();
        let (seen, largest) = tokio::sync::watch::channel(0);
        let task = tokio::spawn(async move {
            loop {
                let sizes = pids
                    .iter()
                    .map(|pid| resident_bytes(*pid).unwrap_or_default());
                let now = sizes.max().unwrap_or_default();
                seen.send_modify(|largest| *largest = now.max(*largest));
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        Self(task, largest)
    }

    /// The largest resident size of any node that was seen, in bytes.
    pub(crate) fn stop(self) -> u64 {
        self.0.abort();
        *self.1.borrow()
    }
}

/// Whole MiB.
pub(crate) fn mib(bytes: u64) -> u64 {
    bytes >> 20
}
