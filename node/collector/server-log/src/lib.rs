//! Reads the log of a PostgreSQL server.
//!
//! # What it guarantees
//! Everything but [`tail`] is pure: no clock, no I/O. No input panics, and memory is bounded by the
//! caps named at each part.
//! # Map
//! [`tail::Tail`] gives the bytes of log files, [`Reader`] makes [`Record`]s of them. An [`Event`]
//! is a record without values ([`redact()`]) and with its class ([`classify`]). [`rate::Limiter`]
//! lets as many of them through as a server may send.

mod class;
mod event;
mod format;
pub mod rate;
mod redact;
pub mod tail;
mod timestamp;
mod v3;
mod zones;

pub use self::class::{Class, Classified, Level, classify};
pub use self::event::Event;
pub use self::format::{
    Counts, Format, MAX_RECORD_BYTES, Prefix, PrefixIssue, Reader, Record, Severity,
};
pub use self::redact::{Redacted, Values, redact};
pub use self::timestamp::Timestamp;
pub use self::v3::{LogEntry, MAX_ENTRIES, v3_entries};
pub use self::zones::Zones;
