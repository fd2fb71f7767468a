//! Bytes cut into lines, in whatever pieces they come.

use super::MAX_RECORD_BYTES;

/// A line without its newline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Its bytes, up to [`MAX_RECORD_BYTES`].
    pub(super) bytes: Vec<u8>,
    /// Bytes of the file that it took, with what was dropped and with its newline.
    pub(super) length: u64,
    /// How many quotation marks it has, with those that were dropped.
    pub(super) quotes: u64,
    /// Its end was dropped.
    pub(super) is_cut: bool,
}

/// What is left of the input behind the last newline.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    open: Line,
}

impl Lines {
    /// Takes bytes up to and with the next newline; answers the line and the bytes behind it, or
    /// nothing if the line is still open.
    pub(super) fn take<'a>(&mut self, bytes: &'a [u8]) -> Option<(Line, &'a [u8])> {
        let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.append(bytes);
            return None;
        };
        let (line, rest) = bytes.split_at_checked(at)?;
        self.append(line);
        self.open.length += 1;
        Some((
            std::mem::take(&mut self.open),
            rest.get(1..).unwrap_or_default(),
        ))
    }

    /// The open line, if it has any byte.
    pub(super) fn finish(&mut self) -> Option<Line> {
        let line = std::mem::take(&mut self.open);
        (line.length > 0).then_some(line)
    }

    /// Bytes of the file that the open line took.
    pub(super) fn pending(&self) -> u64 {
        self.open.length
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = MAX_RECORD_BYTES.saturating_sub(self.open.bytes.len());
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.open.bytes.extend_from_slice(kept);
        self.open.is_cut |= kept.len() < bytes.len();
        self.open.length += bytes.len() as u64;
        self.open.quotes += bytes.iter().filter(|byte| **byte == b'"').count() as u64;
    }
}
