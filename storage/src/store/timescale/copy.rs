//! Rows in PostgreSQL's binary COPY format, written into large buffers.
//!
//! The format is an 11 byte signature, flags and extension length (zero), then per row the number
//! of fields (i16) and per field its length (i32, -1 for NULL) and value in network byte order,
//! then -1 (i16). # Source
//! PostgreSQL 17 manual, "COPY", section "Binary Format".

use std::pin::pin;

use bytes::{BufMut, Bytes, BytesMut};
use futures::SinkExt;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::Timestamp;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Rows are sent in pieces of about this size, in bytes.
const CHUNK_BYTES: usize = 256 << 10;
/// 2000-01-01T00:00:00Z in Unix microseconds: where PostgreSQL counts from.
pub(super) const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Rows of one table, encoded.
#[derive(Debug, Default)]
pub(super) struct CopyRows {
    full: Vec<Bytes>,
    open: BytesMut,
    rows: u64,
}

impl CopyRows {
    /// Starts a row of `fields` fields; exactly so many calls of the field methods must follow.
    pub(super) fn row(&mut self, fields: i16) {
        if self.rows == 0 {
            self.open.put_slice(SIGNATURE);
        } else if self.open.len() >= CHUNK_BYTES {
            self.full.push(self.open.split().freeze());
        }
        if self.open.capacity() - self.open.len() < 256 {
            self.open.reserve(CHUNK_BYTES + 4096);
        }
        self.rows += 1;
        self.open.put_i16(fields);
    }

    pub(super) fn null(&mut self) {
        self.open.put_i32(-1);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.open.put_i32(1);
        self.open.put_u8(u8::from(value));
    }

    pub(super) fn int4(&mut self, value: i32) {
        self.open.put_i32(4);
        self.open.put_i32(value);
    }

    pub(super) fn int8(&mut self, value: i64) {
        self.open.put_i32(8);
        self.open.put_i64(value);
    }

    pub(super) fn float8(&mut self, value: f64) {
        self.open.put_i32(8);
        self.open.put_f64(value);
    }

    pub(super) fn timestamptz(&mut self, value: Timestamp) {
        // A time that wraps here is out of PostgreSQL's range too; i64::MIN is its "-infinity", so
        // stay off it.
        let micros = value.micros().saturating_sub(POSTGRES_EPOCH_MICROS);
        self.int8(micros.clamp(i64::MIN + 1, i64::MAX - 1));
    }

    pub(super) fn uuid(&mut self, value: Uuid) {
        self.bytea(value.as_bytes());
    }

    pub(super) fn bytea(&mut self, value: &[u8]) {
        // INVARIANT: values come out of a record of at most 256 MiB, so their length fits.
        self.open
            .put_i32(i32::try_from(value.len()).unwrap_or(i32::MAX));
        self.open.put_slice(value);
    }

    /// Text; a NUL, which PostgreSQL's text cannot hold, is written as U+FFFD.
    pub(super) fn text(&mut self, value: &str) {
        if value.as_bytes().contains(&0) {
            self.bytea(value.replace('\0', "\u{fffd}").as_bytes());
        } else {
            self.bytea(value.as_bytes());
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.rows
    }

    /// Copies all rows with `statement` (`COPY … FROM STDIN BINARY`).
    pub(super) async fn send(
        mut self,
        client: &Client,
        statement: &str,
    ) -> Result<u64, tokio_postgres::Error> {
        if self.rows == 0 {
            return Ok(0);
        }
        self.open.put_i16(-1);
        self.full.push(self.open.freeze());
        let sink = client.copy_in::<_, Bytes>(statement).await?;
        let mut sink = pin!(sink);
        for piece in self.full {
            // Pieces are large, so the sink passes each on whole; no await per row.
            if sink.as_mut().feed(piece).await.is_err() {
                break;
            }
        }
        // The server's reason for ending the COPY early, if it did, comes with the answer to its
        // end.
        sink.as_mut().finish().await
    }
}
