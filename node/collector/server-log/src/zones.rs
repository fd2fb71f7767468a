//! Abbreviations of time zones, as the server writes them behind its times.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Offsets of the abbreviations that mean one zone only, in minutes east of Greenwich.
///
/// # Source
/// PostgreSQL's `timezonesets/Default`, without the abbreviations that it lists as ambiguous.
const TABLE: [(&str, i32); 36] = [
    ("UTC", 0),
    ("GMT", 0),
    ("Z", 0),
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MET", 60),
    ("MEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("SAST", 120),
    ("CAT", 120),
    ("EAT", 180),
    ("WAT", 60),
    ("WIB", 420),
    ("WITA", 480),
    ("WIT", 540),
    ("PKT", 300),
    ("HKT", 480),
    ("JST", 540),
    ("KST", 540),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("AWST", 480),
    ("NZST", 720),
    ("NZDT", 780),
    ("EDT", -240),
    ("CDT", -300),
    ("MDT", -360),
    ("PDT", -420),
    ("AKDT", -480),
    ("HST", -600),
];

/// What the server's `log_timezone` says about the abbreviations in its log.
///
/// The server writes an abbreviation only, and several zones share one (`IST`, `CST`, `BST`). The
/// caller who asked the server knows better than any table:
/// `SELECT abbrev, utc_offset FROM pg_timezone_names WHERE name = current_setting('log_timezone')`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zones {
    /// Abbreviations and their seconds east of Greenwich; they win over the table.
    pub known: BTreeMap<String, i32>,
    /// Seconds east of Greenwich for an abbreviation that nothing knows.
    pub fallback_seconds: i32,
}

impl Zones {
    /// Seconds east of Greenwich that an abbreviation stands for: what the caller knows, then a
    /// numeric one (`+0530`, `-03`), then the table, then the fallback.
    #[must_use]
    pub fn offset_seconds(&self, abbreviation: &str) -> i32 {
        if let Some(seconds) = self.known.get(abbreviation) {
            return *seconds;
        }
        if let Some(seconds) = numeric(abbreviation) {
            return seconds;
        }
        let listed = TABLE.iter().find(|(name, _)| *name == abbreviation);
        listed.map_or(self.fallback_seconds, |(_, minutes)| minutes * 60)
    }
}

/// `+HH`, `+HHMM` or `+HH:MM`, with either sign.
fn numeric(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "0"),
        4 => digits.split_at_checked(2)?,
        5 => digits.split_once(':')?,
        _ => return None,
    };
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(sign * (i32::from(hours) * 3_600 + i32::from(minutes) * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abbreviation_has_an_offset() {
        let zones = Zones {
            known: BTreeMap::from([("IST".to_owned(), 19_800), ("CET".to_owned(), 7)]),
            fallback_seconds: -60,
        };
        for (text, want) in [
            ("UTC", 0),
            ("CEST", 7_200),
            ("IST", 19_800),
            ("CET", 7),
            ("+0530", 19_800),
            ("-03", -10_800),
            ("+05:45", 20_700),
            ("CST", -60),
            ("+5x", -60),
            ("", -60),
        ] {
            assert_eq!(zones.offset_seconds(text), want, "{text}");
        }
    }
}
