//! Sessions by state, wait event, statement, database, user and application (`pg_stat_activity`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source =
    Source::new("pg_activity_sample", 10, Shape::Rows, sql).at_most(100);

/// Idle sessions are one row for a database and a user: what they wait for says nothing.
fn sql(facts: &Facts) -> Option<String> {
    let query_id = facts.column("pg_stat_activity", "query_id", "bigint");
    Some(format!(
        "SELECT backend_type, state, wait_event_type, wait_event, query_id, usename AS user, \
         datname AS database, application, \
         count(*) FILTER (WHERE leader_pid IS NULL OR leader_pid = pid) AS sessions, \
         count(*) FILTER (WHERE leader_pid <> pid) AS parallel_workers, \
         round(max(extract(epoch FROM clock_timestamp() - xact_start))::numeric, 3) \
            AS oldest_transaction_seconds, \
         round(max(extract(epoch FROM clock_timestamp() - query_start)) \
            FILTER (WHERE state = 'active')::numeric, 3) AS oldest_query_seconds \
         FROM (SELECT pid, leader_pid, backend_type, state, xact_start, query_start, usename, \
            datname, \
            CASE WHEN state = 'idle' THEN NULL ELSE wait_event_type END AS wait_event_type, \
            CASE WHEN state = 'idle' THEN NULL ELSE wait_event END AS wait_event, \
            CASE WHEN state = 'idle' THEN NULL ELSE query_id END AS query_id, \
            CASE WHEN state = 'idle' THEN NULL ELSE application_name END AS application \
            FROM (SELECT pid, leader_pid, backend_type, state, xact_start, query_start, usename, \
                datname, wait_event_type, wait_event, application_name, {query_id} \
                FROM pg_stat_activity WHERE pid <> pg_backend_pid()) a) s \
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY sessions DESC, 1, 2, 3, 4, 5"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_without_query_ids_has_none() {
        let old = Facts::of(130_000, &[("pg_stat_activity", &["pid"])]);
        assert!(sql(&old).unwrap().contains("NULL::bigint AS query_id"));
        let new = Facts::of(140_000, &[("pg_stat_activity", &["query_id"])]);
        assert!(!sql(&new).unwrap().contains("NULL::bigint AS query_id"));
    }
}
