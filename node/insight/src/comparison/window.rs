//! What a statement did in a window of time.

/// Five minutes of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FiveMinutes {
    /// Calls.
    pub calls: f64,
    /// Milliseconds of all calls.
    pub total_ms: f64,
    /// Rows.
    pub rows: f64,
    /// Shared blocks, found or read.
    pub blocks: f64,
}

/// Sums of a statement over a window, of differences of counters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Calls.
    pub calls: f64,
    /// Milliseconds of all calls.
    pub total_ms: f64,
    /// Standard deviation of single calls in the window, if known.
    pub sd_ms: Option<f64>,
    /// The longest call of the window in milliseconds, if known.
    pub max_ms: Option<f64>,
    /// Rows.
    pub rows: f64,
    /// Shared blocks found in the cache.
    pub blocks_hit: f64,
    /// Shared blocks read.
    pub blocks_read: f64,
    /// Temporary blocks read or written.
    pub temp_blocks: f64,
    /// Bytes of WAL.
    pub wal_bytes: f64,
    /// Seconds that the window lasts.
    pub exposure_seconds: f64,
    /// Share of the window that was seen, 0 to 1.
    pub coverage: f64,
    /// Its parts, also those without calls.
    pub five_minutes: Vec<FiveMinutes>,
}

impl Window {
    /// Milliseconds a call; 0 without calls.
    #[must_use]
    pub fn mean_ms(&self) -> f64 {
        self.per_call(self.total_ms)
    }

    /// Seconds of statement time an hour.
    #[must_use]
    pub fn seconds_per_hour(&self) -> f64 {
        if self.exposure_seconds > 0.0 {
            self.total_ms / 1_000.0 / self.exposure_seconds * 3_600.0
        } else {
            0.0
        }
    }

    pub(super) fn per_call(&self, sum: f64) -> f64 {
        if self.calls > 0.0 {
            sum / self.calls
        } else {
            0.0
        }
    }
}
