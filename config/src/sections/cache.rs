//! `[cache]`: answers that are kept.

use crate::ByteSize;
use crate::section::section;

section! {
    /// Answers of questions that are kept while what they tell of does not change.
    Cache = "cache" {
        /// Memory of this node for answers; `0B` keeps none.
        max_size: ByteSize = "64MiB",
    }
    secrets {
        /// A Redis through which nodes share answers: `redis://user:password@host:6379/0`, or
        /// `rediss://` for TLS. What stands there is sealed with the cluster key. Without it, or
        /// while it does not answer in 50 ms, each node answers alone.
        redis_url,
    }
}
