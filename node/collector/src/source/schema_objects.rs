//! How indexes and constraints are defined (`pg_index`, `pg_constraint`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_schema_object", 300, Shape::Rows, sql)
    .in_each_database()
    .at_most(20_000)
    .changes_of(&["class", "schemaname", "relname", "name"], &[]);

/// Only what belongs to tables of users; a definition is what the server itself would write.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT 'index' AS class, n.nspname AS schemaname, t.relname, c.relname AS name, \
        m.amname AS kind, pg_get_indexdef(x.indexrelid) AS definition, \
        pg_get_expr(x.indpred, x.indrelid) AS predicate, \
        ARRAY(SELECT pg_get_indexdef(x.indexrelid, k, false) \
            FROM generate_series(1, x.indnkeyatts::int) AS k) AS columns, \
        ARRAY(SELECT pg_get_indexdef(x.indexrelid, k, false) \
            FROM generate_series(x.indnkeyatts + 1, x.indnatts::int) AS k) AS include, \
        NULL AS foreign_schema, NULL AS foreign_relation, NULL::name[] AS foreign_columns \
        FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid \
        JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
        JOIN pg_am m ON m.oid = c.relam \
        WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast' \
            AND t.relpersistence <> 't' \
        UNION ALL SELECT 'constraint', n.nspname, t.relname, o.conname, \
        CASE o.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique' WHEN 'f' THEN 'foreign key' \
            WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion' ELSE o.contype::text END, \
        pg_get_constraintdef(o.oid), NULL, \
        ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY AS k (attnum, n) \
            JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.attnum ORDER BY k.n), \
        '{}', fn.nspname, ft.relname, \
        ARRAY(SELECT a.attname FROM unnest(o.confkey) WITH ORDINALITY AS k (attnum, n) \
            JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.attnum ORDER BY k.n) \
        FROM pg_constraint o JOIN pg_class t ON t.oid = o.conrelid \
        JOIN pg_namespace n ON n.oid = t.relnamespace \
        LEFT JOIN pg_class ft ON ft.oid = o.confrelid \
        LEFT JOIN pg_namespace fn ON fn.oid = ft.relnamespace \
        WHERE o.contype IN ('p', 'u', 'f', 'c', 'x') AND t.relpersistence <> 't' \
            AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
        ORDER BY 1, 2, 3, 4";
    Some(sql.to_owned())
}
