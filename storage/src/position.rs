//! Positions in the replicated log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Raft group. There is one today; it is in every key and message so that more can come.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct GroupId(u32);

impl GroupId {
    /// The only group of today's clusters.
    pub const ZERO: Self = Self(0);

    /// Wraps a raw group number.
    pub const fn new(group: u32) -> Self {
        Self(group)
    }

    /// The raw group number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Place of one entry in a group's Raft log: who may be compared with whom, and by which order.
///
/// Written `<group>.<term>.<index>`. Index 0 means "before the first entry".
/// Within a group, positions order by index; the term tells which leader wrote the entry.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position {
    /// Raft group.
    pub group: GroupId,
    /// Term of the leader that wrote the entry.
    pub term: u64,
    /// Index in the log, from 1.
    pub index: u64,
}

impl Position {
    /// A position of group 0.
    pub const fn new(term: u64, index: u64) -> Self {
        Self {
            group: GroupId::ZERO,
            term,
            index,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.group.0, self.term, self.index)
    }
}

/// The text is not `<group>.<term>.<index>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a position of the form <group>.<term>.<index>")]
pub struct ParsePositionError;

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or(ParsePositionError);
        let group = next()?.parse().map_err(|_| ParsePositionError)?;
        let term = next()?.parse().map_err(|_| ParsePositionError)?;
        let index = next()?.parse().map_err(|_| ParsePositionError)?;
        match parts.next() {
            None => Ok(Self {
                group: GroupId(group),
                term,
                index,
            }),
            Some(_) => Err(ParsePositionError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_refuses_anything_else() {
        assert_eq!("0.3.17".parse(), Ok(Position::new(3, 17)));
        assert_eq!(Position::new(3, 17).to_string(), "0.3.17");
        for bad in ["", "3", "0.3", "0.3.17.1", "0.3.x", "-1.3.17", "0..1"] {
            assert_eq!(bad.parse::<Position>(), Err(ParsePositionError), "{bad}");
        }
    }
}
