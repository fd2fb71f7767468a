//! The flush buffer: what was applied and is not yet in a store, in sled, by log position.
//!
//! # Limits
//! [`BufferOptions::cap_bytes`] bounds what waits for the flush: whoever proposes asks
//! [`Buffer::admits`] first (BUF-1). What is flushed and merely kept is given up, oldest first,
//! before the total passes the cap. Memory: the newest [`BufferOptions::tail_bytes`], 16 bytes per
//! entry, and at most two open sled databases (cache 1 MiB each).
//!
//! # Layout (format 1, integers big-endian)
//! ```text
//! <dir>/<first>/          one sled database per range of 2,048 indexes, named by the first, 20 digits
//! <dir>/aside-<first>/    a database that could not be used; the newest one is kept
//!
//! key   := index: u64, part: u32
//! value := at most 96 KiB of the entry: format: u8, term: u64, tag: u8, body
//! ```
//!
//! # Who writes, who deletes
//! The state machine puts entries in log order, one at a time; the flusher reads. Entries go by
//! range only: a drained range is a deleted directory, because sled never gives space back
//! otherwise.
//!
//! # What a crash leaves, how start-up repairs it
//! Nothing here is the truth. sled is never flushed nor synced; [`Buffer::open`] deletes whatever
//! it finds and the state machine puts the log above its snapshot again. A database that fails
//! while in use is moved aside and every call fails until [`Buffer::clear`]; then the log must be
//! put again.
//!
//! sled blocks: apart from [`Buffer::admits`], [`Buffer::usage`] and [`Buffer::set_flushed`], call
//! nothing here on an async thread.

mod accepted;
mod entry;
mod handle;
mod index;
mod range;

#[cfg(test)]
mod tests;

pub use self::{
    accepted::Accepted,
    entry::{BufferedEntry, BufferedPush},
    handle::{Buffer, BufferBatch, BufferOptions, BufferUsage},
};
