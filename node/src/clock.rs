//! The one place that reads the wall clock.

use std::time::SystemTime;

use pga_storage::Timestamp;

/// Wall time now; it is data only (design D8).
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
