//! Row 96: what a node that died left of a snapshot it was making or receiving.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use super::{Siege, memory};
use crate::bodies::{position, samples};

/// Below the node's data: as the receiver and the maker of snapshots name what they work on.
const HALF_WRITTEN: [&str; 3] = [
    "raft/arriving/incoming-0123456789abcdef0123456789abcdef",
    "raft/arriving/incoming-just-begun",
    "raft/snapshots/new-7",
];

/// The target dies, and finds these when it starts again.
pub(super) async fn half_written(siege: &mut Siege) -> anyhow::Result<()> {
    let (target, data) = (siege.target, siege.target()?.data.clone());
    let pushed = samples("siege", [96]).to_string();
    let pushed = position(&siege.cluster.push_ok(target, pushed).await?)?;
    let stored = siege.cluster.elements(target, "siege", Some(&pushed));
    let before = stored.await?.len();
    siege.cluster.kill(target).await?;
    for directory in HALF_WRITTEN {
        leave(&data.join(directory))?;
    }
    siege.cluster.restart(target).await?;
    for directory in HALF_WRITTEN {
        ensure!(!data.join(directory).exists(), "{directory} is still there");
    }
    let stored = siege.cluster.elements(target, "siege", Some(&pushed));
    let after = stored.await?.len();
    ensure!(after == before, "{before} elements became {after}");
    // It is another process, and its caches are as empty as they were at first.
    siege.warm_up(1_000).await?;
    let place = siege.cluster.ids().iter().position(|id| *id == target);
    let place = place.context("no target")?;
    siege.before.pids[place] = siege.target()?.pid();
    siege.before.memory[place] = memory(&siege.cluster, siege.target()?).await?;
    Ok(())
}

/// The beginning of a state, and a store that nothing has been written to yet.
fn leave(directory: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(directory)?;
    if !directory.ends_with("incoming-just-begun") {
        fs::write(directory.join("state.bin"), b"PGASNAP1\x01\0\0\0half")?;
        fs::write(directory.join("store.db"), b"")?;
    }
    Ok(())
}
