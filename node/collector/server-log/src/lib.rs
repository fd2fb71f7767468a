//! Reads the log of a PostgreSQL server.
//!
//! # What it guarantees
//! Everything but [`tail`] is pure: no clock, no I/O. No input panics, and memory is bounded by the
//! caps named at each part.
//! # Map
//! [`tail::Tail`] gives the bytes of log files, [`Reader`] makes [`Record`]s of bytes, [`redact()`] takes values out of them, [`classify`] says what
//! each is about.

mod class;
mod format;
mod redact;
pub mod tail;
mod timestamp;
mod zones;

pub use self::class::{Class, Classified, Level, classify};
pub use self::format::{
    Counts, Format, MAX_RECORD_BYTES, Prefix, PrefixIssue, Reader, Record, Severity,
};
pub use self::redact::{Redacted, Values, redact};
pub use self::timestamp::Timestamp;
pub use self::zones::Zones;
