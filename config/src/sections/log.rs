//! `[log]`: the Raft log on disk.

use crate::ByteSize;
use crate::section::section;

section! {
    /// The Raft log on disk: what makes an acknowledgement true.
    Log = "log" {
        /// Size of one segment file; whole segments are deleted.
        segment_size: ByteSize = "32MiB",
        /// How many bytes of flushed entries stay at most; never more than a quarter of `max-size`.
        retain_after_flush_size: ByteSize = "256MiB",
        /// Largest size of the log; pushes are refused with 503 when it is reached, until a flush
        /// lets some of it go.
        max_size: ByteSize = "8GiB",
    }
}
