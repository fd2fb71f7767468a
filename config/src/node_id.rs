//! Identity of a cluster member.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Identity of one cluster member, unique for the cluster's whole life and never reused (ID-1).
///
/// Starts at 1. `Display` writes `n3`; parsing takes `3` or `n3`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(u64);

impl NodeId {
    /// Wraps a raw id read from a certificate, a message or a configuration file.
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// The raw id, for encoding.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl FromStr for NodeId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.strip_prefix('n').unwrap_or(text).parse().map(Self)
    }
}
