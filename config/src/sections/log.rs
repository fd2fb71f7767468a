//! `[log]`: the Raft log on disk.

use crate::ByteSize;
use crate::section::section;

section! {
    /// The Raft log on disk: what makes an acknowledgement true.
    Log = "log" {
        /// Size of one segment file; whole segments are deleted.
        segment_size: ByteSize = "32MiB",
        /// How many bytes of flushed entries stay at most.
        retain_after_flush_size: ByteSize = "256MiB",
        /// Largest size of the log; pushes are refused with 503 when unflushed entries reach it.
        max_size: ByteSize = "8GiB",
    }
}
