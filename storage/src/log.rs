//! The Raft log and vote on disk: segment files, group commit, and a marker that knows what must be
//! there.
//!
//! # Limits
//! One entry is at most 128 MiB, a vote or log id at most 1 KiB. A segment is closed once it holds
//! [`LogOptions::segment_bytes`]. Memory: the newest [`LogOptions::cache_bytes`] of entries, what
//! waits for the disk (at most [`LogOptions::queue_bytes`], then [`Log::append`] blocks), and one
//! index point per 32 KiB of log.
//!
//! # Layout (format 1, integers little-endian)
//! ```text
//! <dir>/lock            held with flock while a process uses the log
//! <dir>/marker          two slots of 4,096 bytes
//! <dir>/<first>.log     segments, named by the index of their first entry, 20 digits
//!
//! segment := magic "PGASEGM1", format: u32, !format: u32, group: u32, prev: u32, first: u64, 0:
//! u32, crc: u32, frame*
//! frame   := length: u32, payload crc: u32, index: u64, term: u64, durable: u64, prev: u32, head crc: u32, payload
//! slot    := magic "PGAMARK1", format: u32, !format: u32, length: u32, crc: u32, body
//! body    := sequence: u64, durable: u64, cut: 0 | 1 u64, purged: 0 | 1 u64 blob, vote: 0 | 1 blob, committed: 0 | 1 blob
//! blob    := length: u32, bytes
//! ```
//! Checksums are CRC32C. `prev` is the head checksum of the frame before (0: there is none), so
//! frames form a chain across segments. `durable` is the index below which every entry was durable
//! when the frame was written.
//!
//! # Who writes, who deletes
//! One thread per log writes everything, in the order of the calls (LOG-1). It takes all appends
//! that wait, writes them, and one fdatasync answers them all. A vote, a truncation and a purge are
//! in both slots of the marker before they are answered; the slots are written one after the other,
//! so that one damaged slot never hides a vote. The marker's `durable` follows when the log has
//! been idle for 50 ms, each second under load, and at each new segment. [`Log::purge`] deletes
//! whole segments, oldest first; [`Log::truncate_after`] deletes segments newest first and shortens
//! the last one, between two markers that hold and clear `cut`.
//!
//! While it is idle it writes zeros ahead of the last segment's frames
//! ([`LogOptions::room_bytes`]), so that the fdatasync of an append has no length and no
//! block of the file system to make durable with it; they are cut off when the segment is closed.
//!
//! # What a crash leaves, how start-up repairs it
//! | Found | Means | Done |
//! | --- | --- | --- |
//! | zeros to the end of the last segment | room for frames | cut off |
//! | the last segment ends inside a frame, or has lost sectors (zeros), above everything known durable | an append that was not answered | cut off |
//! | the same at or below the marker's or any frame's `durable` | acknowledged entries are gone | [`Error::Damaged`](crate::Error::Damaged) |
//! | a complete head or payload with a wrong checksum, a wrong chain, a gap, a missing or unreadable marker | damage, whatever is acknowledged | [`Error::Damaged`](crate::Error::Damaged) |
//! | `cut` in the marker | a truncation that was not answered | finished |
//! | segments wholly below `purged` | a purge that was not answered | finished |
//! | a file of a later format | an older program | [`Error::NewerFormat`](crate::Error::NewerFormat), nothing is touched |
//!
//! A node whose log is damaged must not vote: it joins again as a learner. The one loss that cannot
//! be told from a crash is a file shortened by hand within the last 50 ms of a log's life.
//!
//! # Failures
//! After a failed write or fsync nobody knows what is on the disk: the log is poisoned, every later
//! call fails, and the node stops. Nothing is tried again.

mod disk;
mod entry;
mod frame;
mod handle;
mod job;
mod marker;
mod recovery;
mod segment;
mod state;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fuzz_tests;
#[cfg(test)]
mod mem_disk;
#[cfg(test)]
mod tests;

pub use self::{
    entry::{LogEntry, LogOptions, Purged, Recovered},
    handle::Log,
    job::Done,
};
