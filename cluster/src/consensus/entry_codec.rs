//! Entries of the log as bytes.
//!
//! # Layout
//! `0` is a leader's blank entry; `255`, then MessagePack, a membership; anything else an encoded
//! [`Command`](crate::Command), whose first byte is its format version, as it was proposed.

use std::io;

use bytes::Bytes;
use openraft::{EntryPayload, Membership};
use pga_storage::log::LogEntry;

use crate::consensus::payload::{BLANK, MEMBERSHIP, Payload};
use crate::consensus::type_config::{Entry, LogId};
use crate::member::Member;

/// An entry for the log on disk.
pub(crate) fn to_disk(entry: Entry) -> io::Result<LogEntry> {
    let payload = match entry.payload {
        EntryPayload::Blank => Bytes::from_static(&[BLANK]),
        EntryPayload::Normal(Payload(bytes)) if Payload::is_command(&bytes) => bytes,
        EntryPayload::Normal(_) => return Err(io::Error::other("an entry is no command")),
        EntryPayload::Membership(membership) => {
            let mut out = vec![MEMBERSHIP];
            rmp_serde::encode::write(&mut out, &membership).map_err(io::Error::other)?;
            out.into()
        }
    };
    Ok(LogEntry {
        index: entry.log_id.index,
        term: *entry.log_id.leader_id,
        payload,
    })
}

/// An entry from the log on disk.
pub(crate) fn from_disk(entry: LogEntry) -> io::Result<Entry> {
    let payload = match entry.payload.split_first() {
        Some((&BLANK, [])) => EntryPayload::Blank,
        Some((&MEMBERSHIP, body)) => {
            let membership: Membership<u64, Member> =
                pga_storage::from_msgpack(body).map_err(io::Error::other)?;
            EntryPayload::Membership(membership)
        }
        _ => EntryPayload::Normal(Payload(entry.payload)),
    };
    Ok(Entry {
        log_id: LogId::new_term_index(entry.term, entry.index),
        payload,
    })
}
