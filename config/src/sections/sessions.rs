//! `[sessions]`: collectors seen by this node.

use std::time::Duration;

use crate::section::section;

section! {
    /// Collectors seen by this node.
    Sessions = "sessions" {
        /// Collectors with a session on this node; one more is refused with 503.
        max: u64 = "20000",
        /// A session without a push for so long ends; the next push opens it again.
        idle_timeout: Duration = "15m",
        /// Pushes of one collector under way at once; one more is refused with 429.
        max_in_flight: u64 = "16",
    }
}
