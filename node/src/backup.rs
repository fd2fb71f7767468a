//! Backups: one file that holds a cluster as of one position, and new clusters that begin with one.
//!
//! # Layout (version 1)
//! ```text
//! magic "PGABACK1", format: u32 le, length of head: u32 le, crc: u32 le of these two and of head,
//! head                JSON (see `Head`): whose, as of when, for which programs, how encrypted
//! chunk*              part: u8, number: u64 le from 0, length: u32 le, crc: u32 le of these and of body, body
//! end                 magic "PGAEND01", chunks: u64 le, bytes before the end: u64 le, their SHA-256
//! ```
//! Parts come in the order of `manifest.rs`, the manifest last. A body is a zstd frame of at most 1
//! MiB; with a passphrase it is sealed (AES-256-GCM, see `cipher.rs`). CRCs are CRC32C.
//!
//! # Who writes
//! `pganalytics backup`, from what a node staged for it (`admin/backup.rs`): to `FILE.new` with
//! mode 0600, synced, read back and compared, then renamed.
//!
//! # What a crash leaves
//! `FILE.new`, which the next backup replaces; a node removes what it staged at its next start. A
//! restore writes the nodes' configurations last: a directory without them cannot be started, and
//! can be deleted. A database is handed over last; until then the new nodes refuse it.

mod archive;
mod cipher;
mod create;
mod database;
mod error;
mod head;
mod manifest;
mod progress;
mod report;
mod restore;
mod verify;

pub use self::error::ArchiveError;
pub(crate) use self::{
    cipher::Passphrase,
    create::{BackupOptions, create},
    report::{facts, json, text},
    restore::{RestoreOptions, restore},
    verify::verify,
};
