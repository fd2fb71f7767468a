//! Tests of the program as its users meet it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod command_line;
mod exit_codes;
mod metrics;
mod program;
mod readme;
