//! One statement of a comparison.

use serde::Serialize;

use super::discovery;
use super::mean_test::{self, MeanChange};
use super::rate_test::{self, RateChange, RateStatus};
use super::window::Window;
use super::{Key, MIN_CALLS, MIN_COVERAGE, Tolerance};

/// What became of a statement's mean time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Faster: significantly, and beyond the tolerance.
    Improved,
    /// Slower: significantly, and beyond the tolerance.
    Degraded,
    /// The 90 % interval lies inside of the tolerance.
    Unchanged,
    /// None of these can be said.
    Inconclusive,
    /// Fewer than 30 calls on one side, less than 80 % seen, or no standard deviation.
    NotComparable,
    /// Only in the later window.
    New,
    /// Only in the earlier window.
    Gone,
}

/// One statement in both windows, with the contract's names. Times are milliseconds; a side that is
/// missing has zeros, and no percents.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The fingerprint.
    pub query_hash: i64,
    /// The database.
    pub database_name: String,
    /// Calls before.
    pub before_calls: f64,
    /// Calls after.
    pub after_calls: f64,
    /// Difference.
    pub calls_change: f64,
    /// Difference in percent of before.
    pub calls_change_percent: Option<f64>,
    /// Mean time before.
    pub before_mean_time: f64,
    /// Mean time after.
    pub after_mean_time: f64,
    /// Difference.
    pub mean_time_change: f64,
    /// Difference in percent of before.
    pub mean_time_change_percent: Option<f64>,
    /// Longest call of the window before, if known.
    pub before_max_time: Option<f64>,
    /// Longest call after, if known.
    pub after_max_time: Option<f64>,
    /// Difference, if both are known.
    pub max_time_change: Option<f64>,
    /// Blocks found in the cache before.
    pub before_cache_hits: f64,
    /// Blocks found in the cache after.
    pub after_cache_hits: f64,
    /// Blocks read before.
    pub before_cache_reads: f64,
    /// Blocks read after.
    pub after_cache_reads: f64,
    /// What became of it.
    pub improvement_status: Status,
    /// Change of statement time in seconds an hour: the order of rows.
    pub seconds_per_hour_change: f64,
    /// Seconds of the window after that were seen.
    #[serde(skip)]
    pub after_seconds: f64,
    /// The test of the mean; none if it cannot be compared.
    pub mean: Option<MeanChange>,
    /// Calls, rows and blocks; empty if it is on one side only or less than 80 % was seen.
    pub rates: Vec<RateChange>,
    /// Temporary blocks a call before and after; not tested.
    pub temp_blocks_per_call: (f64, f64),
    /// Bytes of WAL a call before and after; not tested.
    pub wal_bytes_per_call: (f64, f64),
}

impl Row {
    /// A statement that is on at least one side, [`Status::Inconclusive`] unless that is plain.
    pub(super) fn of(key: &Key, before: Option<Window>, after: Option<Window>) -> Option<Self> {
        let (status, mean) = test(before.as_ref(), after.as_ref())?;
        let is_both = before.is_some() && after.is_some();
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        let percent = |before: f64, after: f64| {
            (is_both && before > 0.0).then(|| (after - before) / before * 100.0)
        };
        let (mean_before, mean_after) = (before.mean_ms(), after.mean_ms());
        // A side that is missing has no longest call; one that is there may not know it.
        let longest = |window: &Window| window.max_ms.or((!is_both).then_some(0.0));
        let (max_before, max_after) = (longest(&before), longest(&after));
        let is_seen = before.coverage >= MIN_COVERAGE && after.coverage >= MIN_COVERAGE;
        let rates = (is_both && is_seen).then(|| rate_test::compare(&before, &after));
        let rates = rates.unwrap_or_default();
        Some(Self {
            query_hash: key.query_hash,
            database_name: key.database.clone(),
            before_calls: before.calls,
            after_calls: after.calls,
            calls_change: after.calls - before.calls,
            calls_change_percent: percent(before.calls, after.calls),
            before_mean_time: mean_before,
            after_mean_time: mean_after,
            mean_time_change: mean_after - mean_before,
            mean_time_change_percent: percent(mean_before, mean_after),
            before_max_time: max_before,
            after_max_time: max_after,
            max_time_change: max_before
                .zip(max_after)
                .map(|(before, after)| after - before),
            before_cache_hits: before.blocks_hit,
            after_cache_hits: after.blocks_hit,
            before_cache_reads: before.blocks_read,
            after_cache_reads: after.blocks_read,
            improvement_status: status,
            seconds_per_hour_change: after.seconds_per_hour() - before.seconds_per_hour(),
            after_seconds: after.exposure_seconds,
            mean,
            rates,
            temp_blocks_per_call: (
                before.per_call(before.temp_blocks),
                after.per_call(after.temp_blocks),
            ),
            wal_bytes_per_call: (
                before.per_call(before.wal_bytes),
                after.per_call(after.wal_bytes),
            ),
        })
    }
}

/// What is plain without other statements, and the test of the mean; none if it is on no side.
fn test(before: Option<&Window>, after: Option<&Window>) -> Option<(Status, Option<MeanChange>)> {
    let (before, after) = match (before, after) {
        (None, None) => return None,
        (None, Some(_)) => return Some((Status::New, None)),
        (Some(_), None) => return Some((Status::Gone, None)),
        (Some(before), Some(after)) => (before, after),
    };
    if !is_comparable(before) || !is_comparable(after) {
        return Some((Status::NotComparable, None));
    }
    Some(match mean_test::compare(before, after) {
        None => (Status::NotComparable, None),
        mean => (Status::Inconclusive, mean),
    })
}

fn is_comparable(window: &Window) -> bool {
    window.calls >= MIN_CALLS && window.coverage >= MIN_COVERAGE && window.sd_ms.is_some()
}

/// Decides the rows that were tested, and their rates.
pub(super) fn decide(rows: &mut [Row], tolerance: &Tolerance) {
    let means = rows.iter().filter_map(|row| row.mean);
    let mean_limit = discovery::limit(means.map(|mean| mean.p_value).collect());
    let rates = rows.iter().flat_map(|row| &row.rates);
    let rate_limit = discovery::limit(rates.filter_map(|rate| rate.p_value).collect());
    for row in rows {
        if let Some(mean) = row.mean {
            let at_least = tolerance.mean_ms / row.before_mean_time;
            let band = tolerance.mean_share.max(at_least);
            row.improvement_status = match place(mean.ratio, mean.interval, band) {
                Place::Above if mean.p_value <= mean_limit => Status::Degraded,
                Place::Below if mean.p_value <= mean_limit => Status::Improved,
                Place::Inside => Status::Unchanged,
                _ => Status::Inconclusive,
            };
        }
        for rate in &mut row.rates {
            let (Some(ratio), Some(interval)) = (rate.ratio, rate.interval) else {
                continue;
            };
            let is_significant = rate.p_value.is_some_and(|p| p <= rate_limit);
            rate.status = match place(ratio, interval, tolerance.rate_share) {
                Place::Above if is_significant => RateStatus::Higher,
                Place::Below if is_significant => RateStatus::Lower,
                Place::Inside => RateStatus::Unchanged,
                _ => RateStatus::Inconclusive,
            };
        }
    }
}

/// Where a ratio lies.
enum Place {
    Above,
    Below,
    /// Its whole interval is inside of the tolerance.
    Inside,
    Between,
}

fn place(ratio: f64, (low, high): (f64, f64), band: f64) -> Place {
    if ratio > 1.0 + band {
        Place::Above
    } else if ratio < 1.0 - band {
        Place::Below
    } else if low >= 1.0 - band && high <= 1.0 + band {
        Place::Inside
    } else {
        Place::Between
    }
}
