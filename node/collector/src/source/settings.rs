//! Settings that are not the default, and a few that always matter (`pg_settings`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source =
    Source::new("pg_setting", 300, Shape::Rows, sql).changes_of(&["name"], &[]);

/// Of what may hold a secret only a hash is read.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT name, CASE WHEN name ~ '(conninfo|passphrase|_command$|password)' AND setting <> '' \
        THEN 'md5:' || md5(setting) ELSE setting END AS setting, unit, source, sourcefile, context, \
        vartype, pending_restart FROM pg_settings WHERE source NOT IN ('default', 'override', 'client', 'session') \
        OR pending_restart OR name IN ('shared_buffers', 'work_mem', 'maintenance_work_mem', \
        'effective_cache_size', 'max_connections', 'max_wal_size', 'checkpoint_timeout', \
        'autovacuum', 'autovacuum_max_workers', 'autovacuum_freeze_max_age', 'fsync', \
        'full_page_writes', 'synchronous_commit', 'random_page_cost', 'track_io_timing', \
        'max_worker_processes', 'max_parallel_workers', 'jit', 'wal_level', 'archive_mode', \
        'superuser_reserved_connections', 'reserved_connections', 'autovacuum_vacuum_threshold', \
        'autovacuum_vacuum_scale_factor', 'max_slot_wal_keep_size', 'recovery_min_apply_delay') \
        ORDER BY name";
    Some(sql.to_owned())
}
