//! Frames on a QUIC stream: a length (4 bytes, big-endian, 1 to the cap), then that many bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use pga_config::NodeId;
use quinn::{RecvStream, SendStream, VarInt, WriteError};

use super::super::frame::MAX_FRAME_BYTES;
use super::super::metrics::PeerBytes;
use super::super::{FrameSink, FrameSource, RefusalReason, TransportError};
use super::frame_buffer::{FrameBuffer, LENGTH};
use super::frame_error::FrameError;

/// Most bytes in front of a body in the same frame.
pub(super) const FRAME_OVERHEAD: usize = 64;
/// Largest frame on the wire: a body and what stands in front of it.
pub(super) const FRAME_LIMIT: usize = MAX_FRAME_BYTES + FRAME_OVERHEAD;
/// Code of streams given up by this node.
pub(super) const ABORTED: VarInt = VarInt::from_u32(1);
const READ: usize = 256 << 10;

/// Reads frames. Cancel safe.
pub(super) struct FrameReader {
    stream: RecvStream,
    buffer: FrameBuffer,
    bytes: PeerBytes,
}

impl FrameReader {
    pub(super) fn new(stream: RecvStream, limit: usize, bytes: PeerBytes) -> Self {
        Self {
            stream,
            buffer: FrameBuffer::new(limit),
            bytes,
        }
    }

    /// Length and first byte(s) of the next frame as soon as they are there, without taking it;
    /// `None` at the end.
    pub(super) async fn head(&mut self) -> Result<Option<(usize, [u8; 2])>, FrameError> {
        loop {
            if let Some(head) = self.buffer.head()? {
                return Ok(Some(head));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// The next frame; `None` at an orderly end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        loop {
            if let Some(frame) = self.buffer.next()? {
                return Ok(Some(frame));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// The next frame, which must come, and within `timeout`.
    pub(super) async fn expect(&mut self, timeout: Duration) -> Result<Bytes, FrameError> {
        match tokio::time::timeout(timeout, self.next()).await {
            Ok(frame) => frame?.ok_or(FrameError::Ended),
            Err(_) => Err(FrameError::Late),
        }
    }

    /// Tells the other side that nothing more will be read.
    pub(super) fn stop(&mut self) {
        // Fails only if the stream has ended, which is as good.
        self.stream.stop(ABORTED).ok();
    }

    /// Reads some bytes; false at the end of the stream, if that is between two frames.
    async fn fill(&mut self) -> Result<bool, FrameError> {
        match self.stream.read_chunk(READ, true).await? {
            Some(chunk) => {
                self.bytes.received.inc_by(chunk.bytes.len() as u64);
                self.buffer.extend(&chunk.bytes);
                Ok(true)
            }
            None if self.buffer.is_empty() => Ok(false),
            None => Err(FrameError::Truncated),
        }
    }
}

/// Writes frames. Dropped without [`FrameWriter::finish`] the stream is reset, so that the other
/// side sees no orderly end.
pub(super) struct FrameWriter {
    stream: SendStream,
    finished: bool,
    bytes: PeerBytes,
}

impl FrameWriter {
    pub(super) fn new(stream: SendStream, bytes: PeerBytes) -> Self {
        Self {
            stream,
            finished: false,
            bytes,
        }
    }

    /// Writes one frame made of `head` (short) and `body`; together they must not be empty.
    pub(super) async fn send(&mut self, head: &[u8], body: Bytes) -> Result<(), WriteError> {
        let length = head.len() + body.len();
        let mut front = BytesMut::with_capacity(LENGTH + head.len());
        front.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        front.extend_from_slice(head);
        self.bytes.sent.inc_by((LENGTH + length) as u64);
        self.stream
            .write_all_chunks(&mut [front.freeze(), body])
            .await
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
        // Fails only on a stream that the other side has stopped.
        self.stream.finish().ok();
    }

    /// Waits until the other side has everything, or does not want it any more.
    pub(super) async fn delivered(&mut self) {
        self.stream.stopped().await.ok();
    }

    pub(super) fn set_low_priority(&self) {
        self.stream.set_priority(-10).ok();
    }
}

impl Drop for FrameWriter {
    fn drop(&mut self) {
        if !self.finished {
            self.stream.reset(ABORTED).ok();
        }
    }
}

/// Sending half of a long stream.
pub(super) struct StreamSink {
    pub(super) peer: NodeId,
    pub(super) writer: FrameWriter,
}

impl FrameSink for StreamSink {
    fn send(&mut self, frame: Bytes) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            if frame.is_empty() || frame.len() > MAX_FRAME_BYTES {
                let reason = RefusalReason::Malformed;
                return Err(TransportError::Refused {
                    peer: self.peer,
                    reason,
                });
            }
            self.writer
                .send(&[], frame)
                .await
                .map_err(|error| broken(self.peer, &error))
        })
    }

    fn finish(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        self.writer.finish();
        Box::pin(async { Ok(()) })
    }
}

/// Receiving half of a long stream.
pub(super) struct StreamSource {
    pub(super) peer: NodeId,
    pub(super) reader: FrameReader,
}

impl FrameSource for StreamSource {
    fn recv(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async move {
            self.reader
                .next()
                .await
                .map_err(|error| broken(self.peer, &error))
        })
    }
}

pub(super) fn broken(peer: NodeId, error: &dyn std::fmt::Display) -> TransportError {
    TransportError::Broken {
        peer,
        reason: error.to_string(),
    }
}
