//! `[raft]`: consensus.

use std::time::Duration;

use crate::section::section;

section! {
    /// Consensus. With the defaults a leader that dies is replaced after 0.75 to 0.9 s.
    Raft = "raft" {
        /// How often the leader tells the others that it lives.
        heartbeat: Duration = "100ms",
        /// A node stands for election after a silence of `election-max`, the leader's lease, and
        /// then a random time: this one at the least. More than three heartbeats.
        election_min: Duration = "320ms",
        /// The lease, and the longest such time.
        election_max: Duration = "450ms",
    }
}
