//! Wall time, the only place that reads it (design D8).

use std::time::{SystemTime, UNIX_EPOCH};

use pga_storage::Timestamp;

/// Now.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// Now, in whole seconds since 1970.
pub(crate) fn unix_seconds() -> u64 {
    u64::try_from(now().micros() / 1_000_000).unwrap_or_default()
}
