//! What nodes tell and ask each other beside consensus, over their mutually authenticated
//! connections. A node of an older program refuses what it does not know.

use bytes::Bytes;
use pga_cluster::transport::{RefusalReason, ServiceError};
use pga_web::FailedAttempts;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A message to one node.
#[derive(Serialize, Deserialize)]
pub(crate) enum PeerMessage {
    /// Write this cluster key down; the answer says that it is on disk.
    Keep([u8; 32]),
    /// Tell the cluster key of this name.
    Give([u8; 32]),
    /// These attempts to log in or to register failed here; the answer is empty.
    Failed(Vec<FailedAttempts>),
}

impl PeerMessage {
    pub(crate) fn encode(&self) -> Result<Bytes> {
        let bytes = rmp_serde::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(bytes.into())
    }

    pub(crate) fn decode(body: &[u8]) -> std::result::Result<Self, ServiceError> {
        let malformed = |_| ServiceError::Refused(RefusalReason::Malformed);
        pga_storage::from_msgpack(body).map_err(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nodes of two versions rotate a key together.
    #[test]
    fn keys_are_told_as_in_earlier_versions() {
        let give = PeerMessage::Give([7; 32]).encode().unwrap();
        assert_eq!(give[..6], *b"\x81\xa4Give");
        assert_eq!(give.len(), 6 + 3 + 32);
    }
}
