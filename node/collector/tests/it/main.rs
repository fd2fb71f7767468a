//! The collector against real servers of every major from 13 to 18.
//!
//! `chaos-tests/postgres.sh prepare` fetches them, once; `chaos-tests/test.sh` does so.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "helpers of tests fail by panicking, and comparisons are long"
)]

mod blocking;
mod hypothetical;
mod large;
mod logs;
mod own_statements;
mod plans;
mod pooler;
mod postgres;
mod roles;
mod standby;
mod types;
mod upkeep;
