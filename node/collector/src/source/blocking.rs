//! Who has waited for a lock for more than a second, and who holds it (`pg_blocking_pids`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_blocking", 10, Shape::RowsIfAny, sql).at_most(50);

/// A row for each pair. `pg_blocking_pids` takes the whole lock table for a moment: it is asked
/// about sessions only that have waited long enough.
fn sql(facts: &Facts) -> Option<String> {
    let view = "pg_stat_activity";
    let query_id = |of: &str, name: &str| match facts.has(view, "query_id") {
        true => format!("{of}.query_id AS {name}"),
        false => format!("NULL::bigint AS {name}"),
    };
    let wait = match facts.has("pg_locks", "waitstart") {
        true => "coalesce(l.waitstart, w.query_start)",
        false => "w.query_start",
    };
    Some(format!(
        "SELECT w.pid AS blocked_pid, b.pid AS blocking_pid, w.datname AS database, \
         l.locktype AS lock_type, l.mode AS mode_wanted, \
         (SELECT h.mode FROM pg_locks h WHERE h.pid = b.pid AND h.granted \
            AND h.locktype = l.locktype AND h.relation IS NOT DISTINCT FROM l.relation \
            AND h.transactionid IS NOT DISTINCT FROM l.transactionid LIMIT 1) AS mode_held, \
         (SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n \
            ON n.oid = c.relnamespace WHERE c.oid = l.relation \
            AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())) \
            AS relation, \
         round(extract(epoch FROM clock_timestamp() - {wait})::numeric, 3) AS wait_seconds, \
         w.usename AS blocked_user, w.application_name AS blocked_application, \
         {blocked_id}, w.query AS blocked_query, \
         b.usename AS blocking_user, b.application_name AS blocking_application, \
         b.state AS blocking_state, {blocking_id}, b.query AS blocking_query, \
         round(extract(epoch FROM clock_timestamp() - b.xact_start)::numeric, 3) \
            AS blocking_transaction_seconds \
         FROM (SELECT * FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
            AND clock_timestamp() - query_start > interval '1 second' \
            ORDER BY query_start LIMIT 50) w \
         CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS p (pid) \
         LEFT JOIN pg_stat_activity b ON b.pid = p.pid \
         LEFT JOIN LATERAL (SELECT * FROM pg_locks WHERE pid = w.pid AND NOT granted LIMIT 1) l \
            ON true ORDER BY wait_seconds DESC NULLS LAST",
        blocked_id = query_id("w", "blocked_query_id"),
        blocking_id = query_id("b", "blocking_query_id"),
    ))
}
