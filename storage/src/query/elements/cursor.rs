//! Where a page of elements ends.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Timestamp};

/// Place of an element in a collector's order: time, then log index, then ordinal. Opaque text to
/// callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The element's time.
    pub time: Timestamp,
    /// Its log index.
    pub index: u64,
    /// Its ordinal.
    pub ordinal: u32,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.time.micros(), self.index, self.ordinal)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let bad = || Error::Argument {
            key: "cursor",
            what: "not one that this server gave out".to_owned(),
        };
        let mut parts = text.splitn(3, '_');
        let mut next = || parts.next().ok_or_else(bad);
        Ok(Self {
            time: Timestamp::from_micros(next()?.parse().map_err(|_| bad())?),
            index: next()?.parse().map_err(|_| bad())?,
            ordinal: next()?.parse().map_err(|_| bad())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_refuses_anything_else() {
        let cursor = Cursor {
            time: Timestamp::from_micros(-5),
            index: 7,
            ordinal: 3,
        };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for bad in ["", "1", "1_2", "1_2_x", "1_2_3_4", "1_-2_3"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
