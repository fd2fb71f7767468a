//! WAL written (`pg_stat_wal`), and where the log is.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_wal", 60, Shape::One, sql);

fn sql(facts: &Facts) -> Option<String> {
    let (columns, from) = match facts.has_view("pg_stat_wal") {
        true => ("w.*, ", " CROSS JOIN pg_stat_wal w"),
        false => ("", ""),
    };
    Some(format!(
        "SELECT {columns}l.lsn::text AS lsn, pg_wal_lsn_diff(l.lsn, '0/0')::bigint AS lsn_bytes \
         FROM (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() \
            ELSE pg_current_wal_lsn() END AS lsn) l{from}"
    ))
}
