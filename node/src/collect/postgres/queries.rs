//! What is asked of PostgreSQL. Each query answers with one JSON text, in the forms of contract 3.1 and 3.2.

/// Counters of the database itself (`pg_stat_database`).
pub(super) const DATABASE: &str = "
SELECT json_build_object(
    'database', d.datname,
    'size_bytes', pg_database_size(d.datid),
    'transactions_committed', d.xact_commit, 'transactions_rolledback', d.xact_rollback,
    'tuples_returned', d.tup_returned, 'tuples_fetched', d.tup_fetched, 'tuples_inserted', d.tup_inserted,
    'tuples_updated', d.tup_updated, 'tuples_deleted', d.tup_deleted,
    'stats_reset', to_char(d.stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
    'postmaster_start_time',
        to_char(pg_postmaster_start_time() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
)::text
FROM pg_stat_database d WHERE d.datname = current_database()";

/// The 100 tables with the most live rows (`pg_stat_user_tables`).
pub(super) const TABLES: &str = "
SELECT coalesce(json_agg(json_build_object(
    'schema', schemaname, 'name', relname, 'live_tuples', n_live_tup, 'dead_tuples', n_dead_tup,
    'modified_since_analyze', n_mod_since_analyze, 'size_bytes', coalesce(pg_total_relation_size(relid), 0),
    'last_vacuum', coalesce(last_vacuum::text, ''), 'last_autovacuum', coalesce(last_autovacuum::text, ''),
    'last_analyze', coalesce(last_analyze::text, ''), 'last_autoanalyze', coalesce(last_autoanalyze::text, ''),
    'vacuum_count', vacuum_count, 'autovacuum_count', autovacuum_count)), '[]')::text
FROM (SELECT * FROM pg_stat_user_tables ORDER BY n_live_tup DESC, relid LIMIT 100) t";

/// The 100 largest indexes (`pg_stat_user_indexes`).
pub(super) const INDEXES: &str = "
SELECT coalesce(json_agg(json_build_object(
    'schema', schemaname, 'name', indexrelname, 'table', relname, 'scans', idx_scan, 'tuples_read', idx_tup_read,
    'tuples_returned', idx_tup_fetch, 'size_bytes', coalesce(size, 0),
    'status', CASE WHEN idx_scan > 0 THEN 'USED' ELSE 'UNUSED' END)), '[]')::text
FROM (SELECT *, pg_relation_size(indexrelid) AS size FROM pg_stat_user_indexes
      ORDER BY size DESC NULLS LAST, indexrelid LIMIT 100) i";

/// Schema of the extension and the columns of its view, which differ between versions; no row if it is not installed.
pub(super) const STATEMENTS_VIEW: &str = "
SELECT n.nspname::text, array_agg(a.attname::text)
FROM pg_extension e
JOIN pg_namespace n ON n.oid = e.extnamespace
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'pg_stat_statements'
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE e.extname = 'pg_stat_statements'
GROUP BY n.nspname";

/// The 100 statements of this database with the most time, one row per query id: rows of several users, and of top
/// level or nested calls, are added up.
pub(super) fn statements(schema: &str, columns: &[String]) -> String {
    let has = |name: &str| columns.iter().any(|column| column == name);
    // PostgreSQL 17 has these times apart for shared and local blocks; the old ones were those of shared blocks.
    let (block_read, block_write) = if has("shared_blk_read_time") {
        ("shared_blk_read_time", "shared_blk_write_time")
    } else {
        ("blk_read_time", "blk_write_time")
    };
    let schema = format!("\"{}\"", schema.replace('"', "\"\""));
    // The view that tells the reset came with PostgreSQL 14, as did the column `toplevel`.
    let reset = if has("toplevel") {
        format!(
            "(SELECT to_char(stats_reset AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM {schema}.pg_stat_statements_info)"
        )
    } else {
        "NULL".to_owned()
    };
    format!(
        "
SELECT coalesce(json_agg(json_build_object(
    'hash', queryid, 'text', query, 'calls', calls, 'total_time', total, 'mean_time', total / greatest(calls, 1),
    'min_time', least, 'max_time', most,
    'stddev_time', sqrt(greatest(squares / greatest(calls, 1) - (total / greatest(calls, 1)) ^ 2, 0)),
    'rows', row_count,
    'shared_blks_hit', shared_hit, 'shared_blks_read', shared_read,
    'shared_blks_dirtied', shared_dirtied, 'shared_blks_written', shared_written,
    'local_blks_hit', local_hit, 'local_blks_read', local_read,
    'local_blks_dirtied', local_dirtied, 'local_blks_written', local_written,
    'temp_blks_read', temp_read, 'temp_blks_written', temp_written,
    'blk_read_time', block_read, 'blk_write_time', block_write,
    'wal_records', records, 'wal_fpi', images, 'wal_bytes', bytes,
    'stats_reset', {reset})), '[]')::text
FROM (
    SELECT queryid, min(left(query, 10000)) AS query, sum(calls)::int8 AS calls, sum(total_exec_time) AS total,
        min(min_exec_time) AS least, max(max_exec_time) AS most,
        sum(calls * (stddev_exec_time ^ 2 + mean_exec_time ^ 2)) AS squares, sum(rows)::int8 AS row_count,
        sum(shared_blks_hit)::int8 AS shared_hit, sum(shared_blks_read)::int8 AS shared_read,
        sum(shared_blks_dirtied)::int8 AS shared_dirtied, sum(shared_blks_written)::int8 AS shared_written,
        sum(local_blks_hit)::int8 AS local_hit, sum(local_blks_read)::int8 AS local_read,
        sum(local_blks_dirtied)::int8 AS local_dirtied, sum(local_blks_written)::int8 AS local_written,
        sum(temp_blks_read)::int8 AS temp_read, sum(temp_blks_written)::int8 AS temp_written,
        sum({block_read}) AS block_read, sum({block_write}) AS block_write,
        sum(wal_records)::int8 AS records, sum(wal_fpi)::int8 AS images, sum(wal_bytes)::int8 AS bytes
    FROM {schema}.pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND queryid IS NOT NULL
    GROUP BY queryid ORDER BY sum(total_exec_time) DESC, queryid LIMIT 100
) s"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_use_the_columns_the_view_has() {
        for (name, columns, has, has_not) in [
            ("13", vec!["blk_read_time"], "sum(blk_read_time)", "_info"),
            (
                "14",
                vec!["blk_read_time", "toplevel"],
                "_info",
                "shared_blk_read_time",
            ),
            (
                "17",
                vec!["shared_blk_read_time", "toplevel"],
                "sum(shared_blk_read_time)",
                "sum(blk_read_time)",
            ),
        ] {
            let columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
            let sql = statements("we\"ird", &columns);
            assert!(sql.contains(has) && !sql.contains(has_not), "{name}: {sql}");
            assert!(sql.contains("\"we\"\"ird\".pg_stat_statements"), "{name}");
        }
    }
}
