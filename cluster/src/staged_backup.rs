//! A backup on its way out of a node, and why there may be none.

use std::path::PathBuf;

use pga_storage::Position;

use crate::consensus::snapshot::SnapshotDir;
use crate::error::{Error, ProposeError};
use crate::feature_level::FeatureLevel;

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
