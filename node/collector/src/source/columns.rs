//! Columns and what the planner knows about them (`pg_attribute`, `pg_stats`), without values.

use super::{Shape, Source};
use crate::facts::Facts;

pub(super) const SOURCE: Source = Source::new("pg_column", 3_600, Shape::Rows, sql)
    .in_each_database()
    .at_most(10_000)
    .changes_of(&["schemaname", "relname", "attname"], &[]);

/// Columns of the largest relations first. Frequencies say how uneven a column is, and no value of
/// it; of a partitioned table the statistics over its partitions are read.
fn sql(_: &Facts) -> Option<String> {
    let sql = "SELECT n.nspname AS schemaname, c.relname, a.attname, a.attnum, \
        format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS is_not_null, \
        s.null_frac, s.n_distinct, s.avg_width, s.correlation, \
        cardinality(s.most_common_freqs) AS mcv_count, \
        (SELECT sum(f) FROM unnest(s.most_common_freqs) AS f) AS mcv_frequency, \
        s.most_common_freqs[1:20] AS mcv_frequencies, \
        array_length(s.histogram_bounds, 1) AS histogram_bounds \
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
        JOIN pg_namespace n ON n.oid = c.relnamespace \
        LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname \
            AND s.attname = a.attname AND s.inherited = (c.relkind = 'p') \
        WHERE c.relkind IN ('r', 'p', 'm') AND a.attnum > 0 AND NOT a.attisdropped \
            AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
            AND n.nspname !~ '^pg_(toast|temp)' \
        ORDER BY c.relpages DESC, c.oid, a.attnum";
    Some(sql.to_owned())
}
