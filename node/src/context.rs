//! What all actors of one node share.

use std::sync::Arc;

use pga_config::{Config, NodeId};
use pga_runtime::Live;
use pga_storage::StoreWriter;

use crate::faults::Faults;
use crate::metrics::Metrics;
use crate::replica::Replica;
use crate::replicator::Replicator;

/// What all actors of one node share.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// This node.
    pub(crate) node: NodeId,
    /// Its settings, as they were when it started.
    pub(crate) config: Arc<Config>,
    /// Its settings, as they are after each reload.
    pub(crate) live: Live<Config>,
    /// The replicated log.
    pub(crate) replica: Arc<dyn Replica>,
    /// The store.
    pub(crate) store: Arc<dyn StoreWriter>,
    /// Makes pushes durable.
    pub(crate) replicator: Arc<Replicator>,
    /// Counters.
    pub(crate) metrics: Metrics,
    /// Injected panics; nothing unless built for fault tests.
    pub(crate) faults: Faults,
}
