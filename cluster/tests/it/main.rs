//! Integration tests of the cluster crate.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod pki;
mod transport_harness;
mod transport_hostile;
mod transport_quic;
