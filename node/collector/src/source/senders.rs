//! Standbys and other receivers of WAL (`pg_stat_replication`): how far behind each is.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_sender", 10, Shape::RowsIfAny, sql);

/// Distances are bytes to this server's own position; lags are seconds, NULL when idle.
fn sql(_: &Facts) -> Option<String> {
    let distance = |column: &str| {
        format!("pg_wal_lsn_diff(l.now, {column}_lsn)::bigint AS {column}_distance_bytes")
    };
    let lag = |column: &str| {
        format!("round(extract(epoch FROM {column}_lag)::numeric, 6) AS {column}_lag_seconds")
    };
    Some(format!(
        "SELECT pid, usename AS user, application_name AS application, client_addr::text AS address, \
         state, sync_state, sync_priority, {}, {}, {}, {}, {}, {}, {}, \
         age(backend_xmin) AS backend_xmin_age, \
         round(extract(epoch FROM clock_timestamp() - reply_time)::numeric, 3) AS reply_age_seconds, \
         (SELECT slot_name FROM pg_replication_slots s WHERE s.active_pid = r.pid) AS slot \
         FROM pg_stat_replication r CROSS JOIN (SELECT CASE WHEN pg_is_in_recovery() \
            THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS now) l ORDER BY pid",
        distance("sent"),
        distance("write"),
        distance("flush"),
        distance("replay"),
        lag("write"),
        lag("flush"),
        lag("replay"),
    ))
}
