//! Where a standby gets its WAL from, and how far it has replayed (`pg_stat_wal_receiver`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_receiver", 10, Shape::RowsIfAny, sql);

/// A row on a standby only. `conninfo` is never read.
fn sql(facts: &Facts) -> Option<String> {
    let paused = match facts.version >= 140_000 {
        true => "pg_get_wal_replay_pause_state()",
        false => "CASE WHEN pg_is_wal_replay_paused() THEN 'paused' ELSE 'not paused' END",
    };
    Some(format!(
        "SELECT r.status, r.slot_name AS slot, r.sender_host, r.sender_port, r.received_tli AS timeline, \
         pg_last_wal_receive_lsn()::text AS received_lsn, pg_last_wal_replay_lsn()::text AS replayed_lsn, \
         pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::bigint AS replay_distance_bytes, \
         CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0 \
            ELSE round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::numeric, 3) \
            END AS replay_age_seconds, \
         {paused} AS replay_state, \
         round(extract(epoch FROM clock_timestamp() - r.last_msg_receipt_time)::numeric, 3) AS message_age_seconds \
         FROM (SELECT 1 WHERE pg_is_in_recovery()) x LEFT JOIN pg_stat_wal_receiver r ON true"
    ))
}
