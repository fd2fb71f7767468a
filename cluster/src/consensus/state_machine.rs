//! openraft's state machine: the replicated [`State`] in memory, the flush buffer beside it,
//! snapshots on disk.

mod build;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use futures::{Stream, StreamExt};
use openraft::alias::SnapshotOf;
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder};
use pga_storage::buffer::Buffer;
use pga_storage::{Position, StoreWriter};
use tokio::sync::watch;

use crate::consensus::address_book::AddressBook;
use crate::consensus::log_store::LogStore;
use crate::consensus::replay::apply_entry;
use crate::consensus::snapshot::{
    Knows, Meta, SnapshotDir, Snapshots, decode_state, read_state_file,
};
use crate::consensus::type_config::{
    Entry, LogId, Membership, TypeConfig, position, position_or_start,
};
use crate::effects::put_effect;
use crate::feature_level::{FeatureLevel, Outdated};
use crate::metrics::ClusterMetrics;
use crate::state::{State, StateLimits};

/// Consensus with this state machine.
pub(crate) type Raft = openraft::Raft<TypeConfig, StateMachine>;

/// Entries applied in one go.
const APPLY_BATCH: usize = 256;

/// openraft's handle to the state machine; clones share it.
#[derive(Clone)]
pub(crate) struct StateMachine(pub(crate) Arc<Inner>);

/// The state machine.
pub(crate) struct Inner {
    state: RwLock<Live>,
    pub(crate) buffer: Buffer,
    snapshots: Snapshots,
    current: Mutex<Option<(Meta, SnapshotDir)>>,
    /// One snapshot is built or installed at a time.
    busy: tokio::sync::Mutex<()>,
    log: LogStore,
    own_store: Option<Arc<dyn StoreWriter>>,
    limits: StateLimits,
    known: FeatureLevel,
    outdated: OnceLock<Outdated>,
    book: Arc<AddressBook>,
    pub(crate) metrics: Arc<ClusterMetrics>,
    pub(crate) applied: watch::Sender<Position>,
    pub(crate) flushable: watch::Sender<Position>,
    pub(crate) flushed: watch::Sender<Position>,
}

struct Live {
    state: State,
    membership: Membership,
    last_applied: Option<LogId>,
}

/// What the state machine is opened with.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) buffer: Buffer,
    pub(crate) log: LogStore,
    pub(crate) own_store: Option<Arc<dyn StoreWriter>>,
    pub(crate) limits: StateLimits,
    /// What this program knows.
    pub(crate) known: FeatureLevel,
    pub(crate) book: Arc<AddressBook>,
    pub(crate) metrics: Arc<ClusterMetrics>,
    /// The watermark of the node's own store.
    pub(crate) flushed: Position,
}

impl StateMachine {
    /// Opens the newest snapshot in `dir`; the log above it is re-applied by consensus.
    pub(crate) async fn open(dir: &Path, parts: Parts) -> crate::error::Result<Self> {
        let (snapshots, newest) = Snapshots::open(dir)?;
        let knows = Knows {
            limits: parts.limits,
            level: parts.known,
        };
        let mut flushed = parts.flushed;
        let mut live = Live {
            state: State::new(parts.limits),
            membership: Membership::default(),
            last_applied: None,
        };
        let mut current = None;
        if let Some((meta, bytes, found)) = newest {
            live.state = decode_state(&found.state_file(), &bytes, knows)?;
            live.membership = meta.last_membership.clone();
            live.last_applied = meta.last_log_id;
            let at = position_or_start(meta.last_log_id.as_ref());
            // A crash may have come between a snapshot's arrival and the store's replacement.
            if let Some(store) = &parts.own_store
                && flushed.index < at.index
                && let Some(copy) = found.store_file()
            {
                store.replace_with(&copy).await?;
                flushed = store.watermark().await?.position;
            }
            current = Some((meta, found));
        }
        if parts.own_store.is_none() {
            flushed = live.state.flushed();
        }
        let inner = Inner {
            applied: watch::Sender::new(live.state.applied()),
            flushable: watch::Sender::new(live.state.flushable()),
            flushed: watch::Sender::new(flushed),
            state: RwLock::new(live),
            buffer: parts.buffer,
            snapshots,
            current: Mutex::new(current),
            busy: tokio::sync::Mutex::new(()),
            log: parts.log,
            own_store: parts.own_store,
            limits: parts.limits,
            known: parts.known,
            outdated: OnceLock::new(),
            book: parts.book,
            metrics: parts.metrics,
        };
        inner.buffer.set_flushed(flushed.index);
        inner.note_members();
        Ok(Self(Arc::new(inner)))
    }
}

impl Inner {
    /// Reads the state.
    pub(crate) fn with_state<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(
            &self
                .state
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .state,
        )
    }

    /// With what a state is read.
    pub(crate) const fn knows(&self) -> Knows {
        Knows {
            limits: self.limits,
            level: self.known,
        }
    }

    /// Why apply stopped, if this program is too old for the log.
    pub(crate) fn outdated(&self) -> Option<Outdated> {
        self.outdated.get().cloned()
    }

    /// Notes how far the node's own store has come.
    pub(crate) fn set_own_flushed(&self, position: Position) {
        self.buffer.set_flushed(position.index);
        self.flushed.send_if_modified(|flushed| {
            let newer = position.index > flushed.index;
            if newer {
                *flushed = position;
            }
            newer
        });
    }

    /// Whether this node has a store of its own.
    pub(crate) fn has_own_store(&self) -> bool {
        self.own_store.is_some()
    }

    /// Index of the newest snapshot.
    pub(crate) fn snapshot_index(&self) -> Option<u64> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let (meta, _) = current.as_ref()?;
        meta.last_log_id.map(|id| id.index)
    }

    fn note_members(&self) {
        let live = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let members = live.membership.nodes().map(|(_, member)| member);
        self.book.update(members, live.state.address_book());
    }

    /// Applies a batch and fills the buffer; answers in order.
    fn apply_batch(&self, entries: &[Entry]) -> io::Result<Vec<crate::outcome::Reply>> {
        let started = pga_runtime::now();
        let mut replies = Vec::with_capacity(entries.len());
        let mut effects = Vec::new();
        let mut changed_members = false;
        let (applied, flushable, flushed) = {
            let mut live = self.state.write().unwrap_or_else(PoisonError::into_inner);
            let live = &mut *live;
            let addresses = live.state.address_changes();
            for entry in entries {
                let applied = apply_entry(&mut live.state, &mut live.membership, entry, self.known);
                let applied = applied.map_err(|outdated| {
                    io::Error::other(self.outdated.get_or_init(|| outdated).clone())
                })?;
                if let Some(effect) = applied.effect {
                    effects.push((position(&entry.log_id), effect));
                }
                changed_members |= matches!(entry.payload, EntryPayload::Membership(_));
                live.last_applied = Some(entry.log_id);
                replies.push(applied.reply);
            }
            changed_members |= live.state.address_changes() != addresses;
            (
                live.state.applied(),
                live.state.flushable(),
                live.state.flushed(),
            )
        };
        let own_flushed = self.own_store.as_ref().map(|_| *self.flushed.borrow());
        for (at, effect) in effects {
            // What the node's own store holds already is not buffered again after a restart.
            if own_flushed.is_none_or(|flushed| at.index > flushed.index) {
                put_effect(&self.buffer, at, effect).map_err(io::Error::other)?;
            }
        }
        if changed_members {
            self.note_members();
        }
        // The buffer is filled: who sees a flushable position finds it there. `applied` comes last,
        // and implies the others.
        self.flushable.send_if_modified(|old| {
            let newer = old.index != flushable.index;
            *old = flushable;
            newer
        });
        if own_flushed.is_none() && flushed.index > self.flushed.borrow().index {
            self.buffer.set_flushed(flushed.index);
            self.flushed.send_replace(flushed);
        }
        self.applied.send_replace(applied);
        self.metrics.applied(entries.len(), started.elapsed());
        Ok(replies)
    }

    fn current(&self) -> Option<(Meta, SnapshotDir)> {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_current(&self, meta: Meta, dir: SnapshotDir) {
        let old = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace((meta, dir));
        if let Some((_, old)) = old {
            old.retire();
        }
    }

    /// Installs a snapshot from the leader: durable, and in the node's own store, on return.
    async fn install(
        self: &Arc<Self>,
        meta: &Meta,
        received: SnapshotDir,
    ) -> crate::error::Result<()> {
        let _busy = self.busy.lock().await;
        let at = position_or_start(meta.last_log_id.as_ref());
        let inner = Arc::clone(self);
        let (state, dir) = pga_runtime::spawn_blocking(move || {
            let file = received.state_file();
            let (_, bytes) = read_state_file(&file)?;
            let state = decode_state(&file, &bytes, inner.knows())?;
            let dir = inner.snapshots.publish(&received, at.index)?;
            Ok::<_, crate::error::Error>((state, dir))
        })
        .await
        .map_err(|error| crate::error::Error::Fatal(error.to_string()))??;
        let mut flushed = at;
        // The snapshot is durable before the store changes: a crash in between is repaired at
        // start.
        if let Some(store) = &self.own_store
            && store.watermark().await?.position.index < at.index
            && let Some(copy) = dir.store_file()
        {
            store.replace_with(&copy).await?;
            flushed = store.watermark().await?.position;
        }
        let buffer = self.buffer.clone();
        pga_runtime::spawn_blocking(move || buffer.clear())
            .await
            .map_err(|error| crate::error::Error::Fatal(error.to_string()))??;
        self.buffer.set_flushed(flushed.index);
        let (applied, flushable) = (state.applied(), state.flushable());
        {
            let mut live = self.state.write().unwrap_or_else(PoisonError::into_inner);
            live.state = state;
            live.membership = meta.last_membership.clone();
            live.last_applied = meta.last_log_id;
        }
        self.set_current(meta.clone(), dir);
        self.note_members();
        self.applied.send_replace(applied);
        self.flushable.send_replace(flushable);
        self.flushed.send_replace(flushed);
        self.metrics.snapshots_installed.inc();
        tracing::info!(position = %at, "snapshot installed");
        Ok(())
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotDir;
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), io::Error> {
        let live = self.0.state.read().unwrap_or_else(PoisonError::into_inner);
        Ok((live.last_applied, live.membership.clone()))
    }

    async fn apply<S>(&mut self, entries: S) -> Result<(), io::Error>
    where
        S: Stream<Item = Result<EntryResponder<TypeConfig>, io::Error>> + Unpin + OptionalSend,
    {
        let mut batches = entries.ready_chunks(APPLY_BATCH);
        while let Some(batch) = batches.next().await {
            let mut entries = Vec::with_capacity(batch.len());
            let mut responders: Vec<Option<ApplyResponder<TypeConfig>>> =
                Vec::with_capacity(batch.len());
            for item in batch {
                let (entry, responder) = item?;
                entries.push(entry);
                responders.push(responder);
            }
            let inner = Arc::clone(&self.0);
            let replies = pga_runtime::spawn_blocking(move || inner.apply_batch(&entries))
                .await
                .map_err(io::Error::other)??;
            for (responder, reply) in responders.into_iter().zip(replies) {
                if let Some(responder) = responder {
                    responder.send(reply);
                }
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn install_snapshot(
        &mut self,
        meta: &Meta,
        snapshot: SnapshotDir,
    ) -> Result<(), io::Error> {
        self.0
            .install(meta, snapshot)
            .await
            .map_err(io::Error::other)
    }

    async fn get_current_snapshot(
        &mut self,
    ) -> Result<Option<SnapshotOf<TypeConfig, SnapshotDir>>, io::Error> {
        let current = self.0.current();
        Ok(
            current
                .map(|(meta, snapshot)| SnapshotOf::<TypeConfig, SnapshotDir> { meta, snapshot }),
        )
    }
}

impl RaftSnapshotBuilder<TypeConfig> for StateMachine {
    type SnapshotData = SnapshotDir;

    async fn build_snapshot(&mut self) -> Result<SnapshotOf<TypeConfig, SnapshotDir>, io::Error> {
        let built = self.0.build().await.map_err(io::Error::other)?;
        let (meta, snapshot) = built
            .ok_or_else(|| io::Error::other("nothing is flushed that a snapshot could hold"))?;
        Ok(SnapshotOf::<TypeConfig, SnapshotDir> { meta, snapshot })
    }
}
