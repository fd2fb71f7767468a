//! Takes the files of a snapshot, each chunk checked: order, size, CRC32C, names. Anything wrong
//! discards all of it.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::super::snapshot::is_plain_name;
use super::super::{ReceivedFile, ReceivedSnapshot};
use super::exchange::{CHUNK_BYTES, MAX_FILES};
use super::frame_error::FrameError;
use super::frame_io::FrameReader;
use super::wire::{SNAPSHOT_CHUNK, SNAPSHOT_END, SNAPSHOT_FILE};

/// Names of directories that this module makes, and removes at start if a crash left them.
pub(super) const DIR_PREFIX: &str = "incoming-";

/// Why a snapshot was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReceiveError {
    #[error("malformed snapshot: {0}")]
    Malformed(&'static str),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("cannot store the snapshot: {0}")]
    Store(#[from] io::Error),
}

use ReceiveError::Malformed;

/// Receives everything up to the end mark into a fresh directory under `spool`.
pub(super) async fn receive(
    reader: &mut FrameReader,
    spool: &Path,
    max_bytes: u64,
    stall: Duration,
) -> Result<ReceivedSnapshot, ReceiveError> {
    let mut receiving = Receiving::begin(spool, max_bytes).await?;
    while !receiving.take(reader.expect(stall).await?).await? {}
    Ok(receiving.snapshot)
}

struct Receiving {
    snapshot: ReceivedSnapshot,
    open: Option<OpenFile>,
    left: u64,
    total: u64,
    files: u32,
}

struct OpenFile {
    file: File,
    entry: ReceivedFile,
    offset: u64,
}

impl Receiving {
    async fn begin(spool: &Path, max_bytes: u64) -> Result<Self, ReceiveError> {
        let dir = spool.join(format!("{DIR_PREFIX}{}", pga_runtime::uuid().simple()));
        tokio::fs::create_dir_all(&dir).await?;
        Ok(Self {
            snapshot: ReceivedSnapshot::new(dir, Vec::new()),
            open: None,
            left: max_bytes,
            total: 0,
            files: 0,
        })
    }

    /// Takes the next frame; true if it was the end mark, and the snapshot is complete.
    async fn take(&mut self, mut frame: Bytes) -> Result<bool, ReceiveError> {
        match frame.try_get_u8().map_err(|_| Malformed("empty frame"))? {
            SNAPSHOT_FILE => self.file(frame).await?,
            SNAPSHOT_CHUNK => self.chunk(frame).await?,
            SNAPSHOT_END => {
                self.end(frame).await?;
                return Ok(true);
            }
            _ => return Err(Malformed("unknown frame")),
        }
        Ok(false)
    }

    async fn file(&mut self, mut frame: Bytes) -> Result<(), ReceiveError> {
        self.close().await?;
        let bytes = frame
            .try_get_u64()
            .map_err(|_| Malformed("file without size"))?;
        let name = std::str::from_utf8(&frame).map_err(|_| Malformed("file name"))?;
        if !is_plain_name(name) || self.snapshot.file(name).is_some() {
            return Err(Malformed("file name"));
        }
        self.files += 1;
        self.left = self.left.checked_sub(bytes).ok_or(Malformed("too large"))?;
        if self.files > MAX_FILES {
            return Err(Malformed("too many files"));
        }
        let path = self.snapshot.dir().join(name);
        let file = File::create_new(&path).await?;
        let entry = ReceivedFile {
            name: name.to_owned(),
            path,
            bytes,
        };
        self.open = Some(OpenFile {
            file,
            entry,
            offset: 0,
        });
        Ok(())
    }

    async fn chunk(&mut self, mut frame: Bytes) -> Result<(), ReceiveError> {
        let open = self.open.as_mut().ok_or(Malformed("chunk without file"))?;
        let offset = frame
            .try_get_u64()
            .map_err(|_| Malformed("chunk without offset"))?;
        let crc = frame
            .try_get_u32()
            .map_err(|_| Malformed("chunk without checksum"))?;
        if offset != open.offset {
            return Err(Malformed("chunk out of order"));
        }
        let end = offset.saturating_add(frame.len() as u64);
        if frame.is_empty() || frame.len() > CHUNK_BYTES || end > open.entry.bytes {
            return Err(Malformed("chunk size"));
        }
        if crc32c::crc32c(&frame) != crc {
            return Err(Malformed("checksum"));
        }
        open.file.write_all(&frame).await?;
        open.offset = end;
        self.total += frame.len() as u64;
        Ok(())
    }

    async fn end(&mut self, mut frame: Bytes) -> Result<(), ReceiveError> {
        self.close().await?;
        let files = frame.try_get_u32().map_err(|_| Malformed("end"))?;
        let bytes = frame.try_get_u64().map_err(|_| Malformed("end"))?;
        if files != self.files || bytes != self.total {
            return Err(Malformed("end"));
        }
        Ok(())
    }

    async fn close(&mut self) -> Result<(), ReceiveError> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        if open.offset != open.entry.bytes {
            return Err(Malformed("file ended early"));
        }
        open.file.flush().await?;
        self.snapshot.add(open.entry);
        Ok(())
    }
}

/// Removes what a crash left in `spool`.
pub(super) fn remove_leftovers(spool: &Path) -> io::Result<()> {
    std::fs::create_dir_all(spool)?;
    for entry in std::fs::read_dir(spool)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(DIR_PREFIX) {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod fuzz_tests;

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut;

    fn named(name: &str, bytes: u64) -> Bytes {
        let mut frame = vec![SNAPSHOT_FILE];
        frame.put_u64(bytes);
        frame.put_slice(name.as_bytes());
        frame.into()
    }

    fn chunk(offset: u64, data: &[u8]) -> Bytes {
        let mut frame = vec![SNAPSHOT_CHUNK];
        frame.put_u64(offset);
        frame.put_u32(crc32c::crc32c(data));
        frame.put_slice(data);
        frame.into()
    }

    fn end(files: u32, bytes: u64) -> Bytes {
        let mut frame = vec![SNAPSHOT_END];
        frame.put_u32(files);
        frame.put_u64(bytes);
        frame.into()
    }

    /// What is on the disk of a process that died after these frames.
    async fn die_after(spool: &Path, frames: &[Bytes]) {
        let mut receiving = Receiving::begin(spool, 1_000).await.unwrap();
        for frame in frames {
            receiving.take(frame.clone()).await.unwrap();
        }
        if let Some(open) = &mut receiving.open {
            open.file.flush().await.unwrap();
        }
        let left = receiving.snapshot.keep();
        assert!(left.is_dir() && left.starts_with(spool));
    }

    #[tokio::test]
    async fn what_was_arriving_when_the_process_died_is_removed_at_start() {
        let file = named("state.bin", 8);
        let half = chunk(0, b"half");
        let rest = chunk(4, b"rest");
        let store = named("store.db", 4);
        let stages = [
            file.clone(),
            half,
            rest,
            store,
            chunk(0, b"more"),
            end(2, 12),
        ];
        let dir = tempfile::tempdir().unwrap();
        // After each frame, also the last: then it is whole, and was not installed.
        for died_after in 0..=stages.len() {
            die_after(dir.path(), &stages[..died_after]).await;
        }
        let left = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(left, stages.len() + 1);
        std::fs::write(dir.path().join("notes"), b"of somebody else").unwrap();

        remove_leftovers(dir.path()).unwrap();

        let names = std::fs::read_dir(dir.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["notes"]);
        // The directory takes the next one, and starting again finds nothing wrong.
        die_after(dir.path(), &[file]).await;
        remove_leftovers(dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
