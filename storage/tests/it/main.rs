//! Integration tests of pga-storage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the helpers of tests fail the test"
)]

mod embedded;
mod store_contract;
mod timescale;
