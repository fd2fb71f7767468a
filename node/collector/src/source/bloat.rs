//! How much room tables and B-tree indexes waste, estimated from statistics: no table is read.
//!
//! # Source
//! PostgreSQL's page layout (manual, "Database Page Layout") and B-tree tuples with deduplication.
//! Columns of fixed length are aligned one after the other; those of variable length count as wide
//! as on average.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_bloat_estimate", 3_600, Shape::Rows, sql)
    .in_each_database()
    .at_most(500);

/// The largest tables, and what is known of their columns, in their order.
const RELATIONS: &str = "tables AS (SELECT c.oid, n.nspname, c.relname, c.reltuples, c.relpages, \
    greatest(c.reltuples, 0)::float8 AS tuples, c.reltuples > 0 AND NOT coalesce(\
        (SELECT n_mod_since_analyze > c.reltuples * 0.2 FROM pg_stat_user_tables \
            WHERE relid = c.oid), false) AS is_known, \
    coalesce((SELECT option_value::float8 FROM pg_options_to_table(c.reloptions) \
        WHERE option_name = 'fillfactor'), 100) / 100 AS fill \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm') AND c.relpages > 0 \
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)' \
    ORDER BY c.relpages DESC, c.oid LIMIT 500), \
columns AS MATERIALIZED (SELECT t.oid, a.attnum, a.attlen, \
    row_number() OVER (PARTITION BY t.oid ORDER BY a.attnum) AS place, \
    CASE a.attalign WHEN 'c' THEN 1 WHEN 's' THEN 2 WHEN 'i' THEN 4 ELSE 8 END AS aligned, \
    coalesce(s.avg_width, greatest(a.attlen, 0))::float8 AS width, \
    coalesce(s.null_frac, 0)::float8 AS nulls, \
    CASE WHEN s.n_distinct < 0 THEN -s.n_distinct * t.tuples ELSE s.n_distinct END AS distinct_values, \
    s.attname IS NULL OR y.typcategory = 'A' OR y.typname IN ('json', 'jsonb', 'xml') \
        OR s.avg_width > 2000 AS is_odd \
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped \
    JOIN pg_type y ON y.oid = a.atttypid \
    LEFT JOIN pg_stats s ON s.schemaname = t.nspname AND s.tablename = t.relname \
        AND s.attname = a.attname AND NOT s.inherited)";

/// The width of a row: column after column.
const ROWS: &str = "walk AS (SELECT oid, 0::bigint AS place, 0::float8 AS width FROM tables \
    UNION ALL SELECT w.oid, w.place + 1, w.width + (1 - c.nulls) * CASE WHEN c.attlen > 0 \
        THEN ceil(w.width / c.aligned) * c.aligned - w.width + c.attlen ELSE c.width END \
    FROM walk w JOIN columns c ON c.oid = w.oid AND c.place = w.place + 1), \
widths AS (SELECT w.oid, max(w.width) AS width FROM walk w GROUP BY w.oid), \
heads AS (SELECT oid, bool_or(is_odd) AS is_odd, CASE WHEN max(nulls) > 0 \
        THEN ceil((23 + ceil(count(*) / 8.0)) / 8) * 8 ELSE 24 END AS head \
    FROM columns GROUP BY oid)";

/// What tables and indexes would take. A line pointer has 4 bytes, a tuple begins at a multiple of
/// 8; 24 bytes of a table's page are its head, 40 of an index's head and special space.
const EXPECTED: &str = "SELECT 'table' AS kind, t.nspname AS schema, t.relname AS relation, \
    t.relname AS table_name, t.relpages AS pages, \
    ceil(t.tuples * (4 + ceil((h.head + w.width) / 8) * 8) / (8168 * t.fill)) AS expected, \
    t.is_known AND NOT h.is_odd AS is_sure \
    FROM tables t JOIN widths w ON w.oid = t.oid JOIN heads h ON h.oid = t.oid \
UNION ALL SELECT 'index', t.nspname, c.relname, t.relname, c.relpages, \
    1 + ceil(CASE WHEN k.keys > 0 AND c.reltuples / k.keys > 2 \
        THEN k.keys * (4 + ceil((8 + k.width) / 8) * 8) + c.reltuples * 6 \
        ELSE greatest(c.reltuples, 0) * (4 + ceil((8 + k.width) / 8) * 8) END / (8152 * 0.9)), \
    t.is_known AND NOT k.is_odd AND i.indexprs IS NULL AND i.indpred IS NULL \
    FROM tables t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class c ON c.oid = i.indexrelid \
    JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree' \
    CROSS JOIN LATERAL (SELECT sum(o.width) AS width, bool_or(o.is_odd) AS is_odd, \
        least(exp(sum(ln(greatest(o.distinct_values, 1)))), t.tuples) AS keys \
        FROM columns o WHERE o.oid = t.oid AND o.attnum = ANY (i.indkey)) k \
    WHERE c.relpages > 1 AND k.width IS NOT NULL";

fn sql(_: &Facts) -> Option<String> {
    Some(format!(
        "WITH RECURSIVE {RELATIONS}, {ROWS}, estimates AS ({EXPECTED}) \
         SELECT kind, schema, relation, table_name, pages, expected::int8 AS expected_pages, \
         greatest(pages - expected, 0)::int8 * current_setting('block_size')::int8 AS wasted_bytes, \
         round((greatest(pages - expected, 0) / pages)::numeric, 4)::float8 AS wasted_share, \
         CASE WHEN is_sure THEN 'high' ELSE 'low' END AS confidence \
         FROM estimates ORDER BY wasted_bytes DESC, schema, relation"
    ))
}
