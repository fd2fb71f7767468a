//! What was lost.

use serde::{Deserialize, Serialize};

/// Why bytes of a log were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// The file is shorter than what was read of it: somebody emptied it.
    Truncated,
    /// The file starts otherwise than it did: it is another one, or was written anew.
    Reused,
    /// The file is gone.
    Vanished,
}

/// Bytes of a log that were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Why.
    pub reason: GapReason,
    /// How many bytes at least; `None` if the file had been read to its end at the last look, so
    /// that nothing may be lost, or more than anybody saw.
    pub lost_bytes: Option<u64>,
}
