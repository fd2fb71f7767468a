//! From when to when a certificate holds.

use std::time::Duration;

use pga_storage::Timestamp;
use time::OffsetDateTime;

/// How far the start is set back, for nodes whose clocks differ.
pub(super) const CLOCK_SLACK: Duration = Duration::from_secs(3_600);

/// From when to when a certificate holds, wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub not_before: Timestamp,
    /// Last moment.
    pub not_after: Timestamp,
}

impl Validity {
    /// Validity of certificates of nodes and collectors unless configured: one year.
    pub const NODE: Duration = Duration::from_secs(365 * 86_400);
    /// Validity of the authority: ten years.
    pub const AUTHORITY: Duration = Duration::from_secs(3_650 * 86_400);
    /// Validity of a join token: a day.
    pub const JOIN: Duration = Duration::from_secs(86_400);

    /// From an hour ago (clocks differ) until `lifetime` from now.
    pub fn for_next(lifetime: Duration) -> Self {
        let now = OffsetDateTime::UNIX_EPOCH + pga_runtime::unix_time();
        let (not_before, not_after) = (now - CLOCK_SLACK, now + lifetime);
        Self {
            not_before: not_before.into(),
            not_after: not_after.into(),
        }
    }

    /// Both ends as the certificate library wants them.
    pub(super) fn bounds(self) -> (OffsetDateTime, OffsetDateTime) {
        (to_time(self.not_before), to_time(self.not_after))
    }
}

fn to_time(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.micros().div_euclid(1_000_000))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
