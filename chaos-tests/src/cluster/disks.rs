//! Nodes with disks of their own.

use std::path::Path;

use anyhow::Context;

use super::start::demo_directory;
use super::{Cluster, ClusterOptions};
use crate::disk::Disk;

/// One disk per node, where its data will be.
pub(super) fn make(options: &ClusterOptions, directory: &Path) -> anyhow::Result<Vec<Disk>> {
    let nodes = if options.disks { options.nodes } else { 0 };
    (1..=nodes)
        .map(|id| {
            let data = demo_directory(directory).join(format!("node-{id}"));
            Disk::make(directory, &data).with_context(|| format!("disk of node {id}"))
        })
        .collect()
}

impl Cluster {
    /// Cuts the power of nodes at the same moment: they do nothing more, nothing reaches their
    /// disks, and their processes end. Their disks are on again when this returns; what was not
    /// synced is gone.
    ///
    /// The processes are frozen first. For some milliseconds after its shutdown ext4 may call an
    /// fdatasync done that is not (a program that does nothing else saw it in 3 of 60 cuts),
    /// and without power nobody would hear of it.
    ///
    /// # Errors
    /// If the nodes have no disks, or a step fails.
    pub async fn cut_power(&mut self, ids: &[u64]) -> anyhow::Result<()> {
        for id in ids {
            self.node(*id)?.process.freeze().await?;
        }
        let disks = ids.iter().map(|id| self.disk(*id));
        Disk::cut_power(&disks.collect::<anyhow::Result<Vec<_>>>()?)?;
        for id in ids {
            self.strike(*id)?;
        }
        for id in ids {
            self.kill(*id).await?;
            self.disk(*id)?.power_on().await?;
        }
        Ok(())
    }

    /// Lets every write of a node fail that needs new space on its disk, once the file system
    /// writes it back: the write itself goes well, and the fsync does not.
    ///
    /// # Errors
    /// If the node has no disk of its own.
    pub fn break_disk(&self, id: u64) -> anyhow::Result<()> {
        self.disk(id)?.use_up_room()
    }

    /// Makes the broken disk of a dead node work again.
    ///
    /// # Errors
    /// If a step fails.
    pub async fn mend_disk(&self, id: u64) -> anyhow::Result<()> {
        let disk = self.disk(id)?;
        disk.give_room_back()?;
        disk.power_on().await
    }

    /// The disk of a node.
    fn disk(&self, id: u64) -> anyhow::Result<&Disk> {
        let data = &self.node(id)?.data;
        let disk = self.disks.iter().find(|disk| data.starts_with(disk.path()));
        disk.with_context(|| format!("node {id} has no disk of its own"))
    }
}
