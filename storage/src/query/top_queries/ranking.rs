//! The order of a list of statements.

use crate::query::QueryStats;

/// What makes a query a top query. Ties are ordered by query hash, database and user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryOrder {
    /// By mean time of the executions within the window, descending.
    Mean,
    /// By time spent within the window, descending.
    Total,
    /// By the greatest mean of one interval within the window, descending.
    Max,
    /// By executions within the window, descending.
    Calls,
}

/// The top `limit` of `sums`, one per (database, user, query) of a collector over a window.
pub(super) fn rank(mut sums: Vec<QueryStats>, order: QueryOrder, limit: u32) -> Vec<QueryStats> {
    sums.retain(|sum| sum.calls > 0);
    let mut sums: Vec<QueryStats> = sums.into_iter().map(QueryStats::with_mean).collect();
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

fn identity(sum: &QueryStats) -> (i64, &str, &str) {
    (sum.query_hash, &sum.database_name, &sum.user_name)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
