//! What a node has ready for a backup.

use std::path::PathBuf;

use pga_cluster::{ClusterId, FeatureLevel};
use pga_config::NodeId;
use pga_storage::Position;
use serde::{Deserialize, Serialize};

/// What a node staged for a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Staged {
    /// The file of the state.
    pub(crate) state_file: PathBuf,
    /// The copy of the node's own store, if it has one.
    pub(crate) store_file: Option<PathBuf>,
    /// Everything that was acknowledged up to here is in it.
    pub(crate) position: Position,
    /// The store's watermark.
    pub(crate) watermark: Position,
    /// Whose it is.
    pub(crate) cluster: ClusterId,
    /// The node.
    pub(crate) node: NodeId,
    /// The cluster's feature level.
    pub(crate) feature_level: FeatureLevel,
    /// The first version of the program that knows this level.
    pub(crate) since: String,
}
