//! What the node above serves to peers through the cluster's transport.

use bytes::Bytes;
use futures::future::BoxFuture;
use pga_config::NodeId;

use crate::transport::ServiceError;

/// Requests of peers that the layer above answers. Implemented by the node, and by fakes in tests.
pub trait AppService: Send + Sync + 'static {
    /// A new node, authenticated by a join certificate with this SHA-256, asks for its identity.
    ///
    /// # Errors
    /// [`ServiceError`]
    fn join(
        &self,
        certificate_sha256: [u8; 32],
        body: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>>;

    /// A member reads or writes something that is the layer above's own: a cluster key.
    ///
    /// # Errors
    /// [`ServiceError`]
    fn read(&self, from: NodeId, body: Bytes) -> BoxFuture<'_, Result<Bytes, ServiceError>>;
}
