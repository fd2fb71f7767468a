//! Replication slots, and the WAL that each holds back (`pg_replication_slots`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_slot", 60, Shape::RowsIfAny, sql);

fn sql(facts: &Facts) -> Option<String> {
    let (counters, join) = match facts.has_view("pg_stat_replication_slots") {
        true => (
            ", c.spill_txns, c.spill_count, c.spill_bytes, c.stream_txns, c.stream_count, \
             c.stream_bytes, c.total_txns, c.total_bytes, c.stats_reset",
            " LEFT JOIN pg_stat_replication_slots c ON c.slot_name = s.slot_name",
        ),
        false => ("", ""),
    };
    Some(format!(
        "SELECT s.*, pg_wal_lsn_diff(l.now, s.restart_lsn)::bigint AS retained_bytes, \
         age(s.xmin) AS xmin_age, age(s.catalog_xmin) AS catalog_xmin_age{counters} \
         FROM pg_replication_slots s CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() \
            THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS now) l{join} \
         ORDER BY s.slot_name"
    ))
}
