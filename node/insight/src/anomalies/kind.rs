//! What kinds of series there are, and when one of them is worth a word.

use serde::{Deserialize, Serialize};

use super::robust::MAD_TO_SD;

/// Ratios are kept this far from 0 and 1, where their logit is infinite.
const RATIO_EDGE: f64 = 0.001;
/// Least scale of any series, in units of x.
const MIN_SCALE: f64 = 0.035;
/// Least share of the server's load, 0 to 1, or least statement time a minute in milliseconds.
const WORTH_STATEMENT: (f64, f64) = (0.05, 1_000.0);
/// Least growth of the transaction rate, as a share of the server's.
const WORTH_TPS: f64 = 0.1;
/// Least bytes a minute: of temporary files, of WAL, of growth.
const WORTH_BYTES: f64 = 64.0 * 1024.0 * 1024.0;
/// Least sessions more than usual.
const WORTH_SESSIONS: f64 = 1.0;
/// Least deadlocks a minute.
const WORTH_DEADLOCKS: f64 = 1.0;
/// Least fall of a hit ratio, and least reads a second.
const WORTH_HIT_RATIO: (f64, f64) = (0.05, 100.0);
/// Least rows a minute more than usual that sequential scans read, and that are written: either
/// takes about a second of a processor (docs/anomalies.md).
const WORTH_ROWS: (f64, f64) = (10_000_000.0, 20_000.0);
/// Least seconds of lag more than usual.
const WORTH_LAG: f64 = 10.0;

/// What a series counts. The doc of each says its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Calls of a statement a minute.
    StatementCalls,
    /// Milliseconds a call.
    StatementMeanMs,
    /// Rows a call.
    StatementRows,
    /// Blocks read a call.
    StatementReads,
    /// Milliseconds of reading and writing blocks a call.
    StatementIoMs,
    /// Milliseconds of a statement a minute.
    StatementTime,
    /// Transactions of a database a second.
    DatabaseTps,
    /// Blocks found by blocks wanted, 0 to 1.
    DatabaseHitRatio,
    /// Bytes of temporary files a minute.
    DatabaseTempBytes,
    /// Deadlocks a minute.
    DatabaseDeadlocks,
    /// Bytes that a database or relation grows a minute.
    GrowthBytes,
    /// Rows that sequential scans read of a table a minute.
    TableSeqRows,
    /// Rows of a table that are inserted, updated and deleted a minute.
    TableWrites,
    /// Mean active sessions of a wait class.
    WaitSessions,
    /// Seconds that a standby is behind.
    LagSeconds,
    /// Bytes of WAL a minute.
    WalBytes,
}

/// Which way is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More is bad.
    Rising,
    /// Less is bad.
    Falling,
}

impl Direction {
    /// A difference, positive if it is bad.
    #[must_use]
    pub fn badness(self, difference: f64) -> f64 {
        match self {
            Self::Rising => difference,
            Self::Falling => -difference,
        }
    }
}

/// What else is known of the last five minutes; nothing is assumed of what is not told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// Share of the server's statement time (of its active sessions, for waits), 0 to 1.
    pub load_share: Option<f64>,
    /// The statement's milliseconds a minute.
    pub statement_ms_per_minute: Option<f64>,
    /// Transactions of the whole server a second.
    pub server_tps: Option<f64>,
    /// Blocks that the database reads a second.
    pub reads_per_second: Option<f64>,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 16] = [
        Self::StatementCalls,
        Self::StatementMeanMs,
        Self::StatementRows,
        Self::StatementReads,
        Self::StatementIoMs,
        Self::StatementTime,
        Self::DatabaseTps,
        Self::DatabaseHitRatio,
        Self::DatabaseTempBytes,
        Self::DatabaseDeadlocks,
        Self::GrowthBytes,
        Self::TableSeqRows,
        Self::TableWrites,
        Self::WaitSessions,
        Self::LagSeconds,
        Self::WalBytes,
    ];

    /// The row of the table of kinds: metric name, the contract's `anomaly_type`, least scale.
    fn row(self) -> (&'static str, &'static str, f64) {
        match self {
            Self::StatementCalls => ("calls_per_minute", "calls_spike", MIN_SCALE),
            Self::StatementMeanMs => ("mean_time_ms", "execution_time_spike", MIN_SCALE),
            Self::StatementRows => ("rows_per_call", "row_count_anomaly", 0.1),
            Self::StatementReads => ("blocks_read_per_call", "io_increase", 0.1),
            Self::StatementIoMs => ("io_time_ms_per_call", "io_increase", 0.1),
            Self::StatementTime => ("time_ms_per_minute", "load_shift", MIN_SCALE),
            Self::DatabaseTps => ("tps", "load_shift", MIN_SCALE),
            Self::DatabaseHitRatio => ("hit_ratio", "cache_degradation", 0.1),
            Self::DatabaseTempBytes => ("temp_bytes_per_minute", "temp_spike", 0.1),
            Self::DatabaseDeadlocks => ("deadlocks_per_minute", "wait_spike", 0.1),
            Self::GrowthBytes => ("growth_bytes_per_minute", "growth_shift", 0.1),
            Self::TableSeqRows => ("seq_rows_per_minute", "scan_spike", 0.1),
            Self::TableWrites => ("rows_written_per_minute", "write_spike", 0.1),
            Self::WaitSessions => ("active_sessions", "wait_spike", 0.1),
            Self::LagSeconds => ("lag_seconds", "lag_spike", 0.1),
            Self::WalBytes => ("wal_bytes_per_minute", "growth_shift", 0.1),
        }
    }

    /// The contract's `metric_name`.
    #[must_use]
    pub fn metric_name(self) -> &'static str {
        self.row().0
    }

    /// The contract's `anomaly_type`.
    #[must_use]
    pub fn anomaly_type(self) -> &'static str {
        self.row().1
    }

    /// Least scale s, in units of x.
    #[must_use]
    pub fn min_scale(self) -> f64 {
        self.row().2
    }

    /// Which way is bad.
    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Self::DatabaseHitRatio => Direction::Falling,
            _ => Direction::Rising,
        }
    }

    /// The level x of a value. A negative value counts as 0.
    #[must_use]
    pub fn level(self, value: f64) -> f64 {
        match self {
            Self::DatabaseHitRatio => {
                let ratio = value.clamp(RATIO_EDGE, 1.0 - RATIO_EDGE);
                (ratio / (1.0 - ratio)).ln()
            }
            _ => value.max(0.0).ln_1p(),
        }
    }

    /// The value that has a level.
    #[must_use]
    pub fn value(self, level: f64) -> f64 {
        match self {
            Self::DatabaseHitRatio => 1.0 / (1.0 + (-level).exp()),
            _ => level.exp_m1().max(0.0),
        }
    }

    /// The standard deviation that a median absolute deviation stands for, not below the least.
    pub(crate) fn scale(self, mad: f64) -> f64 {
        (MAD_TO_SD * mad).max(self.min_scale())
    }

    /// Whether a change from `usual` to `value` is worth a word.
    #[must_use]
    pub fn is_worth_it(self, value: f64, usual: f64, facts: &Facts) -> bool {
        let at_least = |fact: Option<f64>, least: f64| fact.is_some_and(|fact| fact >= least);
        match self {
            Self::StatementCalls
            | Self::StatementMeanMs
            | Self::StatementRows
            | Self::StatementReads
            | Self::StatementIoMs
            | Self::StatementTime => {
                at_least(facts.load_share, WORTH_STATEMENT.0)
                    || at_least(facts.statement_ms_per_minute, WORTH_STATEMENT.1)
            }
            Self::DatabaseTps => {
                let share = |tps: f64| value - usual >= WORTH_TPS * tps;
                facts.server_tps.is_some_and(share)
            }
            Self::DatabaseHitRatio => {
                let is_read = at_least(facts.reads_per_second, WORTH_HIT_RATIO.1);
                usual - value >= WORTH_HIT_RATIO.0 && is_read
            }
            Self::DatabaseTempBytes => value >= WORTH_BYTES,
            Self::GrowthBytes | Self::WalBytes => value - usual >= WORTH_BYTES,
            Self::TableSeqRows => value - usual >= WORTH_ROWS.0,
            Self::TableWrites => value - usual >= WORTH_ROWS.1,
            Self::DatabaseDeadlocks => value >= WORTH_DEADLOCKS,
            Self::WaitSessions => value - usual >= WORTH_SESSIONS,
            Self::LagSeconds => value - usual >= WORTH_LAG,
        }
    }
}
