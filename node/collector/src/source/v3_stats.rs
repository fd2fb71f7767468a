//! `pg_stats` of the v3 protocol (contract 3.1): a database with its 100 fullest tables and 100
//! largest indexes.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_stats", 60, Shape::One, sql).in_each_database();

fn sql(facts: &Facts) -> Option<String> {
    let time = "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'";
    let identity = facts.identity();
    Some(format!(
        "SELECT d.datname AS database, {identity}, pg_database_size(d.datid) AS size_bytes, \
         d.numbackends AS connections, \
         d.xact_commit AS transactions_committed, d.xact_rollback AS transactions_rolledback, \
         d.blks_read, d.blks_hit, d.tup_returned AS tuples_returned, \
         d.tup_fetched AS tuples_fetched, d.tup_inserted AS tuples_inserted, \
         d.tup_updated AS tuples_updated, d.tup_deleted AS tuples_deleted, \
         d.conflicts, d.deadlocks, d.temp_files, d.temp_bytes, \
         to_char(d.stats_reset, {time}) AS stats_reset, \
         to_char(pg_postmaster_start_time(), {time}) AS postmaster_start_time, \
         ({TABLES}) AS tables, ({INDEXES}) AS indexes \
         FROM pg_stat_database d WHERE d.datname = current_database()"
    ))
}

/// Sizes are those of the last VACUUM or ANALYZE: to ask for them now would wait for locks.
const TABLES: &str = "SELECT coalesce(json_agg(json_build_object('schema', schemaname, \
    'name', relname, 'live_tuples', n_live_tup, 'dead_tuples', n_dead_tup, \
    'modified_since_analyze', n_mod_since_analyze, 'seq_scan', seq_scan, \
    'seq_tup_read', seq_tup_read, 'idx_scan', idx_scan, 'idx_tup_fetch', idx_tup_fetch, \
    'n_tup_ins', n_tup_ins, 'n_tup_upd', n_tup_upd, 'n_tup_del', n_tup_del, \
    'size_bytes', pages * current_setting('block_size')::bigint, \
    'last_vacuum', coalesce(last_vacuum::text, ''), \
    'last_autovacuum', coalesce(last_autovacuum::text, ''), \
    'last_analyze', coalesce(last_analyze::text, ''), \
    'last_autoanalyze', coalesce(last_autoanalyze::text, ''), \
    'vacuum_count', vacuum_count, 'autovacuum_count', autovacuum_count)), '[]') \
    FROM (SELECT s.*, (SELECT sum(c.relpages)::bigint FROM pg_class c WHERE c.oid = s.relid \
        OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = s.relid)) AS pages \
        FROM pg_stat_user_tables s ORDER BY n_live_tup DESC, relid LIMIT 100) t";

const INDEXES: &str = "SELECT coalesce(json_agg(json_build_object('schema', schemaname, \
    'name', indexrelname, 'table', relname, 'scans', idx_scan, 'tuples_read', idx_tup_read, \
    'tuples_returned', idx_tup_fetch, \
    'size_bytes', relpages * current_setting('block_size')::bigint, \
    'status', CASE WHEN idx_scan > 0 THEN 'USED' ELSE 'UNUSED' END)), '[]') \
    FROM (SELECT s.*, c.relpages::bigint FROM pg_stat_user_indexes s \
        JOIN pg_class c ON c.oid = s.indexrelid \
        ORDER BY c.relpages DESC, s.indexrelid LIMIT 100) i";
