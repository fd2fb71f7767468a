//! One stream of a greeted connection: a call, a long stream, or a snapshot.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::timeout;

use super::super::{FrameReceiver, FrameSender, Peer, RefusalReason, RpcKind, ServiceError};
use super::frame_error::FrameError;
use super::frame_io::{FrameReader, FrameWriter, StreamSink, StreamSource};
use super::gate::Gate;
use super::server::Server;
use super::snapshot_receive::{ReceiveError, receive};
use super::wire::{OPEN_CALL, OPEN_SNAPSHOT, OPEN_STREAM, encode_answer, fits};

/// Most a joiner may send.
const JOIN_BYTES: usize = 64 << 10;

type Answer = Result<Bytes, ServiceError>;

const fn refused(reason: RefusalReason) -> Answer {
    Err(ServiceError::Refused(reason))
}

impl Server {
    /// Serves one stream; one that breaks the rules is reset.
    pub(super) async fn serve_stream(
        self: Arc<Self>,
        gate: Arc<Gate>,
        peer: Peer,
        mut writer: FrameWriter,
        mut reader: FrameReader,
    ) {
        let answer = match timeout(self.limits.request_timeout, reader.head()).await {
            Ok(Ok(Some((length, [OPEN_CALL, kind])))) => {
                self.serve_call(&gate, peer, kind, length, &mut reader)
                    .await
            }
            Ok(Ok(Some((1, [OPEN_STREAM, _])))) => {
                return self.serve_long_stream(&gate, peer, writer, reader).await;
            }
            Ok(Ok(Some((_, [OPEN_SNAPSHOT, _])))) => self.serve_snapshot(peer, &mut reader).await,
            Ok(Ok(Some(_))) => Ok(refused(RefusalReason::Malformed)),
            Ok(Ok(None)) => Err(FrameError::Ended),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(FrameError::Late),
        };
        reader.stop();
        let (head, body) = match answer {
            Ok(Ok(body)) if !fits(&body) => {
                encode_answer(Err(ServiceError::Failed("answer is too large".into())))
            }
            Ok(answer) => encode_answer(answer),
            Err(error) => {
                tracing::debug!(peer = %peer, %error, "stream of a peer given up");
                return;
            }
        };
        // If this fails the caller is gone, and knows that it does not know.
        if writer.send(&head, body).await.is_ok() {
            writer.finish();
        }
    }

    async fn serve_call(
        &self,
        gate: &Gate,
        peer: Peer,
        kind: u8,
        length: usize,
        reader: &mut FrameReader,
    ) -> Result<Answer, FrameError> {
        let Some(kind) = RpcKind::from_u8(kind) else {
            return Ok(refused(RefusalReason::Malformed));
        };
        if peer.node_id().is_none() && (kind != RpcKind::Join || length > JOIN_BYTES) {
            return Ok(refused(RefusalReason::Forbidden));
        }
        // Consensus waits for its places (they are freed soon), all else is told to come again.
        let places = if kind.is_consensus() {
            (gate.consensus.acquire().await.ok(), None)
        } else {
            let kibibytes = u32::try_from(length >> 10)
                .unwrap_or(u32::MAX)
                .saturating_add(1);
            match (
                gate.calls.try_acquire(),
                self.memory.try_acquire_many(kibibytes),
            ) {
                (Ok(place), Ok(memory)) => (Some(place), Some(memory)),
                _ => return Ok(refused(RefusalReason::Overloaded)),
            }
        };
        let mut frame = reader.expect(self.limits.request_timeout).await?;
        let body = frame.split_off(2);
        let answer = self.service.call(peer, kind, body).await;
        drop(places);
        Ok(answer)
    }

    async fn serve_long_stream(
        &self,
        gate: &Gate,
        peer: Peer,
        writer: FrameWriter,
        mut reader: FrameReader,
    ) {
        let (Some(node), Ok(_place)) = (peer.node_id(), gate.streams.try_acquire()) else {
            tracing::debug!(peer = %peer, "stream of a peer refused");
            return reader.stop();
        };
        if reader.next().await.is_err() {
            return;
        }
        let answers = FrameSender::new(StreamSink { peer: node, writer });
        let requests = FrameReceiver::new(StreamSource { peer: node, reader });
        self.service.stream(peer, answers, requests).await;
    }

    async fn serve_snapshot(
        &self,
        peer: Peer,
        reader: &mut FrameReader,
    ) -> Result<Answer, FrameError> {
        if peer.node_id().is_none() {
            return Ok(refused(RefusalReason::Forbidden));
        }
        let Ok(_place) = self.snapshots.try_acquire() else {
            return Ok(refused(RefusalReason::Overloaded));
        };
        let stall = self.limits.request_timeout;
        let mut header = reader.expect(stall).await?;
        let header = header.split_off(1);
        match receive(reader, &self.spool, self.limits.snapshot_bytes, stall).await {
            Ok(snapshot) => Ok(self.service.snapshot(peer, header, snapshot).await),
            Err(ReceiveError::Frame(error)) => Err(error),
            Err(error @ ReceiveError::Malformed(_)) => {
                tracing::warn!(peer = %peer, %error, "snapshot of a peer refused");
                Ok(refused(RefusalReason::Malformed))
            }
            Err(error) => {
                tracing::error!(peer = %peer, %error, "snapshot of a peer not stored");
                Ok(Err(ServiceError::refused(error.to_string())))
            }
        }
    }
}
