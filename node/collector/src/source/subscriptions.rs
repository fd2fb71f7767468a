//! Logical replication as a subscriber (`pg_stat_subscription`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_subscription", 60, Shape::RowsIfAny, sql);

fn sql(facts: &Facts) -> Option<String> {
    let (counters, join) = match facts.has_view("pg_stat_subscription_stats") {
        true => (
            ", to_jsonb(c) - 'subid' - 'subname' AS counters",
            " LEFT JOIN pg_stat_subscription_stats c ON c.subid = s.subid",
        ),
        false => ("", ""),
    };
    Some(format!(
        "SELECT s.*, pg_wal_lsn_diff(s.received_lsn, s.latest_end_lsn)::bigint AS lag_bytes{counters} \
         FROM pg_stat_subscription s{join} ORDER BY s.subid, s.relid"
    ))
}
