//! Who is at the other end.

use std::fmt;

use pga_config::NodeId;

/// The authenticated other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Peer {
    /// A node of this cluster: its certificate names this id, and its hello said the same.
    Node(NodeId),
    /// The holder of a join certificate; may call [`RpcKind::Join`](super::RpcKind::Join) alone.
    Joiner {
        /// SHA-256 of the join certificate's DER.
        certificate_sha256: [u8; 32],
    },
}

impl Peer {
    /// The node's id; `None` for a joiner.
    pub const fn node_id(self) -> Option<NodeId> {
        match self {
            Self::Node(id) => Some(id),
            Self::Joiner { .. } => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Joiner { .. } => f.write_str("joiner"),
        }
    }
}
