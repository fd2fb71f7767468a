//! Logs that servers of the majors 13, 15, 16 and 18 wrote, in each of their formats.
//!
//! `tests/data/record.sh` provoked them, `tests/data/excerpt.py` cut them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stand outside of test functions"
)]

mod classes;
mod follow;
mod formats;
mod logs;
mod redaction;
mod standby;
