//! Identity of a cluster.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identity of one cluster: 128 random bits drawn at bootstrap, never reused (ID-1). Written as a
/// UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(Uuid);

impl ClusterId {
    /// Wraps an id read from a certificate or a configuration file.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// Draws the id of a new cluster.
    pub fn random() -> Self {
        Self(pga_runtime::uuid())
    }

    /// The raw id.
    pub const fn get(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for ClusterId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).map(Self)
    }
}
