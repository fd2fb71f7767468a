//! What a backup holds: the replicated state as of one position, and a store that holds every push
//! up to it.

use std::path::PathBuf;

use pga_runtime::Instant;
use pga_storage::{Position, StoreWriter};

use super::core::Core;
use super::{Error, ProposeError};
use crate::feature_level::FeatureLevel;
use crate::raft::snapshot::SnapshotDir;

/// Why there is no backup. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// No quorum told what was committed, or this node has not applied it in time.
    #[error("this node cannot tell what is committed")]
    NotCurrent(#[source] ProposeError),
    /// The store has not stored what was acknowledged before.
    #[error(
        "the store does not hold every push up to {goal} yet, it is at {stored}: a database that is away or an unfinished large push keeps it from that"
    )]
    Behind {
        /// What it has to hold.
        goal: Position,
        /// What it holds.
        stored: Position,
    },
    /// The store's watermark is before what it said a moment ago.
    #[error(
        "the store lost rows, its watermark went back to {stored}: try again when the nodes have refilled it"
    )]
    WentBack {
        /// Where it is now.
        stored: Position,
    },
    /// The store failed.
    #[error("the store cannot be read")]
    Store(#[from] pga_storage::Error),
    /// The state cannot be built.
    #[error("the state cannot be built")]
    Node(#[from] Error),
}

/// What a backup holds, on this node's disk until the value is dropped.
#[derive(Debug)]
pub struct StagedBackup {
    dir: SnapshotDir,
    /// Everything that was committed up to here is in it, and nothing after.
    pub position: Position,
    /// The store's watermark. Between it and `position` there is no push.
    pub watermark: Position,
    /// The cluster's feature level.
    pub feature_level: FeatureLevel,
    /// The first version of the program that knows this level.
    pub since: String,
}

impl StagedBackup {
    pub(crate) fn new(
        dir: SnapshotDir,
        position: Position,
        watermark: Position,
        level: (FeatureLevel, String),
    ) -> Self {
        let (feature_level, since) = level;
        Self {
            dir,
            position,
            watermark,
            feature_level,
            since,
        }
    }

    /// The file of the state ([`crate::State::to_bytes`]).
    pub fn state_file(&self) -> PathBuf {
        self.dir.state_file()
    }

    /// The copy of the node's own store, if there is one.
    pub fn store_file(&self) -> Option<PathBuf> {
        self.dir.store_file()
    }
}

impl Core {
    /// Waits until the store holds every push that was acknowledged before the call: up to the
    /// position that is returned.
    pub(crate) async fn stored_position(&self, deadline: Instant) -> Result<Position, BackupError> {
        let goal = self.linearizable(deadline).await;
        let goal = goal.map_err(BackupError::NotCurrent)?;
        let mut flushed = self.machine.flushed.subscribe();
        loop {
            let stored = *flushed.borrow_and_update();
            if stored.index >= goal.index || self.is_stored(stored, goal).await {
                return Ok(goal);
            }
            let moved = tokio::time::timeout_at(deadline, flushed.changed()).await;
            if !matches!(moved, Ok(Ok(()))) {
                return Err(BackupError::Behind { goal, stored });
            }
        }
    }

    /// Whether no push stands between `stored` and `goal`; `false` too if the buffer cannot tell.
    async fn is_stored(&self, stored: Position, goal: Position) -> bool {
        let buffer = self.machine.buffer.clone();
        let read = move || {
            let after = stored.index.max(buffer.held_after());
            let batch = buffer.read_batch(after, goal.index, 1).ok()?;
            // It ends before an open upload, and what is behind that is not seen.
            Some(batch.pushes.is_empty() && batch.upto >= goal.index)
        };
        let told = pga_runtime::spawn_blocking(read).await;
        matches!(told, Ok(Some(true)))
    }

    /// Makes the files of a backup that holds everything acknowledged before the call.
    pub(crate) async fn stage_backup(
        &self,
        store: &dyn StoreWriter,
        deadline: Instant,
    ) -> Result<StagedBackup, BackupError> {
        let goal = self.stored_position(deadline).await?;
        self.machine.stage(store, goal, deadline).await
    }
}
