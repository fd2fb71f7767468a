//! Clusters of real nodes in one process, their network and their identities.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod backup;
mod cluster;
mod failover;
mod frozen;
mod levels;
mod network;
mod over_quic;
mod pki;
mod readiness;
mod recovery;
mod replication;
mod snapshots;
mod transport_harness;
mod transport_hostile;
mod transport_memory;
mod transport_quic;
