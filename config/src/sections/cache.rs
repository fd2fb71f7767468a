//! `[cache]`: answers that are kept.

use crate::ByteSize;
use crate::section::section;

section! {
    /// Answers of questions that are kept while what they tell of does not change.
    Cache = "cache" {
        /// Memory of this node for answers; `0B` keeps none.
        max_size: ByteSize = "64MiB",
    }
}
