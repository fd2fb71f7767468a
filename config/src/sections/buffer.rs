//! `[buffer]`: applied pushes that are not yet in the store.

use crate::ByteSize;
use crate::section::section;

section! {
    /// Applied pushes that are not yet in the store.
    Buffer = "buffer" {
        /// Largest size of the unflushed pushes; beyond it pushes are refused with 503 and nothing
        /// is dropped.
        max_size: ByteSize = "4GiB",
    }
}
