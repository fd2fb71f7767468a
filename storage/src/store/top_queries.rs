//! What both stores make of their per-database sums of a window.
//!
//! Stock collectors repeat the statements of the whole server under every database name they know. Rows are
//! kept as they came; an answer counts a statement once: rows of one collector, user and query hash that
//! agree on the longest execution of the window (`max_time`, to the nanosecond) are the same statement, and
//! the one with most calls stands for them all (of equals, the first database by name).

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{QueryOrder, QueryStats};

/// The counters of [`QueryStats`] that are differences, as columns of `metrics_pg_stats_query` without their
/// `_delta`, in the order of the fields.
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
pub fn rank(sums: Vec<QueryStats>, order: QueryOrder, limit: u32) -> Vec<QueryStats> {
    let mut top = without_repeats(sums, |sum| {
        (
            sum.user_name.clone(),
            sum.query_hash,
            sum.max_time.to_bits(),
        )
    });
    top.retain(|sum| sum.calls > 0);
    top.sort_by(|a, b| {
        let first = match order {
            QueryOrder::Slow => b.max_time.total_cmp(&a.max_time),
            QueryOrder::Frequent => b.calls.cmp(&a.calls),
        };
        first.then_with(|| identity(a).cmp(&identity(b)))
    });
    top.truncate(limit as usize);
    for sum in &mut top {
        sum.mean_time = mean(sum);
    }
    top
}

/// The points of one query, oldest first, without those of databases that repeat another's.
pub fn timeline(points: Vec<QueryStats>) -> Vec<QueryStats> {
    let mut windows: HashMap<_, QueryStats> = HashMap::new();
    for point in &points {
        let window = windows.entry(source(point)).or_insert_with(|| QueryStats {
            calls: 0,
            max_time: 0.0,
            ..point.clone()
        });
        window.calls = window.calls.saturating_add(point.calls);
        window.max_time = window.max_time.max(point.max_time);
    }
    let kept = without_repeats(windows.into_values().collect(), |window| {
        let collector = window.collector_id.clone();
        (
            collector,
            window.user_name.clone(),
            window.max_time.to_bits(),
        )
    });
    let kept: std::collections::HashSet<_> = kept.iter().map(source).collect();
    let mut points: Vec<_> = points
        .into_iter()
        .filter(|point| kept.contains(&source(point)))
        .collect();
    points.sort_by_key(|point| point.time);
    for point in &mut points {
        point.mean_time = mean(point);
    }
    points
}

fn without_repeats<K: Eq + std::hash::Hash>(
    sums: Vec<QueryStats>,
    key: impl Fn(&QueryStats) -> K,
) -> Vec<QueryStats> {
    let mut kept: HashMap<K, QueryStats> = HashMap::new();
    for sum in sums {
        let key = key(&sum);
        let stands = kept.get(&key).is_some_and(|other| {
            let more = other.calls.cmp(&sum.calls);
            more.then_with(|| sum.database_name.cmp(&other.database_name)) != Ordering::Less
        });
        if !stands {
            kept.insert(key, sum);
        }
    }
    kept.into_values().collect()
}

fn identity(sum: &QueryStats) -> (i64, &str, &str) {
    (sum.query_hash, &sum.database_name, &sum.user_name)
}

fn source(point: &QueryStats) -> (String, String, String) {
    let QueryStats {
        collector_id,
        database_name,
        user_name,
        ..
    } = point;
    (
        collector_id.clone(),
        database_name.clone(),
        user_name.clone(),
    )
}

fn mean(sum: &QueryStats) -> f64 {
    if sum.calls > 0 {
        sum.total_time / sum.calls as f64
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    fn sum(database: &str, hash: i64, calls: i64, max_time: f64) -> QueryStats {
        QueryStats {
            database_name: database.into(),
            query_hash: hash,
            calls,
            total_time: 10.0,
            max_time,
            ..QueryStats::default()
        }
    }

    #[test]
    fn a_statement_repeated_under_every_database_counts_once() {
        let sums = vec![
            sum("a", 1, 10, 7.25),
            sum("b", 1, 11, 7.25),
            sum("a", 2, 5, 9.0),
            sum("b", 2, 5, 9.0),
            sum("a", 3, 0, 99.0),
            sum("a", 4, 4, 1.0),
            sum("b", 4, 3, 2.0),
        ];
        let ask = |order, limit| -> Vec<(i64, String, i64)> {
            let top = rank(sums.clone(), order, limit);
            top.into_iter()
                .map(|q| (q.query_hash, q.database_name, q.calls))
                .collect()
        };
        let row = |hash, database: &str, calls| (hash, database.to_owned(), calls);
        assert_eq!(
            ask(QueryOrder::Frequent, 10),
            [
                row(1, "b", 11),
                row(2, "a", 5),
                row(4, "a", 4),
                row(4, "b", 3)
            ]
        );
        assert_eq!(ask(QueryOrder::Slow, 2), [row(2, "a", 5), row(1, "b", 11)]);
        assert_eq!(rank(sums, QueryOrder::Slow, 1)[0].mean_time, 2.0);
    }

    #[test]
    fn a_timeline_has_one_database_of_those_that_agree() {
        let point = |database: &str, at, calls, max| QueryStats {
            time: Timestamp::from_micros(at),
            ..sum(database, 1, calls, max)
        };
        let points = vec![
            point("b", 2, 5, 8.0),
            point("a", 1, 4, 7.0),
            point("a", 2, 5, 8.0),
            point("b", 1, 3, 7.0),
        ];
        let kept = timeline(points);
        let got: Vec<_> = kept
            .iter()
            .map(|p| (p.database_name.as_str(), p.calls))
            .collect();
        assert_eq!(got, [("a", 4), ("a", 5)]);
    }
}
