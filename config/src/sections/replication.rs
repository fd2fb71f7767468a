//! `[replication]`: how pushes become log entries.

use std::time::Duration;

use crate::ByteSize;
use crate::section::section;

section! {
    /// How pushes become log entries.
    Replication = "replication" {
        /// Pushes are joined into one entry up to this size while earlier entries are under way.
        batch_size: ByteSize = "512KiB",
        /// Pushes larger than this are split over several entries, and are still all or nothing.
        split_size: ByteSize = "1MiB",
        /// How long a push waits for a quorum, fail-over included; then its outcome is unknown to
        /// the client.
        timeout: Duration = "10s",
    }
}
