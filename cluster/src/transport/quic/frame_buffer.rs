//! The frames in the bytes that have arrived; no I/O.

use bytes::{Buf, Bytes, BytesMut};

use super::frame_error::FrameError;

/// Bytes of a frame's length.
pub(super) const LENGTH: usize = 4;

/// Bytes that have arrived and were not taken yet. Memory grows with what has arrived, not with
/// what a length promises.
#[derive(Debug)]
pub(super) struct FrameBuffer {
    bytes: BytesMut,
    limit: usize,
}

impl FrameBuffer {
    /// For frames of at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            limit,
        }
    }

    /// Adds what has arrived.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether the stream may end here: between two frames.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Length and first byte(s) of the next frame as soon as they are there, without taking it.
    pub(super) fn head(&self) -> Result<Option<(usize, [u8; 2])>, FrameError> {
        let Some(length) = self.length()? else {
            return Ok(None);
        };
        let mut rest = self.bytes.iter().skip(LENGTH).copied();
        Ok(match (rest.next(), rest.next()) {
            (Some(first), Some(second)) => Some((length, [first, second])),
            (Some(first), None) if length == 1 => Some((length, [first, 0])),
            _ => None,
        })
    }

    /// Takes the next frame, if all of it is there.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, FrameError> {
        match self.length()? {
            Some(length) if self.bytes.len() >= LENGTH + length => {
                self.bytes.advance(LENGTH);
                Ok(Some(self.bytes.split_to(length).freeze()))
            }
            _ => Ok(None),
        }
    }

    fn length(&self) -> Result<Option<usize>, FrameError> {
        let Some(head) = self.bytes.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        match u32::from_be_bytes(*head) as usize {
            length if length == 0 || length > self.limit => Err(FrameError::Length(length)),
            length => Ok(Some(length)),
        }
    }
}
