//! Until when a major version of PostgreSQL is supported.
//!
//! # Source
//! The table of releases at <https://www.postgresql.org/support/versioning/>, as of 2026-11.

/// The day of the last minor release of each major version (`YYYY-MM-DD`).
const FINAL_RELEASES: [(u32, &str); 6] = [
    (13, "2025-11-13"),
    (14, "2026-11-12"),
    (15, "2027-11-11"),
    (16, "2028-11-09"),
    (17, "2029-11-08"),
    (18, "2030-11-14"),
];

/// The day after which a major version gets no fixes (`YYYY-MM-DD`); `None` for one that the table
/// does not know.
pub(in crate::routes) fn end_of_life(major: u32) -> Option<&'static str> {
    let known = FINAL_RELEASES.iter().find(|(known, _)| *known == major);
    known.map(|(_, day)| *day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_that_the_table_knows_have_their_day() {
        for (major, want) in [
            (12, None),
            (13, Some("2025-11-13")),
            (16, Some("2028-11-09")),
            (18, Some("2030-11-14")),
            (19, None),
        ] {
            assert_eq!(end_of_life(major), want, "{major}");
        }
    }
}
