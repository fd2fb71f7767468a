//! What a backup holds: the replicated state as of one position, and a store that holds every push
//! up to it.

use pga_runtime::Instant;
use pga_storage::{Position, StoreWriter};

use crate::node::core::Core;
use crate::staged_backup::{BackupError, StagedBackup};

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
