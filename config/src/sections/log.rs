//! `[log]`: the Raft log on disk.

use std::time::Duration;

use crate::ByteSize;
use crate::section::section;

section! {
    /// The Raft log on disk: what makes an acknowledgement true.
    Log = "log" {
        /// Size of one segment file; whole segments are deleted.
        segment_size: ByteSize = "32MiB",
        /// How long entries stay after they were flushed, so that a database that failed over to an older state can be refilled.
        retain_after_flush: Duration = "10m",
        /// How many bytes of flushed entries stay at most.
        retain_after_flush_size: ByteSize = "256MiB",
        /// Largest size of the log; pushes are refused with 503 when unflushed entries reach it.
        max_size: ByteSize = "8GiB",
    }
}
