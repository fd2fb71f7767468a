//! Which server this is, and what it is doing.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_identity", 60, Shape::One, sql);

fn sql(facts: &Facts) -> Option<String> {
    let compute = match facts.version >= 140_000 {
        true => "current_setting('compute_query_id')",
        false => "NULL::text",
    };
    Some(format!(
        "SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system_identifier, \
         (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline, \
         CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END AS role, \
         pg_postmaster_start_time() AS postmaster_start_time, pg_conf_load_time() AS conf_load_time, \
         current_setting('server_version') AS server_version, \
         current_setting('server_version_num')::int AS server_version_num, \
         current_setting('data_checksums') AS data_checksums, \
         current_setting('wal_segment_size') AS wal_segment_size, \
         current_setting('server_encoding') AS encoding, \
         (SELECT reset_val FROM pg_settings WHERE name = 'TimeZone') AS time_zone, \
         current_setting('lc_messages') AS lc_messages, {compute} AS compute_query_id, \
         current_setting('max_connections')::int AS max_connections, \
         (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS client_backends"
    ))
}
