//! How much of each sequence is used (`pg_sequences`).

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_sequence", 900, Shape::Rows, sql)
    .in_each_database()
    .changes_of(&["schema", "name"], &[]);

/// A column of type int4 ends before its bigint sequence does.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT s.schemaname AS schema, s.sequencename AS name, s.data_type::text AS data_type, \
        s.last_value, s.min_value, s.max_value, s.increment_by, s.cycle, \
        t.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS column_type, \
        CASE WHEN s.increment_by > 0 AND s.last_value IS NOT NULL THEN round(s.last_value::numeric \
            / least(s.max_value, CASE a.atttypid WHEN 'int4'::regtype THEN 2147483647 \
            WHEN 'int2'::regtype THEN 32767 ELSE s.max_value END), 6) END AS used_share \
        FROM pg_sequences s JOIN pg_namespace n ON n.nspname = s.schemaname \
        JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.sequencename AND c.relkind = 'S' \
        LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass \
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') \
        LEFT JOIN pg_class t ON t.oid = d.refobjid \
        LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
        ORDER BY used_share DESC NULLS LAST, 1, 2";
    Some(sql.to_owned())
}
