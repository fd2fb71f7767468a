//! What both stores make of their sums per database, user and query over a window.
//!
//! Each (database, user, query hash) of a collector is a row of its own: equal query ids of two
//! databases are two statements. Stores take from a difference that spans a border of the window
//! the share inside it.

use super::{QueryOrder, QueryStats};

/// An interval longer than this is a gap: three of the five minutes after which collectors push at
/// the latest.
pub const GAP_SECONDS: u32 = 900;

/// The counters of [`QueryStats`] that are differences, as columns of `metrics_pg_stats_query`
/// without their `_delta`, in the order of the fields.
pub const COUNTERS: [&str; 18] = [
    "calls",
    "total_time",
    "rows",
    "shared_blks_hit",
    "shared_blks_read",
    "shared_blks_dirtied",
    "shared_blks_written",
    "local_blks_hit",
    "local_blks_read",
    "local_blks_dirtied",
    "local_blks_written",
    "temp_blks_read",
    "temp_blks_written",
    "blk_read_time",
    "blk_write_time",
    "wal_records",
    "wal_fpi",
    "wal_bytes",
];

/// The top `limit` of `sums`, one per (database, user, query) of a collector over a window.
pub fn rank(mut sums: Vec<QueryStats>, order: QueryOrder, limit: u32) -> Vec<QueryStats> {
    sums.retain(|sum| sum.calls > 0);
    for sum in &mut sums {
        sum.mean_time = mean(sum);
    }
    sums.sort_by(|a, b| {
        let first = match order {
            QueryOrder::Mean => b.mean_time.total_cmp(&a.mean_time),
            QueryOrder::Total => b.total_time.total_cmp(&a.total_time),
            QueryOrder::Max => b.max_time.total_cmp(&a.max_time),
            QueryOrder::Calls => b.calls.cmp(&a.calls),
        };
        first.then_with(|| identity(a).cmp(&identity(b)))
    });
    sums.truncate(limit as usize);
    sums
}

/// The points of a timeline, oldest first; those of one time by collector, database and user.
pub fn timeline(mut points: Vec<QueryStats>) -> Vec<QueryStats> {
    for point in &mut points {
        point.mean_time = mean(point);
        point.max_time = point.mean_time;
    }
    points.sort_by(|a, b| place(a).cmp(&place(b)));
    points
}

fn place(point: &QueryStats) -> impl Ord {
    (
        point.time,
        point.collector_id.clone(),
        point.database_name.clone(),
        point.user_name.clone(),
    )
}

fn identity(sum: &QueryStats) -> (i64, &str, &str) {
    (sum.query_hash, &sum.database_name, &sum.user_name)
}

fn mean(sum: &QueryStats) -> f64 {
    if sum.calls > 0 {
        sum.total_time / sum.calls as f64
    } else {
        0.0
    }
}

/// The columns of a [`Difference`](super::query_rollup::Difference), in the order of its fields.
pub fn difference_columns() -> String {
    let deltas = COUNTERS.map(|name| format!("{name}_delta"));
    format!(
        "time, interval_seconds, database_name, user_name, query_hash, min_time, stddev_time, \
         max_time, {}",
        deltas.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn sum(database: &str, hash: i64, calls: i64, total_time: f64) -> QueryStats {
        QueryStats {
            database_name: database.into(),
            query_hash: hash,
            calls,
            total_time,
            ..QueryStats::default()
        }
    }

    #[test]
    fn rows_are_ordered_by_what_is_asked_and_ties_by_their_key() {
        let sums = vec![
            sum("b", 1, 10, 50.0),
            sum("a", 1, 10, 50.0),
            sum("a", 2, 1, 40.0),
            sum("a", 3, 0, 99.0),
        ];
        for (order, limit, want) in [
            (QueryOrder::Mean, 10, vec![(2, "a"), (1, "a"), (1, "b")]),
            (QueryOrder::Total, 10, vec![(1, "a"), (1, "b"), (2, "a")]),
            (QueryOrder::Calls, 1, vec![(1, "a")]),
        ] {
            let top = rank(sums.clone(), order, limit);
            let got: Vec<_> = top
                .iter()
                .map(|q| (q.query_hash, q.database_name.as_str()))
                .collect();
            assert_eq!(got, want, "{order:?}");
        }
    }

    #[test]
    fn a_timeline_is_in_the_order_of_time_whatever_the_database() {
        let point = |database: &str, at| QueryStats {
            time: Timestamp::from_micros(at),
            ..sum(database, 1, 2, 3.0)
        };
        let points = timeline(vec![point("b", 2), point("b", 1), point("a", 2)]);
        let got: Vec<_> = points
            .iter()
            .map(|p| (p.time.micros(), p.database_name.as_str(), p.max_time))
            .collect();
        assert_eq!(got, [(1, "b", 1.5), (2, "a", 1.5), (2, "b", 1.5)]);
    }
}
