//! One call, one stream, one snapshot, from the end that dials.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use pga_config::NodeId;
use pga_runtime::Instant;
use quinn::WriteError;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::OwnedSemaphorePermit;

use super::super::frame::MAX_FRAME_BYTES;
use super::super::{
    FrameReceiver, FrameSender, RefusalReason, RpcKind, SnapshotFile, TransportError,
};
use super::dialer::{Dialer, unreachable, until};
use super::frame_io::{FrameReader, FrameWriter, StreamSink, StreamSource, broken};
use super::wire::{
    OPEN_CALL, OPEN_SNAPSHOT, OPEN_STREAM, SNAPSHOT_CHUNK, SNAPSHOT_END, SNAPSHOT_FILE,
    decode_answer,
};

/// Bytes of a file in one frame.
pub(super) const CHUNK_BYTES: usize = 256 << 10;
/// Most files of a snapshot.
pub(super) const MAX_FILES: u32 = 64;

impl Dialer {
    pub(super) async fn call(
        self: &Arc<Self>,
        peer: NodeId,
        addr: &str,
        kind: RpcKind,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Bytes, TransportError> {
        let (started, deadline) = (pga_runtime::now(), pga_runtime::now() + timeout);
        let outcome = self.call_until(peer, addr, kind, body, deadline).await;
        self.metrics.called(kind, started.elapsed(), &outcome);
        outcome
    }

    async fn call_until(
        self: &Arc<Self>,
        peer: NodeId,
        addr: &str,
        kind: RpcKind,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Bytes, TransportError> {
        if body.len() > MAX_FRAME_BYTES {
            return Err(TransportError::Refused {
                peer,
                reason: RefusalReason::Malformed,
            });
        }
        let _place = self.place(peer, kind, deadline).await?;
        let (mut writer, mut reader) = until(deadline, self.open(peer, addr))
            .await
            .unwrap_or_else(|| Err(unreachable(peer, &"no connection in time")))?;
        let exchange = async {
            let sent = writer.send(&[OPEN_CALL, kind.as_u8()], body).await;
            writer.finish();
            answer(peer, sent, &mut reader).await
        };
        until(deadline, exchange)
            .await
            .unwrap_or(Err(TransportError::Timeout { peer }))
    }

    /// Waits for a place among the calls that are not of consensus.
    async fn place(
        &self,
        peer: NodeId,
        kind: RpcKind,
        deadline: Instant,
    ) -> Result<Option<OwnedSemaphorePermit>, TransportError> {
        let Some(places) = self.places(peer).filter(|_| !kind.is_consensus()) else {
            return Ok(None);
        };
        match until(deadline, places.acquire_owned()).await {
            Some(Ok(place)) => Ok(Some(place)),
            _ => Err(TransportError::Refused {
                peer,
                reason: RefusalReason::Overloaded,
            }),
        }
    }

    pub(super) async fn open_stream(
        self: &Arc<Self>,
        peer: NodeId,
        addr: &str,
        timeout: Duration,
    ) -> Result<(FrameSender, FrameReceiver), TransportError> {
        let opening = async {
            let (mut writer, reader) = self.open(peer, addr).await?;
            let sent = writer.send(&[OPEN_STREAM], Bytes::new()).await;
            sent.map_err(|error| unreachable(peer, &error))?;
            let sender = FrameSender::new(StreamSink { peer, writer });
            Ok((sender, FrameReceiver::new(StreamSource { peer, reader })))
        };
        until(pga_runtime::now() + timeout, opening)
            .await
            .unwrap_or_else(|| Err(unreachable(peer, &"no stream in time")))
    }

    pub(super) async fn send_snapshot(
        self: &Arc<Self>,
        peer: NodeId,
        addr: &str,
        header: Bytes,
        files: Vec<SnapshotFile>,
        stall: Duration,
    ) -> Result<Bytes, TransportError> {
        let (writer, mut reader) = until(pga_runtime::now() + stall, self.open(peer, addr))
            .await
            .unwrap_or_else(|| Err(unreachable(peer, &"no connection in time")))?;
        writer.set_low_priority();
        let mut sending = Sending {
            peer,
            writer,
            stall,
        };
        let sent = sending.all(header, files).await?;
        until(pga_runtime::now() + stall, answer(peer, sent, &mut reader))
            .await
            .unwrap_or(Err(TransportError::Timeout { peer }))
    }
}

/// The answer to a request. A receiver that refuses early stops reading and answers all the same,
/// so a stopped write is no end.
async fn answer(
    peer: NodeId,
    sent: Result<(), WriteError>,
    reader: &mut FrameReader,
) -> Result<Bytes, TransportError> {
    match sent {
        Ok(()) | Err(WriteError::Stopped(_)) => {}
        Err(error) => return Err(broken(peer, &error)),
    }
    match reader.next().await {
        Ok(Some(frame)) => decode_answer(peer, frame),
        Ok(None) => Err(broken(peer, &"no answer")),
        Err(error) => Err(broken(peer, &error)),
    }
}

/// A snapshot being sent.
struct Sending {
    peer: NodeId,
    writer: FrameWriter,
    stall: Duration,
}

impl Sending {
    /// `Ok(Err(..))` if the receiver did not want the rest: its answer tells why.
    async fn all(
        &mut self,
        header: Bytes,
        files: Vec<SnapshotFile>,
    ) -> Result<Result<(), WriteError>, TransportError> {
        let count = u32::try_from(files.len()).unwrap_or(u32::MAX);
        let mut total = 0_u64;
        if let Err(stopped) = self.frame(&[OPEN_SNAPSHOT], header).await? {
            return Ok(Err(stopped));
        }
        for file in files {
            match self.file(&file).await? {
                Ok(bytes) => total += bytes,
                Err(stopped) => return Ok(Err(stopped)),
            }
        }
        let mut end = BytesMut::new();
        end.put_u32(count);
        end.put_u64(total);
        let sent = self.frame(&[SNAPSHOT_END], end.freeze()).await?;
        self.writer.finish();
        Ok(sent)
    }

    async fn file(
        &mut self,
        file: &SnapshotFile,
    ) -> Result<Result<u64, WriteError>, TransportError> {
        let peer = self.peer;
        let local = |error: std::io::Error| TransportError::Refused {
            peer,
            reason: RefusalReason::Service(format!("cannot read {}: {error}", file.name)),
        };
        let mut source = File::open(&file.path).await.map_err(local)?;
        let size = source.metadata().await.map_err(local)?.len();
        let mut head = BytesMut::new();
        head.put_u64(size);
        head.put_slice(file.name.as_bytes());
        if let Err(stopped) = self.frame(&[SNAPSHOT_FILE], head.freeze()).await? {
            return Ok(Err(stopped));
        }
        let mut offset = 0;
        while offset < size {
            let want = usize::try_from(size - offset)
                .unwrap_or(CHUNK_BYTES)
                .min(CHUNK_BYTES);
            let mut chunk = vec![0; want];
            source.read_exact(&mut chunk).await.map_err(local)?;
            let mut head = vec![SNAPSHOT_CHUNK];
            head.put_u64(offset);
            head.put_u32(crc32c::crc32c(&chunk));
            if let Err(stopped) = self.frame(&head, chunk.into()).await? {
                return Ok(Err(stopped));
            }
            offset += want as u64;
        }
        Ok(Ok(size))
    }

    async fn frame(
        &mut self,
        head: &[u8],
        body: Bytes,
    ) -> Result<Result<(), WriteError>, TransportError> {
        let peer = self.peer;
        match until(
            pga_runtime::now() + self.stall,
            self.writer.send(head, body),
        )
        .await
        {
            Some(Ok(())) => Ok(Ok(())),
            Some(Err(stopped @ WriteError::Stopped(_))) => Ok(Err(stopped)),
            Some(Err(error)) => Err(broken(peer, &error)),
            None => Err(TransportError::Timeout { peer }),
        }
    }
}
