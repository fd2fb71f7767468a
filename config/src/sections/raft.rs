//! `[raft]`: consensus.

use std::time::Duration;

use crate::section::section;

section! {
    /// Consensus. The defaults give a fail-over of about a second.
    Raft = "raft" {
        /// How often the leader tells the others that it lives.
        heartbeat: Duration = "100ms",
        /// Shortest silence of the leader after which a node stands for election; more than three heartbeats.
        election_min: Duration = "400ms",
        /// Longest such silence; each node takes a random time between the two.
        election_max: Duration = "700ms",
    }
}
