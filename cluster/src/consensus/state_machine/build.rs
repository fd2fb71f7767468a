//! Building a snapshot: the log is replayed onto the newest one (design D12).

use std::io;
use std::sync::{Arc, PoisonError};

use pga_storage::{Position, StoreWriter};

use crate::consensus::replay::apply_entry;
use crate::consensus::snapshot::{
    Meta, SnapshotDir, decode_state, read_state_file, write_state_file,
};
use crate::consensus::state_machine::Inner;
use crate::consensus::type_config::position_or_start;
use crate::error::Error;
use crate::error::ProposeError;
use crate::error::Result;
use crate::staged_backup::{BackupError, StagedBackup};
use crate::state::{Effect, State};

/// Payload bytes replayed in one go when a snapshot is built.
const REPLAY_BYTES: usize = 4 << 20;

impl Inner {
    /// Replays the log onto the newest snapshot up to `upto`: the state as of then, and its place.
    /// `None` if the newest snapshot is later, or a push after `stored` took effect.
    fn replay_to(&self, upto: u64, stored: u64) -> Result<Option<(State, Meta)>> {
        let current = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (mut state, mut meta) = match current {
            None => (State::new(self.limits), Meta::default()),
            Some((meta, dir)) => {
                let (_, bytes) = read_state_file(&dir.state_file())?;
                let state = decode_state(&dir.state_file(), &bytes, self.knows())?;
                (state, meta)
            }
        };
        let mut next = meta.last_log_id.map_or(0, |id| id.index + 1);
        if next > upto + 1 {
            return Ok(None);
        }
        while next <= upto {
            let entries = self
                .log
                .log()
                .read(next..upto + 1, REPLAY_BYTES)
                .map_err(|source| self.replay_error(source))?;
            if entries.first().map(|entry| entry.index) != Some(next) {
                let source = io::Error::other(format!("entry {next} is missing"));
                return Err(self.replay_error(source));
            }
            for entry in entries {
                let entry = crate::consensus::entry_codec::from_disk(entry)
                    .map_err(|source| self.replay_error(source))?;
                let applied =
                    apply_entry(&mut state, &mut meta.last_membership, &entry, self.known)
                        .map_err(Error::Outdated)?;
                let takes_effect =
                    matches!(applied.effect, Some(Effect::Pushes(_) | Effect::Commit(_)));
                if takes_effect && entry.log_id.index > stored {
                    return Ok(None);
                }
                meta.last_log_id = Some(entry.log_id);
                next = entry.log_id.index + 1;
            }
        }
        Ok(Some((state, meta)))
    }

    fn replay_error(&self, source: io::Error) -> Error {
        Error::File {
            action: "replay the log for",
            path: "a snapshot".into(),
            source,
        }
    }

    /// Builds the snapshot as of the flush watermark (design D12), unless the newest one is as new.
    pub(super) async fn build(self: &Arc<Self>) -> Result<Option<(Meta, SnapshotDir)>> {
        let _busy = self.busy.lock().await;
        let started = pga_runtime::now();
        let made = self.snapshots.prepare()?;
        let flushed = match &self.own_store {
            None => *self.flushed.borrow(),
            Some(store) => {
                let target = made.store_path();
                match store.copy_to(&target).await? {
                    Some(watermark) => watermark.position,
                    None => *self.flushed.borrow(),
                }
            }
        };
        if self.snapshot_index().unwrap_or(0) >= flushed.index {
            return Ok(self.current());
        }
        let inner = Arc::clone(self);
        let built = pga_runtime::spawn_blocking(move || inner.build_at(flushed, &made))
            .await
            .map_err(|error| Error::Fatal(error.to_string()))??;
        if let Some((meta, dir)) = &built {
            self.metrics
                .snapshot_built(dir.size_bytes(), started.elapsed());
            let position = position_or_start(meta.last_log_id.as_ref());
            tracing::info!(%position, elapsed = ?started.elapsed(), bytes = dir.size_bytes(), "snapshot built");
        }
        Ok(built.or_else(|| self.current()))
    }

    fn build_at(
        &self,
        flushed: Position,
        made: &SnapshotDir,
    ) -> Result<Option<(Meta, SnapshotDir)>> {
        let Some((state, meta)) = self.replay_to(flushed.index, flushed.index)? else {
            return Ok(None);
        };
        if state.flushable().index < flushed.index {
            // FLUSH-1: parts below the watermark would be missing for their commit above it.
            tracing::warn!(position = %flushed, "the watermark stands inside an upload, no snapshot");
            return Ok(None);
        }
        let bytes = state
            .to_bytes()
            .map_err(|error| Error::Fatal(error.to_string()))?;
        write_state_file(&made.state_file(), &meta, &bytes)?;
        drop(state);
        let dir = self.snapshots.publish(made, flushed.index)?;
        self.set_current(meta.clone(), dir.clone());
        Ok(Some((meta, dir)))
    }

    /// Makes the files of a backup: what the store holds, and the state as of then or of `goal`, up
    /// to which the store holds every push.
    pub(crate) async fn stage(
        self: &Arc<Self>,
        store: &dyn StoreWriter,
        goal: Position,
        deadline: tokio::time::Instant,
    ) -> Result<StagedBackup, BackupError> {
        let mut shared = None;
        if store.is_shared() {
            let watermark = store.watermark().await?.position;
            let mut applied = self.applied.subscribe();
            let reached = applied.wait_for(|applied| applied.index >= watermark.index);
            if !matches!(tokio::time::timeout_at(deadline, reached).await, Ok(Ok(_))) {
                return Err(BackupError::NotCurrent(ProposeError::Unknown));
            }
            shared = Some(watermark);
        }
        // Nobody purges meanwhile what is replayed here.
        let _busy = self.busy.lock().await;
        let made = self.snapshots.prepare()?;
        let copied = store.copy_to(&made.store_path()).await?;
        let stored = copied.map(|copy| copy.position).or(shared);
        let stored = stored.unwrap_or_default();
        let upto = stored.index.max(goal.index);
        let inner = Arc::clone(self);
        let staged = pga_runtime::spawn_blocking(move || inner.stage_at(upto, stored, made)).await;
        staged.map_err(|error| Error::Fatal(error.to_string()))?
    }

    fn stage_at(
        &self,
        upto: u64,
        stored: Position,
        made: SnapshotDir,
    ) -> Result<StagedBackup, BackupError> {
        let Some((state, meta)) = self.replay_to(upto, stored.index)? else {
            return Err(BackupError::WentBack { stored });
        };
        let bytes = state
            .to_bytes()
            .map_err(|error| Error::Fatal(error.to_string()))?;
        let path = made.state_file();
        std::fs::write(&path, bytes).map_err(|source| Error::File {
            action: "write",
            path,
            source,
        })?;
        let level = state.cluster_level().clone();
        let position = position_or_start(meta.last_log_id.as_ref());
        Ok(StagedBackup::new(
            made,
            position,
            stored,
            (level.level, level.since),
        ))
    }
}
