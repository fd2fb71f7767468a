//! Commands as bytes.
//!
//! # Layout (version 1)
//! ```text
//! entry   := version: u8 = 1, proposal: u128 le, kind: u8, body
//! kind 0  ingest:        count: u32 le, count * (length: u32 le), the records one after another
//! kind 1  upload part:   upload: u128 le, part: u32 le, record
//! kind 2  commit upload: upload: u128 le, parts: u32 le
//! kind 3  abort upload:  upload: u128 le
//! kind 4  flushed:       group: u32 le, term: u64 le, index: u64 le
//! kind 5  control:       MessagePack of `ControlCommand` (`rmp_serde::to_vec`: positional, frozen)
//! kind 6  raise level:   level: u32 le, since: UTF-8 to the end (frozen for all versions)
//! ```
//! Records are slices of the entry: neither encoding nor decoding looks into them. Golden files are
//! in `tests/golden/`.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use pga_storage::{GroupId, Position};

use super::Command;
use crate::feature_level::FeatureLevel;
use crate::proposal_id::{ProposalId, UploadId};

/// Format version of a command.
pub(crate) const VERSION: u8 = 1;
const HEAD_BYTES: usize = 1 + 16 + 1;
const INGEST: u8 = 0;
const UPLOAD_PART: u8 = 1;
const COMMIT_UPLOAD: u8 = 2;
const ABORT_UPLOAD: u8 = 3;
const FLUSHED: u8 = 4;
const CONTROL: u8 = 5;
const RAISE_LEVEL: u8 = 6;

/// The bytes are no command this version knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a command this version knows")]
pub struct UnknownCommand;

/// A command does not become bytes: a fault of the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("command does not encode: {0}")]
pub struct EncodeError(String);

impl Command {
    /// The command as an entry of the log, under the name `id`.
    ///
    /// # Errors
    /// [`EncodeError`] if it is larger than an entry can be.
    pub fn encode(&self, id: ProposalId) -> Result<Bytes, EncodeError> {
        let mut out = BytesMut::with_capacity(self.encoded_bytes());
        out.put_u8(VERSION);
        out.put_u128_le(id.0);
        match self {
            Self::Ingest(records) => {
                out.put_u8(INGEST);
                out.put_u32_le(length(records.len())?);
                for record in records {
                    out.put_u32_le(length(record.len())?);
                }
                for record in records {
                    out.put_slice(record);
                }
            }
            Self::UploadPart {
                upload,
                part,
                record,
            } => {
                out.put_u8(UPLOAD_PART);
                out.put_u128_le(upload.0);
                out.put_u32_le(*part);
                out.put_slice(record);
            }
            Self::CommitUpload { upload, parts } => {
                out.put_u8(COMMIT_UPLOAD);
                out.put_u128_le(upload.0);
                out.put_u32_le(*parts);
            }
            Self::AbortUpload { upload } => {
                out.put_u8(ABORT_UPLOAD);
                out.put_u128_le(upload.0);
            }
            Self::Flushed { position } => {
                out.put_u8(FLUSHED);
                out.put_u32_le(position.group.get());
                out.put_u64_le(position.term);
                out.put_u64_le(position.index);
            }
            Self::Control(control) => {
                out.put_u8(CONTROL);
                let body = rmp_serde::to_vec(control);
                out.put_slice(&body.map_err(|error| EncodeError(error.to_string()))?);
            }
            Self::RaiseLevel { level, since } => {
                out.put_u8(RAISE_LEVEL);
                out.put_u32_le(level.get());
                out.put_slice(since.as_bytes());
            }
        }
        Ok(out.freeze())
    }

    /// The command in an entry of the log, and its name.
    ///
    /// # Errors
    /// [`UnknownCommand`] if the bytes are damaged or from a newer version.
    pub fn decode(mut bytes: Bytes) -> Result<(ProposalId, Self), UnknownCommand> {
        if bytes.try_get_u8().map_err(unknown)? != VERSION {
            return Err(UnknownCommand);
        }
        let id = ProposalId(bytes.try_get_u128_le().map_err(unknown)?);
        let command = match bytes.try_get_u8().map_err(unknown)? {
            INGEST => Self::Ingest(take_records(&mut bytes)?),
            UPLOAD_PART => Self::UploadPart {
                upload: take_upload(&mut bytes)?,
                part: bytes.try_get_u32_le().map_err(unknown)?,
                record: bytes.split_off(0),
            },
            COMMIT_UPLOAD => Self::CommitUpload {
                upload: take_upload(&mut bytes)?,
                parts: bytes.try_get_u32_le().map_err(unknown)?,
            },
            ABORT_UPLOAD => Self::AbortUpload {
                upload: take_upload(&mut bytes)?,
            },
            FLUSHED => Self::Flushed {
                position: take_position(&mut bytes)?,
            },
            CONTROL => {
                let control = pga_storage::from_msgpack(&bytes).map_err(|_| UnknownCommand)?;
                bytes.clear();
                Self::Control(control)
            }
            RAISE_LEVEL => Self::RaiseLevel {
                level: FeatureLevel::new(bytes.try_get_u32_le().map_err(unknown)?),
                since: String::from_utf8(bytes.split_off(0).into()).map_err(|_| UnknownCommand)?,
            },
            _ => return Err(UnknownCommand),
        };
        if bytes.is_empty() {
            Ok((id, command))
        } else {
            Err(UnknownCommand)
        }
    }

    fn encoded_bytes(&self) -> usize {
        HEAD_BYTES
            + match self {
                Self::Ingest(records) => {
                    4 + records.iter().map(|record| 4 + record.len()).sum::<usize>()
                }
                Self::UploadPart { record, .. } => 20 + record.len(),
                Self::CommitUpload { .. } | Self::AbortUpload { .. } | Self::Flushed { .. } => 20,
                Self::Control(_) => 512,
                Self::RaiseLevel { since, .. } => 4 + since.len(),
            }
    }
}

fn unknown(_: bytes::TryGetError) -> UnknownCommand {
    UnknownCommand
}

fn length(n: usize) -> Result<u32, EncodeError> {
    u32::try_from(n).map_err(|_| EncodeError(format!("a part of it is {n} bytes or items")))
}

fn take_upload(bytes: &mut Bytes) -> Result<UploadId, UnknownCommand> {
    bytes.try_get_u128_le().map(UploadId).map_err(unknown)
}

fn take_position(bytes: &mut Bytes) -> Result<Position, UnknownCommand> {
    Ok(Position {
        group: GroupId::new(bytes.try_get_u32_le().map_err(unknown)?),
        term: bytes.try_get_u64_le().map_err(unknown)?,
        index: bytes.try_get_u64_le().map_err(unknown)?,
    })
}

fn take_records(bytes: &mut Bytes) -> Result<Vec<Bytes>, UnknownCommand> {
    let count = bytes.try_get_u32_le().map_err(unknown)? as usize;
    let mut lengths = match count.checked_mul(4) {
        Some(size) if size <= bytes.len() => bytes.split_to(size),
        _ => return Err(UnknownCommand),
    };
    let mut records = Vec::with_capacity(count);
    while let Ok(length) = lengths.try_get_u32_le() {
        let length = length as usize;
        if length > bytes.len() {
            return Err(UnknownCommand);
        }
        records.push(bytes.split_to(length));
    }
    Ok(records)
}

#[cfg(test)]
mod tests;
