//! Counters and properties of indexes (`pg_stat_user_indexes`, `pg_statio_user_indexes`,
//! `pg_index`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_index", 300, Shape::Rows, sql)
    .in_each_database()
    .changes_of(&["indexrelid"], &[]);

/// The size is that of the last VACUUM or ANALYZE: to ask for it now would wait for locks.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT u.*, o.idx_blks_read, o.idx_blks_hit, c.relpages, c.reltuples, \
        x.indisunique AS is_unique, x.indisprimary AS is_primary, x.indisexclusion AS is_exclusion, \
        x.indisvalid AS is_valid, x.indisready AS is_ready, x.indisreplident AS is_replica_identity, \
        x.indpred IS NOT NULL AS is_partial, x.indexprs IS NOT NULL AS is_expression, \
        m.amname AS method, (SELECT array_agg(a.attname ORDER BY k.n) \
            FROM unnest(x.indkey) WITH ORDINALITY AS k (attnum, n) \
            LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum) AS columns, \
        (SELECT conname FROM pg_constraint WHERE conindid = x.indexrelid AND contype IN ('p', 'u', 'x') \
            LIMIT 1) AS constraint_name \
        FROM pg_stat_user_indexes u JOIN pg_statio_user_indexes o ON o.indexrelid = u.indexrelid \
        JOIN pg_index x ON x.indexrelid = u.indexrelid JOIN pg_class c ON c.oid = u.indexrelid \
        JOIN pg_am m ON m.oid = c.relam ORDER BY c.relpages DESC, u.indexrelid";
    Some(sql.to_owned())
}
