//! Reads the log of a PostgreSQL server.
//!
//! # What it guarantees
//! Everything but [`tail`] is pure: no clock, no I/O. No input panics, and memory is bounded by the
//! caps named at each part.
//! # Map
//! [`tail::Tail`] gives the bytes of log files, [`Reader`] makes [`Record`]s of them. An [`Event`]
//! is a record without values ([`redact()`]) and with its class ([`classify`]). [`rate::Limiter`]
//! lets as many of them through as a server may send. [`entry()`] is how they are sent.

mod class;
mod entry;
mod event;
mod format;
pub mod rate;
mod redact;
pub mod tail;
mod timestamp;
mod zones;

pub use self::class::{Class, Classified, Level, classify};
pub use self::entry::{entry, sum_entry};
pub use self::event::Event;
pub use self::format::{
    Counts, Format, MAX_RECORD_BYTES, Prefix, PrefixIssue, Reader, Record, Severity,
};
pub use self::redact::{
    Redacted, Values, is_one_statement, plan_without_values, redact, statement_without_values,
};
pub use self::timestamp::Timestamp;
pub use self::zones::Zones;
