//! A member of the cluster and where it listens.

use std::fmt;

use pga_config::NodeId;
use serde::{Deserialize, Serialize};

/// A member of the cluster and where it listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its id.
    pub node: NodeId,
    /// QUIC address, `host:port`.
    pub quic: String,
    /// Base URL of its HTTP side.
    pub http: String,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.node, self.quic)
    }
}
