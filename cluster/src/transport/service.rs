//! What a node serves to its peers.

use bytes::Bytes;
use futures::future::BoxFuture;

use super::{FrameReceiver, FrameSender, Peer, ReceivedSnapshot, RpcKind, ServiceError};

/// The server side: called by the transport for authenticated peers, with bounded concurrency per
/// connection.
///
/// A future may be dropped at any await when its peer goes away.
pub trait Service: Send + Sync + 'static {
    /// Answers one request.
    ///
    /// # Errors
    /// [`ServiceError`]
    fn call(
        &self,
        from: Peer,
        kind: RpcKind,
        body: Bytes,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>>;

    /// Serves one ordered stream until either side ends it.
    fn stream(
        &self,
        from: Peer,
        answers: FrameSender,
        requests: FrameReceiver,
    ) -> BoxFuture<'_, ()>;

    /// Takes a snapshot that has arrived completely, all checksums right. Its directory is removed
    /// when `snapshot` is dropped, unless it is kept.
    ///
    /// # Errors
    /// [`ServiceError`]
    fn snapshot(
        &self,
        from: Peer,
        header: Bytes,
        snapshot: ReceivedSnapshot,
    ) -> BoxFuture<'_, Result<Bytes, ServiceError>>;
}
