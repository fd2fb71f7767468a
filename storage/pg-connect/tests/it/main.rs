//! Integration tests of pga-pg-connect, against real servers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail the test"
)]

mod certificates;
mod fake_pooler;
mod pooler;
mod roles;
mod server;
mod tls;
