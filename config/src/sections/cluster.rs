//! `[cluster]`: how a new cluster starts.

use std::time::Duration;

use crate::Members;
use crate::section::section;

section! {
    /// How a new cluster starts. A node that joins by token needs nothing of this.
    Cluster = "cluster" {
        /// Voters of a new cluster, this node among them: `[{ id = 1, quic = "10.0.0.1:7080", http
        /// = "https://10.0.0.1:8080" }]`.
        /// Read on the first start only.
        members: Members = "[]",
        /// Whether this node creates the cluster on its first start. Exactly one of the members has
        /// it.
        bootstrap: bool = "false",
        /// How long the certificates hold that this node issues, to collectors and for itself
        /// between nodes. Each is renewed when a third of that is left.
        certificate_lifetime: Duration = "365d",
    }
}
