//! Sizes of tables with their indexes and long values.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_table_size", 900, Shape::Rows, sql)
    .in_each_database()
    .changes_of(&["relid"], &[]);

/// Waits at most 100 ms for a table that is locked exclusively: then all are read the next time.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT c.oid AS relid, n.nspname AS schema, c.relname AS name, \
        pg_relation_size(c.oid) AS heap_bytes, pg_indexes_size(c.oid) AS indexes_bytes, \
        CASE WHEN c.reltoastrelid <> 0 THEN pg_total_relation_size(c.reltoastrelid) ELSE 0 END AS toast_bytes, \
        pg_total_relation_size(c.oid) AS total_bytes \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' \
        ORDER BY c.relpages DESC, c.oid";
    Some(sql.to_owned())
}
