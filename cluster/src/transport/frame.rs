//! The halves of an ordered stream of frames.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;

use super::TransportError;

/// Largest body of a call, and largest frame of a stream: 16 MiB.
pub const MAX_FRAME_BYTES: usize = 16 << 20;

/// What a transport implements for the sending half of a stream.
pub trait FrameSink: Send {
    /// Hands one frame to the network; waits while the other side is not keeping up.
    ///
    /// # Errors
    /// [`TransportError::Broken`] once the stream is dead; [`TransportError::Refused`] for a frame
    /// over the cap.
    fn send(&mut self, frame: Bytes) -> BoxFuture<'_, Result<(), TransportError>>;

    /// Ends the stream in an orderly way: the other side reads all frames, then `None`.
    ///
    /// # Errors
    /// [`TransportError::Broken`] if the stream is dead.
    fn finish(&mut self) -> BoxFuture<'_, Result<(), TransportError>>;
}

/// What a transport implements for the receiving half of a stream.
pub trait FrameSource: Send {
    /// The next frame; `None` after the other side finished. Cancel safe: no frame is lost when the
    /// future is dropped.
    ///
    /// # Errors
    /// [`TransportError::Broken`] if the stream ended in any other way.
    fn recv(&mut self) -> BoxFuture<'_, Result<Option<Bytes>, TransportError>>;
}

/// The sending half of a stream. Dropped without [`FrameSender::finish`], the other side sees a
/// broken stream.
pub struct FrameSender(Box<dyn FrameSink>);

impl FrameSender {
    /// Wraps a transport's half.
    pub fn new(sink: impl FrameSink + 'static) -> Self {
        Self(Box::new(sink))
    }

    /// Hands one frame, up to [`MAX_FRAME_BYTES`], to the network; waits
    /// while the other side is not keeping up. Not cancel safe: a dropped future may have sent
    /// a part of the frame, after which the stream is broken.
    ///
    /// # Errors
    /// [`TransportError::Broken`] once the stream is dead; [`TransportError::Refused`] for a frame
    /// over the cap.
    pub async fn send(&mut self, frame: Bytes) -> Result<(), TransportError> {
        self.0.send(frame).await
    }

    /// Ends the stream in an orderly way: the other side reads all frames, then `None`.
    ///
    /// # Errors
    /// [`TransportError::Broken`] if the stream is dead.
    pub async fn finish(mut self) -> Result<(), TransportError> {
        self.0.finish().await
    }
}

impl fmt::Debug for FrameSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameSender")
    }
}

/// The receiving half of a stream.
pub struct FrameReceiver(Box<dyn FrameSource>);

impl FrameReceiver {
    /// Wraps a transport's half.
    pub fn new(source: impl FrameSource + 'static) -> Self {
        Self(Box::new(source))
    }

    /// The next frame; `None` after the other side finished. Cancel safe.
    ///
    /// # Errors
    /// [`TransportError::Broken`] if the stream ended in any other way; every later call answers
    /// the same or `None`.
    pub async fn recv(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.0.recv().await
    }
}

impl fmt::Debug for FrameReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FrameReceiver")
    }
}
