//! The zeros ahead of the last segment's frames: made while the writer is idle, cut off when the
//! segment is closed.

use std::io;

use super::Writer;

impl Writer {
    /// Whether the zeros after the last frame are used up.
    pub(super) fn wants_room(&self) -> bool {
        let segment = self.segments.last().filter(|_| self.active.is_some());
        segment.is_some_and(|segment| {
            let is_full = self.room >= self.options.segment_bytes;
            let left = self.room.saturating_sub(segment.bytes);
            !is_full && !self.is_cramped && left < self.options.room_bytes / 2
        })
    }

    /// Writes zeros where the next frames will be.
    pub(super) fn make_room(&mut self) -> io::Result<()> {
        let Some(file) = &self.active else {
            return Ok(());
        };
        let room = (self.room + self.options.room_bytes).min(self.options.segment_bytes);
        let zeros = vec![0; usize::try_from(room - self.room).unwrap_or(0)];
        if let Err(error) = file.write_at(&zeros, self.room) {
            tracing::debug!(dir = %self.dir.display(), %error, "no room ahead of the log");
            self.is_cramped = true;
            return Ok(());
        }
        self.sync(file.as_ref())?;
        self.room = room;
        Ok(())
    }

    /// Cuts the zeros off, also those of an attempt to make room that failed half-way.
    pub(super) fn trim(&mut self) -> io::Result<()> {
        if let (Some(file), Some(segment)) = (&self.active, self.segments.last())
            && file.length()? > segment.bytes
        {
            file.truncate(segment.bytes)?;
            self.room = segment.bytes;
        }
        Ok(())
    }
}
