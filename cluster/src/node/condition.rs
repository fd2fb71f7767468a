//! [`Condition`]: how a node's process is, in its own words.

use std::collections::BTreeMap;

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

/// How a node's process is, in its own words. Told to peers that ask, and stored nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// How often parts of it failed and were started again in the last ten minutes.
    #[serde(default)]
    pub restarts: u64,
    /// When each of its certificates ends: `node`, `ca`, `https`.
    #[serde(default)]
    pub certificates: BTreeMap<String, Timestamp>,
    /// Bytes of its data directory's file system that are used.
    #[serde(default)]
    pub disk_used_bytes: Option<u64>,
    /// Bytes of that file system that are used or free to it.
    #[serde(default)]
    pub disk_bytes: Option<u64>,
}

/// How far a peer's clock is ahead, in microseconds: what it said between `asked` and `answered`,
/// against the middle of the two, less what the way may have taken.
///
/// # Source
/// RFC 5905, section 8: the offset, and half the round trip as its greatest error.
pub(crate) fn clock_ahead(asked: Timestamp, said: Timestamp, answered: Timestamp) -> i64 {
    let half = (answered.micros() - asked.micros()).max(0) / 2;
    let offset = said.micros() - asked.micros() - half;
    offset.signum() * (offset.abs() - half).max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_way_may_have_taken_is_no_skew() {
        for (name, asked, said, answered, want) in [
            ("alike", 0, 5, 10, 0),
            ("within the way", 0, 10, 10, 0),
            ("ahead", 0, 705, 10, 695),
            ("behind", 1_000, 305, 1_010, -695),
            ("the own clock was set back", 10, 10, 0, 0),
        ] {
            let [asked, said, answered] = [asked, said, answered].map(Timestamp::from_micros);
            assert_eq!(clock_ahead(asked, said, answered), want, "{name}");
        }
    }
}
