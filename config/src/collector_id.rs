//! Identity of a collector.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Identity of one collector: a UUID, whatever text the collector calls itself by.
///
/// Clients often send ids that are no UUID (`collector-001`); those map to the UUIDv5 of the text
/// in the all-zero namespace, so that every node and every restart computes the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CollectorId(Uuid);

impl CollectorId {
    /// Under which the cluster keeps what it found out itself (design D13); nobody else pushes as
    /// it.
    pub const FINDINGS: Self = Self(Uuid::from_u128(0x7067_616e_616c_8974_8963_7366_696e_6473));

    /// Wraps an id that is already a UUID.
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The id behind the text a client sent: the UUID it spells, else its UUIDv5 (RFC 9562, section
    /// 5.5).
    pub fn from_external(text: &str) -> Self {
        Self(Uuid::try_parse(text).unwrap_or_else(|_| Uuid::new_v5(&Uuid::nil(), text.as_bytes())))
    }

    /// The UUID.
    pub const fn get(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for CollectorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_no_uuid_map_to_their_uuid_v5() {
        for (text, want) in [
            ("collector-001", "b8de636e-a8ba-5e4d-a83d-4536445a936a"),
            ("col_demo_001", "002ed996-805f-5d26-ad83-1b6da28ad25f"),
            (
                "6f0f2f8e-3c1b-4f0e-9a55-0d8f3f1c2b7a",
                "6f0f2f8e-3c1b-4f0e-9a55-0d8f3f1c2b7a",
            ),
            (
                "6F0F2F8E-3C1B-4F0E-9A55-0D8F3F1C2B7A",
                "6f0f2f8e-3c1b-4f0e-9a55-0d8f3f1c2b7a",
            ),
        ] {
            assert_eq!(CollectorId::from_external(text).to_string(), want, "{text}");
        }
    }
}
