//! Building a snapshot: the log is replayed onto the newest one (design D12).

use std::io;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use pga_storage::Position;

use super::Inner;
use crate::node::{Error, Result};
use crate::raft::replay::apply_entry;
use crate::raft::snapshot::{Meta, SnapshotDir, decode_state, read_state_file, write_state_file};
use crate::raft::type_config::position_or_start;
use crate::state::State;

/// Payload bytes replayed in one go when a snapshot is built.
const REPLAY_BYTES: usize = 4 << 20;

impl Inner {
    /// Replays the log onto the newest snapshot up to `upto`: the state as of then, and its place.
    fn replay_to(&self, upto: u64) -> Result<(State, Meta)> {
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
                let entry = crate::raft::payload::from_disk(entry)
                    .map_err(|source| self.replay_error(source))?;
                apply_entry(&mut state, &mut meta.last_membership, &entry, self.known)
                    .map_err(Error::Outdated)?;
                meta.last_log_id = Some(entry.log_id);
                next = entry.log_id.index + 1;
            }
        }
        Ok((state, meta))
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
        let started = Instant::now();
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
        let built = tokio::task::spawn_blocking(move || inner.build_at(flushed, &made))
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
        let (state, meta) = self.replay_to(flushed.index)?;
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
}
