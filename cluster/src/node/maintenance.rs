//! When snapshots are built, and how far the log is purged (LOG-2).

use std::sync::Arc;
use std::time::Duration;

use pga_runtime::Instant;
use pga_storage::Position;

use crate::error::{Error, Result};
use crate::node::core::Core;

/// Longest time one snapshot may take.
const BUILD: Duration = Duration::from_secs(600);

/// What the log holds, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LogUse {
    first: u64,
    last: u64,
    flushed: u64,
    bytes: u64,
}

impl LogUse {
    fn flushed_entries(self) -> u64 {
        (self.flushed + 1).saturating_sub(self.first)
    }

    fn entry_bytes(self) -> u64 {
        let entries = (self.last + 1).saturating_sub(self.first).max(1);
        (self.bytes / entries).max(1)
    }

    fn flushed_bytes(self) -> u64 {
        self.flushed_entries().saturating_mul(self.entry_bytes())
    }
}

/// Looks after the log until the node is stopped.
pub(crate) async fn run(core: Arc<Core>) {
    let mut stopped = core.stopped.subscribe();
    let mut tick = tokio::time::interval(core.snapshots.interval);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        core.release_buffer().await;
        let Some(used) = core.log_use() else { continue };
        let policy = &core.snapshots;
        let due =
            used.flushed_entries() > policy.log_entries || used.flushed_bytes() > policy.log_bytes;
        if due && let Err(error) = core.snapshot_and_purge().await {
            tracing::warn!(%error, "cannot build a snapshot");
        }
    }
}

impl Core {
    fn log_use(&self) -> Option<LogUse> {
        let log = self.log.log();
        Some(LogUse {
            first: log.first()?,
            last: log.last()?,
            flushed: self.machine.flushed.borrow().index,
            bytes: log.size_bytes(),
        })
    }

    /// A store of this node never comes back with an older watermark: what it holds leaves the
    /// buffer at once. For a shared store the buffer holds as much as the log.
    async fn release_buffer(&self) {
        let flushed = self.machine.flushed.borrow().index;
        let upto = if self.machine.has_own_store() {
            flushed
        } else {
            flushed.min(self.log.log().first().unwrap_or(0).saturating_sub(1))
        };
        let buffer = self.machine.buffer.clone();
        if let Err(error) = pga_runtime::spawn_blocking(move || buffer.release(upto)).await {
            tracing::warn!(%error, "cannot release the flush buffer");
        }
    }

    /// Builds a snapshot at the flush watermark, and purges what the policy does not retain.
    pub(crate) async fn snapshot_and_purge(&self) -> Result<Position> {
        let flushed = *self.machine.flushed.borrow();
        let before = self.machine.snapshot_index().unwrap_or(0);
        if flushed.index > before {
            self.raft
                .trigger()
                .snapshot()
                .await
                .map_err(|error| Error::Fatal(error.to_string()))?;
            self.wait_snapshot(flushed.index, pga_runtime::now() + BUILD)
                .await?;
        }
        if let Some(used) = self.log_use() {
            let policy = &self.snapshots;
            let retain = policy
                .retain_entries
                .min(policy.retain_bytes / used.entry_bytes());
            let snapshot = self.machine.snapshot_index().unwrap_or(0);
            let upto = snapshot
                .min(flushed.index)
                .min(flushed.index.saturating_sub(retain));
            if upto > used.first {
                self.raft
                    .trigger()
                    .purge_log(upto)
                    .await
                    .map_err(|error| Error::Fatal(error.to_string()))?;
                self.wait_purged(upto).await;
            }
        }
        Ok(flushed)
    }

    /// Waits for the purge: entries that were sent to a peer go only once it answered, or its
    /// stream was given up.
    async fn wait_purged(&self, upto: u64) {
        let deadline = pga_runtime::now() + 3 * self.timings.rpc_timeout;
        while pga_runtime::now() < deadline {
            if self
                .raft_metrics()
                .purged
                .is_some_and(|id| id.index >= upto)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until consensus knows the new snapshot; an unfinished upload may keep it from being
    /// built.
    async fn wait_snapshot(&self, index: u64, deadline: Instant) -> Result<()> {
        while pga_runtime::now() < deadline && !*self.stopped.borrow() {
            let known = self.raft_metrics().snapshot.map_or(0, |id| id.index);
            if known >= index {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(Error::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flushed_part_of_the_log_is_estimated_by_its_mean_entry() {
        let used = LogUse {
            first: 101,
            last: 200,
            flushed: 150,
            bytes: 10_000,
        };
        assert_eq!(used.flushed_entries(), 50);
        assert_eq!(used.flushed_bytes(), 5_000);
        let none = LogUse {
            flushed: 90,
            ..used
        };
        assert_eq!(none.flushed_entries(), 0);
    }
}
